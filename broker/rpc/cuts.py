# SPDX-License-Identifier: Apache-2.0
"""Cuts the open streams of a peer that was locked, retired or whose enrolment changed.

A call is checked when it starts; a stream lives on, so all are checked again whenever the
directory moves, and now and then for what only time changes. Sources: design section 5 (a lock
cuts live streams); research/reliability.md 0.8 (gRPC itself cuts nothing).
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from broker.domain.peers import Peer
from broker.errors import BrokerError
from broker.rpc.services import DirectoryKeeping, Peers

LOOK_SECONDS = 0.1
"""A tenth of the second that a lock may take; looking is one comparison."""
SWEEP_SECONDS = 10.0
"""Certificates run out without a change of the directory."""

Cut = asyncio.Future[BrokerError]


class Cuts:
    """The open streams, each with the future that ends it."""

    def __init__(self, peers: Peers, directory: DirectoryKeeping) -> None:
        self._peers = peers
        self._directory = directory
        self._open: dict[Cut, Peer] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._open)

    async def wait_idle(self) -> None:
        """Return when no stream is open."""
        await self._idle.wait()

    @contextmanager
    def watching(self, peer: Peer) -> Iterator[Cut]:
        """Yield a future that gets the refusal with which the peer's stream is to be cut."""
        cut: Cut = asyncio.get_running_loop().create_future()
        self._open[cut] = peer
        self._idle.clear()
        try:
            yield cut
        finally:
            del self._open[cut]
            cut.cancel()
            if not self._open:
                self._idle.set()

    def sweep(self) -> None:
        """Check every open stream's peer now."""
        for cut, peer in self._open.items():
            if cut.done():
                continue
            try:
                self._peers.check(peer)
            except BrokerError as error:
                cut.set_result(error)

    async def run(self) -> None:
        """Sweep whenever the directory in force is another, and every few seconds; never ends."""
        loop = asyncio.get_running_loop()
        seen, swept = self._directory.current, loop.time()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            current, now = self._directory.current, loop.time()
            if current is not seen or now - swept >= SWEEP_SECONDS:
                seen, swept = current, now
                self.sweep()
