# SPDX-License-Identifier: Apache-2.0
"""What an originator is to be told is kept first, and sent until the broker takes it, once."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import FindingKind
from agency_client.domain.letter_contents import BreakGlass, decode_letter
from agency_client.domain.records import NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.services.telling import Telling
from keys.directory import Directory
from keys.letters import Letter, SignedLetter, verify_letter
from keys.opening_letters import open_letter
from keys.signing import Keyset
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.federation import DAY, NOW, Federation

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
        return LogReference(index=0, salt=b"", time_ms=NOW)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def telling(ro: SimulatedAgency, postbox: Postbox, federation: Federation) -> Telling:
    signer = federation.agencies["ro-pol"].signer
    return Telling(
        agency="ro-pol",
        store=ro.store,
        broker=cast("Broker", postbox),
        directory=ro.directory,
        signing=lambda: signer,
        clock=ro.clock,
    )


@pytest.fixture
async def row(gr: SimulatedAgency, ro: SimulatedAgency) -> NoticeRow:
    await gr.publish(Draft(), Draft())
    await ro.receiver.catch_up(EVERYTHING)
    return ro.store.inbox.rows((2,))[0]


async def test_the_originator_reads_what_was_done_with_its_notice(
    telling: Telling, row: NoticeRow, postbox: Postbox, federation: Federation
) -> None:
    telling.tell(row, SAID)
    await telling.send()
    (sent,) = postbox.taken
    keyset = _keyset(federation.directory)
    letter = verify_letter(sent, keyset, federation.id)
    header = letter.header
    assert (header.kind, header.sender, header.recipient) == ("break_glass", "ro-pol", "gr-pol")
    assert (header.place.index, header.place.leaf_hash) == (1, row.leaf_hash)
    content = open_letter(letter, sent.sealed, federation.agencies["gr-pol"].decryption)
    assert decode_letter("break_glass", content) == SAID


def _keyset(directory: Directory) -> Keyset:
    entry = directory.agency("ro-pol")
    assert entry is not None
    return entry.signing[0]


async def test_it_is_sent_once(telling: Telling, row: NoticeRow, postbox: Postbox) -> None:
    telling.tell(row, SAID)
    await telling.send()
    await telling.send()
    assert len(postbox.tried) == 1


async def test_with_the_broker_away_it_waits_and_the_same_bytes_are_sent_later(
    telling: Telling, row: NoticeRow, postbox: Postbox, ro: SimulatedAgency
) -> None:
    telling.tell(row, SAID)
    postbox.refusals = [Reason.BROKER_UNREACHABLE, Reason.OUTCOME_UNKNOWN]
    for _ in range(2):
        with pytest.raises(AgencyError):
            await telling.send()
    assert len(ro.store.people.letters(9)) == 1
    await telling.send()
    assert len(set(postbox.tried)) == 1
    assert ro.store.people.letters(9) == ()


@pytest.mark.parametrize("reason", [Reason.RESEAL_REQUIRED, Reason.CLOCK_SKEW])
async def test_one_that_is_too_old_is_sealed_anew(
    reason: Reason, telling: Telling, row: NoticeRow, postbox: Postbox, ro: SimulatedAgency
) -> None:
    telling.tell(row, SAID)
    postbox.refusals = [reason]
    with pytest.raises(AgencyError):
        await telling.send()
    ro.clock.now += 3 * DAY
    await telling.send()
    first, second = (Letter.decode(one).header for one in postbox.tried)
    assert (first.created_at, second.created_at) == (NOW, NOW + 3 * DAY)
    assert first.letter_id != second.letter_id


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.DENIED, Reason.MALFORMED])
async def test_one_that_nobody_will_take_is_a_finding_and_the_next_is_sent(
    reason: Reason, telling: Telling, row: NoticeRow, postbox: Postbox, ro: SimulatedAgency
) -> None:
    telling.tell(row, SAID)
    telling.tell(row, SAID)
    postbox.refusals = [reason]
    await telling.send()
    (finding,) = ro.store.inbox.findings(9)
    assert (finding.kind, finding.reason) == (FindingKind.UNTOLD, reason)
    assert len(postbox.taken) == 1
    assert ro.store.people.letters(9) == ()


async def test_two_that_send_at_once_send_the_same(
    telling: Telling, row: NoticeRow, postbox: Postbox
) -> None:
    telling.tell(row, SAID)
    postbox.refusals = [Reason.OUTCOME_UNKNOWN]
    with pytest.raises(AgencyError):
        await telling.send()
    await telling.send()
    assert postbox.tried[0] == postbox.tried[1]


async def test_nobody_writes_to_themselves(
    gr: SimulatedAgency, row: NoticeRow, postbox: Postbox
) -> None:
    own = gr.store.inbox.rows((1,))[0]
    assert row.originator == own.originator == "gr-pol"
    gr.telling.tell(own, SAID)
    assert gr.store.people.letters(9) == ()
    assert postbox.tried == []


async def test_the_simulated_broker_takes_it(ro: SimulatedAgency, row: NoticeRow) -> None:
    ro.telling.tell(row, SAID)
    await ro.telling.send()
    assert ro.store.people.letters(9) == ()
