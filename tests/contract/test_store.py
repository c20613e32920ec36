# SPDX-License-Identifier: Apache-2.0
"""What every store promises of frames: refusals first, then order, bytes and leaves."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from broker.domain.attachments import Piece
from broker.domain.deliveries import Addressed
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Store, StoreState
from keys import merkle
from keys.envelope import AttachmentRef, Frame, Statement
from keys.framing import sha256
from tests.contract.admitting import admitted, signed_again
from tests.simulator.federation import NOW, TOPIC, Federation, notice_draft

MANY, LARGE = 1000, 1 << 30
OTHER = "trafficking/labour"


async def refused(store: Store, federation: Federation, frame: Frame) -> BrokerError:
    """Return why a frame is refused, after looking that nothing changed by it."""
    before = await standing(store)
    with pytest.raises(BrokerError) as caught:
        await store.append_frame(admitted(federation, frame))
    assert await standing(store) == before
    assert store.health().state is StoreState.READY
    return caught.value


async def standing(store: Store) -> tuple[int, bytes, list[int]]:
    size = await store.tree_size(LogKind.ACTS)
    frames = await store.read("gr-pol", TOPIC, 0, MANY, LARGE)
    root = await store.tree_root(LogKind.ACTS, size)
    return size, root, [one.frame.sequence for one in frames]


async def publish(store: Store, federation: Federation, frame: Frame) -> int:
    return (await store.append_frame(admitted(federation, frame))).sequence


# Known ids.


@pytest.mark.must("PUB-5")
async def test_another_statement_under_a_known_seal_id_is_refused(
    store: Store, federation: Federation
) -> None:
    first = federation.seal("gr-pol", seal_id=b"s" * 16)
    await publish(store, federation, first)
    error = await refused(store, federation, federation.seal("gr-pol", seal_id=b"s" * 16))
    assert error.reason is Reason.ALREADY_EXISTS


@pytest.mark.must("PUB-6")
async def test_a_known_notice_id_in_another_frame_is_refused(
    store: Store, federation: Federation
) -> None:
    drafts = [notice_draft(b"one"), notice_draft(b"two")]
    await publish(store, federation, federation.seal("gr-pol", drafts))
    again = federation.seal("gr-pol", [notice_draft(b"three"), drafts[1]])
    assert (await refused(store, federation, again)).reason is Reason.ALREADY_EXISTS


async def test_a_refused_frame_takes_none_of_its_ids(store: Store, federation: Federation) -> None:
    known, fresh = notice_draft(b"known"), notice_draft(b"fresh")
    await publish(store, federation, federation.seal("gr-pol", [known]))
    await refused(store, federation, federation.seal("gr-pol", [fresh, known], seal_id=b"s" * 16))
    federation.agencies["gr-pol"].chain.clear()
    outlet = b"o" * 16
    again = federation.seal("gr-pol", [fresh], seal_id=b"s" * 16, outlet=outlet)
    assert await publish(store, federation, again) == 2


async def test_ids_are_unique_for_an_originator_and_not_for_all(
    store: Store, federation: Federation
) -> None:
    draft = notice_draft(b"text")
    await publish(store, federation, federation.seal("gr-pol", [draft], seal_id=b"s" * 16))
    await publish(store, federation, federation.seal("ro-pol", [draft], seal_id=b"s" * 16))
    of_greece = await store.find_notice("hr-ngo", "gr-pol", draft.header.notice_id)
    of_romania = await store.find_notice("hr-ngo", "ro-pol", draft.header.notice_id)
    assert of_greece is not None
    assert of_romania is not None
    assert of_greece[0].frame.originator == "gr-pol"
    assert of_romania[0].frame.originator == "ro-pol"


async def test_the_same_statement_gives_the_first_receipt_as_a_duplicate(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol")
    first = await store.append_frame(admitted(federation, frame))
    again = signed_again(federation, frame)
    before = await standing(store)
    second = await store.append_frame(admitted(federation, again, time_ms=NOW + 5))
    assert again.signature != frame.signature
    assert second == replace(first, duplicate=True)
    assert await standing(store) == before


async def test_one_frame_sent_many_times_at_once_is_stored_once(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol")
    receipts = await asyncio.gather(
        *(store.append_frame(admitted(federation, frame)) for _ in range(20))
    )
    assert {receipt.sequence for receipt in receipts} == {1}
    assert {receipt.log for receipt in receipts} == {receipts[0].log}
    assert [receipt.duplicate for receipt in receipts].count(False) == 1
    assert await store.tree_size(LogKind.ACTS) == 1


async def test_a_caller_that_is_cancelled_leaves_the_frame_stored_once_or_not_at_all(
    store: Store, federation: Federation
) -> None:
    admission = admitted(federation, federation.seal("gr-pol"))
    task = asyncio.create_task(store.append_frame(admission))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (await store.append_frame(admission)).sequence == 1
    assert await store.tree_size(LogKind.ACTS) == 1


async def test_a_receipt_of_an_unknown_seal_id_is_not_found(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", seal_id=b"s" * 16)
    await publish(store, federation, frame)
    for originator, seal_id in (("gr-pol", b"t" * 16), ("ro-pol", b"s" * 16)):
        with pytest.raises(BrokerError) as caught:
            await store.find_receipt(originator, seal_id, sha256(frame.statement))
        assert caught.value.reason is Reason.NOT_FOUND


async def test_a_receipt_is_found_by_seal_id_and_statement(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", seal_id=b"s" * 16)
    receipt = await store.append_frame(admitted(federation, frame))
    found = await store.find_receipt("gr-pol", b"s" * 16, sha256(frame.statement))
    assert found == replace(receipt, duplicate=True)
    with pytest.raises(BrokerError) as caught:
        await store.find_receipt("gr-pol", b"s" * 16, bytes(32))
    assert caught.value.reason is Reason.ALREADY_EXISTS


# Chains.


@pytest.mark.must("PUB-7")
@pytest.mark.parametrize(
    ("before", "link", "expected"),
    [
        (0, (2, "other"), "1"),
        (1, (1, "none"), "2"),
        (1, (3, "last"), "2"),
        (1, (2, "other"), "2"),
        (2, (2, "first"), "3"),
    ],
)
async def test_a_recipient_out_of_its_chain_is_refused(
    store: Store, federation: Federation, before: int, link: tuple[int, str], expected: str
) -> None:
    frames = [federation.seal("gr-pol", to=["ro-pol"]) for _ in range(before)]
    for frame in frames:
        await publish(store, federation, frame)
    digests = [sha256(frame.statement) for frame in frames]
    previous = {"none": bytes(32), "other": b"x" * 32}
    if digests:
        previous |= {"first": digests[0], "last": digests[-1]}
    good = (before + 1, previous.get("last", bytes(32)))
    chain = {"gr-pol": good, "ro-pol": (link[0], previous[link[1]])}
    error = await refused(store, federation, federation.seal("gr-pol", to=["ro-pol"], chain=chain))
    assert error.reason is Reason.CHAIN_BROKEN
    assert dict(error.metadata) == {"agency": "ro-pol", "expected": expected}


async def test_after_a_refusal_the_chain_goes_on_where_it_was(
    store: Store, federation: Federation
) -> None:
    first = federation.seal("gr-pol")
    await publish(store, federation, first)
    skipped = federation.seal("gr-pol", chain=dict.fromkeys(federation.agencies, (3, b"x" * 32)))
    await refused(store, federation, skipped)
    assert await publish(store, federation, federation.seal("gr-pol")) == 2


async def test_each_outlet_topic_and_recipient_has_a_chain_of_its_own(
    store: Store, federation: Federation
) -> None:
    new = dict.fromkeys(federation.agencies, (1, bytes(32)))
    await publish(store, federation, federation.seal("gr-pol", to=["ro-pol"]))
    await publish(store, federation, federation.seal("gr-pol", outlet=b"p" * 16, chain=new))
    await publish(store, federation, federation.seal("gr-pol", topic=OTHER))
    await publish(store, federation, federation.seal("ro-pol"))
    assert await publish(store, federation, federation.seal("gr-pol")) == 4


# Attachments of a frame.


async def upload(
    store: Store, content: bytes, *, originator: str = "gr-pol", complete: bool = True
) -> AttachmentRef:
    ref = AttachmentRef(id=b"a" * 16, digest=sha256(content), length=len(content))
    piece = Piece(
        originator=originator,
        attachment_id=ref.id,
        length=ref.length,
        digest=ref.digest,
        offset=0,
        data=content,
        time_ms=NOW,
    )
    await store.put_piece(piece, LARGE)
    if complete:
        await store.complete_upload(originator, ref.id, matches=True)
    return ref


def listing(federation: Federation, ref: AttachmentRef) -> Frame:
    return federation.seal("gr-pol", [notice_draft(b"text", attachments=(ref,))])


@pytest.mark.parametrize("case", ["unknown", "incomplete", "digest", "length", "foreign"])
async def test_a_frame_whose_attachment_is_not_here_is_refused(
    store: Store, federation: Federation, case: str
) -> None:
    ref = AttachmentRef(id=b"a" * 16, digest=sha256(b"scan"), length=4)
    if case != "unknown":
        originator = "ro-pol" if case == "foreign" else "gr-pol"
        await upload(store, b"scan", originator=originator, complete=case != "incomplete")
    if case == "digest":
        ref = replace(ref, digest=bytes(32))
    if case == "length":
        ref = replace(ref, length=5)
    error = await refused(store, federation, listing(federation, ref))
    assert error.reason is Reason.ATTACHMENT_MISSING
    assert dict(error.metadata) == {"attachment": ref.id.hex()}


async def test_two_notices_may_list_one_attachment(store: Store, federation: Federation) -> None:
    ref = await upload(store, b"scan")
    await publish(store, federation, listing(federation, ref))
    assert await publish(store, federation, listing(federation, ref)) == 2


# Order and bytes.


@pytest.mark.must("PUB-12")
async def test_sequences_have_no_gaps_where_frames_are_refused_between(
    store: Store, federation: Federation
) -> None:
    good = [federation.seal("gr-pol", outlet=bytes([n]) * 16, chain=start()) for n in range(20)]
    bad = [federation.seal("gr-pol", chain=start(seq=5)) for _ in range(20)]
    mixed = [frame for pair in zip(good, bad, strict=True) for frame in pair]
    outcomes = await asyncio.gather(
        *(store.append_frame(admitted(federation, frame)) for frame in mixed),
        return_exceptions=True,
    )
    receipts = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert sorted(receipt.sequence for receipt in receipts) == list(range(1, 21))
    assert sorted(receipt.log.index for receipt in receipts) == list(range(20))
    frames = await store.read("ro-pol", TOPIC, 0, MANY, LARGE)
    assert [one.frame.sequence for one in frames] == list(range(1, 21))


def start(seq: int = 1) -> dict[str, tuple[int, bytes]]:
    previous = bytes(32) if seq == 1 else b"x" * 32
    return dict.fromkeys(("gr-pol", "hr-ngo", "ro-pol"), (seq, previous))


async def test_each_topic_counts_its_own_frames(store: Store, federation: Federation) -> None:
    topics = [TOPIC, OTHER, TOPIC, OTHER]
    frames = [federation.seal("gr-pol", topic=topic) for topic in topics]
    assert [await publish(store, federation, frame) for frame in frames] == [1, 1, 2, 2]


@pytest.mark.must("LOG-4", "LOG-3")
async def test_the_leaf_of_a_frame_is_its_publish_act_at_its_sequence(
    store: Store, federation: Federation
) -> None:
    await store.append_frame(admitted(federation, federation.seal("gr-pol")))
    admission = admitted(federation, federation.seal("gr-pol"))
    receipt = await store.append_frame(admission)
    assert (receipt.log.index, receipt.log.salt) == (1, admission.salt)
    assert receipt.log.time_ms == admission.time_ms
    assert await store.leaves(LogKind.ACTS, 1, 1) == [admission.act(receipt.sequence).leaf()]


async def test_a_recipient_reads_the_bytes_that_were_sealed_and_its_own_part(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", [b"one", b"two"], named=["ro-pol"])
    receipt = await store.append_frame(admitted(federation, frame))
    for place, agency in enumerate(("gr-pol", "hr-ngo", "ro-pol")):
        (one,) = await store.read(agency, TOPIC, 0, MANY, LARGE)
        stored = one.frame
        assert (stored.header, stored.statement) == (frame.header, frame.statement)
        assert (stored.signature, stored.notices) == (frame.signature, frame.notices)
        assert (stored.topic, stored.sequence, stored.publish_log) == (TOPIC, 1, receipt.log)
        assert (one.recipient, one.wrap) == (frame.recipients[place], frame.wraps[place])
        assert (one.recipient_index, one.named) == (place, agency == "ro-pol")
        prove_recipient(one)


def prove_recipient(one: Addressed) -> None:
    statement = Statement.decode(one.frame.statement)
    merkle.verify_inclusion(
        merkle.hash_leaf(one.recipient),
        one.recipient_index,
        one.recipient_path,
        statement.recipient_count,
        statement.recipient_root,
    )


async def test_a_stored_frame_has_the_decoded_parts_of_what_was_admitted(
    store: Store, federation: Federation
) -> None:
    frame = federation.seal("gr-pol", [b"one", b"two"])
    admission = admitted(federation, frame)
    await store.append_frame(admission)
    stored = (await store.read("gr-pol", TOPIC, 0, 1, LARGE))[0].frame
    assert stored.decoded == admission.checked.header
    assert stored.notice_headers == admission.checked.notices
    assert (stored.originator, stored.statement_digest) == ("gr-pol", sha256(frame.statement))
    assert stored.size >= sum(len(one.body) for one in frame.notices)


async def test_an_agency_that_is_no_recipient_reads_and_finds_nothing(
    store: Store, federation: Federation
) -> None:
    draft = notice_draft(b"text")
    await publish(store, federation, federation.seal("gr-pol", [draft], to=["ro-pol"]))
    assert await store.read("hr-ngo", TOPIC, 0, MANY, LARGE) == []
    assert await store.find_notice("hr-ngo", "gr-pol", draft.header.notice_id) is None
    assert dict(await store.heads("hr-ngo", [TOPIC])) == {TOPIC: 0}


async def test_reading_goes_on_behind_a_sequence_and_stops_at_its_bounds(
    store: Store, federation: Federation
) -> None:
    for count in range(6):
        to = ["ro-pol"] if count % 2 else ["hr-ngo"]
        await publish(store, federation, federation.seal("gr-pol", [bytes(4000)], to=to))

    async def sequences(after: int, frames: int, size: int, topic: str = TOPIC) -> list[int]:
        found = await store.read("ro-pol", topic, after, frames, size)
        return [one.frame.sequence for one in found]

    assert await sequences(0, MANY, LARGE) == [2, 4, 6]
    assert await sequences(2, MANY, LARGE) == [4, 6]
    assert await sequences(6, MANY, LARGE) == []
    assert await sequences(0, 2, LARGE) == [2, 4]
    assert await sequences(0, MANY, 1) == [2]
    size = (await store.read("ro-pol", TOPIC, 0, 1, 1))[0].frame.size
    assert await sequences(0, MANY, 2 * size) == [2, 4]
    assert await sequences(0, MANY, LARGE, OTHER) == []


async def test_a_notice_is_found_by_its_id_with_its_index(
    store: Store, federation: Federation
) -> None:
    drafts = [notice_draft(b"one"), notice_draft(b"two")]
    await publish(store, federation, federation.seal("gr-pol", [b"before"]))
    await publish(store, federation, federation.seal("gr-pol", drafts))
    found = await store.find_notice("ro-pol", "gr-pol", drafts[1].header.notice_id)
    assert found is not None
    assert (found[0].frame.sequence, found[1]) == (2, 1)
    prove_recipient(found[0])
    assert await store.find_notice("ro-pol", "ro-pol", drafts[1].header.notice_id) is None
    assert await store.find_notice("ro-pol", "gr-pol", bytes(16)) is None


async def test_heads_are_the_last_sequences_that_concern_the_agency(
    store: Store, federation: Federation
) -> None:
    await publish(store, federation, federation.seal("gr-pol"))
    await publish(store, federation, federation.seal("gr-pol", to=["hr-ngo"]))
    await publish(store, federation, federation.seal("gr-pol", topic=OTHER))
    heads = await store.heads("ro-pol", [TOPIC, OTHER, "no/such"])
    assert dict(heads) == {TOPIC: 1, OTHER: 1, "no/such": 0}
    assert dict(await store.heads("hr-ngo", [TOPIC])) == {TOPIC: 2}
    assert dict(await store.heads("hr-ngo", [])) == {}
