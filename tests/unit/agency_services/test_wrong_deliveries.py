# SPDX-License-Identifier: Apache-2.0
"""Every wrong delivery becomes the right finding, keeps its evidence, and the feed goes on.

The broker lies about what it stored, or an originator signs what it should not. In each case an
honest notice stands behind, and it must arrive.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from agency_client.domain.content import Content
from agency_client.domain.delivery import Delivery, Filter, Withheld, WithheldReason
from agency_client.domain.findings import Finding, FindingKind
from keys import merkle
from keys.changes import RevokeEntry
from keys.envelope import FrameHeader, Marking, NoticeRef, Recipient, Statement
from keys.framing import sha256
from keys.hpke import wrap, wrap_info
from keys.sealing import NoticeDraft
from keys.signers import generate_signer
from keys.signing import PAYLOAD_FRAME
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import DAY, NOW, TOPIC, notice_draft

FIRST = {name: (1, bytes(32)) for name in ("gr-pol", "ro-pol")}
"""The beginning of a chain: a frame sealed with it does not count in the federation's own."""

Lie = Callable[[Delivery], Delivery]


def content(text: str) -> bytes:
    return Content(notice={"type": "BLUE", "title": text}).encode()


def draft(text: str, **more: object) -> NoticeDraft:
    return notice_draft(content(text), **more)  # type: ignore[arg-type]


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def about_first(lie: Lie) -> Callable[[str, Delivery], Iterable[Delivery]]:
    return lambda _, delivery: (lie(delivery) if delivery.sequence == 1 else delivery,)


def changed_body(delivery: Delivery) -> Delivery:
    first, *others = delivery.notices
    return replace(delivery, notices=(replace(first, body=flipped(first.body)), *others))


def changed_notice_header(delivery: Delivery) -> Delivery:
    first, *others = delivery.notices
    return replace(delivery, notices=(replace(first, header=flipped(first.header)), *others))


def reordered_notices(delivery: Delivery) -> Delivery:
    return replace(delivery, notices=delivery.notices[::-1])


def swapped_bodies(delivery: Delivery) -> Delivery:
    one, two = delivery.notices
    return replace(delivery, notices=(replace(one, body=two.body), replace(two, body=one.body)))


def missing_notice(delivery: Delivery) -> Delivery:
    return replace(delivery, notices=delivery.notices[:1])


def withheld_and_delivered(delivery: Delivery) -> Delivery:
    again = Withheld(index=0, reason=WithheldReason.POLICY)
    return replace(delivery, withheld=(again,))


def withheld_beyond(delivery: Delivery) -> Delivery:
    beyond = Withheld(index=7, reason=WithheldReason.POLICY)
    return replace(delivery, notices=(), wrap=b"", withheld=(beyond,))


def withheld_whole(delivery: Delivery) -> Delivery:
    withheld = tuple(Withheld(index=at, reason=WithheldReason.POLICY) for at in (0, 1))
    return replace(delivery, notices=(), wrap=b"", withheld=withheld)


def withheld_backward(delivery: Delivery) -> Delivery:
    whole = withheld_whole(delivery)
    return replace(whole, withheld=whole.withheld[::-1])


def wrap_alone(delivery: Delivery) -> Delivery:
    return replace(withheld_whole(delivery), wrap=delivery.wrap)


LIES: dict[str, tuple[Lie, str]] = {
    "a body changed in one bit": (changed_body, "statement_mismatch"),
    "a notice header changed in one bit": (changed_notice_header, "statement_mismatch"),
    "notices in another order": (reordered_notices, "repeated_id"),
    "bodies that changed places": (swapped_bodies, "statement_mismatch"),
    "a notice left out unsaid": (missing_notice, "proof_invalid"),
    "an index both withheld and delivered": (withheld_and_delivered, "repeated_id"),
    "an index that the frame does not have": (withheld_beyond, "statement_mismatch"),
    "withheld indices out of order": (withheld_backward, "repeated_id"),
    "a wrap without a notice": (wrap_alone, "malformed"),
    "a stub with notices": (lambda one: replace(one, stub=True), "malformed"),
    "a stub that withholds": (lambda one: replace(withheld_whole(one), stub=True), "malformed"),
    "a changed frame header": (
        lambda one: replace(one, header=flipped(one.header)),
        "statement_mismatch",
    ),
    "a changed statement": (
        lambda one: replace(one, statement=flipped(one.statement)),
        "signature_invalid",
    ),
    "a changed signature": (
        lambda one: replace(one, signature=flipped(one.signature)),
        "signature_invalid",
    ),
    "no signature": (lambda one: replace(one, signature=b""), "signature_invalid"),
    "a changed recipient": (
        lambda one: replace(one, recipient=flipped(one.recipient)),
        "proof_invalid",
    ),
    "another place among the recipients": (
        lambda one: replace(one, recipient_index=0),
        "proof_invalid",
    ),
    "a recipient's path that is too short": (
        lambda one: replace(one, recipient_path=one.recipient_path[:-1]),
        "proof_invalid",
    ),
    "a changed wrap": (lambda one: replace(one, wrap=flipped(one.wrap)), "statement_mismatch"),
    "no wrap": (lambda one: replace(one, wrap=b""), "statement_mismatch"),
    "bytes that are no statement": (lambda one: replace(one, statement=b"\xff"), "malformed"),
    "an empty delivery": (
        lambda one: replace(one, statement=b"", signature=b"", header=b""),
        "malformed",
    ),
}


@pytest.mark.parametrize("name", LIES)
async def test_a_delivery_that_does_not_verify_is_set_aside_and_the_next_arrives(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker, name: str
) -> None:
    lie, reason = LIES[name]
    broker.lie = about_first(lie)
    await gr.publish(Draft(text="one"), Draft(text="two"))
    await gr.publish(Draft(text="behind"))
    report = await ro.receiver.catch_up(EVERYTHING)
    finding = report.findings[0]
    assert (finding.kind, finding.reason) == (FindingKind.REFUSED_FRAME, reason)
    assert (finding.topic, finding.sequence) == (TOPIC, 1)
    assert ro.titles() == ["behind"]
    assert ("ro-pol", ro.store.inbox.subscription()) in broker.cursors


async def test_what_was_refused_counts_as_missing_until_it_comes_right(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = about_first(changed_body)
    await gr.publish(Draft(text="one"))
    await gr.publish(Draft(text="behind"))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.REFUSED_FRAME, FindingKind.GAP]


async def test_a_record_for_another_agency_is_refused(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    def for_bulgaria(_: str, one: Delivery) -> Iterable[Delivery]:
        theirs = broker.delivery("bg-pol", TOPIC, one.sequence, EVERYTHING)
        return () if theirs is None else (theirs,)

    broker.lie = for_bulgaria
    await gr.publish(Draft())
    (finding,) = (await ro.receiver.catch_up(EVERYTHING)).findings
    assert finding.reason == "not_a_recipient"
    assert ro.store.inbox.count() == 0


async def test_a_frame_shown_under_another_topic_is_refused(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.lie = lambda _, one: (replace(one, topic="missing/persons"),)
    await gr.publish(Draft())
    (finding,) = (await ro.receiver.catch_up(EVERYTHING)).findings
    assert finding.reason == "wrong_topic"


async def test_a_topic_that_was_not_subscribed_to_is_refused(
    gr: SimulatedAgency, ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    await gr.publish(Draft())
    stray = broker.delivery("ro-pol", TOPIC, 1, EVERYTHING)
    assert stray is not None
    batch = await ro.receiver.store("inbox-test", [stray], Filter(topics=("missing/#",)))
    assert [one.reason for one in batch.findings] == ["wrong_topic"]
    assert batch.rows == ()


# Originators that sign what they should not.


async def refused_frame(ro: SimulatedAgency) -> Finding:
    """Receive a bad frame and an honest one behind it; return the finding about the bad one."""
    behind = ro.federation.seal("gr-pol", [content("behind")], to=("ro-pol",))
    ro.broker.force(behind)
    report = await ro.receiver.catch_up(EVERYTHING)
    assert ro.titles() == ["behind"]
    (finding,) = report.findings
    return finding


async def test_a_frame_of_another_federation_is_refused(ro: SimulatedAgency) -> None:
    other = working_federation()
    foreign = replace(ro.federation, directory=other.directory)
    ro.broker.force(foreign.seal("gr-pol", [content("foreign")], to=("ro-pol",), chain=FIRST))
    assert (await refused_frame(ro)).reason == "foreign_federation"


async def test_a_frame_under_a_key_that_the_directory_never_had_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    gr = ro.federation.agencies["gr-pol"]
    true, gr.signer = gr.signer, generate_signer("stolen-2026")
    frame = ro.federation.seal("gr-pol", [content("forged")], to=("ro-pol",), chain=FIRST)
    gr.signer = true
    broker.force(frame)
    finding = await refused_frame(ro)
    assert finding.reason == "unknown_keyset"
    assert broker.calls["entries"] > 0


async def test_a_body_that_holds_no_content_is_refused_and_its_number_counts(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.force(ro.federation.seal("gr-pol", [b"not a document"], to=("ro-pol",)))
    finding = await refused_frame(ro)
    assert (finding.reason, finding.originator) == ("body_invalid", "gr-pol")


async def test_a_wrap_to_another_key_than_the_committed_one_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    federation = ro.federation
    frame = federation.seal("gr-pol", [content("two texts")], to=("ro-pol",))
    records = [Recipient.decode(one) for one in frame.recipients]
    place = next(at for at, one in enumerate(records) if one.agency == "ro-pol")
    key = federation.agencies["ro-pol"].entry.encryption[0]
    info = wrap_info(sha256(frame.header), "ro-pol", key.key_id)
    other = wrap(key.public, info, bytes(32))
    records[place] = replace(records[place], wrap_digest=sha256(other))
    encoded = tuple(one.encode() for one in records)
    statement = replace(
        Statement.decode(frame.statement),
        recipient_root=merkle.root([merkle.hash_leaf(one) for one in encoded]),
    ).encode()
    gr = federation.agencies["gr-pol"]
    gr.chain[TOPIC, "ro-pol"] = (1, sha256(statement))
    broker.force(
        replace(
            frame,
            recipients=encoded,
            wraps=tuple(other if at == place else one for at, one in enumerate(frame.wraps)),
            statement=statement,
            signature=gr.signer.sign(PAYLOAD_FRAME, statement),
        )
    )
    assert (await refused_frame(ro)).reason == "commitment_mismatch"


async def test_what_our_own_rule_book_refuses_is_not_opened(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.obeys_rules = False
    red = Marking(type="BLUE", tlp="RED", purposes=("INVESTIGATION",))
    broker.force(ro.federation.seal("gr-pol", [content("red")], to=("ro-pol",), marking=red))
    finding = await refused_frame(ro)
    assert (finding.kind, finding.reason) == (FindingKind.POLICY, "denied")
    assert "F01-tlp-red-named-only" in finding.detail


async def test_another_statement_under_a_known_seal_id_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    seal = ro.federation.seal
    first = seal("gr-pol", [content("behind")], to=("ro-pol",), seal_id=bytes(16))
    second = seal("gr-pol", [content("other")], to=("ro-pol",), seal_id=bytes(16))
    broker.force(first)
    broker.force(second)
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.REPEATED_SEAL]
    assert ro.titles() == ["behind"]


async def test_a_notice_id_that_is_known_from_another_frame_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    first = draft("first")
    again = NoticeDraft(header=first.header, content=content("other"))
    broker.force(ro.federation.seal("gr-pol", [first], to=("ro-pol",)))
    broker.force(ro.federation.seal("gr-pol", [again, draft("beside it")], to=("ro-pol",)))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.REPEATED_NOTICE]
    assert ro.titles() == ["first"]


async def test_the_same_notice_id_of_two_originators_is_two_notices(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    first = draft("of gr")
    other = NoticeDraft(header=first.header, content=content("of bg"))
    broker.force(ro.federation.seal("gr-pol", [first], to=("ro-pol",)))
    broker.force(ro.federation.seal("bg-pol", [other], to=("ro-pol",)))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert report.findings == ()
    assert ro.titles() == ["of gr", "of bg"]


async def test_a_frame_that_does_not_follow_the_one_held_is_a_fork(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    frames = [ro.federation.seal("gr-pol", [content("one")], to=("ro-pol",))]
    wrong = {name: (2, sha256(b"another history")) for name in ("gr-pol", "ro-pol")}
    frames.append(ro.federation.seal("gr-pol", [content("two")], to=("ro-pol",), chain=wrong))
    for frame in frames:
        broker.force(frame)
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.CHAIN_FORK]
    assert ro.titles() == ["one", "two"]


async def test_a_number_that_was_used_before_is_a_fork(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    for text in ("one", "two"):
        broker.force(ro.federation.seal("gr-pol", [content(text)], to=("ro-pol",), chain=FIRST))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.CHAIN_FORK]
    assert report.findings[0].detail == "number 1 is held with another statement"


def at(seq: int, prev: bytes) -> dict[str, tuple[int, bytes]]:
    """Return a place in the chains to both, for a frame that does not follow the federation's."""
    return dict.fromkeys(("gr-pol", "ro-pol"), (seq, prev))


@pytest.mark.parametrize("batches", [1, 2], ids=["in one batch", "from the store"])
@pytest.mark.parametrize("place", ["prev", "successor", "honest"])
async def test_a_late_frame_must_fit_those_beside_it(
    ro: SimulatedAgency, broker: MemoryBroker, place: str, batches: int
) -> None:
    seal = ro.federation.seal
    one = seal("gr-pol", [content("one")], to=("ro-pol",), chain=FIRST)
    prev = sha256(one.statement)
    lost = seal("gr-pol", [content("lost")], to=("ro-pol",), chain=at(2, prev))
    three = seal("gr-pol", [content("three")], to=("ro-pol",), chain=at(3, sha256(lost.statement)))
    late = {
        "prev": seal("gr-pol", [content("late")], to=("ro-pol",), chain=at(2, b"\x01" * 32)),
        "successor": seal("gr-pol", [content("late")], to=("ro-pol",), chain=at(2, prev)),
        "honest": lost,
    }[place]
    for frame in (one, three):
        broker.force(frame)
    found = [] if batches == 1 else [*(await ro.receiver.catch_up(EVERYTHING)).findings]
    broker.force(late)
    found += (await ro.receiver.catch_up(EVERYTHING)).findings
    kinds = [FindingKind.GAP, FindingKind.LATE, FindingKind.CHAIN_FORK]
    assert [one.kind for one in found] == (kinds[:2] if place == "honest" else kinds)
    assert len(ro.titles()) == 3


async def test_nobody_supersedes_the_notice_of_another(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    victim = draft("of gr")
    frame = ro.federation.seal("gr-pol", [victim], to=("ro-pol", "bg-pol"))
    ref = NoticeRef(
        originator="gr-pol",
        notice_id=victim.header.notice_id,
        leaf_hash=frame.notices[0].leaf_hash,
    )
    broker.force(frame)
    broker.force(ro.federation.seal("bg-pol", [draft("of bg", supersedes=(ref,))], to=("ro-pol",)))
    report = await ro.receiver.catch_up(EVERYTHING)
    assert [one.kind for one in report.findings] == [FindingKind.FOREIGN_SUPERSESSION]
    (row,) = ro.store.inbox.find(victim.header.notice_id.hex())
    assert row.state == "current"


async def test_a_finding_keeps_who_signed_what_as_evidence(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    frame = ro.federation.seal("gr-pol", [b"not a document"], to=("ro-pol",))
    broker.force(frame)
    stray = broker.delivery("ro-pol", TOPIC, 1, EVERYTHING)
    assert stray is not None
    await ro.receiver.catch_up(EVERYTHING)
    (finding,) = ro.store.inbox.findings(10)
    assert finding.seal_id == FrameHeader.decode(frame.header).seal_id
    assert finding.at_ms == NOW


async def test_expired_keys_of_an_originator_do_not_sign(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    federation = ro.federation
    (keyset,) = federation.agencies["gr-pol"].entry.signing
    federation.replace_agency("gr-pol", signing=(replace(keyset, valid_until=NOW + DAY),))
    await ro.directory.sync()
    frame = federation.seal(
        "gr-pol", [content("late")], to=("ro-pol",), now=NOW + 2 * DAY, chain=FIRST
    )
    broker.force(frame)
    finding = await refused_frame(ro)
    assert finding.reason == "expired"


@pytest.mark.must("DIR-18")
@pytest.mark.parametrize(("from_index", "is_refused"), [(0, True), (1_000, False)])
async def test_what_a_revoked_keyset_signed_counts_below_its_index_alone(
    ro: SimulatedAgency, broker: MemoryBroker, from_index: int, *, is_refused: bool
) -> None:
    federation = ro.federation
    (keyset,) = federation.agencies["gr-pol"].entry.signing
    federation.add(
        RevokeEntry(
            agency="gr-pol",
            what="keyset",
            key_id=keyset.keyset_id,
            from_index=from_index,
            reason="stolen laptop",
        )
    )
    await ro.directory.sync()
    frame = federation.seal("gr-pol", [content("text")], to=("ro-pol",), chain=FIRST)
    broker.force(frame)
    report = await ro.receiver.catch_up(EVERYTHING)
    assert report.notices == (0 if is_refused else 1)
    assert [one.reason for one in report.findings] == (["expired"] if is_refused else [])
