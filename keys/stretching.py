# SPDX-License-Identifier: Apache-2.0
"""Argon2id with the one setting that this project uses, one derivation at a time.

OpenSSL computes the lanes on threads of a pool that it has once for the whole process. Two
derivations at once can take each other's threads, and then fail for want of memory that is there,
or wait for each other for ever (seen with OpenSSL 4.0.3 on two cores). So nobody calls Argon2id but
through here. Source: RFC 9106.
"""

import threading

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB = 64 * 1024
PASSES = 3
LANES = 4
"""RFC 9106's second recommended setting: t=3, p=4, 64 MiB."""

_TURN = threading.Lock()


def stretched(secret: bytes, salt: bytes, length: int) -> bytes:
    """Return `length` bytes derived from a secret; takes a tenth of a second and 64 MiB."""
    kdf = Argon2id(salt=salt, length=length, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    with _TURN:
        return kdf.derive(secret)
