# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 23 on the broker: what mail it takes, from whom, and what it destroys."""

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.domain.deliveries import Form, WithheldReason
from broker.domain.mail import MailItem, MailKind, Posted
from broker.errors import BrokerError, Reason
from keys.changes import RevokeEntry
from keys.entries import RuleBookEntry
from keys.envelope import Frame, NoticeHeader
from keys.framing import sha256
from keys.letters import Letter, SignedLetter
from keys.logleaf import Value, check_leaf
from keys.recalls import SignedRecall
from policy import standard_book
from tests.simulator.federation import DAY, HOUR, KEY, KEYSET, MARKING, NOW
from tests.simulator.mail import OPEN_MARKING, grant_of, letter_header, letter_of, recall_of
from tests.simulator.officers import asserted_two, assertion_of, signed
from tests.simulator.rule_books import standard_and
from tests.unit.protocol.desk import Desk, reason_of
from tests.unit.protocol.material import ORIGINATOR, READER

GRANTEE, STRANGER = "it-pol", "hr-ngo"
CONTENT = b"a content that is found again where it is not destroyed"


@pytest.fixture
async def frame(desk: Desk) -> Frame:
    """Two notices of gr-pol for ro-pol alone, which gr-pol may pass on; published."""
    frame = desk.seal(CONTENT, b"second", to=(READER,), marking=OPEN_MARKING)
    await desk.publish(frame)
    return frame


def request(desk: Desk, frame: Frame, sender: str = READER, index: int = 0) -> SignedLetter:
    header = letter_header(
        desk.federation, frame, "request_onward", sender, ORIGINATOR, index=index, now=desk.clock.ms
    )
    return letter_of(desk.federation, header)


async def take_back(desk: Desk, recall: SignedRecall) -> Posted:
    """Recall as two officers of the originator."""
    two = asserted_two(desk.federation, ORIGINATOR, recall.recall, now=desk.clock.ms)
    return await desk.services.mailbox.submit_recall(ORIGINATOR, recall, two, bytes(32))


async def mail(desk: Desk, agency: str, after: int = 0) -> tuple[MailItem, ...]:
    page = await desk.services.mailbox.mail(agency, after, 100, 0)
    assert [one.sequence for one in page.items] == list(range(after + 1, page.head + 1))
    return page.items


async def refused(desk: Desk, call: Awaitable[Posted]) -> BrokerError:
    """Return why a call is refused, after looking that no mailbox changed."""
    before = await everything(desk)
    with pytest.raises(BrokerError) as caught:
        await call
    assert await everything(desk) == before
    return caught.value


async def everything(desk: Desk) -> list[int]:
    agencies = (ORIGINATOR, READER, GRANTEE, STRANGER)
    return [(await desk.services.mailbox.mail(one, 0, 100, 0)).head for one in agencies]


def notice_id(frame: Frame, index: int = 0) -> bytes:
    return NoticeHeader.decode(frame.notices[index].header).notice_id


async def forbid_everything(desk: Desk) -> None:
    """Put a rule book in force under which nobody may have anything."""
    schema, _ = standard_book()
    closed = standard_and('@id("Z1") @says("Nothing.") forbid (principal, action, resource);')
    entry = desk.federation.add(RuleBookEntry(version=2, schema=schema, policies=closed))
    await desk.services.directory.submit(entry.encode())


async def revoke(desk: Desk, agency: str, what: str, key_id: str) -> None:
    entry = RevokeEntry(agency=agency, what=what, key_id=key_id, from_index=0, reason="stolen")
    await desk.services.directory.submit(desk.federation.add(entry).encode())


@pytest.mark.must("MAIL-1", "LOG-4")
async def test_a_letter_is_in_its_mailbox_with_its_leaf(desk: Desk, frame: Frame) -> None:
    letter = request(desk, frame)
    posted = await desk.services.mailbox.submit_letter(READER, letter)
    (item,) = await mail(desk, ORIGINATOR)
    assert item.mail is not None
    assert (item.mail.signed, item.mail.sealed) == (letter.letter, letter.sealed)
    assert item.log == posted.log
    assert (await desk.leaves())[posted.log.index].kind == "letter"


@pytest.mark.must("LOG-3", "LOG-5")
async def test_the_leaves_of_mail_say_what_the_table_says(desk: Desk, frame: Frame) -> None:
    letter = request(desk, frame)
    grant = grant_of(desk.federation, frame, GRANTEE)
    recall = recall_of(desk.federation, frame)
    place: dict[str, Value] = {"statement": sha256(frame.statement), "index": 0}
    box = desk.services.mailbox
    wanted: list[tuple[Posted, str, dict[str, Value]]] = [
        (
            await box.submit_letter(READER, letter),
            "letter",
            {
                "sender": READER,
                "recipient": ORIGINATOR,
                "kind": "request_onward",
                "letter": sha256(letter.letter),
            },
        ),
        (
            await box.submit_grant(ORIGINATOR, grant),
            "grant",
            {"grantor": ORIGINATOR, "grantee": GRANTEE, "grant": sha256(grant.grant)},
        ),
        (
            await take_back(desk, recall),
            "recall",
            {"originator": ORIGINATOR, "reason": "ERROR", "recall": sha256(recall.recall)},
        ),
    ]
    leaves = await desk.leaves()
    for posted, kind, fields in wanted:
        leaf = leaves[posted.log.index].encode()
        check_leaf(leaf, posted.log.salt, kind, {**place, **fields})


@pytest.mark.must("MAIL-2")
async def test_the_same_again_has_the_first_answer(desk: Desk, frame: Frame) -> None:
    letter, recall = request(desk, frame), recall_of(desk.federation, frame)
    grant = grant_of(desk.federation, frame, GRANTEE)
    box = desk.services.mailbox
    for first, again in (
        (await box.submit_letter(READER, letter), box.submit_letter(READER, letter)),
        (await box.submit_grant(ORIGINATOR, grant), box.submit_grant(ORIGINATOR, grant)),
        (
            await take_back(desk, recall),
            take_back(desk, recall),
        ),
    ):
        before = await everything(desk)
        assert await again == replace(first, duplicate=True)
        assert await everything(desk) == before


@pytest.mark.must("MAIL-3")
async def test_another_letter_under_a_known_id_is_refused(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    letter = request(desk, frame)
    await box.submit_letter(READER, letter)
    header = letter_header(
        desk.federation, frame, "request_onward", READER, ORIGINATOR, letter_id=_id_of(letter)
    )
    other = letter_of(desk.federation, header, b"another content")
    error = await refused(desk, box.submit_letter(READER, other))
    assert error.reason is Reason.ALREADY_EXISTS


@pytest.mark.must("MAIL-3")
async def test_another_recall_of_a_recalled_notice_is_refused(desk: Desk, frame: Frame) -> None:
    await take_back(desk, recall_of(desk.federation, frame))
    other = recall_of(desk.federation, frame, reason="UNLAWFUL")
    error = await refused(desk, take_back(desk, other))
    assert error.reason is Reason.ALREADY_EXISTS


def _id_of(letter: SignedLetter) -> bytes:
    return Letter.decode(letter.letter).header.letter_id


@pytest.mark.must("MAIL-4")
async def test_what_another_agency_signed_is_not_taken(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    calls = (
        box.submit_letter(STRANGER, request(desk, frame)),
        box.submit_grant(READER, grant_of(desk.federation, frame, GRANTEE)),
        box.submit_recall(READER, recall_of(desk.federation, frame), ()),
    )
    for call in calls:
        assert (await refused(desk, call)).reason is Reason.NOT_ORIGINATOR


@pytest.mark.must("MAIL-16")
async def test_nothing_is_taken_that_a_revoked_keyset_signed(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    letter, grant = request(desk, frame), grant_of(desk.federation, frame, GRANTEE)
    recall = recall_of(desk.federation, frame)
    for agency in (READER, ORIGINATOR):
        await revoke(desk, agency, "keyset", KEYSET)
    for call in (
        box.submit_letter(READER, letter),
        box.submit_grant(ORIGINATOR, grant),
        take_back(desk, recall),
    ):
        error = await refused(desk, call)
        assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "keyset")
    (delivered,) = await desk.caught_up()
    assert delivered.form is Form.FULL


@pytest.mark.must("MAIL-16")
async def test_what_is_sealed_to_a_revoked_key_is_to_be_sealed_anew(
    desk: Desk, frame: Frame
) -> None:
    box = desk.services.mailbox
    letter, grant = request(desk, frame), grant_of(desk.federation, frame, GRANTEE)
    for agency in (ORIGINATOR, GRANTEE):
        await revoke(desk, agency, "encryption", KEY)
    for call in (box.submit_letter(READER, letter), box.submit_grant(ORIGINATOR, grant)):
        error = await refused(desk, call)
        assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "key")


@pytest.mark.must("MAIL-2", "MAIL-16")
async def test_what_was_stored_before_a_key_was_revoked_has_its_answer(
    desk: Desk, frame: Frame
) -> None:
    box, letter = desk.services.mailbox, request(desk, frame)
    first = await box.submit_letter(READER, letter)
    await revoke(desk, READER, "keyset", KEYSET)
    assert await box.submit_letter(READER, letter) == replace(first, duplicate=True)


@pytest.mark.must("MAIL-5")
async def test_a_notice_of_others_is_answered_as_one_that_is_not_there(
    desk: Desk, frame: Frame
) -> None:
    box = desk.services.mailbox
    unpublished = desk.seal(b"never published", to=(STRANGER,), marking=OPEN_MARKING)
    strange = await refused(desk, box.submit_letter(STRANGER, request(desk, frame, STRANGER)))
    absent = await refused(desk, box.submit_letter(STRANGER, request(desk, unpublished, STRANGER)))
    assert (strange.reason, strange.metadata) == (absent.reason, absent.metadata)
    assert strange.reason is Reason.NOT_FOUND


@pytest.mark.must("MAIL-5")
async def test_a_decision_goes_to_parties_only(desk: Desk, frame: Frame) -> None:
    header = letter_header(desk.federation, frame, "decision", ORIGINATOR, GRANTEE)
    call = desk.services.mailbox.submit_letter(ORIGINATOR, letter_of(desk.federation, header))
    assert (await refused(desk, call)).reason is Reason.NOT_FOUND


@pytest.mark.must("MAIL-6")
@pytest.mark.parametrize("agency", [READER, STRANGER])
async def test_nobody_recalls_the_notice_of_another(desk: Desk, frame: Frame, agency: str) -> None:
    recall = recall_of(desk.federation, frame, originator=agency)
    error = await refused(desk, desk.services.mailbox.submit_recall(agency, recall, ()))
    assert error.reason is Reason.NOT_FOUND
    (delivered,) = await desk.caught_up()
    assert delivered.form is Form.FULL


@pytest.mark.must("MAIL-7", "GRANT-8")
async def test_a_grant_against_the_marking_or_the_rules_is_denied(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    closed = desk.seal(b"closed", to=(READER,), marking=MARKING)
    await desk.publish(closed)
    by_marking = await refused(
        desk, box.submit_grant(ORIGINATOR, grant_of(desk.federation, closed, GRANTEE))
    )
    by_rules = await refused(
        desk, box.submit_grant(ORIGINATOR, grant_of(desk.federation, frame, STRANGER))
    )
    by_recipient = await refused(
        desk,
        box.submit_grant(READER, grant_of(desk.federation, frame, GRANTEE, grantor=READER)),
    )
    for error in (by_marking, by_rules, by_recipient):
        assert error.reason is Reason.DENIED
    assert by_marking.metadata["rules"] == by_recipient.metadata["rules"] == "code:regrant"


async def test_a_grant_decided_under_another_book_is_to_be_made_anew(
    desk: Desk, frame: Frame
) -> None:
    grant = grant_of(desk.federation, frame, GRANTEE, rule_book=bytes(32))
    error = await refused(desk, desk.services.mailbox.submit_grant(ORIGINATOR, grant))
    assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "policy")


@pytest.mark.must("MAIL-8")
async def test_a_notice_that_is_gone_is_not_granted(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    await take_back(desk, recall_of(desk.federation, frame))
    after_recall = grant_of(desk.federation, frame, GRANTEE)
    desk.clock.ms = NOW + 31 * DAY
    expired = grant_of(
        desk.federation,
        frame,
        GRANTEE,
        index=1,
        now=desk.clock.ms,
        expires_at=desk.clock.ms + DAY,
    )
    desk.clock.ms -= 31 * DAY
    assert (await refused(desk, box.submit_grant(ORIGINATOR, after_recall))).reason is (
        Reason.NOT_FOUND
    )
    desk.clock.ms += 31 * DAY
    assert (await refused(desk, box.submit_grant(ORIGINATOR, expired))).reason is Reason.NOT_FOUND


@pytest.mark.must("MAIL-9")
async def test_places_keep_their_meaning_when_mail_is_destroyed(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    await box.submit_letter(READER, request(desk, frame))
    await box.submit_letter(READER, request(desk, frame, index=1))
    before = await mail(desk, ORIGINATOR)
    await take_back(desk, recall_of(desk.federation, frame))
    after = await mail(desk, ORIGINATOR)
    assert [one.sequence for one in after] == [1, 2]
    assert [one.log for one in after] == [one.log for one in before]
    assert after[0].mail is None
    assert after[1] == before[1]
    assert await mail(desk, ORIGINATOR, 1) == after[1:]


@pytest.mark.must("MAIL-10")
async def test_a_recall_reaches_recipients_and_grantees(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    await box.submit_grant(ORIGINATOR, grant_of(desk.federation, frame, GRANTEE))
    recall = recall_of(desk.federation, frame)
    posted = await take_back(desk, recall)
    assert posted.addressees == 2
    for agency, places in ((READER, [MailKind.RECALL]), (GRANTEE, [None, MailKind.RECALL])):
        items = await mail(desk, agency)
        assert [one.mail and one.mail.kind for one in items] == places
        last = items[-1].mail
        assert last is not None
        assert last.signed == recall.recall
    assert not await mail(desk, ORIGINATOR)
    assert not await mail(desk, STRANGER)


@pytest.mark.must("MAIL-10")
async def test_a_recall_reaches_whom_the_rules_would_not_let_have_it_now(
    desk: Desk, frame: Frame
) -> None:
    await forbid_everything(desk)
    recall = recall_of(desk.federation, frame)
    assert (await take_back(desk, recall)).addressees == 1
    assert len(await mail(desk, READER)) == 1


@pytest.mark.must("MAIL-11")
async def test_no_file_holds_what_a_recall_destroyed(
    desk: Desk, frame: Frame, tmp_path: Path
) -> None:
    grant = grant_of(desk.federation, frame, GRANTEE)
    await desk.services.mailbox.submit_grant(ORIGINATOR, grant)
    secrets = (frame.notices[0].header, frame.notices[0].body, grant.wrap)
    assert all(_is_in_a_file(tmp_path, one) for one in secrets)
    await take_back(desk, recall_of(desk.federation, frame))
    assert not any(_is_in_a_file(tmp_path, one) for one in secrets)
    assert _is_in_a_file(tmp_path, frame.notices[1].body)
    assert _is_in_a_file(tmp_path, frame.wraps[0])


def _is_in_a_file(folder: Path, data: bytes) -> bool:
    return any(data in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.must("MAIL-12", "SUB-15")
async def test_a_recalled_notice_is_withheld_and_not_found(desk: Desk, frame: Frame) -> None:
    fetching = desk.services.subscriptions
    await fetching.get_notice(READER, ORIGINATOR, notice_id(frame))
    await take_back(desk, recall_of(desk.federation, frame))
    (delivered,) = await desk.caught_up()
    assert (delivered.form, delivered.shown) == (Form.PARTIAL, (1,))
    assert [(one.index, one.reason) for one in delivered.withheld] == [(0, WithheldReason.RECALLED)]
    call = fetching.get_notice(READER, ORIGINATOR, notice_id(frame))
    assert await reason_of(call) is Reason.NOT_FOUND
    assert (await fetching.get_notice(READER, ORIGINATOR, notice_id(frame, 1))).shown == (1,)


@pytest.mark.must("MAIL-13")
async def test_a_grantee_fetches_its_notice_until_the_grant_ends(desk: Desk, frame: Frame) -> None:
    box, fetching = desk.services.mailbox, desk.services.subscriptions
    call = fetching.get_notice(GRANTEE, ORIGINATOR, notice_id(frame))
    assert await reason_of(call) is Reason.NOT_FOUND
    grant = grant_of(desk.federation, frame, GRANTEE, expires_at=NOW + HOUR)
    await box.submit_grant(ORIGINATOR, grant)
    given = await fetching.get_notice(GRANTEE, ORIGINATOR, notice_id(frame))
    assert (given.shown, given.recipient, given.wrap) == ((0,), b"", b"")
    other = fetching.get_notice(GRANTEE, ORIGINATOR, notice_id(frame, 1))
    assert await reason_of(other) is Reason.NOT_FOUND
    desk.clock.ms = NOW + HOUR
    late = fetching.get_notice(GRANTEE, ORIGINATOR, notice_id(frame))
    assert await reason_of(late) is Reason.NOT_FOUND


@pytest.mark.must("MAIL-13")
async def test_a_grant_does_not_outlast_the_rules(desk: Desk, frame: Frame) -> None:
    await desk.services.mailbox.submit_grant(ORIGINATOR, grant_of(desk.federation, frame, GRANTEE))
    await forbid_everything(desk)
    call = desk.services.subscriptions.get_notice(GRANTEE, ORIGINATOR, notice_id(frame))
    assert await reason_of(call) is Reason.NOT_FOUND


@pytest.mark.must("MAIL-14")
async def test_an_originator_alone_learns_who_has_its_notice(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    await box.submit_grant(ORIGINATOR, grant_of(desk.federation, frame, GRANTEE))
    await desk.caught_up()
    states = await box.recipients(ORIGINATOR, notice_id(frame))
    assert [(one.agency, one.delivered, one.grantee) for one in states] == [
        (GRANTEE, False, True),
        (READER, True, False),
    ]
    for agency in (READER, GRANTEE, STRANGER):
        assert await reason_of(box.recipients(agency, notice_id(frame))) is Reason.NOT_FOUND
    assert await reason_of(box.recipients(ORIGINATOR, bytes(16))) is Reason.NOT_FOUND


async def test_an_attestation_is_taken_after_the_recall(desk: Desk, frame: Frame) -> None:
    box = desk.services.mailbox
    await take_back(desk, recall_of(desk.federation, frame))
    header = letter_header(desk.federation, frame, "attestation", READER, ORIGINATOR)
    await box.submit_letter(READER, letter_of(desk.federation, header))
    (item,) = await mail(desk, ORIGINATOR)
    assert item.mail is not None
    late = box.submit_letter(READER, request(desk, frame))
    assert (await refused(desk, late)).reason is Reason.NOT_FOUND


@pytest.mark.must("RECALL-5")
async def test_a_recall_takes_two_persons_and_they_are_asked_for_again(
    desk: Desk, frame: Frame
) -> None:
    box, recall = desk.services.mailbox, recall_of(desk.federation, frame)
    now, shown = desk.clock.ms, bytes(32)
    two = asserted_two(desk.federation, ORIGINATOR, recall.recall, now=now)
    other = asserted_two(desk.federation, ORIGINATOR, recall.recall + b".", now=now)
    one = assertion_of(desk.federation, ORIGINATOR, recall.recall, "LIAISON", now=now)
    theirs = signed(desk.federation, one, by=READER)
    for given in ((), two[:1], (two[0], theirs), other):
        error = await refused(desk, box.submit_recall(ORIGINATOR, recall, given, shown))
        assert error.reason is Reason.DENIED
    error = await refused(desk, box.submit_recall(ORIGINATOR, recall, two, b"x" * 32))
    assert error.metadata["assertion"] == "other_certificate"
    assert (await take_back(desk, recall)).duplicate is False
    assert (await box.submit_recall(ORIGINATOR, recall, (), shown)).duplicate is True
