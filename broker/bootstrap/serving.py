# SPDX-License-Identifier: Apache-2.0
"""Runs the broker: start, ready, drain, stop.

Ends by itself when the store can no longer say whether it wrote: then the process must be started
anew, which verifies the store (research/reliability.md 0.4).
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Enum

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
    identity = folder.identity(config)
    metrics = Metrics()
    with folder.held():
        async with assembled(folder, config, identity) as made, _measured(config, metrics):
            server = _server(made, config, identity, metrics)
            host, port = config.address
            bound = await _listen(server, host, port)
            address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
            try:
                _write_address(folder, address)
                return await _run(made, server, config, lambda: on_ready(_serving(made, address)))
            finally:
                await server.stop(GRACE_SECONDS)
                folder.address.unlink(missing_ok=True)
                _log.info("stopped")


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
    made: Assembled, server: RpcServer, config: BrokerConfig, ready: Callable[[], None]
) -> Ending:
    """Serve until there is a reason to stop, then drain."""
    stopping: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(made.services.upkeep.run()),
            group.create_task(_watch_health(made, server)),
            group.create_task(_watch_failure(made, stopping)),
        ]
        with _signals(stopping):
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
    """Let SIGTERM and SIGINT end the broker in order; a second one changes nothing."""
    loop = asyncio.get_running_loop()

    def stop(ending: Ending) -> None:
        if not stopping.done():
            stopping.set_result(ending)

    loop.add_signal_handler(signal.SIGTERM, stop, Ending.TERMINATED)
    loop.add_signal_handler(signal.SIGINT, stop, Ending.INTERRUPTED)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


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
        return await server.start(host, port)
    except RuntimeError:
        raise SetupError(
            Kind.CONFLICT,
            f"{host}:{port} cannot be listened on",
            "see what holds it, or choose another with --listen HOST:PORT",
        ) from None


def _write_address(folder: DataFolder, address: str) -> None:
    """Write where the broker listens, whole or not at all."""
    fresh = folder.address.with_suffix(".new")
    try:
        fresh.write_text(address + "\n", "ascii")
        fresh.replace(folder.address)
    except OSError as error:
        raise cannot_write(folder.path, error) from None
