# SPDX-License-Identifier: Apache-2.0
"""What the rule book cannot decide is denied to sender and receiver alike, and kept as a finding.

Sender, broker and receiver ask the same function: no other module asks Cedar.
"""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from agency_client.domain.delivery import Delivery
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.views import PublishState
from agency_client.errors import Reason
from policy import answering
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import MARKING

REPOSITORY = Path(__file__).parents[3]


def broken(*_: object) -> None:
    raise ValueError("broken")


def silent(requests: list[Any], *_: object) -> list[Any]:
    return [cedarpy.AuthzResult({"decision": "NoDecision"}) for _ in requests]


ENGINES: dict[str, tuple[Callable[..., Any], str]] = {
    "fails": (broken, "engine: broken"),
    "says nothing": (silent, "engine: no decision"),
}


@pytest.fixture(params=ENGINES)
def error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Break the engine when called, and return what the finding will end with."""
    engine, said = ENGINES[request.param]

    def begin() -> str:
        monkeypatch.setattr(cedarpy, "is_authorized_batch", engine)
        return said

    return begin


def findings(agency: SimulatedAgency) -> list[Finding]:
    return [one for one in agency.store.inbox.findings(10) if one.kind is FindingKind.POLICY]


async def test_a_draft_that_cannot_be_decided_is_not_published(
    gr: SimulatedAgency, error: Callable[[], str]
) -> None:
    said = error()
    (outcome,) = (await gr.publish(Draft())).notices
    assert (outcome.state, outcome.reason) == (PublishState.REFUSED, Reason.DENIED)
    assert gr.store.outbox.count() == (0, 0)
    (finding,) = findings(gr)
    assert finding.reason == "undecided"
    assert finding.detail.endswith(said)


async def test_a_frame_that_cannot_be_decided_is_set_aside(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, error: Callable[[], str]
) -> None:
    await gr.publish(Draft(text="a blue van"))
    said = ""

    def sent(_: str, delivery: Delivery) -> tuple[Delivery]:
        nonlocal said
        said = error()
        return (delivery,)

    broker.lie = sent
    report = await ro.receiver.catch_up(EVERYTHING)
    assert (report.notices, ro.titles()) == (0, [])
    (finding,) = findings(ro)
    assert (finding.reason, finding.originator) == ("undecided", "gr-pol")
    assert finding.detail.endswith(said)


async def test_the_same_error_is_one_finding(gr: SimulatedAgency, error: Callable[[], str]) -> None:
    error()
    for _ in range(3):
        await gr.publish(Draft())
    assert len(findings(gr)) == 1


@pytest.mark.parametrize("differs", [{"type": "MAUVE"}, {"tlp": "REDD"}, {"not_for": ("gr",)}])
async def test_an_unknown_code_is_denied_with_a_finding(
    gr: SimulatedAgency, differs: dict[str, Any]
) -> None:
    (outcome,) = (await gr.publish(Draft(marking=replace(MARKING, **differs)))).notices
    assert outcome.state is PublishState.REFUSED
    (finding,) = findings(gr)
    assert finding.reason == "undecided"


async def test_what_is_decided_is_no_finding(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    await gr.publish(Draft(), Draft(topic="absent"))
    await ro.receiver.catch_up(EVERYTHING)
    assert findings(gr) == findings(ro) == []


async def test_sender_broker_and_receiver_ask_one_function(
    gr: SimulatedAgency, ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def listening(*given: Any) -> Any:
        asked.append(given[2].action)
        return _ANSWER(*given)

    monkeypatch.setattr("policy.engine.answer", listening)
    await gr.publish(Draft())
    sent = len(asked)
    assert "publish" in asked
    await ro.receiver.catch_up(EVERYTHING)
    assert "deliver" in asked[sent:]
    assert len(ro.titles()) == 1


_ANSWER = answering.answer


def test_no_module_but_one_package_asks_cedar() -> None:
    asking = {
        path.relative_to(REPOSITORY).parts[0]
        for package in ("agency_client", "broker", "keys", "officers", "policy")
        for path in (REPOSITORY / package).rglob("*.py")
        if "cedarpy" in _imports(path)
    }
    assert asking == {"policy"}


def _imports(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return {
        name.partition(".")[0]
        for node in nodes
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
