# SPDX-License-Identifier: Apache-2.0
"""Mail that does not verify, or is about nothing we know, is a finding; the next is taken."""

from dataclasses import replace

import pytest

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import FindingKind
from agency_client.domain.mail import Mail, MailItem, Removed
from agency_client.domain.post import PostKind
from agency_client.domain.views import InboxQuery
from keys.changes import RevokeEntry
from keys.envelope import Frame
from keys.letters import SignedLetter
from tests.simulator.agency import VIEWER, Draft, SimulatedAgency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import KEYSET, NOW, Federation, Member
from tests.simulator.mail import (
    OPEN_MARKING,
    grant_of,
    letter_header,
    letter_of,
    recall_of,
)
from tests.unit.agency_services.conftest import Opening

LEAF = LogReference(index=0, salt=b"salt", time_ms=NOW)
REQUEST = b'{"purposes":[],"target":"it-pol","why":"same vehicle"}'


@pytest.fixture
def federation() -> Federation:
    return working_federation(("gr-pol", "ro-pol", Member(agency="it-pol", circles=("labs",))))


@pytest.fixture
async def frame(gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker) -> Frame:
    """A frame of gr-pol that ro-pol holds."""
    await gr.publish(Draft(marking=OPEN_MARKING))
    for agency in (gr, ro):
        await agency.receive()
    (stored,) = broker.frames[Draft().topic]
    return stored.frame


def lay(broker: MemoryBroker, agency: str, *items: MailItem) -> None:
    """Have the broker lay mail into a box, whatever it is."""
    held = broker.mailbox.mail.setdefault(agency, [])
    for item in items:
        held.append(Mail(sequence=len(held) + 1, item=item, log=LEAF))


def request(federation: Federation, frame: Frame) -> SignedLetter:
    header = letter_header(federation, frame, "request_onward", "ro-pol", "gr-pol")
    return letter_of(federation, header, REQUEST)


def reasons(agency: SimulatedAgency) -> list[str]:
    return [one.reason for one in agency.store.inbox.findings(99)]


def turned(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


async def test_a_letter_is_kept_with_what_it_says(
    gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    letter = request(federation, frame)
    lay(broker, "gr-pol", letter, Removed(), letter)
    assert await gr.mailbox.fetch() == 3
    (kept,) = gr.store.post.of_kinds([PostKind.REQUEST], 9)
    assert (kept.sender, kept.target, kept.signed) == ("ro-pol", "it-pol", letter.letter)
    assert gr.store.post.after() == 3
    assert reasons(gr) == []


@pytest.mark.parametrize("part", ["letter", "sealed", "signature"])
async def test_a_letter_changed_in_a_bit_is_a_finding(
    part: str, gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    letter = request(federation, frame)
    changed = replace(letter, **{part: turned(getattr(letter, part))})
    lay(broker, "gr-pol", changed, letter)
    await gr.mailbox.fetch()
    assert [one.kind for one in gr.store.inbox.findings(9)] == [FindingKind.BAD_MAIL]
    assert len(gr.store.post.of_kinds([PostKind.REQUEST], 9)) == 1


async def test_a_letter_to_another_is_not_ours(
    ro: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    lay(broker, "ro-pol", request(federation, frame))
    await ro.mailbox.fetch()
    assert reasons(ro) == ["not_a_recipient"]


async def test_a_letter_with_another_content_is_a_finding(
    gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    header = letter_header(federation, frame, "attestation", "ro-pol", "gr-pol")
    lay(broker, "gr-pol", letter_of(federation, header, REQUEST))
    await gr.mailbox.fetch()
    assert reasons(gr) == ["body_invalid"]


async def test_a_letter_about_a_notice_that_is_not_ours_is_a_finding(
    ro: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    honest = letter_header(federation, frame, "request_onward", "ro-pol", "gr-pol")
    header = replace(honest, sender="it-pol", recipient="ro-pol", originator="ro-pol")
    lay(broker, "ro-pol", letter_of(federation, header, REQUEST))
    await ro.mailbox.fetch()
    assert reasons(ro) == ["statement_mismatch"]


async def test_what_a_revoked_keyset_signed_later_is_a_finding(
    gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    letter = request(federation, frame)
    federation.add(
        RevokeEntry(agency="ro-pol", what="keyset", key_id=KEYSET, from_index=0, reason="stolen")
    )
    await gr.directory.sync()
    lay(broker, "gr-pol", letter)
    await gr.mailbox.fetch()
    assert reasons(gr) == ["expired"]


async def test_a_recall_by_another_than_the_originator_destroys_nothing(
    gr: SimulatedAgency,
    ro: SimulatedAgency,
    broker: MemoryBroker,
    federation: Federation,
    frame: Frame,
) -> None:
    lay(broker, "ro-pol", recall_of(federation, frame, originator="it-pol"))
    await ro.exchange()
    assert reasons(ro) == ["statement_mismatch"]
    assert (await ro.viewing.inbox(InboxQuery(), VIEWER))[0].content
    assert ro.store.post.waiting(9) == ()


@pytest.mark.parametrize("part", ["recall", "signature"])
async def test_a_recall_changed_in_a_bit_destroys_nothing(
    part: str, ro: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    recall = recall_of(federation, frame)
    lay(broker, "ro-pol", replace(recall, **{part: turned(getattr(recall, part))}))
    await ro.exchange()
    assert (await ro.viewing.inbox(InboxQuery(), VIEWER))[0].content


async def test_a_recall_of_another_federation_destroys_nothing(
    ro: SimulatedAgency, broker: MemoryBroker, frame: Frame
) -> None:
    other = working_federation(("gr-pol", "ro-pol"))
    lay(broker, "ro-pol", recall_of(other, frame))
    await ro.exchange()
    assert (await ro.viewing.inbox(InboxQuery(), VIEWER))[0].content


async def test_a_grant_by_another_than_the_originator_opens_nothing(
    broker: MemoryBroker, federation: Federation, frame: Frame, open_profile: Opening
) -> None:
    lab = open_profile("it-pol")
    lay(broker, "it-pol", grant_of(federation, frame, "it-pol", grantor="ro-pol"))
    await lab.exchange()
    assert await lab.viewing.inbox(InboxQuery(), VIEWER) == ()


@pytest.mark.parametrize("part", ["grant", "wrap", "signature"])
async def test_a_grant_changed_in_a_bit_opens_nothing(
    part: str,
    broker: MemoryBroker,
    federation: Federation,
    frame: Frame,
    open_profile: Opening,
) -> None:
    lab, grant = open_profile("it-pol"), grant_of(federation, frame, "it-pol")
    changed = replace(grant, **{part: turned(getattr(grant, part))})
    lay(broker, "it-pol", changed)
    await lab.exchange()
    assert await lab.viewing.inbox(InboxQuery(), VIEWER) == ()
    assert [one.kind for one in lab.store.inbox.findings(9)] == [FindingKind.BAD_MAIL]


async def test_a_broker_that_hands_out_another_notice_under_a_grant_is_found_out(
    gr: SimulatedAgency,
    broker: MemoryBroker,
    open_profile: Opening,
) -> None:
    lab = open_profile("it-pol")
    await gr.publish(Draft(text="granted", marking=OPEN_MARKING))
    await gr.publish(Draft(text="other", marking=OPEN_MARKING))
    await gr.receive()
    first, second = broker.frames[Draft().topic]
    federation = broker.federation
    await broker.connect("gr-pol").submit_grant(grant_of(federation, first.frame, "it-pol"))
    honest = broker.granted

    def lying(agency: str, stored: object, index: int) -> object:
        del stored
        return honest(agency, second, index)

    broker.granted = lying  # type: ignore[method-assign, assignment]
    await lab.exchange()
    assert await lab.viewing.inbox(InboxQuery(), VIEWER) == ()
    assert [one.kind for one in lab.store.inbox.findings(9)] == [FindingKind.BAD_MAIL]


async def test_a_granted_notice_that_is_not_to_be_had_is_asked_for_ever_more_seldom(
    broker: MemoryBroker, federation: Federation, frame: Frame, open_profile: Opening
) -> None:
    lab = open_profile("it-pol")
    lay(broker, "it-pol", grant_of(federation, frame, "it-pol"))
    await lab.exchange()
    assert broker.calls["get_notice"] == 1
    await lab.exchange()
    assert broker.calls["get_notice"] == 1
    for wait, calls in ((60_000, 2), (60_000, 2), (60_000, 3)):
        lab.clock.now += wait
        await lab.exchange()
        assert broker.calls["get_notice"] == calls


async def test_a_mailbox_that_shrank_is_a_finding_once(
    gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    lay(broker, "gr-pol", request(federation, frame), Removed())
    await gr.mailbox.fetch()
    del broker.mailbox.mail["gr-pol"][0]
    for _ in range(2):
        await gr.mailbox.fetch()
    assert reasons(gr) == ["mailbox_shrank"]


async def test_what_a_newer_directory_explains_is_looked_at_again(
    gr: SimulatedAgency, broker: MemoryBroker, federation: Federation, frame: Frame
) -> None:
    federation.add_agency("xx-new")
    header = letter_header(federation, frame, "request_onward", "xx-new", "gr-pol")
    lay(broker, "gr-pol", letter_of(federation, header, REQUEST))
    await gr.mailbox.fetch()
    assert [one.sender for one in gr.store.post.of_kinds([PostKind.REQUEST], 9)] == ["xx-new"]
    assert reasons(gr) == []
