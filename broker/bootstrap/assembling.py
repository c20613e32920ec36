# SPDX-License-Identifier: Apache-2.0
"""Opens the store and puts the services on it; what cannot start says why and what to do."""

import base64
import binascii
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.folder import DataFolder
from broker.bootstrap.identity import DAY_MS, BrokerIdentity
from broker.config import BrokerConfig
from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason, StartError, StartFault
from broker.ports.clock import SystemClock
from broker.ports.entropy import SystemEntropy
from broker.services.assembly import Services, assemble
from broker.storage.sqlite import SqliteStore

MAX_BUNDLE_BYTES = 64 << 20
"""A federation of a thousand agencies with a long history stays well below."""

_FAULTS: dict[StartFault, tuple[Kind, str, str]] = {
    StartFault.IN_USE: (
        Kind.CONFLICT,
        "another process is using the broker's database",
        "stop the other broker first",
    ),
    StartFault.NEWER_VERSION: (
        Kind.CONFLICT,
        "the database was written by a newer version of the broker",
        "install that version or a newer one; nothing was changed",
    ),
    StartFault.UNSAFE_SQLITE: (
        Kind.FAILED,
        "this SQLite can lose committed data",
        "install the packages of the lock file: sqlcipher3 brings a sound one",
    ),
    StartFault.WRONG_SETTINGS: (
        Kind.FAILED,
        "the database does not keep what it is told to keep",
        "put the folder on a local disk that can be written",
    ),
    StartFault.NOT_A_STORE: (
        Kind.BAD,
        "broker.db is not a broker's database",
        "put the right file back from your backup",
    ),
    StartFault.DAMAGED: (
        Kind.BAD,
        "the database is damaged",
        "keep a copy of it for the stewards, then restore your backup",
    ),
    StartFault.LOG_MISMATCH: (
        Kind.BAD,
        "the database does not hold the log that this broker has signed",
        "keep a copy of it for the stewards and auditors, then restore your backup",
    ),
    StartFault.FEDERATION: (
        Kind.BAD,
        "the federation in the database is not one that this broker can serve",
        "ask a steward for the federation file that names this broker's broker.json",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The services of an open store."""

    store: SqliteStore
    services: Services


def settings_of(config: BrokerConfig) -> Settings:
    """Return the services' limits as the operator set them."""
    return Settings(
        heartbeat_ms=round(config.heartbeat_seconds * 1000),
        upload_bytes_per_agency=config.upload_bytes_per_agency,
        frame_age_ms=config.frame_age_days * DAY_MS,
        max_sessions_per_agency=config.max_sessions_per_agency,
    )


@asynccontextmanager
async def assembled(
    folder: DataFolder, config: BrokerConfig, identity: BrokerIdentity
) -> AsyncIterator[Assembled]:
    """Open the store, yield it with its services, and close it.

    Raises:
        SetupError: it cannot be used as it is.
    """
    try:
        store = await SqliteStore.open(folder.database)
    except StartError as error:
        raise start_fault(error) from error
    try:
        services = await assemble(
            store=store,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            log_seed=identity.log_seed,
            settings=settings_of(config),
        )
        yield Assembled(store=store, services=services)
    except StartError as error:
        raise start_fault(error) from error
    finally:
        await store.close()


def start_fault(error: StartError) -> SetupError:
    """Return why the store cannot be used, as an operator is told."""
    return SetupError(*_FAULTS[error.fault])


def read_bundle(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Return roots and entries of a federation file; nothing of them is verified yet.

    Raises:
        SetupError: it cannot be read, or is not one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise SetupError(
            Kind.NOT_FOUND,
            f"{path} cannot be read: {(error.strerror or '').lower()}",
            "name the federation.json that a steward gave you",
        ) from None
    try:
        return _bundle(data)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise SetupError(
            Kind.USAGE,
            f"{path} is not a federation file",
            "name the federation.json that a steward gave you",
        ) from None


def _bundle(data: bytes) -> tuple[list[bytes], list[bytes]]:
    held = json.loads(data)
    if len(data) > MAX_BUNDLE_BYTES or set(held) != {"roots", "entries"}:
        raise ValueError
    return [_decoded(one) for one in held["roots"]], [_decoded(one) for one in held["entries"]]


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError
    return base64.b64decode(text, validate=True)


async def load_federation(
    folder: DataFolder, config: BrokerConfig, identity: BrokerIdentity, path: Path
) -> Services:
    """Verify a federation file and put what is new of it into the store.

    Raises:
        SetupError: it does not verify, is not for this broker, or cannot be written.
    """
    roots, entries = read_bundle(path)
    with folder.held():
        async with assembled(folder, config, identity) as made:
            try:
                await made.services.directory.load_federation(roots, entries)
            except BrokerError as error:
                raise _refused(path, error) from error
            return made.services


def _refused(path: Path, error: BrokerError) -> SetupError:
    if error.reason in {Reason.STORAGE_FULL, Reason.READ_ONLY, Reason.OUTCOME_UNKNOWN}:
        return SetupError(
            Kind.FAILED,
            f"the federation was not stored: {error.message}",
            "make room or make the folder writable, then try again",
        )
    return SetupError(
        Kind.BAD,
        f"{path} does not verify for this broker: {error.message}",
        "ask a steward for the federation file made with this broker's broker.json",
    )
