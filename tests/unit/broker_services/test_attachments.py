# SPDX-License-Identifier: Apache-2.0
"""Attachments up in chunks, down through a notice, and away when nobody used them."""

import asyncio
from typing import Any

import pytest

from broker.domain.attachments import Chunk, Upload
from broker.domain.limits import MAX_ATTACHMENT_BYTES, MAX_CHUNK_BYTES
from broker.errors import Reason
from keys.envelope import AttachmentRef
from keys.framing import sha256
from tests.simulator.federation import DAY, Federation, notice_draft
from tests.unit.broker_services.world import World, refusal

ID, DATA = b"a" * 16, bytes(range(256)) * 10
HOUR = DAY // 24


async def put(world: World, agency: str = "gr-pol", **differs: Any) -> Upload:
    asked = {
        "attachment_id": ID,
        "length": len(DATA),
        "digest": sha256(DATA),
        "offset": 0,
        "data": DATA,
        **differs,
    }
    return await world.services.attachments.put(agency, **asked)


@pytest.fixture
async def notice_id(world: World) -> bytes:
    """A notice of gr-pol to ro-pol with an attachment."""
    await put(world)
    listed = AttachmentRef(id=ID, digest=sha256(DATA), length=len(DATA))
    draft = notice_draft(attachments=(listed,))
    await world.publish(contents=[draft])
    return draft.header.notice_id


async def get(world: World, notice_id: bytes, agency: str = "ro-pol", **differs: Any) -> Chunk:
    asked = {
        "originator": "gr-pol",
        "notice_id": notice_id,
        "attachment_id": ID,
        "offset": 0,
        "max_bytes": MAX_CHUNK_BYTES,
        **differs,
    }
    return await world.services.attachments.get(agency, **asked)


# Up.


async def test_chunks_follow_each_other_until_the_whole_matches(world: World) -> None:
    assert await put(world, data=DATA[:1000]) == Upload(stored=1000, complete=False)
    assert await put(world, data=b"", offset=0) == Upload(stored=1000, complete=False)
    answer = await put(world, data=DATA[1000:], offset=1000)
    assert answer == Upload(stored=len(DATA), complete=True)


async def test_what_does_not_match_its_digest_is_dropped_and_may_be_sent_again(
    world: World,
) -> None:
    error = await refusal(put(world, digest=sha256(b"other")))
    assert (error.reason, error.metadata) == (Reason.INVALID_ARGUMENT, {"field": "digest"})
    assert await put(world) == Upload(stored=len(DATA), complete=True)


async def test_an_upload_that_stopped_before_it_was_compared_is_compared_later(
    world: World,
) -> None:
    world.store.hold()
    putting = asyncio.create_task(put(world))
    await world.store.wait_held()
    putting.cancel()
    world.store.release()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert (await put(world)).complete
    assert (await put(world, data=b"")).complete


async def test_a_chunk_that_does_not_follow_is_told_where_to_go_on(world: World) -> None:
    await put(world, data=DATA[:1000])
    error = await refusal(put(world, data=DATA[1200:], offset=1200))
    assert (error.reason, error.metadata) == (Reason.OFFSET_MISMATCH, {"stored": "1000"})


async def test_another_attachment_under_the_id_is_refused(world: World) -> None:
    await put(world, data=DATA[:1000])
    assert (await refusal(put(world, digest=sha256(b"")))).reason is Reason.ALREADY_EXISTS


async def test_agencies_have_ids_of_their_own(world: World) -> None:
    await put(world, data=DATA[:1000])
    assert (await put(world, "cy-pol")).complete


@pytest.mark.parametrize(
    ("differs", "named"),
    [
        ({"attachment_id": b"short"}, {"field": "attachment_id"}),
        ({"digest": b"short"}, {"field": "digest"}),
        ({"length": 0, "data": b""}, {"field": "length"}),
        ({"offset": 1}, {"field": "offset"}),
        ({"data": DATA + b"x"}, {"field": "offset"}),
        (
            {"length": MAX_ATTACHMENT_BYTES + 1},
            {
                "limit": "attachment_bytes",
                "allowed": str(MAX_ATTACHMENT_BYTES),
                "got": str(MAX_ATTACHMENT_BYTES + 1),
            },
        ),
        (
            {"length": 2 << 20, "data": bytes(MAX_CHUNK_BYTES + 1)},
            {
                "limit": "chunk_bytes",
                "allowed": str(MAX_CHUNK_BYTES),
                "got": str(MAX_CHUNK_BYTES + 1),
            },
        ),
    ],
)
async def test_a_chunk_outside_its_bounds_is_refused(
    world: World, differs: dict[str, Any], named: dict[str, str]
) -> None:
    assert (await refusal(put(world, **differs))).metadata == named
    assert not world.store._attachments


async def test_more_than_an_agency_may_have_waiting_is_refused(federation: Federation) -> None:
    world = await World.of(federation, upload_bytes_per_agency=3000)
    await put(world)
    error = await refusal(put(world, attachment_id=b"b" * 16))
    assert (error.reason, error.metadata["limit"]) == (Reason.LIMIT_EXCEEDED, "upload_bytes")


async def test_a_locked_agency_uploads_nothing(world: World) -> None:
    await world.lock("gr-pol")
    assert (await refusal(put(world))).reason is Reason.AGENCY_LOCKED


# Down.


async def test_an_attachment_is_read_from_any_place(world: World, notice_id: bytes) -> None:
    chunk = await get(world, notice_id, offset=100, max_bytes=50)
    assert chunk == Chunk(data=DATA[100:150], length=len(DATA))
    assert (await get(world, notice_id, offset=len(DATA))).data == b""


async def test_a_fetch_is_logged_once_for_its_chunks_and_again_much_later(
    world: World, notice_id: bytes
) -> None:
    for offset in (0, 1000, 2000):
        await get(world, notice_id, offset=offset, max_bytes=1000)
    assert world.kinds().count("fetch") == 1
    world.clock.time += HOUR
    await get(world, notice_id)
    assert world.kinds().count("fetch") == 2


async def test_each_agency_that_fetches_is_logged(world: World, notice_id: bytes) -> None:
    await get(world, notice_id, "ro-pol")
    await get(world, notice_id, "gr-pol")
    assert [act.fields["recipient"] for act in world.acts("fetch")] == ["ro-pol", "gr-pol"]


async def test_nothing_is_handed_out_when_the_leaf_cannot_be_written(
    world: World, notice_id: bytes
) -> None:
    world.store.fail(Reason.STORAGE_FULL)
    assert (await refusal(get(world, notice_id))).reason is Reason.STORAGE_FULL


async def test_an_agency_without_the_notice_has_not_its_attachment(
    world: World, notice_id: bytes
) -> None:
    assert (await refusal(get(world, notice_id, "cy-pol"))).reason is Reason.NOT_FOUND


async def test_an_attachment_that_the_notice_does_not_list_is_not_found(
    world: World, notice_id: bytes
) -> None:
    await put(world, attachment_id=b"b" * 16)
    error = await refusal(get(world, notice_id, attachment_id=b"b" * 16))
    assert error.reason is Reason.NOT_FOUND


async def test_a_rule_book_that_narrowed_meanwhile_stops_the_next_chunk(
    world: World, notice_id: bytes
) -> None:
    await get(world, notice_id, max_bytes=1000)
    await world.narrow()
    error = await refusal(get(world, notice_id, offset=1000))
    assert error.reason is Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("differs", "field"),
    [
        ({"max_bytes": MAX_CHUNK_BYTES + 1}, "max_bytes"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"offset": 1 << 63}, "offset"),
    ],
)
async def test_a_chunk_asked_for_outside_its_bounds_is_refused(
    world: World, notice_id: bytes, differs: dict[str, Any], field: str
) -> None:
    assert (await refusal(get(world, notice_id, **differs))).metadata == {"field": field}


# Away.


async def test_what_nobody_used_is_forgotten_after_a_day_and_what_is_used_is_kept(
    world: World, notice_id: bytes
) -> None:
    await put(world, attachment_id=b"b" * 16)
    await world.services.upkeep.do()
    assert (await put(world, attachment_id=b"b" * 16, data=b"")).complete
    world.clock.time += DAY + 1
    await world.services.upkeep.do()
    assert (await put(world, attachment_id=b"b" * 16, data=b"")).stored == 0
    assert (await get(world, notice_id, "gr-pol")).data == DATA


async def test_upkeep_survives_a_store_that_takes_no_writes(world: World) -> None:
    world.store.fail(Reason.READ_ONLY)
    await world.services.upkeep.do()
