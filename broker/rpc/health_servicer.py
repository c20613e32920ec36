# SPDX-License-Identifier: Apache-2.0
"""Whether each service is served, for those who check and those who watch.

Not the library's servicer, which writes to one watcher while it holds what all others, and the
broker's own end, wait for: one peer that does not read would stop them all.
Source: the gRPC health checking protocol, version 1.
"""

import asyncio
from collections.abc import Iterable

from grpc_health.v1 import health_pb2

from broker.domain.peers import Peer
from broker.errors import BrokerError, Reason
from broker.rpc.gate import Stream

Response = health_pb2.HealthCheckResponse
Request = health_pb2.HealthCheckRequest


class HealthServicer:
    """Tells how services are. All calls come from one event loop."""

    def __init__(self, names: Iterable[str]) -> None:
        """Begin with all of them served; the empty name is the broker as a whole."""
        self._served = dict.fromkeys(("", *names), True)
        self._changed = asyncio.Event()
        self._is_stopping = False

    def set(self, names: Iterable[str], *, served: bool) -> None:
        """Say how services are from now on; changes nothing once the broker stops."""
        if not self._is_stopping:
            self._set(dict.fromkeys(names, served))

    def stop(self) -> None:
        """Say that nothing is served any more."""
        self._is_stopping = True
        self._set(dict.fromkeys(self._served, False))

    async def Check(self, request: Request, _: Peer) -> Response:
        """Tell how a service is."""
        if request.service not in self._served:
            raise BrokerError(Reason.NOT_FOUND)
        return self._response(request.service)

    async def Watch(self, stream: Stream[Request], _: Peer) -> None:
        """Tell how a service is, and again whenever that changes, until the broker stops."""
        request = await stream.read()
        if request is None:
            raise BrokerError(Reason.MALFORMED, detail="a call without a request")
        said = None
        while True:
            changed = self._changed
            now = self._response(request.service)
            if now != said:
                await stream.write(now)
                said = now
            elif self._is_stopping:
                return
            else:
                await changed.wait()

    def _response(self, name: str) -> Response:
        served = self._served.get(name)
        if served is None:
            return Response(status=Response.SERVICE_UNKNOWN)
        return Response(status=Response.SERVING if served else Response.NOT_SERVING)

    def _set(self, served: dict[str, bool]) -> None:
        self._served |= served
        self._changed.set()
        self._changed = asyncio.Event()
