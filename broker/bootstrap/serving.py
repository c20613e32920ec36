# SPDX-License-Identifier: Apache-2.0
"""Runs the broker: start, ready, drain, stop.

Ends by itself when the store can no longer say whether it wrote: then the process must be started
anew, which verifies the store (research/reliability.md 0.4).
"""

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial

from broker.bootstrap.assembling import Assembled, assembled
from broker.bootstrap.faults import Kind, SetupError
from broker.bootstrap.folder import DataFolder, cannot_write
from broker.bootstrap.identity import BrokerIdentity, LeafIssuer
from broker.config import BrokerConfig, host_port
from broker.ports.clock import SystemClock
from broker.ports.entropy import SystemEntropy
from broker.ports.store import StoreState
from broker.rpc.certificates import Certificates
from broker.rpc.server import RpcServer
from broker.rpc.shares import MAX_CALLS
from broker.telemetry import Metrics, log_for, serve_metrics

GRACE_SECONDS = 2.0
"""For calls under way after the streams have ended."""
HEALTH_SECONDS = 1.0
MAX_FILES = 65_536
"""Each connection is one. The same as in deploy/tocsin-broker.service."""

_log = log_for("serve")


class Ending(Enum):
    """Why the broker stopped."""

    TERMINATED = "terminated"
    INTERRUPTED = "interrupted"
    STORE_FAILED = "store_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A broker that is up."""

    address: str
    federation: str


async def serve(
    folder: DataFolder, config: BrokerConfig, on_ready: Callable[[Serving], None]
) -> Ending:
    """Serve until a signal or the store's failure, then end in order.

    Args:
        folder: the broker's data.
        config: its settings.
        on_ready: called once, when clients can connect.

    Raises:
        SetupError: it cannot start.
    """
    stopping: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
    metrics = Metrics()
    _allow_many_files()
    with _signals(stopping), folder.held():
        identity = folder.identity(config)
        async with assembled(folder, config, identity) as made, _measured(config, metrics):
            server = _server(made, config, identity, metrics)
            host, port = config.address
            bound = await _listen(server, host, port)
            address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
            try:
                _write_address(folder, address)
                ready = partial(on_ready, _serving(made, address))
                return await _run(made, server, config, stopping, ready)
            finally:
                await server.stop(GRACE_SECONDS)
                folder.address.unlink(missing_ok=True)
                _log.info("stopped")


def _allow_many_files() -> None:
    """Let as many connections be open as the machine allows: by default it is only a thousand."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if most == resource.RLIM_INFINITY else min(most, MAX_FILES)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        with suppress(OSError, ValueError):  # a sandbox may forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _server(
    made: Assembled, config: BrokerConfig, identity: BrokerIdentity, metrics: Metrics
) -> RpcServer:
    issuer = LeafIssuer(identity.root, config.names, SystemClock())
    certificates = Certificates(issuer, identity.root.certificate, made.services.directory)
    return RpcServer(
        services=made.services,
        certificates=certificates,
        entropy=SystemEntropy(),
        metrics=metrics,
        max_calls=config.max_sessions_per_agency + MAX_CALLS,
    )


def _serving(made: Assembled, address: str) -> Serving:
    directory = made.services.directory.current
    return Serving(
        address=address, federation="" if directory is None else directory.federation.hex()
    )


async def _run(
    made: Assembled,
    server: RpcServer,
    config: BrokerConfig,
    stopping: asyncio.Future[Ending],
    ready: Callable[[], None],
) -> Ending:
    """Serve until there is a reason to stop, then drain."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(made.services.upkeep.run()),
            group.create_task(_watch_health(made, server)),
            group.create_task(_watch_failure(made, stopping)),
        ]
        if not stopping.done():
            _log.info("ready", port=server.port)
            ready()
        ending = await stopping
        _log.info("draining", ending=ending.value)
        await server.drain(0 if ending is Ending.STORE_FAILED else config.drain_seconds)
        for task in tasks:
            task.cancel()
    return ending


@contextmanager
def _signals(stopping: asyncio.Future[Ending]) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the broker in order; a second one changes nothing.

    From before anything is held until the end of the process: a signal while the store is being
    opened or closed must find nobody half way.
    """
    loop = asyncio.get_running_loop()

    def stop(ending: Ending) -> None:
        if not stopping.done():
            stopping.set_result(ending)

    endings = {signal.SIGTERM: Ending.TERMINATED, signal.SIGINT: Ending.INTERRUPTED}
    for number, ending in endings.items():
        loop.add_signal_handler(number, stop, ending)
    try:
        yield
    finally:
        for number in endings:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


async def _watch_failure(made: Assembled, stopping: asyncio.Future[Ending]) -> None:
    await made.store.wait_failed()
    _log.error("store_failed", detail=made.store.health().detail)
    if not stopping.done():
        stopping.set_result(Ending.STORE_FAILED)


async def _watch_health(made: Assembled, server: RpcServer) -> None:
    """Keep the health service true to the store."""
    seen = StoreState.READY
    while True:
        health = made.store.health()
        if health.state is not seen:
            seen = health.state
            _log.warning("store", state=seen.value, detail=health.detail)
            server.set_writable(writable=seen is StoreState.READY)
        await asyncio.sleep(HEALTH_SECONDS)


@asynccontextmanager
async def _measured(config: BrokerConfig, metrics: Metrics) -> AsyncIterator[None]:
    """Serve the numbers, where the operator wants them."""
    if not config.metrics_listen:
        yield
        return
    try:
        stop = serve_metrics(metrics, *host_port(config.metrics_listen))
    except OSError as error:
        raise SetupError(
            Kind.CONFLICT,
            f"metrics cannot be served on {config.metrics_listen}: {error.strerror}",
            "set metrics_listen in broker.toml to a free port",
        ) from None
    try:
        yield
    finally:
        stop()


async def _listen(server: RpcServer, host: str, port: int) -> int:
    try:
        _try_address(host, port)
        return await server.start(host, port)
    except (RuntimeError, OSError):
        raise SetupError(
            Kind.CONFLICT,
            f"{host}:{port} cannot be listened on",
            "see what holds it, or choose another with --listen HOST:PORT",
        ) from None


def _try_address(host: str, port: int) -> None:
    """Look whether one can listen here, before gRPC does and fails with words of its own.

    Raises:
        OSError: the address is taken or not ours.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    refusals: list[OSError] = []
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(address)
            except OSError as error:
                refusals.append(error)
    if len(refusals) == len(found):
        raise refusals[0]


def _write_address(folder: DataFolder, address: str) -> None:
    """Write where the broker listens, whole or not at all."""
    fresh = folder.address.with_suffix(".new")
    try:
        fresh.write_text(address + "\n", "ascii")
        fresh.replace(folder.address)
    except OSError as error:
        raise cannot_write(folder.path, error) from None
