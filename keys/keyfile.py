# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: one file, sealed under a passphrase (Argon2id), readable by its owner only.

The body is committing encryption bound to the file's purpose and salt, so a file does not open as
another kind and a wrong passphrase is known as such. The one module of this package that touches
the disk. Source: RFC 9106; docs/protocol.md section 12.
"""

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag

from keys.errors import FramingError, KeyFileError, Reason
from keys.framing import (
    framed,
    listed,
    read_bytes,
    read_text,
    read_uint,
    refusing,
    u32,
    unframe,
    unlisted,
)
from keys.stretching import LANES, MEMORY_KIB, PASSES, stretched

SALT_BYTES = 16
FILE_KEY_BYTES = 32
MAX_FILE_BYTES = 1 << 20
"""Far above any profile's seeds; a larger file is not ours and is not read whole."""

_FILE = "tocsin/key-file/v1"
_BODY = "tocsin/key-file-body/v1"
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@refusing(KeyFileError)
def seal_secrets(
    purpose: str, held: Mapping[str, bytes], passphrase: bytes, *, salt: bytes | None = None
) -> bytes:
    """Return the key file's bytes.

    Args:
        purpose: what the file is for; it opens for no other.
        held: secrets by name.
        passphrase: not empty.
        salt: 16 bytes; fresh random ones unless given (test vectors).
    """
    if not passphrase:
        raise FramingError(Reason.KEY_FILE_INVALID, "passphrase is empty")
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    settings = (u32(MEMORY_KIB), u32(PASSES), u32(LANES), salt)
    encryptor = Cobblestone256Encryptor(
        _file_key(passphrase, salt), framed(_BODY, purpose.encode(), *settings)
    )
    body = encryptor.update(secrets_content(held)) + encryptor.finalize()
    return framed(_FILE, purpose.encode(), *settings, body)


@refusing(KeyFileError)
def open_secrets(data: bytes, purpose: str, passphrase: bytes) -> dict[str, bytes]:
    """Return the secrets in a key file's bytes.

    Raises:
        KeyFileError: KEY_FILE_INVALID for another purpose, other settings or malformed bytes;
            PASSPHRASE_WRONG when it does not open (a damaged body looks the same).
    """
    try:
        stated, settings, body = _parts(data)
    except FramingError as error:
        raise KeyFileError(Reason.KEY_FILE_INVALID, error.detail) from None
    if stated != purpose:
        raise KeyFileError(Reason.KEY_FILE_INVALID, f"key file is not for {purpose}")
    context = framed(_BODY, purpose.encode(), *settings)
    decryptor = Cobblestone256Decryptor(_file_key(passphrase, settings[-1]), context)
    try:
        content = decryptor.update(body) + decryptor.finalize()
    except InvalidTag:
        raise KeyFileError(
            Reason.PASSPHRASE_WRONG, "the passphrase does not open the key file"
        ) from None
    return read_secrets(content)


def secrets_content(held: Mapping[str, bytes]) -> bytes:
    """Return secrets as they are sealed: names and values, ascending by name."""
    return listed(part for name in sorted(held) for part in (name.encode("ascii"), held[name]))


def read_secrets(content: bytes) -> dict[str, bytes]:
    """Return the secrets that `secrets_content` wrote.

    Raises:
        FramingError: it is not what it would have written.
    """
    parts = unlisted(content)
    names = [read_text(name) for name in parts[::2]]
    if len(parts) % 2 or names != sorted(set(names)):
        raise FramingError(Reason.KEY_FILE_INVALID, "secrets are not pairs ascending by name")
    return dict(zip(names, parts[1::2], strict=True))


def _parts(data: bytes) -> tuple[str, tuple[bytes, ...], bytes]:
    """Return a key file's purpose, its settings with the salt last, and its body."""
    purpose, memory, passes, lanes, salt, body = unframe(_FILE, data, 6)
    stated = tuple(read_uint(item, 4) for item in (memory, passes, lanes))
    if stated != (MEMORY_KIB, PASSES, LANES):
        raise FramingError(Reason.KEY_FILE_INVALID, "key file has other Argon2id settings")
    read_bytes(salt, SALT_BYTES)
    return read_text(purpose), (memory, passes, lanes, salt), body


def _file_key(passphrase: bytes, salt: bytes) -> bytes:
    return stretched(passphrase, salt, FILE_KEY_BYTES)


def write_keyfile(path: Path, purpose: str, held: Mapping[str, bytes], passphrase: bytes) -> None:
    """Write a key file with mode 0600, whole or not at all, replacing one that is there.

    The bytes of one that is replaced are overwritten afterwards, in place: as far as the file
    system and the disk write in place at all.

    Raises:
        KeyFileError: the passphrase is empty.
        OSError: the disk refuses.
    """
    write_private(path, seal_secrets(purpose, held, passphrase))


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, whole or not at all, replacing one that is there.

    Raises:
        OSError: the disk refuses.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with _overwritten(path):
            temporary.replace(path)
            _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _overwritten(path: Path) -> Iterator[None]:
    """Overwrite what a file holds now once the body is done, which takes its name from it.

    The file is opened before and written to after, when nobody can open it any more: a reader who
    has it open already finds that it has no name left, and reads the other (`read_private`).
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield
        return
    try:
        yield
        size = os.fstat(handle).st_size
        if os.pwrite(handle, bytes(size), 0) != size:
            raise OSError(errno.EIO, "what was replaced could not be overwritten whole")
        os.fsync(handle)
    finally:
        os.close(handle)


def wipe_unfinished(path: Path) -> None:
    """Overwrite and remove what writes of a key file that were cut off left beside it.

    The caller sees to it that nobody writes the key file meanwhile.

    Raises:
        OSError: the disk refuses.
    """
    for left in path.parent.glob(f".{path.name}.*"):
        with _overwritten(left):
            left.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_keyfile(path: Path, purpose: str, passphrase: bytes) -> dict[str, bytes]:
    """Return the secrets of a key file.

    Raises:
        KeyFileError: KEY_FILE_MISSING, KEY_FILE_PERMISSIONS when others than the owner have any
            right to it, KEY_FILE_INVALID, PASSPHRASE_WRONG.
    """
    try:
        data = read_private(path, lambda handle: _check_own_file(handle, path.name))
    except FileNotFoundError:
        raise KeyFileError(Reason.KEY_FILE_MISSING, f"no key file {path.name}") from None
    except OSError as error:
        raise KeyFileError(
            Reason.KEY_FILE_INVALID, f"key file {path.name} cannot be read: {error.strerror}"
        ) from None
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileError(Reason.KEY_FILE_INVALID, f"key file {path.name} is too large")
    return open_secrets(data, purpose, passphrase)


def read_private(path: Path, check: Callable[[int], None] | None = None) -> bytes:
    """Return what a file of `write_private` holds, at most one byte more than `MAX_FILE_BYTES`.

    Args:
        path: the file; one that is replaced, and overwritten, while it is read is read anew.
        check: is given the open file's descriptor and refuses it by raising.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    # O_NONBLOCK: a pipe in the file's place must be refused, not waited for.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if check is not None:
            check(handle)
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(MAX_FILE_BYTES + 1) or b""
        is_replaced = os.fstat(handle).st_nlink == 0
    finally:
        os.close(handle)
    return read_private(path, check) if is_replaced else data


def _check_own_file(handle: int, name: str) -> None:
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise KeyFileError(Reason.KEY_FILE_INVALID, f"{name} is not a file")
    if mode & _OPEN_TO_OTHERS:
        raise KeyFileError(Reason.KEY_FILE_PERMISSIONS, f"key file {name} is open to others")
