# SPDX-License-Identifier: Apache-2.0
"""What every store promises of mail, and of notices that are destroyed."""

from dataclasses import replace

import pytest

from broker.domain.acts import Act, delivery, expiry
from broker.domain.attachments import Piece
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Addressed, StoredFrame, WithheldReason, show
from broker.domain.logs import LogKind
from broker.domain.mail import HolderState, MailKind, Posting
from broker.domain.receipts import Receipt
from broker.errors import BrokerError, DestroyedError, Reason
from broker.ports.store import Store
from keys.envelope import AttachmentRef, Frame, NoticeHeader
from keys.framing import sha256
from tests.contract.admitting import act, admitted
from tests.contract.posting import grant_to, posting, recall_of
from tests.simulator.federation import DAY, NOW, TOPIC, Federation, notice_draft

LARGE = 1 << 30
RECALLED, EXPIRED = WithheldReason.RECALLED, WithheldReason.EXPIRED


async def published(store: Store, federation: Federation, *, to: tuple[str, ...]) -> Receipt:
    """Store a frame of gr-pol with two notices."""
    frame = federation.seal("gr-pol", [b"first", b"second"], to=to)
    return await store.append_frame(admitted(federation, frame))


@pytest.fixture
async def receipt(store: Store, federation: Federation) -> Receipt:
    """A frame of gr-pol to ro-pol."""
    return await published(store, federation, to=("ro-pol",))


async def read(store: Store, agency: str = "ro-pol", after: int = 0) -> Addressed:
    (one,) = await store.read(agency, TOPIC, after, 1, LARGE)
    return one


async def notice_id(store: Store, index: int = 0) -> bytes:
    header = (await read(store)).frame.notice_headers[index]
    assert header is not None
    return header.notice_id


async def standing(store: Store) -> tuple[int, list[int], tuple[object, ...]]:
    heads = [(await store.mail(one, 0, 100, LARGE)).head for one in ("gr-pol", "ro-pol", "hr-ngo")]
    return await store.tree_size(LogKind.ACTS), heads, (await read(store)).frame.notices


async def refused(store: Store, made: Posting, *, recall: bool = False) -> Reason:
    """Return why an object is refused, after looking that nothing changed by it."""
    before = await standing(store)
    with pytest.raises(BrokerError) as caught:
        await (store.recall(made, 0) if recall else store.post(made))
    assert await standing(store) == before
    return caught.value.reason


# Posting.


async def test_another_object_under_a_known_name_is_refused(store: Store, receipt: Receipt) -> None:
    first = posting(receipt)
    await store.post(first)
    other = replace(posting(receipt), name=first.name)
    assert await refused(store, other) is Reason.ALREADY_EXISTS
    with pytest.raises(BrokerError) as caught:
        await store.find_posted("ro-pol", MailKind.LETTER, first.name, other.digest)
    assert caught.value.reason is Reason.ALREADY_EXISTS


async def test_names_are_of_one_sender_and_one_kind(store: Store, receipt: Receipt) -> None:
    first = posting(receipt)
    await store.post(first)
    for other in (
        replace(posting(receipt, sender="hr-ngo"), name=first.name),
        replace(posting(receipt, MailKind.GRANT), name=first.name),
    ):
        assert not (await store.post(other)).duplicate


async def test_the_same_object_has_the_first_answer(store: Store, receipt: Receipt) -> None:
    made = posting(receipt)
    first = await store.post(made)
    before = await standing(store)
    assert await store.post(made) == replace(first, duplicate=True)
    found = await store.find_posted("ro-pol", MailKind.LETTER, made.name, made.digest)
    assert found == replace(first, duplicate=True)
    assert await standing(store) == before


async def test_an_unknown_name_is_not_found(store: Store, receipt: Receipt) -> None:
    assert await store.find_posted("ro-pol", MailKind.LETTER, b"n" * 16, bytes(32)) is None


async def test_mail_comes_in_order_and_without_gaps(store: Store, receipt: Receipt) -> None:
    made = [posting(receipt) for _ in range(5)]
    logs = [(await store.post(one)).log for one in made]
    page = await store.mail("gr-pol", 0, 100, LARGE)
    assert [one.sequence for one in page.items] == [1, 2, 3, 4, 5]
    assert [one.mail for one in page.items] == [one.mail for one in made]
    assert [one.log for one in page.items] == logs
    assert page.head == 5


async def test_a_page_ends_at_its_count_and_its_bytes(store: Store, receipt: Receipt) -> None:
    for _ in range(5):
        await store.post(posting(receipt))
    for count, size, wanted in ((2, LARGE, [3, 4]), (9, 3000, [3, 4]), (9, 1, [3])):
        page = await store.mail("gr-pol", 2, count, size)
        assert ([one.sequence for one in page.items], page.head) == (wanted, 5)


async def test_an_empty_mailbox_has_no_head(store: Store, receipt: Receipt) -> None:
    assert (await store.mail("hr-ngo", 0, 10, LARGE)).head == 0


# Parties.


@pytest.mark.parametrize(("agency", "index"), [("hr-ngo", 0), ("gr-ngo", 1)])
async def test_a_frame_is_not_found_by_its_statement_for_who_is_no_party(
    store: Store, receipt: Receipt, agency: str, index: int
) -> None:
    statement = (await read(store)).frame.statement_digest
    assert await store.find_place(agency, statement, index) is None
    assert await store.find_place("ro-pol", bytes(32), index) is None


async def test_recipients_and_grantees_are_parties(store: Store, receipt: Receipt) -> None:
    await store.post(grant_to("hr-ngo", receipt, index=1))
    statement = (await read(store)).frame.statement_digest
    for agency, index in (("gr-pol", 0), ("ro-pol", 1), ("hr-ngo", 1)):
        found = await store.find_place(agency, statement, index)
        assert found is not None
        assert found.key == (receipt.topic, receipt.sequence)
    assert await store.find_place("hr-ngo", statement, 0) is None


async def test_a_grantee_finds_its_notice_with_the_latest_end(
    store: Store, receipt: Receipt
) -> None:
    for until in (NOW + 5, NOW + 9, NOW + 2):
        await store.post(grant_to("hr-ngo", receipt, until=until))
    found = await store.find_notice("hr-ngo", "gr-pol", await notice_id(store))
    assert found is not None
    addressed, index = found
    assert (addressed.granted_until, index) == (NOW + 9, 0)
    assert (addressed.recipient, addressed.wrap, addressed.recipient_path) == (b"", b"", ())
    assert await store.find_notice("hr-ngo", "gr-pol", await notice_id(store, 1)) is None


# Recalls.


async def test_a_recalled_notice_is_gone_and_its_leaf_hash_stays(
    store: Store, receipt: Receipt
) -> None:
    before = (await read(store)).frame
    await store.recall(recall_of(receipt), before.size)
    after = (await read(store)).frame
    assert (after.notices[0].header, after.notices[0].body) == (b"", b"")
    assert after.notice_headers[0] is None
    assert after.gone[0].reason is RECALLED
    assert [after.leaf_hash(index) for index in range(2)] == [
        one.leaf_hash for one in before.notices
    ]
    assert after.notices[1] == before.notices[1]
    assert (after.statement, after.signature, after.header) == (
        before.statement,
        before.signature,
        before.header,
    )


async def test_wraps_go_with_the_last_live_notice(store: Store, receipt: Receipt) -> None:
    first = await read(store)
    await store.recall(recall_of(receipt), 0)
    assert (await read(store)).wrap == first.wrap
    await store.recall(recall_of(receipt, index=1), 0)
    last = await read(store)
    assert (last.wrap, last.recipient, last.recipient_path) == (
        b"",
        first.recipient,
        first.recipient_path,
    )
    assert (await read(store, "gr-pol")).wrap == b""


async def test_the_wraps_of_other_frames_stay(
    store: Store, federation: Federation, receipt: Receipt
) -> None:
    other = await published(store, federation, to=("ro-pol", "hr-ngo"))
    third = await published(store, federation, to=("ro-pol",))
    for index in (0, 1):
        await store.recall(recall_of(other, index=index), 0)
    assert (await read(store, "hr-ngo")).wrap == b""
    for kept in (receipt, third):
        for agency in ("gr-pol", "ro-pol"):
            assert (await read(store, agency, kept.sequence - 1)).wrap


async def test_a_recall_is_put_before_all_who_could_open_the_notice_but_its_originator(
    store: Store, receipt: Receipt
) -> None:
    await store.post(grant_to("hr-ngo", receipt))
    await store.post(grant_to("it-pol", receipt, index=1))
    made = recall_of(receipt)
    posted = await store.recall(made, 0)
    assert posted.addressees == 2
    for agency, mail in (("ro-pol", [made.mail]), ("hr-ngo", [None, made.mail]), ("gr-pol", [])):
        page = await store.mail(agency, 0, 10, LARGE)
        assert [one.mail for one in page.items] == mail
    assert (await store.mail("it-pol", 0, 10, LARGE)).items[0].mail is not None


async def test_mail_that_does_not_outlive_its_notice_leaves_an_empty_place(
    store: Store, receipt: Receipt
) -> None:
    fleeting, lasting = posting(receipt), posting(receipt, outlives=True)
    other = posting(receipt, index=1)
    for one in (fleeting, lasting, other):
        await store.post(one)
    await store.recall(recall_of(receipt), 0)
    page = await store.mail("gr-pol", 0, 10, LARGE)
    assert [one.mail for one in page.items] == [None, lasting.mail, other.mail]
    assert (await store.post(fleeting)).duplicate
    assert (await store.mail("gr-pol", 0, 10, LARGE)).head == 3


async def test_what_needs_a_notice_is_refused_once_it_is_gone(
    store: Store, receipt: Receipt
) -> None:
    await store.recall(recall_of(receipt), 0)
    assert await refused(store, grant_to("hr-ngo", receipt)) is Reason.NOT_FOUND
    await store.post(grant_to("hr-ngo", receipt, index=1))


async def test_a_notice_is_recalled_once(store: Store, receipt: Receipt) -> None:
    made = recall_of(receipt)
    first = await store.recall(made, 0)
    other = replace(recall_of(receipt), name=made.name)
    assert await refused(store, other, recall=True) is Reason.ALREADY_EXISTS
    before = await standing(store)
    assert await store.recall(made, 0) == replace(first, duplicate=True)
    assert await standing(store) == before


async def test_a_recalled_notice_keeps_its_id(
    store: Store, federation: Federation, receipt: Receipt
) -> None:
    frame = federation.seal("gr-pol", [draft := notice_draft(b"text")], to=("ro-pol",))
    other = await store.append_frame(admitted(federation, frame))
    await store.recall(recall_of(other), 0)
    again = federation.seal("gr-pol", [draft], to=("ro-pol",))
    with pytest.raises(BrokerError) as caught:
        await store.append_frame(admitted(federation, again))
    assert caught.value.reason is Reason.ALREADY_EXISTS


# Attachments.


def piece(identity: bytes) -> Piece:
    data = identity * 8
    return Piece(
        originator="gr-pol",
        attachment_id=identity,
        length=len(data),
        digest=sha256(data),
        offset=0,
        data=data,
        time_ms=NOW,
    )


async def with_attachments(store: Store, federation: Federation, *lists: bytes) -> list[Receipt]:
    """Store a frame for each list of one-letter attachments."""
    receipts = []
    for letters in lists:
        refs = []
        for letter in letters:
            one = piece(bytes([letter]) * 16)
            await store.put_piece(one, LARGE)
            await store.complete_upload("gr-pol", one.attachment_id, matches=True)
            refs.append(AttachmentRef(id=one.attachment_id, digest=one.digest, length=one.length))
        frame = federation.seal("gr-pol", [notice_draft(b"text", attachments=tuple(refs))])
        receipts.append(await store.append_frame(admitted(federation, frame)))
    return receipts


async def test_attachments_go_with_the_last_notice_that_lists_them(
    store: Store, federation: Federation
) -> None:
    one, two = await with_attachments(store, federation, b"ab", b"bc")
    await store.recall(recall_of(one), 0)
    kept = {
        letter: await store.read_attachment("gr-pol", letter * 16, 0, 10) is not None
        for letter in (b"a", b"b", b"c")
    }
    assert kept == {b"a": False, b"b": True, b"c": True}
    await store.recall(recall_of(two), 0)
    assert await store.read_attachment("gr-pol", b"b" * 16, 0, 10) is None
    while await store.erase():
        pass


async def test_a_dropped_attachment_can_be_uploaded_anew(
    store: Store, federation: Federation
) -> None:
    (one,) = await with_attachments(store, federation, b"a")
    await store.recall(recall_of(one), 0)
    (again,) = await with_attachments(store, federation, b"a")
    while await store.erase():
        pass
    assert await store.read_attachment("gr-pol", b"a" * 16, 0, 10) is not None
    assert again.sequence == 2


# Expiry.


def expiring(frame: StoredFrame, indices: tuple[int, ...]) -> Act:
    return expiry(frame, indices, NOW, b"s" * 32)


async def test_what_has_not_expired_is_not_destroyed(store: Store, receipt: Receipt) -> None:
    before = await standing(store)
    assert await store.expired(NOW, 10) == []
    assert not await store.destroy_expired((receipt.topic, receipt.sequence), NOW, expiring)
    assert await standing(store) == before


async def test_notices_that_expired_are_destroyed_and_the_others_stay(
    store: Store, federation: Federation
) -> None:
    drafts = [notice_draft(b"long"), notice_draft(b"short", expires_at=NOW + DAY)]
    frame = federation.seal("gr-pol", drafts, to=("ro-pol",))
    receipt = await store.append_frame(admitted(federation, frame))
    key = receipt.topic, receipt.sequence
    assert await store.expired(NOW + DAY - 1, 10) == []
    assert await store.expired(NOW + DAY, 10) == [key]
    assert await store.destroy_expired(key, NOW + DAY, expiring)
    assert await store.expired(NOW + DAY, 10) == []
    after = await read(store)
    assert {index: one.reason for index, one in after.frame.gone.items()} == {1: EXPIRED}
    assert after.frame.notices[0] == frame.notices[0]
    assert after.wrap


async def test_a_notice_that_expired_can_still_be_recalled(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", [notice_draft(b"x", expires_at=NOW + 1)], to=("ro-pol",))
    receipt = await store.append_frame(admitted(federation, frame))
    await store.destroy_expired((receipt.topic, receipt.sequence), NOW + 1, expiring)
    assert (await store.recall(recall_of(receipt), 0)).addressees == 1
    assert (await read(store)).frame.gone[0].reason is RECALLED


# What was read before.


async def test_a_delivery_of_what_was_destroyed_since_is_not_written(
    store: Store, receipt: Receipt
) -> None:
    one = await read(store)
    await store.recall(recall_of(receipt), 0)
    before = await standing(store)
    cursor = Cursor(topic=receipt.topic, sequence=receipt.sequence)
    with pytest.raises(DestroyedError):
        await store.record_deliveries("ro-pol", "desk", [(cursor, act())], one.as_of)
    with pytest.raises(DestroyedError):
        await store.record_fetch("ro-pol", (*one.frame.key, 0), act(), one.as_of)
    assert await standing(store) == before
    assert await store.places("ro-pol", "desk") == {}


async def test_a_frame_is_read_again_as_it_is(store: Store, receipt: Receipt) -> None:
    one = await read(store)
    assert one.as_of == store.era()
    await store.recall(recall_of(receipt), 0)
    assert one.as_of != store.era()
    (again,) = await store.read_again([one])
    assert again.as_of == store.era()
    assert set(again.frame.gone) == {0}
    assert again.recipient == one.recipient


# Holders.


async def delivered(
    store: Store, subscription: str, *, now: int = NOW, wanted: bool = True
) -> None:
    """Deliver the first frame to ro-pol as it would be at a time."""
    one = await read(store)
    showing = show(one.frame, now, admitted=True, wanted=wanted)
    made = delivery(one.frame, showing, "ro-pol", now, b"s" * 32)
    cursor = Cursor(topic=one.frame.topic, sequence=one.frame.sequence)
    await store.record_deliveries("ro-pol", subscription, [(cursor, made)], one.as_of)


async def holders(store: Store, frame: Frame | None = None, index: int = 0) -> dict[str, bool]:
    if frame is None:
        identity = await notice_id(store, index)
    else:
        identity = NoticeHeader.decode(frame.notices[index].header).notice_id
    found = await store.holders("gr-pol", identity)
    assert found is not None
    return {one.agency: one.delivered for one in found}


async def test_nobody_holds_a_notice_of_others_or_none(store: Store, receipt: Receipt) -> None:
    assert await store.holders("ro-pol", await notice_id(store)) is None
    assert await store.holders("gr-pol", bytes(16)) is None


async def test_holders_are_recipients_and_grantees(store: Store, receipt: Receipt) -> None:
    identity = await notice_id(store)
    await store.post(grant_to("hr-ngo", receipt))
    assert await store.holders("gr-pol", identity) == [
        HolderState(agency="hr-ngo", delivered=False, grantee=True),
        HolderState(agency="ro-pol", delivered=False, grantee=False),
    ]
    await store.recall(recall_of(receipt), 0)
    assert await store.holders("gr-pol", identity) is not None


async def test_a_whole_frame_is_delivered_and_a_stub_is_not(store: Store, receipt: Receipt) -> None:
    await delivered(store, "desk", wanted=False)
    assert await holders(store) == {"ro-pol": False}
    await delivered(store, "other")
    assert await holders(store) == {"ro-pol": True}


async def test_a_stub_that_comes_whole_the_next_time_is_delivered(
    store: Store, receipt: Receipt
) -> None:
    await delivered(store, "desk", wanted=False)
    await delivered(store, "desk")
    assert await holders(store) == {"ro-pol": True}


async def test_of_a_part_only_what_it_carried_is_delivered(
    store: Store, federation: Federation
) -> None:
    drafts = [notice_draft(b"long"), notice_draft(b"short", expires_at=NOW + DAY)]
    frame = federation.seal("gr-pol", drafts, to=("ro-pol",))
    await store.append_frame(admitted(federation, frame))
    await delivered(store, "desk", now=NOW + DAY)
    assert await holders(store, frame) == {"ro-pol": True}
    assert await holders(store, frame, 1) == {"ro-pol": False}


async def test_what_is_fetched_is_delivered(store: Store, receipt: Receipt) -> None:
    one = await read(store)
    for _ in range(2):
        await store.record_fetch("ro-pol", (*one.frame.key, 1), act(), one.as_of)
    assert await holders(store, index=0) == {"ro-pol": False}
    assert await holders(store, index=1) == {"ro-pol": True}
