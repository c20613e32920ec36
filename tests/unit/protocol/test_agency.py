# SPDX-License-Identifier: Apache-2.0
"""Requirements on an agency: what it seals and sends, keeps and refuses, and holds the broker to.

Over a real store and a broker in memory that lies where a test tells it to.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.findings import FindingKind
from agency_client.domain.frames import decode_frame
from agency_client.domain.outbox import Refusal
from agency_client.domain.records import ReceivedBatch
from agency_client.domain.views import InboxQuery, Verdict
from agency_client.errors import AgencyError, Reason
from agency_client.services.directory import verified_directory
from keys import merkle
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.envelope import (
    AttachmentRef,
    FrameHeader,
    NoticeHeader,
    NoticeRef,
    Recipient,
    Statement,
)
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.signers import generate_signer
from keys.signing import PAYLOAD_FRAME
from tests.simulator.agency import (
    EVERYTHING,
    Draft,
    ManualClock,
    SimulatedAgency,
    open_agency,
)
from tests.simulator.broker import Fault, MemoryBroker
from tests.simulator.federation import HOUR, NOW, TOPIC, Federation, notice_draft
from tests.unit.protocol.material import ORIGINATOR, READER
from tests.unit.protocol.receiving import CONTENT, NGO, Opening, lie, received, seal

# Content.


@pytest.mark.must("CONTENT-1")
def test_the_same_content_is_written_alike() -> None:
    attached = SealedAttachment(
        id=bytes(16), key=bytes(32), name="π.pdf", media_type="application/pdf", length=3
    )
    one = Content(notice={"b": 1, "a": {"d": [], "c": "Ж"}}, attachments=(attached,))
    two = Content(notice={"a": {"c": "Ж", "d": []}, "b": 1}, attachments=(attached,))
    assert one.encode() == two.encode()
    assert one.encode().decode() == json.dumps(
        json.loads(one.encode()), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    assert Content.decode(one.encode()) == one


@pytest.mark.must("CONTENT-2")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"[]",
        b"{}",
        b"\xff",
        CONTENT.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + CONTENT,
        CONTENT.replace(b'"title"', b'"type"'),
        CONTENT.replace(b'"BLUE"', b"NaN"),
        CONTENT.replace(b'"BLUE"', b"1e999"),
        CONTENT.replace(b'"BLUE"', b"9007199254740992"),
        CONTENT.replace(b'"BLUE"', rb'"\ud800"'),
        CONTENT.replace(b'"BLUE"', b"[" * 63 + b"]" * 63),
        b"[" * 100_000,
    ],
    ids=[
        *("empty", "text", "list", "bare", "bytes", "utf-16", "bom"),
        *("twice", "nan", "infinite", "integer", "surrogate", "deep", "deeper"),
    ],
)
async def test_a_body_that_is_no_json_object_of_the_form_does_not_open(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency, content: bytes
) -> None:
    broker.publish(ORIGINATOR, seal(held, content))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, "body_invalid")
    assert ro.titles() == []


@pytest.mark.must("CONTENT-3")
@pytest.mark.parametrize(
    "content",
    [
        b'{"schema":"tocsin.content.v2","notice":{},"attachments":[]}',
        b'{"schema":"tocsin.content.v1","notice":[],"attachments":[]}',
        b'{"schema":"tocsin.content.v1","notice":{}}',
        b'{"schema":"tocsin.content.v1","notice":{},"attachments":[{"id":"00"}]}',
    ],
    ids=["schema", "notice", "no attachments", "attachment"],
)
async def test_a_body_without_the_members_of_a_content_document_does_not_open(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency, content: bytes
) -> None:
    broker.publish(ORIGINATOR, seal(held, content))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, "body_invalid")


def listing(*ids: bytes) -> bytes:
    """Return content that lists attachments of these ids."""
    listed = [
        SealedAttachment(id=one, key=bytes(32), name="n", media_type="text/plain", length=1)
        for one in ids
    ]
    return Content(notice={"title": "listing"}, attachments=tuple(listed)).encode()


@pytest.mark.must("CONTENT-4")
async def test_content_lists_the_attachments_of_its_header_in_their_order(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    one, two = b"1" * 16, b"2" * 16
    refs = tuple(AttachmentRef(id=name, digest=bytes(32), length=1) for name in (one, two))
    for ids in ((), (one,), (two, one), (one, two, two), (one, two)):
        broker.force(seal(held, notice_draft(listing(*ids), attachments=refs)))
    findings = await received(ro)
    assert [one.reason for one in findings] == ["body_invalid"] * 4
    assert ro.titles() == ["listing"]


# Numbers.


def chains(broker: MemoryBroker, agency: str) -> list[tuple[bytes, int, bytes]]:
    """Return (outlet, seq, prev) of every frame offered for an agency."""
    found = []
    for one in map(decode_frame, broker.received):
        records = map(Recipient.decode, one.recipients)
        outlet = FrameHeader.decode(one.header).outlet
        found += [(outlet, to.seq, to.prev) for to in records if to.agency == agency]
    return found


@pytest.mark.must("SEAL-15")
async def test_chains_are_numbered_from_one_and_name_the_frame_before(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    for text in ("one", "two", "three"):
        await gr.publish(Draft(text=text))
    statements = [sha256(decode_frame(one).statement) for one in broker.received]
    for agency in (ORIGINATOR, READER):
        numbered = chains(broker, agency)
        assert [seq for _, seq, _ in numbered] == [1, 2, 3]
        assert [prev for _, _, prev in numbered] == [bytes(32), *statements[:2]]
        assert len({outlet for outlet, _, _ in numbered}) == 1


@pytest.mark.must("SEAL-16")
async def test_a_restored_backup_begins_a_new_outlet(
    gr: SimulatedAgency, broker: MemoryBroker, tmp_path: Path
) -> None:
    await gr.publish(Draft(text="before"))
    gr.store.close()
    copy = tmp_path / "restored"
    for file in sorted(gr.folder.rglob("*")):
        target = copy / file.relative_to(gr.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            target.write_bytes(file.read_bytes())
    restored = open_agency(gr.federation, broker, ORIGINATOR, copy, ManualClock())
    await restored.publish(Draft(text="after"))
    restored.store.close()
    (first, *_), (second, seq, prev) = chains(broker, READER)
    assert first != second
    assert (seq, prev) == (1, bytes(32))


# Sending.


@pytest.mark.must("PUB-13")
@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.BREAK, Fault.END])
async def test_an_unknown_outcome_is_tried_again_with_the_same_bytes(
    gr: SimulatedAgency, broker: MemoryBroker, fault: Fault
) -> None:
    broker.script.append(fault)
    await gr.publisher.queue([Draft()])
    assert (await gr.send(HOUR)).accepted == 1
    assert broker.received[0] == broker.received[1]
    assert len(broker.frames[TOPIC]) == 1


@pytest.mark.must("PUB-14", "PUB-15")
@pytest.mark.parametrize("reason", [Reason.RESEAL_REQUIRED, Reason.CHAIN_BROKEN])
async def test_a_refused_frame_and_those_behind_it_are_sealed_and_numbered_anew(
    gr: SimulatedAgency, broker: MemoryBroker, reason: Reason
) -> None:
    broker.window = 1
    broker.script.append(Refusal(reason=reason, message="the test says so"))
    await gr.publisher.queue([Draft(text="one")])
    await gr.publisher.queue([Draft(text="two")])
    assert (await gr.send(HOUR)).accepted == 2
    frames = [decode_frame(one) for one in broker.received]
    assert [seq for _, seq, _ in chains(broker, READER)] == [1, 1, 2]
    ids = [NoticeHeader.decode(one.notices[0].header).notice_id for one in frames]
    seals = [FrameHeader.decode(one.header).seal_id for one in frames]
    assert ids[0] == ids[1] != ids[2]
    assert len(set(seals)) == 3


# What is received.


@pytest.mark.must("OPEN-1")
async def test_a_keyset_that_the_directory_does_not_know_signs_nothing(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    good = seal(held)
    stranger = generate_signer("stranger")
    statement = replace(Statement.decode(good.statement), keyset_id="stranger").encode()
    signature = stranger.sign(PAYLOAD_FRAME, statement)
    broker.force(replace(good, statement=statement, signature=signature))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, "unknown_keyset")
    assert broker.calls["roots"] > 0
    assert ro.titles() == []


@pytest.mark.must("CHECK-3", "OPEN-1")
async def test_the_keyset_of_another_agency_signs_nothing_under_its_id(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    good, other = seal(held), held.agencies[NGO].signer
    assert other.keyset_id == held.agencies[ORIGINATOR].signer.keyset_id
    broker.force(replace(good, signature=other.sign(PAYLOAD_FRAME, good.statement)))
    (finding,) = await received(ro)
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, "signature_invalid")


@pytest.mark.must("OPEN-10", "POLICY-2")
async def test_what_our_own_rule_book_refuses_stays_closed(
    held: Federation, broker: MemoryBroker, profile: Opening
) -> None:
    ngo = profile(NGO)
    broker.obeys_rules = False
    broker.force(seal(held, to=[NGO]))
    (finding,) = await received(ngo)
    assert (finding.kind, finding.reason) == (FindingKind.POLICY, "denied")
    assert "F08-ngo-sanitised-only" in finding.detail
    assert ngo.titles() == []


@pytest.mark.must("OPEN-15")
async def test_a_second_statement_under_a_seal_id_is_refused(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    for text in ("one", "two"):
        content = Content(notice={"title": text}).encode()
        broker.force(seal(held, content, seal_id=b"s" * 16))
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.REPEATED_SEAL
    assert ro.titles() == ["one"]


@pytest.mark.must("OPEN-16")
async def test_a_notice_id_of_another_frame_is_refused(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    notice_id = new_uuid7(NOW)
    for text in ("one", "two"):
        content = Content(notice={"title": text}).encode()
        broker.force(seal(held, notice_draft(content, notice_id=notice_id)))
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.REPEATED_NOTICE
    assert ro.titles() == ["one"]


@pytest.mark.must("OPEN-17")
async def test_a_number_left_out_becomes_a_finding_that_names_it(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    for _ in range(4):
        broker.publish(ORIGINATOR, seal(held))
    broker.lie = lambda _, one: [] if one.sequence in (2, 3) else [one]
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.GAP
    assert "2-3" in finding.detail
    assert len(ro.titles()) == 2


@pytest.mark.must("OPEN-18")
async def test_a_previous_that_is_not_the_one_held_becomes_a_finding(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.publish(ORIGINATOR, seal(held))
    places = {ORIGINATOR: (2, b"\x01" * 32), READER: (2, b"\x01" * 32)}
    broker.force(seal(held, chain=places))
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.CHAIN_FORK


@pytest.mark.must("OPEN-19", "OPEN-2")
async def test_a_refused_delivery_is_kept_and_those_behind_it_arrive(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    for text in ("one", "two"):
        broker.publish(ORIGINATOR, seal(held, Content(notice={"title": text}).encode()))
    broker.lie = lie(lambda one: replace(one, signature=bytes(3373)))
    refused, gap = await received(ro)
    assert (refused.kind, refused.reason) == (FindingKind.REFUSED_FRAME, "signature_invalid")
    assert gap.kind is FindingKind.GAP
    assert ro.titles() == ["two"]


@pytest.mark.must("OPEN-20")
async def test_a_frame_that_could_not_be_stored_is_not_acknowledged(
    held: Federation,
    broker: MemoryBroker,
    ro: SimulatedAgency,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_batch: ReceivedBatch, _now: int) -> list[int]:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    broker.publish(ORIGINATOR, seal(held))
    monkeypatch.setattr(ro.store.inbox, "record", full)
    with pytest.raises(AgencyError, match="the disk is full"):
        await ro.receiver.catch_up(EVERYTHING)
    assert not any(broker.cursors.values())
    monkeypatch.undo()
    assert await received(ro) == []
    assert {TOPIC: 1} in broker.cursors.values()
    assert ro.store.inbox.cursors(ro.store.inbox.subscription()) == {TOPIC: 1}


@pytest.mark.must("OPEN-21")
async def test_nobody_supersedes_anothers_notice(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    mine = notice_draft(Content(notice={"title": "mine"}).encode())
    first = held.seal(READER, [mine], to=[ORIGINATOR])
    broker.publish(READER, first)
    reference = NoticeRef(
        originator=READER,
        notice_id=mine.header.notice_id,
        leaf_hash=first.notices[0].leaf_hash,
    )
    broker.publish(ORIGINATOR, seal(held, notice_draft(CONTENT, supersedes=(reference,))))
    (finding,) = await received(ro)
    assert finding.kind is FindingKind.FOREIGN_SUPERSESSION
    states = {one.state for one in ro.store.inbox.browse(InboxQuery(), READER, NOW)}
    assert states == {"current"}


# Root, directory and log.


@pytest.mark.must("ROOT-7")
def test_roots_of_another_federation_than_the_pinned_one_are_refused(held: Federation) -> None:
    roots = [one.encode() for one in held.signed_roots]
    entries = [one.encode() for one in held.signed_entries]
    assert verified_directory(roots, entries, held.id).size == len(entries)
    with pytest.raises(AgencyError) as caught:
        verified_directory(roots, entries, bytes(32))
    assert caught.value.reason is Reason.FEDERATION_MISMATCH


def directory_note(held: Federation, size: int, root: bytes) -> str:
    origin = f"{held.broker.origin}/directory"
    return sign_checkpoint(Checkpoint(origin=origin, size=size, root=root), held.broker.log_seed)


@pytest.mark.must("DIR-13")
async def test_a_directory_that_is_not_that_of_its_checkpoint_is_refused(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    size, root = held.directory.size, held.directory.root
    broker.directory_note = directory_note(held, size, root)
    await ro.directory.sync()
    for note in (
        directory_note(held, size, bytes(32)),
        directory_note(held, size + 1, root),
        sign_checkpoint(
            Checkpoint(origin=held.broker.origin, size=size, root=root), held.broker.log_seed
        ),
        sign_checkpoint(
            Checkpoint(origin=f"{held.broker.origin}/directory", size=size, root=root), bytes(32)
        ),
    ):
        broker.directory_note = note
        with pytest.raises(AgencyError) as caught:
            await ro.directory.sync()
        assert caught.value.reason is Reason.DIRECTORY_INVALID
        assert ro.directory.current.directory.size == size


@pytest.mark.must("DIR-14")
async def test_a_directory_that_shrank_is_refused(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.entries_served = [one.encode() for one in held.signed_entries[:-1]]
    with pytest.raises(AgencyError) as caught:
        await ro.directory.sync()
    assert caught.value.reason is Reason.DIRECTORY_INVALID
    assert ro.directory.current.directory.size == held.directory.size


@pytest.mark.must("LOG-13")
async def test_a_checkpoint_that_does_not_follow_is_not_pinned(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.log.fill(5, NOW)
    pinned = await ro.checkpoints.advance()
    smaller = broker.log.signed(3)
    broker.log.rewritten_from(2, NOW)
    broker.log.fill(1, NOW)
    for note in (smaller, broker.log.signed(5), broker.log.signed(6)):
        broker.log.note = note
        with pytest.raises(AgencyError) as caught:
            await ro.checkpoints.advance()
        assert caught.value.reason is Reason.LOG_INVALID
        assert await ro.checkpoints.pinned() == pinned


@pytest.mark.must("LOG-13")
async def test_a_checkpoint_that_follows_is_pinned(
    broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    for size in (3, 8):
        broker.log.fill(size - broker.log.size, NOW)
        pinned = await ro.checkpoints.advance()
        assert (pinned.size, pinned.root) == (size, merkle.root(broker.log.hashes))


@pytest.mark.must("LOG-6")
async def test_a_leaf_that_contradicts_a_delivery_fails_the_audit(
    held: Federation, broker: MemoryBroker, ro: SimulatedAgency
) -> None:
    broker.publish(ORIGINATOR, seal(held))
    await received(ro)
    before = await ro.audit.audit()
    assert {one.name: one.verdict for one in before.checks}["receipts"] is Verdict.VERIFIED
    broker.log.rewritten_from(broker.log.size - 1, NOW)
    report = await ro.audit.audit()
    failed = {one.name for one in report.checks if one.verdict is Verdict.FAILED}
    assert "receipts" in failed
    assert report.verdict is Verdict.FAILED
