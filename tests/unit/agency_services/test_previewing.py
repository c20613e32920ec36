# SPDX-License-Identifier: Apache-2.0
"""A preview warns of what an officer would regret, says that it searched, and sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agency_client.domain.openings import OpeningKind
from agency_client.domain.views import AudienceView, Viewer
from agency_client.domain.warnings import PreviewWarning, WarningKind
from agency_client.errors import AgencyError, Reason
from agency_client.services.previewing import PreviewService
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency
from tests.simulator.federation import DAY, MARKING, NOW, TOPIC, Federation
from tests.unit.agency_services.controlling import recalled, with_two

GREEN = replace(MARKING, tlp="GREEN")
PERSON = {
    "status": "VICTIM",
    "name": "Invented",
    "forename": "Anna",
    "phones": [{"number": "+30 210 000 0000"}],
}


@dataclass(frozen=True, kw_only=True)
class Case(Draft):
    """A draft with persons, documents and citations."""

    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notice(self) -> Mapping[str, Any]:
        return {"title": self.text, **self.more}


def about(*persons: Mapping[str, Any], **more: Any) -> Case:
    return Case(more={"persons": list(persons)}, **more)


async def preview(agency: SimulatedAgency, draft: Draft, viewer: Viewer = VIEWER) -> AudienceView:
    service = PreviewService(
        store=agency.store, directory=agency.directory, viewing=agency.viewing, clock=agency.clock
    )
    return await service.preview(draft, viewer)


async def warnings(agency: SimulatedAgency, draft: Draft) -> list[PreviewWarning]:
    return list((await preview(agency, draft)).warnings)


async def kinds(agency: SimulatedAgency, draft: Draft) -> list[WarningKind]:
    return [one.kind for one in await warnings(agency, draft)]


async def held(gr: SimulatedAgency, ro: SimulatedAgency, draft: Draft) -> str:
    """Publish at gr-pol, receive at ro-pol, and return the reference."""
    (outcome,) = (await gr.publish(draft)).notices
    await ro.receiver.catch_up(EVERYTHING)
    return f"gr-pol/{outcome.notice_id.hex()}"


async def test_a_draft_without_anything_to_mind_has_no_warning(gr: SimulatedAgency) -> None:
    view = await preview(gr, Draft())
    assert {"bg-pol", "ro-pol"} <= set(view.admitted)
    assert "sanitised" in view.refused["hr-ngo"]
    assert view.warnings == ()


async def test_nothing_is_sent_and_nothing_kept(gr: SimulatedAgency) -> None:
    await preview(gr, Draft())
    assert gr.store.outbox.count() == (0, 0)
    assert gr.store.inbox.count() == 0


# Who would get it.


async def test_that_nobody_is_left_is_told(gr: SimulatedAgency) -> None:
    (warning,) = await warnings(gr, Draft(marking=replace(MARKING, not_for=("BG", "RO"))))
    assert warning.kind is WarningKind.NOBODY
    assert "nobody but ourselves" in warning.message


async def test_that_a_named_recipient_is_locked_is_told(
    gr: SimulatedAgency, federation: Federation
) -> None:
    federation.lock("ro-pol")
    await gr.directory.sync()
    locked, refused = await warnings(gr, Draft(to=("ro-pol",)))
    assert (locked.kind, refused.kind) == (WarningKind.LOCKED, WarningKind.REFUSED)
    assert locked.message == "locked, so nothing reaches them: ro-pol"


@pytest.mark.parametrize("to", ["xx-pol", "hr-ngo"])
async def test_that_a_named_recipient_cannot_have_it_is_told(gr: SimulatedAgency, to: str) -> None:
    (warning,) = await warnings(gr, Draft(to=(to,)))
    assert warning.kind is WarningKind.REFUSED
    assert to in warning.message


async def test_that_an_agreement_ends_soon_is_told(
    gr: SimulatedAgency, federation: Federation
) -> None:
    federation.replace_agency("ro-pol", agreement_until=NOW + 7 * DAY)
    await gr.directory.sync()
    (warning,) = await warnings(gr, Draft())
    assert warning.kind is WarningKind.ENDING
    assert "ro-pol (2026-12-01)" in warning.message
    assert await kinds(gr, Draft(marking=replace(MARKING, not_for=("RO",)))) == []


# What everybody would see.


@pytest.mark.parametrize("tlp", ["GREEN", "CLEAR"])
async def test_a_victims_phone_in_a_notice_for_everybody_is_told(
    gr: SimulatedAgency, tlp: str
) -> None:
    draft = about(PERSON, marking=replace(MARKING, tlp=tlp), to=("ro-pol",))
    (warning,) = await warnings(gr, draft)
    assert warning.kind is WarningKind.IDENTIFIES
    assert "phones" in warning.message


async def test_what_every_agency_receives_is_for_everybody(
    gr: SimulatedAgency, federation: Federation
) -> None:
    assert await kinds(gr, about(PERSON)) == []
    federation.retire("hr-ngo")
    await gr.directory.sync()
    assert await kinds(gr, about(PERSON)) == [WarningKind.IDENTIFIES]
    assert await kinds(gr, about(PERSON, to=("ro-pol",))) == []


# What it cites.


async def test_a_marking_lower_than_that_of_a_cited_notice_is_told(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, Draft(marking=replace(MARKING, handling=("H2",))))
    for more in ({"related": [reference]}, {"in_reply_to": reference}):
        (warning,) = await warnings(ro, Case(text="another", more=more))
        assert warning.kind is WarningKind.LOWERED
        assert warning.notice == reference
        assert warning.message.endswith("without H2")


async def test_a_marking_lower_than_that_of_the_notice_it_supersedes_is_told(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, Draft())
    draft = Draft(text="another", marking=GREEN, supersedes=(reference,))
    assert await kinds(gr, draft) == [WarningKind.LOWERED]


async def test_a_cited_notice_that_is_not_held_is_no_warning(gr: SimulatedAgency) -> None:
    assert await kinds(gr, Case(more={"related": ["ro-pol/" + "0" * 32]})) == []


async def test_that_it_supersedes_what_is_not_ours_or_not_there_is_told(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, Draft())
    (warning,) = await warnings(ro, Draft(text="another", supersedes=(reference,)))
    assert warning.kind is WarningKind.REFUSED
    assert "not ours" in warning.message
    (warning,) = await warnings(ro, Draft(text="another", supersedes=("0" * 32,)))
    assert warning.kind is WarningKind.REFUSED


# What is held already.


async def test_the_same_content_is_a_duplicate(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    reference = await held(gr, ro, Draft(text="a blue van"))
    (warning,) = await warnings(ro, Draft(text="a blue van", topic=TOPIC))
    assert warning.kind is WarningKind.DUPLICATE
    assert warning.message == f"{reference} is kept here and says exactly the same"
    assert warning.notice == reference
    assert await kinds(ro, Draft(text="a blue van, again")) == []


async def test_the_same_content_is_found_among_many_of_its_title(gr: SimulatedAgency) -> None:
    drafts = [Case(text="assets", more={"summary": f"wallet {number}"}) for number in range(60)]
    await gr.publish(*drafts)
    (warning,) = await warnings(gr, drafts[7])
    assert warning.message.endswith("says exactly the same")


async def test_the_same_person_in_other_letters_is_a_duplicate(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    await held(gr, ro, about(PERSON, text="one"))
    other = {"status": "MISSING", "name": "ANNA", "forename": "invénted"}
    (warning,) = await warnings(ro, about(other, text="two"))
    assert warning.kind is WarningKind.DUPLICATE
    assert warning.message.endswith("is about the same person")
    assert "Anna" not in warning.message


async def test_the_same_document_is_a_duplicate(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    passport = {"kind": "PASSPORT", "number": "ZZ 0000-123"}
    await held(gr, ro, about({**PERSON, "documents": [passport]}, text="one"))
    draft = Case(more={"documents": [{"kind": "PASSPORT", "number": "zz0000123"}]}, text="two")
    (warning,) = await warnings(ro, draft)
    assert warning.message.endswith("is about the same document")


async def test_what_is_cited_superseded_or_expired_is_no_duplicate(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    old = await held(gr, ro, about(PERSON, text="one"))
    assert await kinds(ro, Case(text="two", more={"persons": [PERSON], "related": [old]})) == []
    await held(gr, ro, Draft(text="gone", supersedes=(old,)))
    assert await kinds(ro, about(PERSON, text="two")) == []
    ro.clock.now = NOW + 31 * DAY
    assert (
        await kinds(ro, Draft(text="gone", valid_from=ro.clock.now, expires_at=NOW + 60 * DAY))
        == []
    )


# The own log.


async def test_what_is_held_and_was_taken_back_is_compared_with_nothing(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, about(PERSON, text="first"))
    assert WarningKind.DUPLICATE in await kinds(ro, about(PERSON, text="second"))
    await ro.holds.hold(reference, "s. 110", NOW + 9 * DAY, VIEWER)
    await with_two(gr)
    await recalled(gr, reference)
    await ro.receive()
    assert WarningKind.DUPLICATE not in await kinds(ro, about(PERSON, text="second"))


async def test_to_look_for_duplicates_is_a_search_and_written_down(
    gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, Draft(text="a blue van"))
    await preview(ro, Draft(text="a blue van"))
    ((_, _, opening),) = ro.store.openings.leaves(0, 10)
    assert (opening.kind, opening.who) == (OpeningKind.SEARCH, "Ioana Test")
    assert opening.notices == (reference,)


async def test_a_preview_that_cannot_be_written_down_tells_nothing(
    ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(ro.store.openings, "append", full)
    with pytest.raises(AgencyError, match="the disk is full"):
        await preview(ro, Draft())


async def test_nobody_is_shown_no_preview(ro: SimulatedAgency) -> None:
    with pytest.raises(AgencyError) as caught:
        await preview(ro, Draft(), Viewer(name=""))
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert ro.store.openings.head()[0] == 0
