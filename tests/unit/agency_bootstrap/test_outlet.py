# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to publish: shared within a process, one process at a time."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from agency_client.bootstrap.outlet import LOOK_MS, PATIENCE_MS, Outlet
from agency_client.errors import AgencyError, Reason


class Locks:
    """Locks of a profile that another process holds for a number of looks."""

    def __init__(self, held_for: int = 0) -> None:
        self.held_for = held_for
        self.taken = 0
        self.held = False

    def outlet(self) -> AbstractContextManager[None]:
        return self._outlet()

    @contextmanager
    def _outlet(self) -> Iterator[None]:
        if self.held_for:
            self.held_for -= 1
            raise AgencyError(Reason.PROFILE_IN_USE, "another process is publishing")
        assert not self.held
        self.held, self.taken = True, self.taken + 1
        try:
            yield
        finally:
            self.held = False

    def receiver(self) -> AbstractContextManager[None]:
        raise NotImplementedError


class SteppingClock:
    def __init__(self) -> None:
        self.now = 0

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, milliseconds: int) -> None:
        self.now += milliseconds
        await asyncio.sleep(0)


async def test_whoever_needs_it_in_one_process_shares_it() -> None:
    locks = Locks()
    outlet = Outlet(locks, SteppingClock())
    async with outlet.held():
        async with outlet.held():
            assert locks.held
        assert locks.held
    assert (locks.held, locks.taken) == (False, 1)


async def test_another_process_is_waited_for() -> None:
    locks, clock = Locks(held_for=7), SteppingClock()
    async with Outlet(locks, clock).held():
        assert locks.held
    assert clock.now == 7 * LOOK_MS


async def test_another_process_that_does_not_let_go_is_told() -> None:
    locks, clock = Locks(held_for=10**6), SteppingClock()
    with pytest.raises(AgencyError) as caught:
        async with Outlet(locks, clock).held():
            pass
    assert caught.value.reason is Reason.PROFILE_IN_USE
    assert clock.now == PATIENCE_MS


async def test_after_a_refusal_it_can_be_taken() -> None:
    locks = Locks(held_for=1)
    outlet = Outlet(locks, SteppingClock())
    with pytest.raises(AgencyError):
        async with outlet.held(patience_ms=0):
            pass
    async with outlet.held(patience_ms=0):
        assert locks.held


async def test_whoever_fails_while_holding_it_lets_go() -> None:
    locks = Locks()

    async def fail() -> None:
        async with Outlet(locks, SteppingClock()).held():
            raise ValueError("the caller's own")

    with pytest.raises(ValueError, match="the caller's own"):
        await fail()
    assert not locks.held


async def test_whoever_is_cancelled_while_waiting_holds_nothing() -> None:
    locks, clock = Locks(held_for=10**9), SteppingClock()
    outlet = Outlet(locks, clock)

    async def hold() -> None:
        async with outlet.held(patience_ms=10**9):
            pass

    waiting = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    locks.held_for = 0
    async with outlet.held():
        assert locks.taken == 1
