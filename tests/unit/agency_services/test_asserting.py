# SPDX-License-Identifier: Apache-2.0
"""What an agency asserts of the two persons behind an act is what the broker asks for."""

from collections.abc import Callable

import pytest

from agency_client.domain.people import ActKind, TwoPersonAct
from agency_client.errors import AgencyError, Reason
from agency_client.services.asserting import Asserting
from broker.errors import BrokerError
from broker.services.federation import Federation as Standing
from broker.services.vouching import Vouching
from keys.framing import sha256
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import ASSERTION_KEY, NOW, Federation
from tests.unit.agency_services.people import enter, looking

ACT = b"the exact recall"
LEAF = sha256(b"what our gateway shows")


@pytest.fixture
def standing(federation: Federation) -> Standing:
    return Standing(directory=federation.directory, engine=None)


@pytest.fixture
def asserting(gr: SimulatedAgency, federation: Federation) -> Asserting:
    key = federation.agencies["gr-pol"].assertion
    return Asserting(
        key=lambda: (ASSERTION_KEY, key),
        certificate=lambda: LEAF,
        register=gr.register,
        directory=gr.directory,
        clock=gr.clock,
    )


@pytest.fixture
async def approved(gr: SimulatedAgency) -> TwoPersonAct:
    await enter(gr, "maria", "LIAISON")
    await enter(gr, "eleni", "SUPERVISOR")
    asked = await gr.approvals.ask(
        ActKind.RECALL, ACT, notice="gr-pol/0193a7c2f4e8", summary="x", viewer=looking("maria")
    )
    return await gr.approvals.approve(asked.digest.hex(), looking("eleni"), b"eleni")


def test_the_broker_takes_the_two_that_an_agency_asserts(
    asserting: Asserting, approved: TwoPersonAct, standing: Standing
) -> None:
    Vouching().check_two(
        standing,
        agency="gr-pol",
        certificate=LEAF,
        act=ACT,
        assertions=asserting.of_two(approved),
        now=NOW + 900,
    )


def test_each_attempt_has_assertions_of_its_own(
    asserting: Asserting, approved: TwoPersonAct, standing: Standing
) -> None:
    vouching = Vouching()
    for _ in range(2):
        vouching.check_two(
            standing,
            agency="gr-pol",
            certificate=LEAF,
            act=ACT,
            assertions=asserting.of_two(approved),
            now=NOW,
        )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda given: {**given, "certificate": sha256(b"another")}, "other_certificate"),
        (lambda given: {**given, "act": ACT + b"."}, "other_act"),
        (lambda given: {**given, "agency": "ro-pol"}, "signature_invalid"),
        (lambda given: {**given, "now": NOW + 300_000}, "expired"),
    ],
    ids=["certificate", "act", "agency", "time"],
)
def test_what_it_asserts_is_for_that_act_there_and_then_alone(
    change: Callable[[dict[str, object]], dict[str, object]],
    told: str,
    asserting: Asserting,
    approved: TwoPersonAct,
    standing: Standing,
) -> None:
    given: dict[str, object] = {
        "agency": "gr-pol",
        "certificate": LEAF,
        "act": ACT,
        "assertions": asserting.of_two(approved),
        "now": NOW,
    }
    with pytest.raises(BrokerError) as refused:
        Vouching().check_two(standing, **change(given))  # type: ignore[arg-type]
    assert refused.value.metadata["assertion"] == told


def test_nobody_is_asserted_who_is_not_in_the_register(
    ro: SimulatedAgency, federation: Federation, approved: TwoPersonAct
) -> None:
    elsewhere = Asserting(
        key=lambda: (ASSERTION_KEY, federation.agencies["ro-pol"].assertion),
        certificate=lambda: LEAF,
        register=ro.register,
        directory=ro.directory,
        clock=ro.clock,
    )
    with pytest.raises(AgencyError) as refused:
        elsewhere.of_two(approved)
    assert refused.value.reason is Reason.OFFICER_UNKNOWN
