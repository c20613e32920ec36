# SPDX-License-Identifier: Apache-2.0
"""Randomness, as a port: salts and incident ids come from here."""

import secrets
from typing import Protocol


class Entropy(Protocol):
    """Gives random bytes fit for secrets."""

    def random(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    def random(self, count: int) -> bytes:
        """Return `count` random bytes."""
        return secrets.token_bytes(count)
