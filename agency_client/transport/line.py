# SPDX-License-Identifier: Apache-2.0
"""The line to one broker: one channel at a time, made when it is needed, left when it fails.

gRPC would connect again on its own, at its own pace and with the certificate it was given first.
So a channel that fails, or whose identity was renewed, is left for a new one; calls under way on it
end first. How often to try is then the services' decision alone. Source: research/broker.md section
2.4, research/reliability.md 0.8.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from agency_client.errors import AgencyError, Reason
from agency_client.transport.failures import failure_of
from agency_client.transport.tls import TlsIdentity
from keys.tls import BROKER_NAME

MAX_MESSAGE_BYTES = 4 << 20
"""What the broker takes and sends at most."""
CONNECT_MS = 5_000
"""A host that does not answer is given up: an officer waits for the outbox, not for the network."""

OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.ssl_target_name_override", BROKER_NAME),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),  # what was sent is never sent again behind our back
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection
    ("grpc.min_reconnect_backoff_ms", CONNECT_MS),  # also the time that connecting may take
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # without it a frozen broker is unseen for 61 s
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_channelz", 0),
)
_LOOPBACK = ("127.", "localhost:", "[::1]:")
_BROKEN = (Reason.BROKER_UNREACHABLE, Reason.DEADLINE_EXCEEDED, Reason.CLOCK_SKEW)


@dataclass(eq=False, slots=True, kw_only=True)
class Lease:
    """A channel in use. `retired` ones are closed by whoever uses them last."""

    channel: grpc.aio.Channel
    identity: TlsIdentity
    users: int = 0
    retired: bool = False


class Line:
    """Lends the channel to one address."""

    def __init__(self, address: str, identity: Callable[[], TlsIdentity]) -> None:
        """Remember where to connect; nothing is connected yet.

        Args:
            address: HOST:PORT.
            identity: returns what to show and trust, the same object until it is another.
        """
        self.address = address
        self._identity = identity
        self._lease: Lease | None = None
        self._closed = False

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Lease]:
        """Lend the channel in force.

        Raises:
            AgencyError: BROKER_UNREACHABLE; the line was closed.
        """
        lease = await self._current()
        lease.users += 1
        try:
            yield lease
        finally:
            lease.users -= 1
            if lease.retired and not lease.users:
                await lease.channel.close()

    async def _current(self) -> Lease:
        if self._closed:
            raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection was closed by ourselves")
        identity = self._identity()
        if self._lease is not None and self._lease.identity is not identity:
            await self._retire(self._lease)
        if self._lease is None:
            self._lease = Lease(channel=_channel(self.address, identity), identity=identity)
        return self._lease

    async def failure(self, lease: Lease, error: grpc.aio.AioRpcError) -> AgencyError:
        """Return the error of a call on `lease`; a channel that broke is not lent again."""
        failed = failure_of(error, self.address)
        if failed.reason in _BROKEN:
            await self._retire(lease)
        return failed

    async def _retire(self, lease: Lease) -> None:
        lease.retired = True
        if self._lease is lease:
            self._lease = None
        if not lease.users:
            await lease.channel.close()

    async def close(self) -> None:
        """End every call and let the connection go."""
        self._closed = True
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.retired = True
            await lease.channel.close()


def _channel(address: str, identity: TlsIdentity) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(
        identity.broker_root, identity.key, identity.certificate
    )
    proxied = 0 if address.startswith(_LOOPBACK) else 1
    options = (*OPTIONS, ("grpc.enable_http_proxy", proxied))
    return grpc.aio.secure_channel(address, credentials, options)
