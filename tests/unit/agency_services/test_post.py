# SPDX-License-Identifier: Apache-2.0
"""What we have to say is kept first and sent once, whatever becomes of the line or the keys."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import FindingKind
from agency_client.domain.letter_contents import BreakGlass, decode_letter
from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.errors import AgencyError, Reason
from agency_client.services.letters import about
from agency_client.services.post import Post
from agency_client.services.references import place_of
from keys.letters import Letter, SignedLetter, verify_letter
from keys.opening_letters import open_letter
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import DAY, NOW, Federation
from tests.unit.agency_services.controlling import published, shown

if TYPE_CHECKING:
    from agency_client.ports.broker import Broker

SAID = BreakGlass(officer="officer-1", reason="a child in danger", ticket="T-1", at=NOW)


@dataclass
class Postbox:
    """A broker that takes letters, and refuses as often as it is told to."""

    refusals: list[Reason] = field(default_factory=list)
    taken: list[SignedLetter] = field(default_factory=list)
    tried: list[bytes] = field(default_factory=list)

    async def submit_letter(self, letter: SignedLetter) -> LogReference:
        self.tried.append(letter.letter)
        if self.refusals:
            raise AgencyError(self.refusals.pop(0), "refused")
        self.taken.append(letter)
        return LogReference(index=0, salt=b"salt", time_ms=NOW)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def post(ro: SimulatedAgency, postbox: Postbox, federation: Federation) -> Post:
    signer = federation.agencies["ro-pol"].signer
    return Post(
        store=ro.store,
        broker=cast("Broker", postbox),
        directory=ro.directory,
        signing=lambda: signer,
        assertions=lambda _: (),
        clock=ro.clock,
    )


@pytest.fixture
async def letter(gr: SimulatedAgency, ro: SimulatedAgency) -> PostItem:
    await published(gr, ro)
    return said(ro)


def said(agency: SimulatedAgency) -> PostItem:
    """Return word of a break-glass to the originator of the first notice that is kept."""
    (row,) = agency.store.inbox.rows((1,))
    place = place_of(agency.store, row)
    now = agency.clock.now_ms()
    item = about(row, place, PostKind.BREAK_GLASS, sender=agency.id, to=row.originator, now=now)
    return replace(item, content=SAID.encode())


def states(agency: SimulatedAgency) -> list[PostState]:
    return [one.state for one in agency.store.post.of_kinds([PostKind.BREAK_GLASS], 9)]


async def test_the_recipient_reads_what_was_said(
    post: Post, letter: PostItem, postbox: Postbox, federation: Federation
) -> None:
    (kept,) = await post.put([letter])
    assert kept.state is PostState.ACCEPTED
    (sent,) = postbox.taken
    entry = federation.directory.agency("ro-pol")
    assert entry is not None
    verified = verify_letter(sent, entry.signing[0], federation.id)
    header = verified.header
    assert (header.kind, header.sender, header.recipient) == ("break_glass", "ro-pol", "gr-pol")
    assert header.place == letter.place
    content = open_letter(verified, sent.sealed, federation.agencies["gr-pol"].decryption)
    assert decode_letter("break_glass", content) == SAID


async def test_it_is_sent_once(post: Post, letter: PostItem, postbox: Postbox) -> None:
    await post.put([letter])
    assert await post.send() == 0
    assert len(postbox.tried) == 1


async def test_with_the_broker_away_it_waits_and_the_same_bytes_are_sent_later(
    post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [Reason.BROKER_UNREACHABLE, Reason.OUTCOME_UNKNOWN]
    (kept,) = await post.put([letter])
    assert kept.state is PostState.WAITING
    with pytest.raises(AgencyError):
        await post.send()
    assert await post.send() == 1
    assert len(set(postbox.tried)) == 1
    assert states(ro) == [PostState.ACCEPTED]


@pytest.mark.parametrize("reason", [Reason.RESEAL_REQUIRED, Reason.CLOCK_SKEW])
async def test_one_that_is_too_old_is_sealed_anew(
    reason: Reason, post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [Reason.BROKER_UNREACHABLE]
    await post.put([letter])
    postbox.refusals = [reason]
    ro.clock.now += 3 * DAY
    assert await post.send() == 1
    first, *_, last = (Letter.decode(one).header for one in postbox.tried)
    assert (first.created_at, last.created_at) == (NOW, NOW + 3 * DAY)
    assert first.letter_id == last.letter_id


async def test_one_that_stays_too_old_holds_up_no_other(
    post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [Reason.BROKER_UNREACHABLE]
    await post.put([letter, said(ro)])
    postbox.refusals = [Reason.RESEAL_REQUIRED, Reason.RESEAL_REQUIRED]
    with pytest.raises(AgencyError) as told:
        await post.send()
    assert told.value.reason is Reason.RESEAL_REQUIRED
    assert sorted(states(ro)) == [PostState.ACCEPTED, PostState.WAITING]
    assert await post.send() == 1


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.DENIED, Reason.MALFORMED])
async def test_one_that_nobody_will_take_is_told_and_found_and_the_next_is_sent(
    reason: Reason, post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [reason]
    with pytest.raises(AgencyError) as told:
        await post.put([letter, said(ro)])
    assert told.value.reason is reason
    (finding,) = ro.store.inbox.findings(9)
    assert (finding.kind, finding.reason) == (FindingKind.UNTOLD, reason)
    assert len(postbox.taken) == 1
    assert ro.store.post.waiting(9) == ()


async def test_too_much_at_once_is_not_the_letters_fault(
    post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [Reason.LIMIT_EXCEEDED]
    (kept,) = await post.put([letter])
    assert kept.state is PostState.WAITING
    assert await post.send() == 1
    assert ro.store.inbox.findings(9) == ()


async def test_two_processes_send_the_same_bytes(
    post: Post, letter: PostItem, postbox: Postbox, ro: SimulatedAgency
) -> None:
    postbox.refusals = [Reason.BROKER_UNREACHABLE]
    await post.put([letter])
    (waiting,) = ro.store.post.waiting(9)
    unsealed = said(ro)
    again = post._ready(replace(unsealed, number=waiting.number, name=waiting.name))
    assert again.signed == waiting.signed == postbox.tried[0]


async def test_the_originator_sees_on_its_notice_that_the_glass_was_broken(
    gr: SimulatedAgency, ro: SimulatedAgency, letter: PostItem
) -> None:
    await ro.post.put([letter])
    await gr.receive()
    (finding,) = gr.store.inbox.findings(9)
    assert finding.kind is FindingKind.BREAK_GLASS
    name = f"gr-pol/{letter.notice_id.hex()}"
    (told,) = (await shown(gr, name)).afterlife.broken
    assert (told.agency, told.reason, told.ticket) == ("ro-pol", "a child in danger", "T-1")
    assert (await shown(ro, name)).afterlife.broken == ()
