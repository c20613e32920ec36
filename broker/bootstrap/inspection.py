# SPDX-License-Identifier: Apache-2.0
"""Looks at a broker without disturbing it: is it serving, and is everything as it should be.

No secret is shown. What can only be seen in a stopped broker's database is looked at when the
broker is stopped, and said to be so otherwise.
"""

import asyncio
import base64
import json
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from broker.bootstrap.assembling import assembled
from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.folder import DataFolder
from broker.bootstrap.identity import DAY_MS, BrokerIdentity
from broker.config import BrokerConfig, ConfigError, host_port, load_config
from broker.domain.logs import LogKind
from broker.ports.clock import SystemClock
from broker.ports.store import Store
from keys.errors import CertificateError
from keys.merkle import Frontier, extended, frontier_root, hash_leaf
from keys.tls import BROKER_NAME, to_pem, valid_until

ANSWER_SECONDS = 5.0
MIN_FREE_BYTES = 256 << 20
"""Below this a burst of attachments fills the disk before anybody can act."""
MIN_ROOT_DAYS = 90
"""A new root needs a root document signed by stewards in several countries."""
LEAVES_PER_PAGE = 1000
CLOCK_FLOOR_MS = 1_767_225_600_000
"""2026-01-01: this code did not exist before."""


class State(StrEnum):
    """What a broker is doing."""

    SERVING = "serving"
    STOPPED = "stopped"
    NOT_ANSWERING = "not_answering"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a broker stands."""

    state: State
    address: str
    process: int | None
    log_origin: str
    database_bytes: int
    disk_free_bytes: int


class Outcome(StrEnum):
    """What a check came to."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    outcome: Outcome
    detail: str
    advice: str = ""


async def look(folder: DataFolder) -> Status:
    """Return how the broker of a folder stands.

    Raises:
        SetupError: there is no broker, or its broker.json cannot be read.
    """
    folder.check_exists()
    log_origin, root = _descriptor(folder)
    state, process, address = await _standing(folder, root)
    database = folder.database
    return Status(
        state=state,
        address=address,
        process=process,
        log_origin=log_origin,
        database_bytes=database.stat().st_size if database.exists() else 0,
        disk_free_bytes=shutil.disk_usage(folder.path).free,
    )


def _descriptor(folder: DataFolder) -> tuple[str, bytes]:
    """Return the origin of the log and the TLS root (DER) that broker.json names."""
    try:
        held = json.loads(folder.descriptor.read_bytes())
        origin, root = held["log_origin"], base64.b64decode(held["tls_root"], validate=True)
        to_pem(root)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, CertificateError):
        raise SetupError(
            Kind.BAD,
            f"{folder.descriptor} is missing or damaged",
            "put it back from your backup; it holds no secret, and stewards have it, too",
        ) from None
    return str(origin), root


async def _standing(folder: DataFolder, root: bytes) -> tuple[State, int | None, str]:
    """Return state, process and address of a broker with this TLS root."""
    process, address = folder.holder(), folder.read_address()
    if process is None:
        return State.STOPPED, None, ""
    answers = bool(address) and await is_answering(address, root)
    return State.SERVING if answers else State.NOT_ANSWERING, process, address


async def is_answering(address: str, root: bytes) -> bool:
    """Return whether a server with a certificate under `root` (DER) speaks TLS 1.3 there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=to_pem(root).decode("ascii"))
    context.set_alpn_protocols(["h2"])
    try:
        host, port = host_port(address)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not a bind
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=BROKER_NAME
            )
    except (OSError, ValueError, TimeoutError):
        return False
    writer.transport.abort()
    return True


async def examine(folder: DataFolder) -> list[Check]:
    """Return what everything came to that can be checked from outside."""
    folder.check_exists()
    try:
        config = load_config(folder.path)
    except ConfigError as error:
        return [_bad("configuration", str(error), "see docs/broker-configuration.md")]
    checks = [_ok("configuration", "read"), _folder(folder), _disk(folder), _clock()]
    try:
        identity = folder.identity(config)
    except SetupError as error:
        return [*checks, _bad("keys", error.message, error.advice)]
    checks += [_ok("keys", "opened"), *_identity(folder, identity)]
    state, process, address = await _standing(folder, identity.root.certificate)
    checks.append(_serving(state, process, address))
    if process is None:
        checks.extend(await _database(folder, config, identity))
    else:
        checks.append(_ok("database", "open in the serving broker, which verified it at start"))
    return checks


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, outcome=Outcome.OK, detail=detail)


def _bad(name: str, detail: str, advice: str) -> Check:
    return Check(name=name, outcome=Outcome.BAD, detail=detail, advice=advice)


def _folder(folder: DataFolder) -> Check:
    if folder.keys.stat().st_mode & 0o077:
        return _bad("folder", "the keys folder is open to others", f"chmod 700 {folder.keys}")
    return _ok("folder", "private")


def _disk(folder: DataFolder) -> Check:
    free = shutil.disk_usage(folder.path).free
    if free < MIN_FREE_BYTES:
        return _bad("disk", f"{free >> 20} MiB free", "make room: a full disk refuses notices")
    return _ok("disk", f"{free >> 20} MiB free")


def _clock() -> Check:
    if SystemClock().now() < CLOCK_FLOOR_MS:
        return _bad("clock", "the clock is years behind", "set it, and let NTP keep it")
    return _ok("clock", "plausible")


def _identity(folder: DataFolder, identity: BrokerIdentity) -> Iterator[Check]:
    days = (valid_until(identity.root.certificate) - SystemClock().now()) // DAY_MS
    if days < MIN_ROOT_DAYS:
        yield _bad(
            "certificate", f"the TLS root ends in {days} days", "plan a new root with the stewards"
        )
    else:
        yield _ok("certificate", f"the TLS root is valid for {days} days")
    try:
        same = json.loads(folder.descriptor.read_bytes()) == identity.descriptor()
    except (OSError, ValueError, RecursionError):
        same = False
    if same:
        yield _ok("descriptor", "broker.json belongs to the keys")
    else:
        yield _bad(
            "descriptor",
            "broker.json does not belong to the keys",
            "put broker.json or keys/broker.key back from your backup",
        )


def _serving(state: State, process: int | None, address: str) -> Check:
    if state is State.NOT_ANSWERING:
        return _bad(
            "serving",
            f"process {process} holds the folder and does not answer",
            "look at its log; it may be starting or draining",
        )
    return _ok("serving", address or "stopped")


async def _database(
    folder: DataFolder, config: BrokerConfig, identity: BrokerIdentity
) -> list[Check]:
    try:
        with folder.held():
            async with assembled(folder, config, identity) as made:
                directory = made.services.directory.current
                if directory is None:
                    nothing = Check(
                        name="federation",
                        outcome=Outcome.UNKNOWN,
                        detail="none is loaded",
                        advice="load one: tocsin-broker federation DIR federation.json",
                    )
                    return [_ok("database", "verified"), nothing]
                logs = [await _log(made.store, log) for log in LogKind]
    except SetupError as error:
        return [_bad("database", error.message, error.advice)]
    return [
        _ok("database", "verified"),
        *logs,
        _ok("federation", f"{directory.size} directory entries"),
    ]


async def _log(store: Store, log: LogKind) -> Check:
    """Hash every leaf again: opening a database compares its tree with the signed checkpoint only.

    It tells what a disk or a careless hand changed. Whoever changes leaf and tree alike is found by
    the members' proofs (`tocsin audit verify`).
    """
    name = f"{log.name.lower()} log"
    size, start = await store.tree_size(log), 0
    frontier: Frontier = ()
    while start < size:
        leaves = await store.leaves(log, start, LEAVES_PER_PAGE)
        for leaf in leaves:
            frontier = extended(frontier, hash_leaf(leaf))
        start += len(leaves)
        if not leaves:
            break
    if start == size and frontier_root(frontier) == await store.tree_root(log, size):
        return _ok(name, f"{size} leaves, hashed again, give the root of its tree")
    return _bad(
        name,
        f"its {size} leaves do not give the root of its tree: one was changed",
        "keep the folder as it is, tell the auditors, and restore from your backup",
    )
