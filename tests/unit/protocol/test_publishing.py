# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 15 on the broker: what it stores, what it refuses, in which order."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tocsin.v1 import core_pb2

from broker.errors import BrokerError, Reason
from broker.ports.store import Store
from broker.rpc.messages import frame_of
from keys.attachments import AttachmentSealer
from keys.entries import RuleBookEntry
from keys.envelope import AttachmentRef, Frame
from keys.framing import sha256
from keys.logleaf import Value, check_leaf
from keys.signing import PAYLOAD_FRAME
from policy import standard_book
from tests.simulator.federation import DAY, HOUR, MARKING, NOW, TOPIC, notice_draft
from tests.simulator.rule_books import standard_and
from tests.unit.protocol.desk import Desk, opened
from tests.unit.protocol.material import ORIGINATOR, READER

MINUTE = HOUR // 60


def message(frame: Frame) -> core_pb2.Publication:
    return core_pb2.Publication(
        frame_header=frame.header,
        recipients=frame.recipients,
        wraps=frame.wraps,
        notices=[
            core_pb2.SealedNotice(index=index, header=one.header, body=one.body)
            for index, one in enumerate(frame.notices)
        ],
        statement=frame.statement,
        signature=frame.signature,
    )


@pytest.mark.must("PUB-1")
def test_notices_out_of_their_place_or_with_paths_are_malformed(desk: Desk) -> None:
    good = desk.seal(b"first", b"second")
    assert frame_of(message(good)) == good
    moved, pathed = message(good), message(good)
    moved.notices[1].index = 0
    pathed.notices[0].path.append(bytes(32))
    for bad in (moved, pathed):
        with pytest.raises(BrokerError) as caught:
            frame_of(bad)
        assert caught.value.reason is Reason.MALFORMED


@pytest.mark.must("PUB-2")
async def test_only_the_originator_publishes_its_frames(desk: Desk) -> None:
    assert (await desk.refusal(desk.seal(), READER)).reason is Reason.NOT_ORIGINATOR


async def test_limits_and_signature_are_refused_as_such(desk: Desk) -> None:
    good = desk.seal()
    empty = replace(good, notices=(), signature=b"")
    assert (await desk.refusal(empty)).reason is Reason.LIMIT_EXCEEDED
    unsigned = replace(good, signature=bytes(3373))
    assert (await desk.refusal(unsigned)).reason is Reason.SIGNATURE_INVALID
    changed = replace(good, notices=(replace(good.notices[0], body=b"other"),))
    assert (await desk.refusal(changed)).reason is Reason.STATEMENT_MISMATCH


@pytest.mark.must("PUB-3", "LOG-4", "LOG-5")
async def test_a_receipt_names_the_leaf_of_a_stored_frame(desk: Desk) -> None:
    frame = desk.seal()
    receipt = await desk.publish(frame)
    leaves = await desk.leaves()
    fields: dict[str, Value] = {
        "originator": ORIGINATOR,
        "topic": TOPIC,
        "sequence": 1,
        "statement": sha256(frame.statement),
    }
    leaf = leaves[receipt.log.index]
    assert check_leaf(leaf.encode(), receipt.log.salt, "publish", fields).time_ms == (
        receipt.log.time_ms
    )
    assert await desk.sequences() == [(TOPIC, 1)]


@pytest.mark.must("PUB-3", "LOG-4")
async def test_what_the_store_did_not_take_is_not_acknowledged(tmp_path: Path) -> None:
    class Failing:
        def __init__(self, store: Store) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def append_frame(self, _: object) -> None:
            raise BrokerError(Reason.OUTCOME_UNKNOWN)

    async with opened(tmp_path, wrap=lambda store: cast("Store", Failing(store))) as desk:
        leaves = len(await desk.leaves())
        assert (await desk.refusal(desk.seal())).reason is Reason.OUTCOME_UNKNOWN
        assert len(await desk.leaves()) == leaves


def signed_again(desk: Desk, frame: Frame) -> Frame:
    signer = desk.federation.agencies[ORIGINATOR].signer
    return replace(frame, signature=signer.sign(PAYLOAD_FRAME, frame.statement))


@pytest.mark.must("PUB-4")
async def test_the_same_statement_is_stored_once_also_when_stale(desk: Desk) -> None:
    frame = desk.seal()
    first = await desk.publish(frame)
    again = await desk.publish(signed_again(desk, frame))
    assert again == replace(first, duplicate=True)
    desk.clock.ms += 31 * DAY
    assert await desk.publish(frame) == replace(first, duplicate=True)
    assert (await desk.refusal(desk.seal(now=NOW))).reason is Reason.CLOCK_SKEW
    assert await desk.sequences() == [(TOPIC, 1)]


@pytest.mark.must("PUB-5")
async def test_another_statement_under_a_known_seal_id_is_refused(desk: Desk) -> None:
    await desk.publish(desk.seal(b"one", seal_id=b"s" * 16))
    refused = await desk.refusal(desk.seal(b"two", seal_id=b"s" * 16))
    assert refused.reason is Reason.ALREADY_EXISTS


@pytest.mark.must("PUB-6")
async def test_notice_ids_are_unique_for_an_originator_only(desk: Desk) -> None:
    draft, seal_id = notice_draft(), b"s" * 16
    await desk.publish(desk.seal(draft, seal_id=seal_id))
    assert (await desk.refusal(desk.seal(draft))).reason is Reason.ALREADY_EXISTS
    other = desk.federation.seal(READER, [draft], to=[ORIGINATOR], seal_id=seal_id)
    assert (await desk.publish(other, READER)).sequence == 2


@pytest.mark.must("PUB-7")
async def test_a_number_that_does_not_follow_is_refused(desk: Desk) -> None:
    first = desk.seal()
    await desk.publish(first)
    previous = sha256(first.statement)
    good = dict.fromkeys(("gr-pol", "it-pol", "ro-pol"), (2, previous))
    for place in ((1, bytes(32)), (3, previous), (2, bytes([1]) * 32)):
        refused = await desk.refusal(desk.seal(chain={**good, READER: place}))
        assert refused.reason is Reason.CHAIN_BROKEN
        assert refused.metadata == {"agency": READER, "expected": "2"}
    assert (await desk.publish(desk.seal(chain=good))).sequence == 2


@pytest.mark.must("PUB-8")
async def test_frames_from_another_time_are_refused(desk: Desk) -> None:
    now = desk.clock.ms = NOW + 40 * DAY
    for at in (now + 5 * MINUTE + 1, now - 30 * DAY - 1):
        refused = await desk.refusal(desk.seal(now=at, chain=FIRST))
        assert refused.reason is Reason.CLOCK_SKEW
    for number, at in enumerate((now + 5 * MINUTE, now - 30 * DAY), 1):
        assert (await desk.publish(desk.seal(now=at))).sequence == number


FIRST = {name: (1, bytes(32)) for name in ("gr-pol", "hr-ngo", "it-pol", "ro-pol")}


async def submit(desk: Desk, *, signed: bytes) -> None:
    await desk.services.directory.submit(signed)


@pytest.mark.must("PUB-9")
async def test_what_the_directory_no_longer_allows_is_to_be_sealed_anew(desk: Desk) -> None:
    held = desk.federation
    sealed = desk.seal(chain=FIRST)
    await submit(desk, signed=held.lock(READER).encode())
    refused = await desk.refusal(sealed)
    assert refused.reason is Reason.RESEAL_REQUIRED
    assert (refused.metadata["agency"], refused.metadata["cause"]) == (READER, "policy")
    without = desk.seal(to=["gr-pol", "it-pol"], chain=FIRST)
    assert (await desk.publish(without)).sequence == 1


@pytest.mark.must("PUB-9")
async def test_a_key_that_ended_is_to_be_sealed_to_anew(desk: Desk) -> None:
    held = desk.federation
    sealed = desk.seal(chain=FIRST)
    key = held.agencies[READER].entry.encryption[0]
    ended = replace(key, valid_until=desk.clock.ms)
    fresh = replace(key, key_id="next", valid_from=desk.clock.ms)
    await submit(desk, signed=held.replace_agency(READER, encryption=(ended, fresh)).encode())
    refused = await desk.refusal(sealed)
    assert refused.reason is Reason.RESEAL_REQUIRED
    assert refused.metadata == {"agency": READER, "cause": "key"}
    assert (await desk.publish(desk.seal(chain=FIRST))).sequence == 1


@pytest.mark.must("PUB-9")
async def test_a_narrower_rule_book_asks_for_a_new_seal(desk: Desk) -> None:
    sealed = desk.seal(chain=FIRST)
    schema, _ = standard_book()
    narrower = standard_and(
        '@id("X1") @says("Nobody in Romania for now.") forbid (principal is Tocsin::Agency,'
        ' action == Tocsin::Action::"deliver", resource is Tocsin::Notice)'
        ' when { principal.country == Tocsin::Country::"RO" };'
    )
    entry = RuleBookEntry(version=2, schema=schema, policies=narrower)
    await submit(desk, signed=desk.federation.add(entry).encode())
    refused = await desk.refusal(sealed)
    assert refused.reason is Reason.RESEAL_REQUIRED
    assert refused.metadata["rules"] == "X1"


@pytest.mark.must("PUB-10")
async def test_what_the_rules_never_allowed_is_denied(desk: Desk) -> None:
    to_the_ngo = desk.seal(to=["hr-ngo"], chain=FIRST)
    refused = await desk.refusal(to_the_ngo)
    assert refused.reason is Reason.DENIED
    assert refused.metadata == {"agency": "hr-ngo", "rules": "F08-ngo-sanitised-only"}
    excluded = desk.seal(marking=replace(MARKING, not_for=("RO",)), chain=FIRST)
    assert (await desk.refusal(excluded)).reason is Reason.DENIED
    unnamed = desk.seal(marking=replace(MARKING, tlp="RED"), chain=FIRST)
    assert (await desk.refusal(unnamed)).reason is Reason.DENIED


@pytest.mark.must("PUB-11")
async def test_a_frame_whose_attachment_is_not_there_is_refused(desk: Desk) -> None:
    sealer = AttachmentSealer(desk.federation.id, ORIGINATOR)
    sealed = sealer.update(bytes(1000)) + sealer.finalize()
    ref = sealer.ref
    frame = desk.seal(notice_draft(attachments=(ref,)), chain=FIRST)
    assert (await desk.refusal(frame)).reason is Reason.ATTACHMENT_MISSING
    await put(desk, ref, 0, sealed[:500])
    assert (await desk.refusal(frame)).reason is Reason.ATTACHMENT_MISSING
    await put(desk, ref, 0, sealed, agency=READER)
    assert (await desk.refusal(frame)).reason is Reason.ATTACHMENT_MISSING
    await put(desk, ref, 500, sealed[500:])
    assert (await desk.publish(frame)).sequence == 1


async def put(
    desk: Desk, ref: AttachmentRef, offset: int, data: bytes, agency: str = ORIGINATOR
) -> tuple[int, bool]:
    upload = await desk.services.attachments.put(
        agency,
        attachment_id=ref.id,
        length=ref.length,
        digest=ref.digest,
        offset=offset,
        data=data,
    )
    return upload.stored, upload.complete


@pytest.mark.must("PUB-17")
async def test_a_chunk_out_of_place_is_refused_with_where_to_go_on(desk: Desk) -> None:
    ref = AttachmentRef(id=bytes(16), digest=sha256(bytes(1000)), length=1000)
    assert await put(desk, ref, 0, bytes(400)) == (400, False)
    for offset in (0, 399, 401):
        with pytest.raises(BrokerError) as caught:
            await put(desk, ref, offset, bytes(10))
        assert caught.value.reason is Reason.OFFSET_MISMATCH
        assert caught.value.metadata == {"stored": "400"}
    assert await put(desk, ref, 400, b"") == (400, False)
    assert await put(desk, ref, 400, bytes(600)) == (1000, True)


@pytest.mark.must("PUB-18")
async def test_an_attachment_of_another_digest_is_dropped(desk: Desk) -> None:
    ref = AttachmentRef(id=bytes(16), digest=bytes(32), length=1000)
    with pytest.raises(BrokerError) as caught:
        await put(desk, ref, 0, bytes(1000))
    assert caught.value.metadata == {"field": "digest"}
    frame = desk.seal(notice_draft(attachments=(ref,)), chain=FIRST)
    assert (await desk.refusal(frame)).reason is Reason.ATTACHMENT_MISSING


@pytest.mark.must("PUB-12", "SUB-7")
async def test_sequences_have_no_gaps_and_frames_come_in_their_order(desk: Desk) -> None:
    frames = [desk.seal(b"%d" % at) for at in range(5)]
    assert [(await desk.publish(one)).sequence for one in frames] == [1, 2, 3, 4, 5]
    await desk.refusal(desk.seal(to=["hr-ngo"]))
    other = desk.federation.seal(READER, [b"six"], to=[ORIGINATOR])
    assert (await desk.publish(other, READER)).sequence == 6
    delivered = await desk.caught_up(ORIGINATOR)
    assert [one.frame.sequence for one in delivered] == [1, 2, 3, 4, 5, 6]
    statements = [one.frame.statement for one in delivered]
    assert statements == [one.statement for one in (*frames, other)]


async def test_refusals_are_logged(desk: Desk) -> None:
    await desk.refusal(desk.seal(to=["hr-ngo"]))
    assert (await desk.kinds())[-1] == "refuse"
