# SPDX-License-Identifier: Apache-2.0
"""Every page of an encrypted database file in clear, without SQLite: free ones and the WAL's too.

SQLite shows only what is in use. So each page is decrypted here, by what SQLCipher 4 writes: 16
bytes of salt before the first one; AES-256 in CBC mode; behind it the IV and an HMAC-SHA512 over
both and the page's number. A page whose HMAC does not fit fails the test, so that none is skipped.
"""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE, SALT, IV, MAC = 4096, 16, 16, 64
WAL_HEADER, FRAME_HEADER = 32, 24
_SALT_MASK = 0x3A
_MAC_ROUNDS = 2


class _Pages:
    """Decrypts pages of one database."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._key = key
        masked = bytes(byte ^ _SALT_MASK for byte in salt)
        self._mac_key = hashlib.pbkdf2_hmac("sha512", key, masked, _MAC_ROUNDS, 32)

    def clear(self, page: bytes, number: int) -> bytes:
        sealed, mac = page[SALT if number == 1 else 0 : PAGE - MAC], page[PAGE - MAC :]
        signed = sealed + number.to_bytes(4, "little")
        assert hmac.digest(self._mac_key, signed, "sha512") == mac, f"page {number} is not whole"
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(sealed[-IV:])).decryptor()
        return cipher.update(sealed[:-IV]) + cipher.finalize()


def clear_pages(path: Path, key: bytes) -> Iterator[bytes]:
    """Yield the pages of a database and of its WAL: also the frames that a checkpoint copied."""
    data = path.read_bytes()
    pages = _Pages(key, data[:SALT])
    for number, start in enumerate(range(0, len(data), PAGE), start=1):
        yield pages.clear(data[start : start + PAGE], number)
    wal = path.with_name(path.name + "-wal")
    log = wal.read_bytes() if wal.exists() else b""
    for start in range(WAL_HEADER, len(log), FRAME_HEADER + PAGE):
        number = int.from_bytes(log[start : start + 4], "big")
        yield pages.clear(log[start + FRAME_HEADER : start + FRAME_HEADER + PAGE], number)
