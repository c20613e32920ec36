# SPDX-License-Identifier: Apache-2.0
"""Argon2id on several threads at once: in turn, because OpenSSL's own threads are one pool."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from keys.stretching import stretched

ROOT = Path(__file__).parents[3]
SALT = b"s" * 16
AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from keys.stretching import stretched

with ThreadPoolExecutor(6) as pool:
    found = set(pool.map(lambda _: stretched(b"secret", b"s" * 16, 32), range(18)))
print(len(found), found.pop().hex())
"""


def test_it_is_argon2id_with_64_mib_three_passes_and_four_lanes() -> None:
    kdf = Argon2id(salt=SALT, length=32, iterations=3, lanes=4, memory_cost=65_536)
    assert stretched(b"secret", SALT, 32) == kdf.derive(b"secret")


def test_many_threads_at_once_neither_fail_nor_wait_for_ever() -> None:
    """In a process of its own, which can be ended: a derivation that hangs cannot be."""
    ran = subprocess.run(
        [sys.executable, "-c", AT_ONCE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.split() == ["1", stretched(b"secret", SALT, 32).hex()]


@pytest.mark.parametrize("package", ["keys", "officers", "policy", "broker", "agency_client"])
def test_nobody_derives_past_it(package: str) -> None:
    naming = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).rglob("*.py")
        if "kdf.argon2" in path.read_text()
    }
    assert naming <= {"keys/stretching.py"}
    assert naming or package != "keys"
