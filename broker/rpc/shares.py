# SPDX-License-Identifier: Apache-2.0
"""How much of the broker one party may take at once, so that it cannot crowd out the others.

gRPC bounds what a connection may do; it knows no parties, and a party may have many connections.
Bounded here, for each party: calls, and requests and answers that are large. A request that may
not be read yet stays with its sender, whom HTTP/2 holds back. A call counts until its last byte has
left, so that a caller who does not read takes no more than one who does.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from broker.domain.peers import Peer
from broker.errors import over_limit

MAX_CALLS = 512
"""Besides live subscriptions: twice what one connection may have."""
MAX_LARGE = 8
"""Large requests and answers at once; each takes some 12 MiB with its copies."""
LARGE_BYTES = 64 << 10
"""From here on a request counts as large; a call less than this is nearly free."""

_MAX_OF: Mapping[str, int] = MappingProxyType(
    {
        "/tocsin.v1.PublisherService/PublishStream": 32,  # outlets; each may have one being read
        "/tocsin.v1.SubscriberService/Pull": 64,  # may wait for long, and then has 2 MiB to say
        "/tocsin.v1.MailboxService/ListMail": 64,  # the same
    }
)
_LARGE_ANSWERS = frozenset(
    {
        "/tocsin.v1.SubscriberService/GetNotice",
        "/tocsin.v1.AttachmentService/GetAttachmentChunk",
        "/tocsin.v1.DirectoryService/ListEntries",
        "/tocsin.v1.LogService/ListLeaves",
    }
)

Leave = Callable[..., None]


class Call(Protocol):
    """A call that says when its last byte has left."""

    def add_done_callback(self, callback: Any) -> None:
        """Call back at the end, whatever it is."""
        ...


class Share:
    """What one party has under way."""

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._calls: Counter[str] = Counter()
        self._large = asyncio.Semaphore(MAX_LARGE)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._calls

    def begin(self, method: str) -> None:
        """Count a call.

        Raises:
            BrokerError: LIMIT_EXCEEDED.
        """
        for limit, allowed, held in (
            ("calls", self._max_calls, self._calls.total()),
            ("calls_of_method", _MAX_OF.get(method, self._max_calls), self._calls[method]),
        ):
            if held >= allowed:
                raise over_limit(limit, allowed, held + 1)
        self._calls[method] += 1

    def end(self, method: str) -> None:
        """Count a call no longer."""
        self._calls[method] -= 1
        if not self._calls[method]:
            del self._calls[method]

    async def place(self) -> Leave:
        """Wait for a place for something large; return what leaves it, and may do so twice."""
        await self._large.acquire()
        held = [self._large]

        def leave(_: object = None) -> None:
            if held:
                held.pop().release()

        return leave


class Shares:
    """The shares of all parties that have something under way."""

    def __init__(self, max_calls: int) -> None:
        """Remember the bound.

        Args:
            max_calls: of one party at once.
        """
        self._max_calls = max_calls
        self._shares: dict[Peer, Share] = {}

    def enter(self, peer: Peer, method: str, call: Call) -> Share:
        """Count a call until it ends and return its party's share.

        Raises:
            BrokerError: LIMIT_EXCEEDED.
        """
        share = self._shares.get(peer) or Share(self._max_calls)
        share.begin(method)
        self._shares[peer] = share

        def ended(_: object) -> None:
            share.end(method)
            if share.is_idle:
                del self._shares[peer]

        call.add_done_callback(ended)
        return share


def has_large_answer(method: str) -> bool:
    """Whether a method answers with up to a whole message."""
    return method in _LARGE_ANSWERS
