# SPDX-License-Identifier: Apache-2.0
"""What one party may have under way at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from broker.domain.peers import Peer, PeerKind
from broker.errors import BrokerError, Reason
from broker.rpc.shares import MAX_LARGE, Shares

GREEK = Peer(kind=PeerKind.AGENCY, name="gr-pol")
ROMANIAN = Peer(kind=PeerKind.AGENCY, name="ro-pol")
METHOD = "/tocsin.v1.LogService/GetCheckpoint"
PULL = "/tocsin.v1.SubscriberService/Pull"


class Call:
    """A call that a test can end."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self.callbacks.append(callback)

    def end(self) -> None:
        for callback in self.callbacks:
            callback(self)


def refusal(shares: Shares, peer: Peer, method: str) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        shares.enter(peer, method, Call())
    return caught.value


def test_one_call_too_many_is_refused_with_the_limit() -> None:
    shares = Shares(2)
    for _ in range(2):
        shares.enter(GREEK, METHOD, Call())
    error = refusal(shares, GREEK, METHOD)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.metadata == {"limit": "calls", "allowed": "2", "got": "3"}


def test_a_call_that_ended_makes_room_and_a_refused_one_takes_none() -> None:
    shares, held = Shares(1), Call()
    shares.enter(GREEK, METHOD, held)
    refusal(shares, GREEK, METHOD)
    held.end()
    shares.enter(GREEK, METHOD, Call())


def test_the_calls_of_one_party_take_nothing_from_another() -> None:
    shares = Shares(1)
    shares.enter(GREEK, METHOD, Call())
    shares.enter(ROMANIAN, METHOD, Call())


def test_a_method_may_have_a_bound_of_its_own() -> None:
    shares = Shares(1000)
    for _ in range(64):
        shares.enter(GREEK, PULL, Call())
    assert refusal(shares, GREEK, PULL).metadata["limit"] == "calls_of_method"
    shares.enter(GREEK, METHOD, Call())


async def test_what_is_large_waits_for_a_place_and_gets_it_in_turn() -> None:
    share = Shares(1000).enter(GREEK, METHOD, Call())
    held = [await share.place() for _ in range(MAX_LARGE)]
    waiting = [asyncio.create_task(share.place()) for _ in range(2)]
    done, _ = await asyncio.wait(waiting, timeout=0)
    assert not done
    held[0]()
    await waiting[0]
    assert not waiting[1].done()
    waiting[1].cancel()


async def test_a_place_that_is_left_twice_is_one_place() -> None:
    share = Shares(1000).enter(GREEK, METHOD, Call())
    held = [await share.place() for _ in range(MAX_LARGE)]
    held[0]()
    held[0]()
    await share.place()
    waiting = asyncio.create_task(share.place())
    done, _ = await asyncio.wait((waiting,), timeout=0)
    assert not done
    waiting.cancel()
