# SPDX-License-Identifier: Apache-2.0
"""Why an agency may have a notice is told of what is held here, and of nothing else."""

from dataclasses import replace
from functools import partial

import pytest

from agency_client.domain.explanations import ExplanationView, Ruling
from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services.explanations import ExplanationService
from keys.fields import new_uuid7
from tests.alike import Call, are_alike, share_slower
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency
from tests.simulator.federation import DAY, MARKING, NOW, Federation
from tests.unit.agency_services.people import enter, looking

PAIRS = 1_000
"""Of each of the two ways in which a notice that is held can be hidden."""
RED = replace(MARKING, tlp="RED")


def service(agency: SimulatedAgency) -> ExplanationService:
    return ExplanationService(
        agency=agency.id,
        store=agency.store,
        directory=agency.directory,
        viewing=agency.viewing,
        clock=agency.clock,
    )


async def explain(
    agency: SimulatedAgency, reference: str, about: str, viewer: Viewer = VIEWER
) -> ExplanationView:
    return await service(agency).explain(reference, about, viewer)


async def only(agency: SimulatedAgency, reference: str, about: str) -> Ruling:
    (ruling,) = (await explain(agency, reference, about)).rulings
    return ruling


async def published(
    gr: SimulatedAgency, ro: SimulatedAgency | None = None, *drafts: Draft
) -> list[str]:
    """Publish at gr-pol, receive at ro-pol, and return the references."""
    report = await gr.publish(*(drafts or (Draft(),)))
    if ro is not None:
        await ro.receiver.catch_up(EVERYTHING)
    return [f"gr-pol/{one.notice_id.hex()}" for one in report.notices]


def openings(agency: SimulatedAgency) -> list[Opening]:
    return [opening for _, _, opening in agency.store.openings.leaves(0, 10_000)]


async def test_of_our_own_notice_it_is_told_who_may_have_it_by_which_rule(
    gr: SimulatedAgency,
) -> None:
    (reference,) = await published(gr)
    view = await explain(gr, reference, "ro-pol")
    (ruling,) = view.rulings
    assert (view.reference, view.sealed, view.expired) == (reference, True, False)
    assert (ruling.allowed, ruling.rules) == (True, ("P01-topic-member-delivery",))
    assert "reader circle" in ruling.says[0]
    assert ruling.lacking == ()


async def test_a_rule_that_forbids_is_told_with_its_sentence(gr: SimulatedAgency) -> None:
    (reference,) = await published(gr)
    view = await explain(gr, reference, "hr-ngo")
    (ruling,) = view.rulings
    assert (view.sealed, ruling.allowed) == (False, False)
    assert ruling.rules == ("F08-ngo-sanitised-only",)


async def test_where_no_rule_permits_it_is_told_what_is_missing(
    gr: SimulatedAgency, federation: Federation
) -> None:
    (reference,) = await published(gr)
    federation.replace_agency("ro-pol", circles=())
    await gr.directory.sync()
    ruling = await only(gr, reference, "ro-pol")
    assert (ruling.allowed, ruling.rules) == (False, ())
    missing = {one.rule: one.missing for one in ruling.lacking}
    assert missing["P01-topic-member-delivery"] == (
        "The agency is not in the topic's reader circle.",
    )


async def test_of_our_own_notice_it_is_known_whom_we_named(gr: SimulatedAgency) -> None:
    (reference,) = await published(gr, None, Draft(marking=RED, to=("ro-pol",)))
    assert (await only(gr, reference, "ro-pol")).allowed
    refused = await only(gr, reference, "bg-pol")
    assert refused.rules == ("F01-tlp-red-named-only",)


async def test_of_a_notice_of_others_both_cases_are_told_where_they_differ(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (reference,) = await published(gr, ro, Draft(marking=RED, to=("ro-pol",)))
    view = await explain(ro, reference, "bg-pol")
    assert view.sealed is None
    assert [(one.named, one.allowed) for one in view.rulings] == [(False, False), (True, True)]
    assert (await explain(ro, reference, "ro-pol")).sealed
    (plain,) = await published(gr, ro)
    assert (await only(ro, plain, "bg-pol")).named is None


@pytest.mark.parametrize(
    ("about", "rule"), [("eu-audit", "code:auditor"), ("xx-pol", "code:unknown-agency")]
)
async def test_who_can_have_nothing_is_told_as_such(
    gr: SimulatedAgency, about: str, rule: str
) -> None:
    (reference,) = await published(gr)
    assert (await only(gr, reference, about)).rules == (rule,)


async def test_an_expired_notice_is_told_to_be_expired(gr: SimulatedAgency) -> None:
    (reference,) = await published(gr)
    gr.clock.now = NOW + 30 * DAY
    assert (await explain(gr, reference, "ro-pol")).expired


async def test_a_machine_that_did_not_seal_it_tells_both_cases(
    gr: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reference,) = await published(gr, None, Draft(marking=RED, to=("ro-pol",)))
    monkeypatch.setattr(gr.store.outbox, "of_notice", lambda _: None)
    view = await explain(gr, reference, "ro-pol")
    assert view.sealed is None
    assert len(view.rulings) == 2


# What is not told.


async def refusal(agency: SimulatedAgency, reference: str, viewer: Viewer = VIEWER) -> str:
    with pytest.raises(AgencyError) as caught:
        await explain(agency, reference, "bg-pol", viewer)
    assert caught.value.reason is Reason.UNKNOWN_NOTICE
    assert caught.value.metadata == {}
    return caught.value.message


async def test_of_a_notice_that_is_not_held_nothing_is_told(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (reference,) = await published(gr)
    assert await refusal(ro, reference) == f"no kept notice is called {reference}"


async def early(gr: SimulatedAgency, ro: SimulatedAgency, count: int = 1) -> list[str]:
    """Return notices that ro-pol holds and that are not valid yet."""
    drafts = [Draft(text=f"later {number}", valid_from=NOW + DAY) for number in range(count)]
    gr.clock.now = NOW + DAY
    references = await published(gr, ro, *drafts)
    ro.clock.now = NOW
    return references


async def test_a_notice_that_is_not_valid_yet_is_as_if_it_were_not_there(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (reference,) = await early(gr, ro)
    absent = f"gr-pol/{new_uuid7(NOW).hex()}"
    told = await refusal(ro, reference)
    assert told.replace(reference, absent) == await refusal(ro, absent)
    assert [one.kind for one in openings(ro)] == [OpeningKind.EXPLAIN] * 2
    assert [one.notices for one in openings(ro)] == [(), ()]


async def test_a_notice_that_an_officer_may_not_read_is_as_if_it_were_not_there(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await enter(ro, "ioana")
    (reference,) = await published(gr, ro)
    viewer, absent = looking("ioana", purpose="STATISTICS"), f"gr-pol/{new_uuid7(NOW).hex()}"
    told = await refusal(ro, reference, viewer)
    assert told.replace(reference, absent) == await refusal(ro, absent, viewer)
    assert (await explain(ro, reference, "bg-pol", looking("ioana"))).reference == reference
    kinds = [one.kind for one in openings(ro)][-3:]
    assert kinds == [OpeningKind.REFUSED, OpeningKind.EXPLAIN, OpeningKind.EXPLAIN]


async def test_a_short_reference_does_not_tell_of_a_notice_that_is_kept_back(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    (hidden,) = await early(gr, ro)
    assert "no kept notice is called" in await refusal(ro, hidden.partition("/")[2][:8])


async def test_nothing_is_told_where_the_own_log_cannot_be_written(
    gr: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reference,) = await published(gr)

    def full(_: Opening) -> None:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(gr.store.openings, "append", full)
    with pytest.raises(AgencyError, match="the disk is full"):
        await explain(gr, reference, "ro-pol")


# How long it takes.

Hidden = tuple[list[str], Viewer]


@pytest.fixture(params=["not valid yet", "kept from an officer"])
async def hidden(
    gr: SimulatedAgency, ro: SimulatedAgency, request: pytest.FixtureRequest
) -> Hidden:
    """Notices that ro-pol holds and that are not there for who asks."""
    if request.param == "not valid yet":
        return await early(gr, ro, 20), VIEWER
    await enter(ro, "ioana")
    drafts = [Draft(text=f"one {number}") for number in range(20)]
    return await published(gr, ro, *drafts), looking("ioana", purpose="STATISTICS")


def calls(agency: SimulatedAgency, references: list[str], viewer: Viewer) -> list[Call]:
    return [partial(refusal, agency, reference, viewer) for reference in references]


def absent(count: int) -> list[str]:
    return [f"gr-pol/{new_uuid7(NOW).hex()}" for _ in range(count)]


async def test_what_is_kept_back_takes_as_long_as_what_is_not_there(
    ro: SimulatedAgency, hidden: Hidden
) -> None:
    references, viewer = hidden
    kept_back, nothing = (calls(ro, some, viewer) for some in (references, absent(20)))
    share = await share_slower(kept_back, nothing, pairs=PAIRS)
    assert are_alike(share), share


async def test_an_early_return_for_what_is_not_there_is_noticed(
    ro: SimulatedAgency, hidden: Hidden, monkeypatch: pytest.MonkeyPatch
) -> None:
    references, viewer = hidden
    sought = ro.viewing.sought

    def early_return(reference: str, who: Viewer) -> object:
        if reference not in references:
            raise AgencyError(Reason.UNKNOWN_NOTICE, f"no kept notice is called {reference}")
        return sought(reference, who)

    monkeypatch.setattr(ro.viewing, "sought", early_return)
    kept_back, nothing = (calls(ro, some, viewer) for some in (references, absent(20)))
    assert not are_alike(await share_slower(kept_back, nothing, pairs=PAIRS // 4))
