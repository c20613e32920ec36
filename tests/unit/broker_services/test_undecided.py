# SPDX-License-Identifier: Apache-2.0
"""What the rule book cannot decide is denied on every path, and sounds the operator's alarm."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import cedarpy
import pytest
from structlog.testing import capture_logs

from broker.domain.deliveries import WithheldReason
from broker.errors import Reason
from broker.telemetry import UNDECIDED, Metrics
from keys.entries import TopicEntry
from keys.envelope import NoticeHeader
from tests.simulator.federation import TOPIC
from tests.unit.broker_services.world import EVERYTHING, MARKING, World, refusal


def broken(*_: object) -> None:
    raise ValueError("broken")


def silent(requests: list[Any], *_: object) -> list[Any]:
    return [cedarpy.AuthzResult({"decision": "NoDecision"}) for _ in requests]


def skipping(requests: list[Any], *_: object) -> list[Any]:
    """An engine that allows, after it passed over a rule that it could not evaluate."""
    report = {"reason": ["P01-topic-member-delivery"], "errors": ["a forbid was skipped"]}
    answer = {"decision": "Allow", "diagnostics": report}
    return [cedarpy.AuthzResult(answer) for _ in requests]


ENGINES: dict[str, tuple[Callable[..., Any], str]] = {
    "fails": (broken, "engine: broken"),
    "says nothing": (silent, "engine: no decision"),
    "skips a rule": (skipping, "a forbid was skipped"),
}


@pytest.fixture(params=ENGINES)
def error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Break the engine when called, and return what it will say."""
    engine, said = ENGINES[request.param]

    def begin() -> str:
        monkeypatch.setattr(cedarpy, "is_authorized_batch", engine)
        return said

    return begin


async def forgetful(world: World) -> None:
    """Let the directory move, so that no decision is kept."""
    renewed = world.federation.replace_agency("cy-pol", contact247=False)
    await world.services.directory.submit(renewed.encode())


async def alarmed(act: str, call: Awaitable[Any]) -> tuple[Any, list[tuple[str, ...]]]:
    """Return what a call returns, and the errors of the alarms that it sounds for `act`."""
    before = counted(act)
    with capture_logs() as logs:
        result = await call
    told = [one["errors"] for one in logs if one["event"] == "undecided" and one["act"] == act]
    assert counted(act) - before >= len(told) > 0
    return result, told


def counted(act: str) -> float:
    value: float = UNDECIDED.labels(act)._value.get()
    return value


async def test_a_publish_that_cannot_be_decided_is_denied(
    world: World, error: Callable[[], str]
) -> None:
    frame, said = world.seal("gr-pol"), error()
    refused, told = await alarmed("publish", world.refused("gr-pol", frame))
    assert (refused.reason, refused.metadata["rules"]) == (Reason.DENIED, "")
    assert (said,) in told


async def test_a_delivery_that_cannot_be_decided_is_withheld(
    world: World, error: Callable[[], str]
) -> None:
    await world.publish()
    await forgetful(world)
    subscribed = await world.follow()
    said = error()
    await subscribed.opened()
    delivered, told = await alarmed("deliver", subscribed.delivered())
    assert delivered.shown == ()
    assert [one.reason for one in delivered.withheld] == [WithheldReason.POLICY]
    assert (said,) in told


async def test_a_fetch_that_cannot_be_decided_finds_nothing(
    world: World, error: Callable[[], str]
) -> None:
    frame = world.seal("gr-pol")
    await world.services.publishing.publish("gr-pol", frame)
    notice_id = NoticeHeader.decode(frame.notices[0].header).notice_id
    await forgetful(world)
    said = error()
    fetch = world.services.subscriptions.get_notice("ro-pol", "gr-pol", notice_id)
    refused, told = await alarmed("deliver", refusal(fetch))
    assert refused.reason is Reason.NOT_FOUND
    assert (said,) in told


async def test_a_subscription_that_cannot_be_decided_is_to_no_topic(
    world: World, error: Callable[[], str]
) -> None:
    said = error()
    refused, told = await alarmed(
        "subscribe", refusal(world.pull(wanted=replace(EVERYTHING, topics=(TOPIC,))))
    )
    assert refused.reason is Reason.TOPIC_UNKNOWN
    assert (said,) in told


@pytest.mark.parametrize(
    "differs", [{"type": "MAUVE"}, {"tlp": "REDD"}, {"handling": ("H9",)}, {"not_for": ("gr",)}]
)
async def test_a_marking_with_an_unknown_code_is_denied(
    world: World, differs: dict[str, Any]
) -> None:
    frame = world.seal("gr-pol", marking=replace(MARKING, **differs))
    refused, told = await alarmed("publish", world.refused("gr-pol", frame))
    assert refused.reason is Reason.DENIED
    assert told


async def test_a_topic_that_the_book_has_no_words_for_is_nobodys(world: World) -> None:
    odd = TopicEntry(
        topic="odd",
        title="Odd",
        readers=("members",),
        publishers=("members",),
        min_clearance="secret",
    )
    await world.submit(odd)
    frame = world.seal("gr-pol", topic="odd")
    refused, told = await alarmed("publish", world.refused("gr-pol", frame))
    assert refused.reason is Reason.DENIED
    assert "topic odd does not fit" in told[0][0]


async def test_what_is_decided_is_no_alarm(world: World) -> None:
    before = {act: counted(act) for act in ("publish", "deliver", "subscribe")}
    await world.publish()
    await world.refused("hr-ngo", world.seal("hr-ngo", topic="absent"))
    with capture_logs() as logs:
        assert await world.pull()
    assert [one for one in logs if one["event"] == "undecided"] == []
    assert {act: counted(act) for act in before} == before


def test_the_alarm_is_among_the_numbers_that_are_served() -> None:
    UNDECIDED.labels("publish").inc(0)
    names = {metric.name for metric in Metrics().registry.collect()}
    assert "tocsin_broker_undecided" in names
