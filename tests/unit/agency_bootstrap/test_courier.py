# SPDX-License-Identifier: Apache-2.0
"""For how long and how often is sent: until it is settled, as long as told, never in a hurry."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from agency_client.bootstrap.courier import SLICE_MS, Courier
from agency_client.bootstrap.outlet import Outlet
from agency_client.bootstrap.upkeep import Upkeep
from agency_client.domain.outbox import FIRST_PAUSE_MS
from agency_client.domain.views import SendReport
from agency_client.errors import AgencyError, Reason

if TYPE_CHECKING:
    from agency_client.bootstrap.exchange import Exchange
    from agency_client.ports.store import Store
    from agency_client.services.directory import DirectoryService
    from agency_client.services.sending import Sender


class SteppingClock:
    def __init__(self) -> None:
        self.now = 0
        self.slept: list[int] = []

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, milliseconds: int) -> None:
        self.slept.append(milliseconds)
        self.now += milliseconds
        await asyncio.sleep(0)


class NoJitter:
    def token(self, size: int) -> bytes:
        return bytes(size)

    def jitter(self) -> float:
        return 0.0


class Profile:
    """Outbox, directory, locks and sender of a profile, scripted."""

    def __init__(self, *reports: SendReport) -> None:
        self.clock = SteppingClock()
        self.reports = list(reports)
        self.until: list[int] = []
        self.synced = 0
        self.held = 0
        self.failure: AgencyError | None = None
        self.outbox = self.directory = self.locks = self.search = self
        self.drained = asyncio.Event()

    async def drain(self, until_ms: int, progress: object = None) -> SendReport:
        assert self.held == 1
        self.until.append(until_ms)
        self.drained.set()
        if self.failure is not None:
            raise self.failure
        if not self.reports:
            await asyncio.Event().wait()
        return self.reports.pop(0)

    async def sync(self) -> bool:
        self.synced += 1
        if self.failure is not None:
            raise self.failure
        return True

    def count(self) -> tuple[int, int]:
        return (len(self.reports), len(self.reports))

    def index(self, limit: int) -> int:
        return 0

    def outlet(self) -> AbstractContextManager[None]:
        return self._outlet()

    @contextmanager
    def _outlet(self) -> Iterator[None]:
        self.held += 1
        yield
        self.held -= 1

    def courier(self) -> Courier:
        return Courier(
            sender=cast("Sender", self),
            outlet=Outlet(self, self.clock),  # type: ignore[arg-type]
            directory=cast("DirectoryService", self),
            store=cast("Store", self),
            clock=self.clock,
            entropy=NoJitter(),
        )


def report(waiting: int = 0, accepted: int = 0, reason: str = "", refused: int = 0) -> SendReport:
    return SendReport(
        accepted=accepted,
        refused=refused,
        waiting=waiting,
        problem="why" if reason else "",
        problem_reason=reason,
    )


def away(waiting: int = 1) -> SendReport:
    return report(waiting=waiting, reason=Reason.BROKER_UNREACHABLE)


async def test_it_ends_when_the_outbox_is_empty_and_adds_up() -> None:
    profile = Profile(report(waiting=3, accepted=2), report(waiting=1, accepted=2, refused=1))
    profile.reports.append(report(accepted=1))
    total = await profile.courier().send(60_000)
    assert (total.accepted, total.refused, total.waiting) == (5, 1, 0)
    assert profile.clock.slept == [0, 0]


async def test_an_attempt_that_fails_is_made_again_later_each_time() -> None:
    profile = Profile(away(), away(), away(), report(accepted=1))
    total = await profile.courier().send(60_000)
    assert profile.clock.slept == [FIRST_PAUSE_MS, 2 * FIRST_PAUSE_MS, 4 * FIRST_PAUSE_MS]
    assert total == report(accepted=1)


async def test_it_ends_when_the_time_is_over_and_says_what_is_in_the_way() -> None:
    profile = Profile(*[away()] * 50)
    total = await profile.courier().send(5_000)
    assert profile.clock.now == 5_000
    assert (total.waiting, total.problem_reason) == (1, Reason.BROKER_UNREACHABLE)


async def test_without_time_one_attempt_is_made() -> None:
    profile = Profile(away(), away())
    await profile.courier().send(0)
    assert profile.until == [0]


@pytest.mark.parametrize("reason", [Reason.AGENCY_LOCKED, Reason.UNAUTHENTICATED])
async def test_whoever_may_not_send_does_not_try_on(reason: Reason) -> None:
    profile = Profile(replace(report(waiting=1, reason=reason), held=True), report(accepted=1))
    total = await profile.courier().send(60_000)
    assert (total.waiting, total.problem_reason) == (1, reason)


async def test_it_ends_when_what_somebody_waits_for_is_settled() -> None:
    profile = Profile(report(waiting=9, accepted=1), report(waiting=8, accepted=1))

    async def settled() -> bool:
        return True

    total = await profile.courier().send(60_000, settled=settled)
    assert (total.accepted, total.waiting) == (1, 9)


async def test_each_slice_ends_soon_and_the_outlet_is_free_between_them() -> None:
    profile = Profile(report(waiting=1, accepted=1), report(accepted=1))
    held: list[int] = []
    sleep = profile.clock.sleep

    async def noting(milliseconds: int) -> None:
        held.append(profile.held)
        await sleep(milliseconds)

    profile.clock.sleep = noting  # type: ignore[method-assign]
    await profile.courier().send(60_000)
    assert profile.until == [SLICE_MS, SLICE_MS]
    assert held == [0]


async def test_who_is_behind_reads_up_before_the_next_attempt() -> None:
    profile = Profile(report(waiting=1, reason=Reason.RESEAL_REQUIRED), report(accepted=1))
    await profile.courier().send(60_000)
    assert profile.synced == 1


async def test_a_directory_that_does_not_verify_ends_it() -> None:
    profile = Profile(report(waiting=1, reason=Reason.RESEAL_REQUIRED))
    courier = profile.courier()
    sync = profile.sync

    async def forked() -> bool:
        await sync()
        raise AgencyError(Reason.DIRECTORY_INVALID, "another history")

    profile.sync = forked  # type: ignore[method-assign]
    with pytest.raises(AgencyError) as caught:
        await courier.send(60_000)
    assert caught.value.reason is Reason.DIRECTORY_INVALID
    assert profile.held == 0


async def test_a_broker_that_never_answers_is_left_soon_after_the_time() -> None:
    profile = Profile()
    async with asyncio.timeout(10):
        total = await profile.courier().send(0)
    assert total.problem_reason == Reason.DEADLINE_EXCEEDED
    assert profile.held == 0


async def test_two_do_not_drain_at_once() -> None:
    profile = Profile(report(accepted=1), report(accepted=2))
    courier = profile.courier()
    reports = await asyncio.gather(courier.send(1000), courier.send(1000))
    assert [one.accepted for one in reports] == [1, 2]


class NoMail:
    """Nobody writes to us, and nothing is to be sent."""

    def __init__(self) -> None:
        self.post = self

    async def fetch(self, wait_ms: int) -> tuple[int, int]:
        del wait_ms
        await asyncio.Event().wait()
        return 0, 0

    async def tidy(self) -> int:
        return 0

    async def send(self) -> int:
        return 0


def upkeep_of(profile: Profile) -> Upkeep:
    return Upkeep(
        courier=profile.courier(),
        exchange=cast("Exchange", NoMail()),
        store=cast("Store", profile),
        clock=profile.clock,
        entropy=NoJitter(),
    )


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing says when a clock was stepped
            await asyncio.sleep(0)


async def test_upkeep_sends_what_waits_and_waits_longer_after_each_failure() -> None:
    profile = Profile(away(), away(), report(accepted=1), away())
    upkeep = upkeep_of(profile)
    upkeep.start()
    await _until(lambda: len(profile.reports) == 0)
    await upkeep.stop()
    assert profile.clock.slept[:2] == [FIRST_PAUSE_MS, 2 * FIRST_PAUSE_MS]


async def test_trouble_in_the_background_is_tried_again() -> None:
    profile = Profile(away())
    profile.failure = AgencyError(Reason.PROFILE_IN_USE, "another process is publishing")
    upkeep = upkeep_of(profile)
    upkeep.start()
    await _until(lambda: len(profile.until) > 2)
    upkeep.check()
    await upkeep.stop()


async def test_a_fault_in_the_background_is_not_hidden() -> None:
    profile = Profile(away())
    profile.count = lambda: 1 // 0  # type: ignore[assignment, method-assign, return-value]
    upkeep = upkeep_of(profile)
    upkeep.start()

    def broken() -> bool:
        try:
            upkeep.check()
        except ZeroDivisionError:
            return True
        return False

    await _until(broken)
    await upkeep.stop()
