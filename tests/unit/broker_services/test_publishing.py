# SPDX-License-Identifier: Apache-2.0
"""What is taken, what is refused and why, and what the log says of both."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import BrokerError, Reason
from keys import merkle
from keys.directory import Directory
from keys.entries import LockEntry, TopicEntry
from keys.envelope import MAX_NOTICES, AttachmentRef, Frame, SealedNotice, Statement
from keys.framing import sha256
from keys.identities import generate_decryption_key
from keys.logleaf import check_leaf
from keys.marking import Marking
from keys.signers import generate_signer
from keys.signing import PAYLOAD_FRAME
from tests.simulator.federation import (
    DAY,
    KEYSET,
    NOW,
    TOPIC,
    YEARS,
    Federation,
    build_federation,
    notice_draft,
)
from tests.unit.broker_services.world import LABOUR, MARKING, World, build


async def test_a_frame_is_stored_and_its_receipt_names_a_leaf_that_says_so(world: World) -> None:
    frame = world.seal("gr-pol")
    receipt = await world.services.publishing.publish("gr-pol", frame)
    fields: Any = {
        "originator": "gr-pol",
        "topic": TOPIC,
        "sequence": 1,
        "statement": sha256(frame.statement),
    }
    leaf = world.store.acts[receipt.log.index].leaf()
    assert check_leaf(leaf, receipt.log.salt, "publish", fields).time_ms == receipt.log.time_ms
    assert (receipt.topic, receipt.sequence, receipt.duplicate) == (TOPIC, 1, False)


async def test_every_leaf_has_a_salt_of_its_own(world: World) -> None:
    for _ in range(3):
        await world.publish()
    await world.pull()
    salts = [act.salt for act in world.store.acts]
    assert len(set(salts)) == len(salts)


async def test_two_agencies_number_their_frames_apart(world: World) -> None:
    receipts = [await world.publish(one) for one in ("gr-pol", "cy-pol", "gr-pol", "cy-pol")]
    assert [receipt.sequence for receipt in receipts] == [1, 2, 3, 4]


class LateSalts:
    """Gives the first who asks nothing before the second has asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.second = threading.Event()

    def random(self, count: int) -> bytes:
        self.asked += 1
        if self.asked == 1:
            self.second.wait(timeout=10)
        else:
            self.second.set()
        return bytes(count)


async def test_frames_of_one_agency_are_stored_in_the_order_of_the_calls(world: World) -> None:
    frames = [world.seal("gr-pol") for _ in range(3)]
    publishing = world.services.publishing
    publishing._entropy = LateSalts()
    receipts = await asyncio.gather(*(publishing.publish("gr-pol", one) for one in frames))
    assert [receipt.sequence for receipt in receipts] == [1, 2, 3]


async def test_a_refused_frame_holds_back_none_behind_it(world: World) -> None:
    refused, good = world.seal("ro-pol"), world.seal("gr-pol")
    publish = world.services.publishing.publish
    answers = await asyncio.gather(
        publish("gr-pol", refused), publish("gr-pol", good), return_exceptions=True
    )
    assert isinstance(answers[0], BrokerError)
    assert not isinstance(answers[1], BaseException)


# Limits and authenticity.


def with_notices(frame: Frame, notices: list[SealedNotice]) -> Frame:
    return replace(frame, notices=tuple(notices))


async def test_a_frame_of_257_notices_is_refused(world: World) -> None:
    frame = world.seal("gr-pol", contents=[b"content"] * MAX_NOTICES)
    error = await world.refused("gr-pol", with_notices(frame, [*frame.notices, frame.notices[0]]))
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.metadata == {"limit": "notices", "allowed": "256", "got": "257"}


async def test_a_frame_without_notices_is_refused(world: World) -> None:
    error = await world.refused("gr-pol", with_notices(world.seal("gr-pol"), []))
    assert (error.reason, error.metadata["limit"]) == (Reason.LIMIT_EXCEEDED, "notices")


async def test_more_than_two_mebibytes_of_notices_are_refused(world: World) -> None:
    frame = world.seal("gr-pol")
    large = SealedNotice(header=frame.notices[0].header, body=bytes(2 << 20))
    error = await world.refused("gr-pol", with_notices(frame, [large]))
    assert (error.reason, error.metadata["limit"]) == (Reason.LIMIT_EXCEEDED, "notice_bytes")


async def test_a_frame_of_another_agency_is_refused(world: World) -> None:
    error = await world.refused("cy-pol", world.seal("gr-pol"))
    assert error.reason is Reason.NOT_ORIGINATOR


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("statement", Reason.MALFORMED),
        ("signature", Reason.SIGNATURE_INVALID),
        ("header", Reason.STATEMENT_MISMATCH),
    ],
)
async def test_a_changed_byte_is_refused(world: World, part: str, reason: Reason) -> None:
    frame = world.seal("gr-pol")
    data = bytearray(getattr(frame, part))
    data[0] ^= 1
    changed: dict[str, Any] = {part: bytes(data)}
    error = await world.refused("gr-pol", replace(frame, **changed))
    assert error.reason is reason


async def test_a_statement_changed_in_its_last_byte_is_not_what_was_signed(world: World) -> None:
    frame = world.seal("gr-pol")
    changed = frame.statement[:-1] + bytes([frame.statement[-1] ^ 1])
    error = await world.refused("gr-pol", replace(frame, statement=changed))
    assert error.reason is Reason.SIGNATURE_INVALID


async def test_a_signature_of_a_keyset_that_is_not_enrolled_is_refused(world: World) -> None:
    world.federation.agencies["gr-pol"].signer = generate_signer("2026-12-sign")
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert error.reason is Reason.SIGNATURE_INVALID


async def test_a_signature_of_other_keys_under_an_enrolled_id_is_refused(world: World) -> None:
    world.federation.agencies["gr-pol"].signer = generate_signer(KEYSET)
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert error.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("part", ["recipients", "wraps", "notices"])
async def test_a_part_left_out_is_refused(world: World, part: str) -> None:
    frame = world.seal("gr-pol", contents=[b"one", b"two"])
    shorter = replace(frame, **{part: getattr(frame, part)[:-1]})
    error = await world.refused("gr-pol", shorter)
    assert error.reason is Reason.STATEMENT_MISMATCH


def signed_anew(world: World, frame: Frame) -> Frame:
    """Return a frame with a statement over the notices that it now has."""
    hashes = [notice.leaf_hash for notice in frame.notices]
    before = Statement.decode(frame.statement)
    statement = replace(before, notice_count=len(hashes), notice_root=merkle.root(hashes)).encode()
    signer = world.federation.agencies[before.originator].signer
    return replace(frame, statement=statement, signature=signer.sign(PAYLOAD_FRAME, statement))


async def test_a_notice_id_twice_in_a_frame_is_refused(world: World) -> None:
    frame = world.seal("gr-pol")
    twice = signed_anew(world, with_notices(frame, [*frame.notices] * 2))
    assert (await world.refused("gr-pol", twice)).reason is Reason.MALFORMED


async def test_a_frame_of_another_federation_is_refused(world: World) -> None:
    other = build_federation(["gr-pol", "ro-pol"])
    other.agencies["gr-pol"].signer = world.federation.agencies["gr-pol"].signer
    error = await world.refused("gr-pol", other.seal("gr-pol", to=["ro-pol"], marking=MARKING))
    assert error.reason is Reason.WRONG_FEDERATION


# Idempotency.


async def test_the_same_bytes_again_have_the_first_receipt(world: World) -> None:
    frame = world.seal("gr-pol")
    first = await world.services.publishing.publish("gr-pol", frame)
    again = await world.services.publishing.publish("gr-pol", frame)
    assert again == replace(first, duplicate=True)
    assert world.kinds().count("publish") == 1


async def test_a_known_frame_has_its_receipt_although_it_would_be_refused_today(
    world: World,
) -> None:
    frame = world.seal("gr-pol")
    first = await world.services.publishing.publish("gr-pol", frame)
    await world.narrow()
    world.clock.time += 400 * DAY
    again = await world.services.publishing.publish("gr-pol", frame)
    assert again == replace(first, duplicate=True)


async def test_other_bytes_under_a_known_seal_id_are_refused_also_when_stale(world: World) -> None:
    await world.publish(seal_id=b"s" * 16)
    frame = world.seal("gr-pol", seal_id=b"s" * 16)
    assert (await world.refused("gr-pol", frame)).reason is Reason.ALREADY_EXISTS
    await world.narrow()
    assert (await world.refused("gr-pol", frame)).reason is Reason.ALREADY_EXISTS


async def test_a_retry_that_became_stale_waits_for_the_first_attempt(world: World) -> None:
    frame = world.seal("gr-pol")
    world.store.hold()
    first = asyncio.create_task(world.services.publishing.publish("gr-pol", frame))
    await world.store.wait_held()
    world.clock.time += 400 * DAY
    again = asyncio.create_task(world.services.publishing.publish("gr-pol", frame))
    assert not (await asyncio.wait((again,), timeout=0.3))[0]
    world.store.release()
    assert (await again) == replace(await first, duplicate=True)


async def test_a_publisher_that_goes_away_leaves_a_frame_that_is_delivered(world: World) -> None:
    follower = await world.follow()
    await follower.opened()
    world.store.hold()
    publishing = asyncio.create_task(world.publish())
    await world.store.wait_held()
    publishing.cancel()
    world.store.release()
    assert (await follower.delivered()).frame.sequence == 1


# Staleness.


@pytest.mark.parametrize("later", [31 * DAY, -6 * 60_000])
async def test_a_frame_made_too_far_from_now_is_refused(world: World, later: int) -> None:
    frame = world.seal("gr-pol")
    world.clock.time += later
    assert (await world.refused("gr-pol", frame)).reason is Reason.CLOCK_SKEW


@pytest.mark.parametrize("later", [29 * DAY, -4 * 60_000])
async def test_a_frame_that_waited_in_an_outbox_is_taken(world: World, later: int) -> None:
    frame = world.seal("gr-pol")
    world.clock.time += later
    assert (await world.services.publishing.publish("gr-pol", frame)).sequence == 1


async def test_a_keyset_that_has_ended_does_not_sign_back_in_time(world: World) -> None:
    agency = world.federation.agencies["gr-pol"]
    keyset = agency.signer.public(valid_from=NOW - DAY, valid_until=NOW + 1000)
    world.federation.replace_agency("gr-pol", signing=(keyset,))
    await world.services.directory.load_federation(*world.history())
    frame = world.seal("gr-pol")
    world.clock.time += 2000
    error = await world.refused("gr-pol", frame)
    assert (error.reason, error.metadata) == (
        Reason.RESEAL_REQUIRED,
        {"agency": "gr-pol", "cause": "keyset"},
    )


def fork(federation: Federation) -> None:
    """Put a directory with another last entry in the place of the one that all know."""
    entries = federation.signed_entries[:-1]
    federation.directory = Directory.start(federation.signed_roots).with_entries(entries)
    federation.add(TopicEntry(topic="forked", title="Forked", readers=(), publishers=()))


@pytest.mark.parametrize("is_behind", [False, True])
async def test_a_directory_that_never_was_is_refused(world: World, *, is_behind: bool) -> None:
    if is_behind:
        await world.lock("cy-pol")
    fork(world.federation)
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert (error.reason, error.metadata) == (Reason.RESEAL_REQUIRED, {"cause": "directory"})


async def test_a_directory_ahead_of_the_brokers_is_believed(world: World) -> None:
    world.federation.add_agency("bg-pol")
    assert (await world.publish()).sequence == 1


async def test_a_rule_book_that_moved_on_asks_for_a_new_seal(world: World) -> None:
    frame = world.seal("gr-pol")
    await world.narrow()
    error = await world.refused("gr-pol", frame)
    assert error.reason is Reason.RESEAL_REQUIRED
    assert error.metadata == {
        "agency": "ro-pol",
        "cause": "policy",
        "rules": "X01-not-for-romania",
    }


async def test_a_rule_book_that_was_not_followed_denies(world: World) -> None:
    await world.narrow()
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert error.reason is Reason.DENIED
    assert error.metadata == {"agency": "ro-pol", "rules": "X01-not-for-romania"}


async def test_a_newer_directory_that_changes_nothing_for_the_frame_lets_it_in(
    world: World,
) -> None:
    frame = world.seal("gr-pol")
    world.federation.add_agency("bg-pol")
    await world.services.directory.load_federation(*world.history())
    assert (await world.services.publishing.publish("gr-pol", frame)).sequence == 1


async def test_a_recipient_locked_since_asks_for_a_new_seal(world: World) -> None:
    frame = world.seal("gr-pol")
    await world.lock("ro-pol")
    error = await world.refused("gr-pol", frame)
    assert (error.reason, error.metadata["agency"]) == (Reason.RESEAL_REQUIRED, "ro-pol")
    assert error.metadata["rules"] == "code:inactive"


async def test_an_agreement_that_ended_since_asks_for_a_new_seal(world: World) -> None:
    world.federation.replace_agency("ro-pol", agreement_until=NOW + DAY)
    await world.services.directory.load_federation(*world.history())
    frame = world.seal("gr-pol")
    world.clock.time += 2 * DAY
    error = await world.refused("gr-pol", frame)
    assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "policy")


async def test_a_recipients_key_that_has_ended_asks_for_a_new_seal(world: World) -> None:
    public = world.federation.agencies["ro-pol"].entry.encryption[0]
    ending = replace(public, valid_until=NOW + 1000)
    world.federation.replace_agency("ro-pol", encryption=(ending,))
    await world.services.directory.load_federation(*world.history())
    frame = world.seal("gr-pol")
    world.clock.time += 2000
    error = await world.refused("gr-pol", frame)
    assert (error.reason, error.metadata) == (
        Reason.RESEAL_REQUIRED,
        {"agency": "ro-pol", "cause": "key"},
    )


async def test_a_wrap_for_a_key_that_is_not_the_recipients_is_refused(world: World) -> None:
    hidden = generate_decryption_key("hidden")
    key = hidden.public(valid_from=NOW - DAY, valid_until=NOW + YEARS)
    agency = world.federation.agencies["ro-pol"]
    agency.entry = replace(agency.entry, encryption=(key,))
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "key")


# Rules.


async def test_a_topic_that_does_not_exist_is_refused(world: World) -> None:
    error = await world.refused("gr-pol", world.seal("gr-pol", topic="trafficking/nothing"))
    assert (error.reason, error.metadata) == (
        Reason.TOPIC_UNKNOWN,
        {"topic": "trafficking/nothing"},
    )


async def test_a_marking_that_no_rule_knows_is_denied(world: World) -> None:
    odd = Marking(type="UNHEARD_OF", tlp="AMBER")
    error = await world.refused("gr-pol", world.seal("gr-pol", marking=odd))
    assert error.reason is Reason.DENIED


async def test_a_recipient_that_the_rules_never_allowed_is_denied(world: World) -> None:
    error = await world.refused("gr-pol", world.seal("gr-pol", to=["ro-pol", "hr-ngo"]))
    assert error.reason is Reason.DENIED
    assert error.metadata == {"agency": "hr-ngo", "rules": "F08-ngo-sanitised-only"}


async def test_a_country_that_the_originator_excluded_gets_nothing(world: World) -> None:
    marking = replace(MARKING, not_for=("RO",))
    error = await world.refused("gr-pol", world.seal("gr-pol", marking=marking))
    assert error.metadata["rules"] == "F05-national-restriction-deliver"


async def test_a_locked_agency_publishes_nothing(world: World) -> None:
    frame = world.seal("gr-pol")
    await world.lock("gr-pol")
    assert (await world.refused("gr-pol", frame)).reason is Reason.AGENCY_LOCKED


async def test_a_retired_agency_is_nobody(world: World) -> None:
    frame = world.seal("gr-pol")
    await world.services.directory.submit(world.federation.retire("gr-pol").encode())
    assert (await world.refused("gr-pol", frame)).reason is Reason.UNAUTHENTICATED


async def test_no_frame_follows_its_agencys_lock_in_the_log(world: World) -> None:
    frames = [world.seal("gr-pol") for _ in range(20)]
    publish = world.services.publishing.publish
    await publish("gr-pol", frames[0])
    publishing = [asyncio.create_task(publish("gr-pol", frame)) for frame in frames[1:]]
    await world.submit(LockEntry(agency="gr-pol", reason="stolen"))
    await asyncio.gather(*publishing, return_exceptions=True)
    kinds = world.kinds()
    assert "publish" not in kinds[kinds.index("lock") :]


# Of the store.


async def test_an_attachment_that_was_not_uploaded_is_missing(world: World) -> None:
    listed = AttachmentRef(id=b"a" * 16, digest=b"d" * 32, length=10)
    frame = world.seal("gr-pol", contents=[notice_draft(attachments=(listed,))])
    error = await world.refused("gr-pol", frame)
    assert (error.reason, error.metadata) == (
        Reason.ATTACHMENT_MISSING,
        {"attachment": (b"a" * 16).hex()},
    )


async def test_a_frame_that_does_not_follow_its_chain_is_refused(world: World) -> None:
    world.seal("gr-pol")
    error = await world.refused("gr-pol", world.seal("gr-pol"))
    assert (error.reason, error.metadata) == (
        Reason.CHAIN_BROKEN,
        {"agency": "gr-pol", "expected": "1"},
    )


@pytest.mark.parametrize("reason", [Reason.STORAGE_FULL, Reason.READ_ONLY, Reason.OUTCOME_UNKNOWN])
async def test_nothing_is_acknowledged_when_the_store_fails(world: World, reason: Reason) -> None:
    size = len(world.store.acts)
    frame = world.seal("gr-pol")
    world.store.fail(reason)
    assert (await world.refused("gr-pol", frame)).reason is reason
    assert len(world.store.acts) == size


async def test_the_same_bytes_go_in_once_the_store_has_room(world: World) -> None:
    frame = world.seal("gr-pol")
    world.store.fail(Reason.STORAGE_FULL)
    await world.refused("gr-pol", frame)
    world.store.fail(None)
    assert not (await world.services.publishing.publish("gr-pol", frame)).duplicate


async def test_a_draining_broker_takes_nothing_new_and_answers_what_it_took(world: World) -> None:
    world.store.hold()
    taken = asyncio.create_task(world.publish())
    await world.store.wait_held()
    world.services.publishing.drain()
    with pytest.raises(BrokerError) as refused:
        await world.publish("cy-pol")
    world.store.release()
    assert refused.value.reason is Reason.DRAINING
    assert (await taken).sequence == 1


async def test_without_a_federation_everything_is_refused() -> None:
    world = await World.without_federation(build())
    assert (await world.refused("gr-pol", world.seal("gr-pol"))).reason is Reason.UNAUTHENTICATED


async def test_what_topics_agencies_may_know_of_is_told(world: World) -> None:
    await world.publish()
    views = await world.services.subscriptions.topics("ro-pol")
    assert [(view.name, view.head, view.may_publish, view.may_subscribe) for view in views] == [
        (TOPIC, 1, True, True),
        (LABOUR, 0, True, True),
    ]
