# SPDX-License-Identifier: Apache-2.0
"""The broker's data folder: where everything lies, and the lock that one broker at a time holds."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.identity import BrokerIdentity, create_identity, read_identity
from broker.config import FILE_NAME, BrokerConfig, is_name

_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Names the files of one broker."""

    path: Path

    @property
    def config(self) -> Path:  # noqa: D102
        return self.path / FILE_NAME

    @property
    def keys(self) -> Path:  # noqa: D102
        return self.path / "keys"

    @property
    def key_file(self) -> Path:  # noqa: D102
        return self.keys / "broker.key"

    @property
    def descriptor(self) -> Path:  # noqa: D102
        return self.path / "broker.json"

    @property
    def database(self) -> Path:  # noqa: D102
        return self.path / "broker.db"

    @property
    def address(self) -> Path:  # noqa: D102
        return self.path / "address"

    @property
    def lock(self) -> Path:  # noqa: D102
        return self.path / "serving.lock"

    def passphrase_file(self, config: BrokerConfig) -> Path:
        """Return where the passphrase of the key file is."""
        return self.path / config.passphrase_file

    def identity(self, config: BrokerConfig) -> BrokerIdentity:
        """Return the broker's keys.

        Raises:
            SetupError: the folder, the passphrase or the key file is missing or not right.
        """
        self.check_exists()
        return read_identity(self.key_file, read_passphrase(self.passphrase_file(config)))

    def check_exists(self) -> None:
        """Refuse a folder that `init` did not make."""
        if not self.key_file.exists():
            raise SetupError(
                Kind.NOT_FOUND,
                f"there is no broker in {self.path}",
                f"make one with: tocsin-broker init {self.path}",
            )

    def read_address(self) -> str:
        """Return the address that a serving broker wrote; empty where none does."""
        with suppress(FileNotFoundError):
            return self.address.read_text("ascii", "replace").strip()
        return ""

    def holder(self) -> int | None:
        """Return the process that holds the folder, or None."""
        with suppress(FileNotFoundError), self.lock.open("r", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                written = file.read(20).strip()
                return int(written) if written.isdecimal() else 0
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder alone, as long as this process lives or the context lasts.

        Raises:
            SetupError: another process holds it.
        """
        handle = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(
                    Kind.CONFLICT,
                    f"another broker is using {self.path}",
                    f"see it with: tocsin-broker status {self.path}",
                ) from None
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)


def create_folder(path: Path, names: tuple[str, ...], passphrase_file: Path | None) -> DataFolder:
    """Make a data folder with fresh keys, a configuration and the descriptor for the stewards.

    Args:
        path: must not hold a broker yet.
        names: for the certificate, into the configuration.
        passphrase_file: where the passphrase is or is to be; `keys/passphrase` unless given.

    Raises:
        SetupError: there is a broker already, the folder cannot be written, or a name is none.
    """
    folder = DataFolder(path)
    for name in names:
        if not is_name(name):
            raise SetupError(
                Kind.USAGE,
                f"{name!a} is neither a DNS name nor an address",
                "write it as clients do, without port and slashes",
            )
    if folder.key_file.exists():
        raise SetupError(
            Kind.CONFLICT,
            f"there is a broker in {path} already",
            "choose another folder; keys are never overwritten",
        )
    try:
        folder.keys.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        path.chmod(_PRIVATE)
        secret = folder.path / "keys/passphrase" if passphrase_file is None else passphrase_file
        passphrase = _passphrase_at(secret)
        folder.config.write_text(_config_text(names, passphrase_file), "utf-8")
        identity = create_identity(folder.key_file, passphrase)
        folder.descriptor.write_text(json.dumps(identity.descriptor(), indent=2) + "\n", "utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None
    return folder


def cannot_write(path: Path, error: OSError) -> SetupError:
    """Return the fault of a disk that refuses."""
    return SetupError(
        Kind.FAILED,
        f"{path} cannot be written: {(error.strerror or 'the disk refuses').lower()}",
        "check its owner, whether the disk is full, and whether it is mounted read-only",
    )


def read_passphrase(path: Path) -> bytes:
    """Return the passphrase that a file holds, without its last line end.

    Raises:
        SetupError: missing, empty, or readable by others than its owner.
    """
    try:
        with path.open("rb") as file:
            open_to_others = os.fstat(file.fileno()).st_mode & _others(path)
            passphrase = file.read(4096).rstrip(b"\r\n")
    except OSError as error:
        raise SetupError(
            Kind.CREDENTIAL,
            f"passphrase file {path} cannot be read: {(error.strerror or '').lower()}",
            "name it with passphrase_file in broker.toml or TOCSIN_BROKER_PASSPHRASE_FILE",
        ) from None
    if open_to_others:
        raise SetupError(
            Kind.CREDENTIAL, f"passphrase file {path} is open to others", f"chmod 600 {path}"
        )
    if not passphrase:
        raise SetupError(
            Kind.CREDENTIAL, f"passphrase file {path} is empty", "put the passphrase into it"
        )
    return passphrase


def _others(path: Path) -> int:
    """Return the rights that nobody but the owner may have.

    A systemd credential is readable through an access list, which shows as a right of the group.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return 0o037 if credentials and path.parent == Path(credentials) else 0o077


def _passphrase_at(path: Path) -> bytes:
    """Return the passphrase in a file, writing a fresh one where there is no file."""
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return read_passphrase(path)


def _config_text(names: tuple[str, ...], passphrase_file: Path | None) -> str:
    lines = [
        "# Settings of this broker: docs/broker-configuration.md. TOCSIN_BROKER_* overrides them.",
        'listen = "127.0.0.1:7443"',
        f"names = {json.dumps(names)}",
    ]
    if passphrase_file is not None:
        lines.append(f"passphrase_file = {json.dumps(str(passphrase_file.absolute()))}")
    return "\n".join(lines) + "\n"
