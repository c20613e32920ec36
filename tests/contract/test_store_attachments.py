# SPDX-License-Identifier: Apache-2.0
"""What every store promises of attachments: pieces that follow, quotas, completion, collection."""

from dataclasses import replace

import pytest

from broker.domain.attachments import Chunk, Piece, Upload
from broker.errors import BrokerError, Reason
from broker.ports.store import Store
from keys.envelope import AttachmentRef
from keys.framing import sha256
from tests.contract.admitting import admitted
from tests.simulator.federation import NOW, Federation, notice_draft

CONTENT = bytes(range(256)) * 40
ID = b"a" * 16
QUOTA = 1 << 30


def piece(start: int = 0, end: int | None = None, *, content: bytes = CONTENT) -> Piece:
    return Piece(
        originator="gr-pol",
        attachment_id=ID,
        length=len(content),
        digest=sha256(content),
        offset=start,
        data=content[start:end],
        time_ms=NOW,
    )


STATE = replace(piece(), data=b"")


async def refused(store: Store, wrong: Piece, quota: int = QUOTA) -> BrokerError:
    """Return why a piece is refused, after looking that nothing was stored."""
    before = await store.put_piece(STATE, QUOTA)
    with pytest.raises(BrokerError) as caught:
        await store.put_piece(wrong, quota)
    assert await store.put_piece(STATE, QUOTA) == before
    return caught.value


async def put(store: Store, *, complete: bool = True, identity: bytes = ID) -> None:
    await store.put_piece(replace(piece(), attachment_id=identity), QUOTA)
    if complete:
        await store.complete_upload("gr-pol", identity, matches=True)


async def content(store: Store, offset: int = 0, max_bytes: int = QUOTA) -> Chunk | None:
    return await store.read_attachment("gr-pol", ID, offset, max_bytes)


@pytest.mark.parametrize(
    "wrong", [piece(content=b"another length"), replace(piece(), digest=bytes(32))]
)
@pytest.mark.parametrize("complete", [False, True])
async def test_another_attachment_under_a_known_id_is_refused(
    store: Store, wrong: Piece, complete: bool
) -> None:
    await put(store, complete=complete)
    assert (await refused(store, wrong)).reason is Reason.ALREADY_EXISTS
    assert (await refused(store, replace(wrong, data=b""))).reason is Reason.ALREADY_EXISTS


@pytest.mark.parametrize("offset", [0, 99, 101])
async def test_a_piece_that_does_not_follow_is_told_where_to_go_on(
    store: Store, offset: int
) -> None:
    await store.put_piece(piece(0, 100), QUOTA)
    error = await refused(store, piece(offset, offset + 10))
    assert error.reason is Reason.OFFSET_MISMATCH
    assert dict(error.metadata) == {"stored": "100"}


async def test_a_first_piece_begins_at_nothing(store: Store) -> None:
    error = await refused(store, piece(5, 10))
    assert error.reason is Reason.OFFSET_MISMATCH
    assert dict(error.metadata) == {"stored": "0"}


async def test_attachments_without_a_frame_stay_within_the_quota(store: Store) -> None:
    await put(store)
    other = replace(piece(), attachment_id=b"b" * 16)
    with pytest.raises(BrokerError) as caught:
        await store.put_piece(other, 2 * len(CONTENT) - 1)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert (await store.put_piece(replace(other, data=b""), QUOTA)).stored == 0
    assert (await store.put_piece(other, 2 * len(CONTENT))).stored == len(CONTENT)
    foreign = replace(piece(), originator="ro-pol")
    assert (await store.put_piece(foreign, len(CONTENT))).stored == len(CONTENT)


async def test_what_a_frame_references_leaves_the_quota_and_is_not_collected(
    store: Store, federation: Federation
) -> None:
    await put(store)
    ref = AttachmentRef(id=ID, digest=sha256(CONTENT), length=len(CONTENT))
    frame = federation.seal("gr-pol", [notice_draft(b"text", attachments=(ref,))])
    await store.append_frame(admitted(federation, frame))
    assert await store.collect_attachments(NOW + 1, 10) == 0
    assert await content(store) == Chunk(data=CONTENT, length=len(CONTENT))
    other = replace(piece(), attachment_id=b"b" * 16)
    assert (await store.put_piece(other, len(CONTENT))).stored == len(CONTENT)


async def test_a_refused_frame_holds_no_attachment(store: Store, federation: Federation) -> None:
    await put(store)
    ref = AttachmentRef(id=ID, digest=sha256(CONTENT), length=len(CONTENT))
    chain = dict.fromkeys(federation.agencies, (2, b"x" * 32))
    drafts = [notice_draft(b"text", attachments=(ref,))]
    with pytest.raises(BrokerError) as caught:
        await store.append_frame(
            admitted(federation, federation.seal("gr-pol", drafts, chain=chain))
        )
    assert caught.value.reason is Reason.CHAIN_BROKEN
    assert await store.collect_attachments(NOW + 1, 10) == 1


async def test_what_was_never_begun_has_no_digest_and_is_not_completed(store: Store) -> None:
    for asked in (
        store.digest_upload("gr-pol", ID),
        store.complete_upload("gr-pol", ID, matches=True),
        store.complete_upload("gr-pol", ID, matches=False),
    ):
        with pytest.raises(BrokerError) as caught:
            await asked
        assert caught.value.reason is Reason.NOT_FOUND


async def test_an_attachment_with_missing_bytes_is_not_completed(store: Store) -> None:
    await store.put_piece(piece(0, 100), QUOTA)
    with pytest.raises(BrokerError) as caught:
        await store.complete_upload("gr-pol", ID, matches=True)
    assert caught.value.reason is Reason.ATTACHMENT_MISSING
    assert await store.put_piece(STATE, QUOTA) == Upload(stored=100, complete=False)


async def test_a_complete_attachment_is_never_dropped(store: Store) -> None:
    await put(store)
    done = await store.complete_upload("gr-pol", ID, matches=False)
    assert done == Upload(stored=len(CONTENT), complete=True)
    assert await content(store) == Chunk(data=CONTENT, length=len(CONTENT))


async def test_pieces_follow_each_other_and_an_empty_one_asks_for_the_state(store: Store) -> None:
    assert await store.put_piece(STATE, QUOTA) == Upload(stored=0, complete=False)
    for start in range(0, len(CONTENT), 1000):
        end = min(start + 1000, len(CONTENT))
        upload = await store.put_piece(piece(start, end), QUOTA)
        assert upload == Upload(stored=end, complete=False)
        assert await store.put_piece(STATE, QUOTA) == upload


async def test_what_is_stored_is_digested_without_trust_in_what_was_announced(
    store: Store,
) -> None:
    await store.put_piece(piece(0, 3000), QUOTA)
    await store.put_piece(piece(3000, 5000), QUOTA)
    assert await store.digest_upload("gr-pol", ID) == sha256(CONTENT[:5000])


async def test_an_attachment_is_read_only_when_it_is_complete(store: Store) -> None:
    assert await content(store) is None
    await put(store, complete=False)
    assert await content(store) is None
    done = await store.complete_upload("gr-pol", ID, matches=True)
    assert done == Upload(stored=len(CONTENT), complete=True)
    assert await content(store) == Chunk(data=CONTENT, length=len(CONTENT))
    assert await store.read_attachment("ro-pol", ID, 0, QUOTA) is None


async def test_a_complete_attachment_answers_every_piece_with_its_state(store: Store) -> None:
    await put(store)
    done = Upload(stored=len(CONTENT), complete=True)
    assert await store.put_piece(STATE, QUOTA) == done
    assert await store.put_piece(piece(9000), QUOTA) == done
    assert await content(store) == Chunk(data=CONTENT, length=len(CONTENT))


async def test_one_that_does_not_match_is_dropped_and_may_be_begun_anew(store: Store) -> None:
    await put(store, complete=False)
    dropped = await store.complete_upload("gr-pol", ID, matches=False)
    assert dropped == Upload(stored=0, complete=False)
    assert await content(store) is None
    assert (await store.put_piece(piece(), len(CONTENT))).stored == len(CONTENT)


@pytest.mark.parametrize(
    ("offset", "max_bytes"), [(0, 1), (999, 2), (1000, 1000), (1500, 5000), (10_239, 10)]
)
async def test_any_range_is_read_across_pieces(store: Store, offset: int, max_bytes: int) -> None:
    for start in range(0, len(CONTENT), 1000):
        await store.put_piece(piece(start, start + 1000), QUOTA)
    await store.complete_upload("gr-pol", ID, matches=True)
    expected = CONTENT[offset : offset + max_bytes]
    assert await content(store, offset, max_bytes) == Chunk(data=expected, length=len(CONTENT))


async def test_old_attachments_without_a_frame_are_collected_up_to_a_number(store: Store) -> None:
    for number in range(3):
        identity = bytes([number]) * 16
        await put(store, complete=number == 0, identity=identity)
    young = replace(piece(), attachment_id=b"y" * 16, time_ms=NOW + 10)
    await store.put_piece(young, QUOTA)
    assert await store.collect_attachments(NOW, 10) == 0
    assert await store.collect_attachments(NOW + 10, 2) == 2
    assert await store.collect_attachments(NOW + 10, 2) == 1
    assert await store.collect_attachments(NOW + 10, 2) == 0
    assert (await store.put_piece(replace(young, data=b""), QUOTA)).stored == len(CONTENT)
    assert (await store.put_piece(piece(), 2 * len(CONTENT))).stored == len(CONTENT)
