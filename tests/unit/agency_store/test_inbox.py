# SPDX-License-Identifier: Apache-2.0
"""The inbox: a batch is stored whole, whatever was there before, and what it shows is what came."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agency_client.domain.delivery import Cursor, LogReference, Withheld, WithheldReason
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import ChainKey, Evidence, Head, KnownNotice, Link
from agency_client.domain.views import InboxQuery, NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.store.profile_store import ProfileStore
from keys.envelope import Recipient
from keys.framing import u8, u32
from tests.unit.agency_store.samples import (
    AGENCY,
    HOUR,
    KEY,
    NOW,
    OTHER,
    OUTLET,
    TOPIC,
    batch,
    content,
    digest,
    ident,
    kept_frame,
    kept_notice,
    queue,
    receipt,
    send,
)

CHAIN = ChainKey(originator=OTHER, outlet=OUTLET, topic=TOPIC)


def _state(store: ProfileStore, name: str) -> tuple[str, bytes]:
    (row,) = store.inbox.find(ident(name).hex())
    return row.state, row.superseded_by


def _finding(number: int = 0) -> Finding:
    return Finding(
        kind=FindingKind.GAP,
        reason="gap",
        detail=f"finding {number}",
        at_ms=NOW,
        originator=OTHER,
        topic=TOPIC,
        sequence=number,
        seal_id=ident("seal"),
    )


def test_a_notice_is_kept_as_it_came(store: ProfileStore) -> None:
    (row_id,) = store.inbox.record(batch(kept_frame("first", sequence=5)), NOW + 1)
    (row,) = store.inbox.rows([row_id])
    assert (row.originator, row.notice_id, row.topic) == (OTHER, ident("first"), TOPIC)
    assert (row.sequence, row.created_at, row.received_at) == (5, NOW, NOW + 1)
    assert (row.content, row.content_key) == (content(), digest("key first"))
    assert (row.state, row.leaf_hash) == (NoticeState.CURRENT, digest("first"))


def test_row_ids_come_in_the_order_of_the_notices(store: ProfileStore) -> None:
    first = kept_frame("f1", [kept_notice("b"), kept_notice("a", position=1)], sequence=1)
    second = kept_frame("f2", [kept_notice("c")], sequence=2, seq=2)
    ids = store.inbox.record(batch(first, second), NOW)
    names = [row.notice_id for row in store.inbox.rows(ids)]
    assert names == [ident("b"), ident("a"), ident("c")]


def test_a_batch_is_stored_whole_or_not_at_all(store: ProfileStore) -> None:
    good = kept_frame("good")
    bad = kept_frame("bad", seq=2, sequence=1 << 63)
    with pytest.raises(AgencyError) as caught:
        store.inbox.record(
            batch(
                good,
                bad,
                links=[(CHAIN, Link(seq=2, statement_hash=digest("x")))],
                cursors=[Cursor(topic=TOPIC, sequence=2)],
                findings=[Evidence(finding=_finding())],
            ),
            NOW,
        )
    assert caught.value.reason is Reason.MALFORMED
    assert store.inbox.count() == 0
    assert store.inbox.known_frames([(OTHER, good.seal_id)]) == {}
    assert store.inbox.cursors("inbox-1") == {}
    assert store.inbox.links([CHAIN]) == {}
    assert store.inbox.finding_count() == 0


def test_known_frames_say_which_notices_are_held(store: ProfileStore) -> None:
    frame = kept_frame("first", [kept_notice("a"), kept_notice("c", position=2)])
    stub = kept_frame("stub", [], form="stub", seq=2)
    store.inbox.record(batch(frame, stub), NOW)
    wanted = [(OTHER, frame.seal_id), (OTHER, stub.seal_id), (AGENCY, frame.seal_id)]
    known = store.inbox.known_frames(wanted)
    assert set(known) == set(wanted[:2])
    assert known[OTHER, frame.seal_id].positions == {0, 2}
    assert known[OTHER, frame.seal_id].statement_hash == frame.statement_hash
    assert known[OTHER, stub.seal_id].positions == frozenset()


def test_more_ids_than_one_query_takes_are_looked_up(store: ProfileStore) -> None:
    frames = [kept_frame(f"frame {number}", seq=number + 1) for number in range(450)]
    store.inbox.record(batch(*frames), NOW)
    assert len(store.inbox.known_frames([(OTHER, one.seal_id) for one in frames])) == 450
    notices = [(OTHER, ident(f"frame {number}")) for number in range(450)]
    assert len(store.inbox.known_notices(notices)) == 450
    assert [row.id for row in store.inbox.rows(range(450, 0, -1))] == list(range(450, 0, -1))


def test_our_own_notice_is_known_without_a_seal_until_it_comes_back(store: ProfileStore) -> None:
    queue(store.outbox, "first")
    wanted = [(AGENCY, ident("first"))]
    assert store.inbox.known_notices(wanted) == {
        wanted[0]: KnownNotice(seal_id=b"", leaf_hash=digest("first"))
    }
    frame = kept_frame("first", originator=AGENCY)
    store.inbox.record(batch(frame), NOW)
    assert store.inbox.known_notices(wanted)[wanted[0]].seal_id == frame.seal_id


def test_a_redelivered_frame_gains_the_notices_it_lacked(store: ProfileStore) -> None:
    held = Withheld(index=1, reason=WithheldReason.POLICY)
    first = kept_frame("first", [kept_notice("a")], form="partial", withheld=[held])
    store.inbox.record(batch(first), NOW)
    again = kept_frame("first", [kept_notice("b", position=1)], delivery_index=2000)
    (row_id,) = store.inbox.record(batch(again), NOW + 1)
    known = store.inbox.known_frames([(OTHER, first.seal_id)])[OTHER, first.seal_id]
    assert known.positions == {0, 1}
    assert store.inbox.rows([row_id])[0].notice_id == ident("b")
    assert store.inbox.count() == 2
    with store._database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM withheld")).scalar_one() == 0


def test_a_frame_delivered_twice_is_stored_once(store: ProfileStore) -> None:
    first = store.inbox.record(batch(kept_frame("first")), NOW)
    assert store.inbox.record(batch(kept_frame("first")), NOW + 1) == first
    assert store.inbox.count() == 1
    assert store.inbox.rows(first)[0].received_at == NOW


def test_a_newer_notice_supersedes_the_older_one(store: ProfileStore) -> None:
    store.inbox.record(batch(kept_frame("old")), NOW)
    newer = kept_frame("new", [kept_notice("new", supersedes=["old"])], seq=2)
    store.inbox.record(batch(newer), NOW)
    assert _state(store, "old") == (NoticeState.SUPERSEDED, ident("new"))
    assert _state(store, "new") == (NoticeState.CURRENT, b"")


def test_a_newer_notice_may_arrive_before_what_it_supersedes(store: ProfileStore) -> None:
    newer = kept_frame("new", [kept_notice("new", supersedes=["old"])], seq=2)
    store.inbox.record(batch(newer), NOW)
    store.inbox.record(batch(kept_frame("old")), NOW)
    assert _state(store, "old") == (NoticeState.SUPERSEDED, ident("new"))


def test_a_chain_of_supersessions_holds_in_any_order_of_arrival(store: ProfileStore) -> None:
    third = kept_frame("3", [kept_notice("3", supersedes=["2"])], seq=3)
    second = kept_frame("2", [kept_notice("2", supersedes=["1"])], seq=2)
    for frame in (third, kept_frame("1"), second):
        store.inbox.record(batch(frame), NOW)
    states = [_state(store, name)[0] for name in ("1", "2", "3")]
    assert states == [NoticeState.SUPERSEDED, NoticeState.SUPERSEDED, NoticeState.CURRENT]


def test_the_same_id_of_another_originator_is_not_superseded(store: ProfileStore) -> None:
    store.inbox.record(batch(kept_frame("old", originator="hr-ngo")), NOW)
    newer = kept_frame("new", [kept_notice("new", supersedes=["old"])])
    store.inbox.record(batch(newer), NOW)
    assert _state(store, "old") == (NoticeState.CURRENT, b"")


def test_a_superseded_notice_stays_superseded_when_it_is_delivered_again(
    store: ProfileStore,
) -> None:
    store.inbox.record(batch(kept_frame("old")), NOW)
    store.inbox.record(
        batch(kept_frame("new", [kept_notice("new", supersedes=["old"])], seq=2)), NOW
    )
    store.inbox.record(batch(kept_frame("old")), NOW)
    assert _state(store, "old") == (NoticeState.SUPERSEDED, ident("new"))


def test_cursors_are_kept_for_each_subscription_and_never_go_back(store: ProfileStore) -> None:
    for at in (3, 7, 5):
        cursors = [Cursor(topic=TOPIC, sequence=at)]
        store.inbox.record(batch(subscription="one", cursors=cursors), NOW)
    store.inbox.record(batch(subscription="two", cursors=[Cursor(topic=TOPIC, sequence=1)]), NOW)
    assert store.inbox.cursors("one") == {TOPIC: 7}
    assert store.inbox.cursors("two") == {TOPIC: 1}
    assert store.inbox.cursors("three") == {}


def test_a_cursor_is_stored_with_its_frames_and_survives_reopening(
    store: ProfileStore, folder: Path
) -> None:
    frame = kept_frame("first", sequence=4)
    store.inbox.record(batch(frame, cursors=[Cursor(topic=TOPIC, sequence=4)]), NOW)
    store.close()
    again = ProfileStore(folder, KEY, AGENCY)
    assert again.inbox.cursors("inbox-1") == {TOPIC: 4}
    assert len(again.inbox.known_frames([(OTHER, frame.seal_id)])) == 1
    again.close()


def test_a_store_keeps_the_name_of_its_subscription_and_others_have_others(
    store: ProfileStore, folder: Path, tmp_path: Path
) -> None:
    name = store.inbox.subscription()
    assert store.inbox.subscription() == name
    same = ProfileStore(folder, KEY, AGENCY)
    other = ProfileStore(tmp_path / "other", KEY, AGENCY)
    assert same.inbox.subscription() == name
    assert other.inbox.subscription() != name
    same.close()
    other.close()


def test_the_last_link_of_each_chain_is_held(store: ProfileStore) -> None:
    other = replace(CHAIN, topic="missing/children")
    for seq in (1, 2):
        link = Link(seq=seq, statement_hash=digest(f"statement {seq}"))
        store.inbox.record(batch(links=[(CHAIN, link)]), NOW)
    assert store.inbox.links([CHAIN, other]) == {
        CHAIN: Link(seq=2, statement_hash=digest("statement 2"))
    }


def test_missing_numbers_are_kept_and_filled_one_by_one(store: ProfileStore) -> None:
    store.inbox.record(batch(missing=[(CHAIN, 3, 6), (CHAIN, 9, 9)]), NOW)
    assert store.inbox.missing(CHAIN) == ((3, 6), (9, 9))
    for seq, left in [
        (4, ((3, 3), (5, 6), (9, 9))),
        (9, ((3, 3), (5, 6))),
        (3, ((5, 6),)),
        (6, ((5, 5),)),
        (5, ()),
    ]:
        store.inbox.record(batch(found=[(CHAIN, seq)]), NOW)
        assert store.inbox.missing(CHAIN) == left


def test_the_frames_beside_a_number_are_those_of_its_chain(store: ProfileStore) -> None:
    record = Recipient(
        agency=AGENCY, key_id="k", named=False, seq=2, prev=digest("one"), wrap_digest=bytes(32)
    )
    other = replace(CHAIN, topic="missing/children")
    kept = [
        replace(kept_frame(f"{key.topic} {seq} {at}"), key=key, seq=seq, recipient=record.encode())
        for key in (CHAIN, other)
        for seq, copies in ((2, 1), (3, 1), (4, 40))
        for at in range(copies)
    ]
    store.inbox.record(batch(*kept), NOW)
    beside = store.inbox.beside(CHAIN, 3)
    assert {(one.seq, one.prev) for one in beside} == {(2, digest("one")), (4, digest("one"))}
    hashes = {one.statement_hash for one in kept if one.key == CHAIN}
    assert {one.statement_hash for one in beside} <= hashes
    assert len(beside) == 1 + 16
    assert store.inbox.beside(CHAIN, 7) == ()


def test_a_number_that_is_missing_and_found_in_one_batch_is_not_missing(
    store: ProfileStore,
) -> None:
    store.inbox.record(batch(missing=[(CHAIN, 2, 4)], found=[(CHAIN, 3)]), NOW)
    assert store.inbox.missing(CHAIN) == ((2, 2), (4, 4))
    assert store.inbox.missing(replace(CHAIN, outlet=bytes(16))) == ()


def test_findings_are_kept_newest_first(store: ProfileStore) -> None:
    store.inbox.add_findings([Evidence(finding=_finding(1), data=b"proof")])
    store.inbox.record(batch(findings=[Evidence(finding=_finding(2))]), NOW)
    store.inbox.add_findings([])
    assert list(store.inbox.findings(10)) == [_finding(2), _finding(1)]
    assert list(store.inbox.findings(1)) == [_finding(2)]
    assert store.inbox.finding_count() == 2


def test_heads_heard_of_are_kept_once(store: ProfileStore) -> None:
    head = Head(log="acts", size=4, root=digest("root"), originator=OTHER, seal_id=ident("s"))
    store.inbox.record(batch(heads=[head, replace(head, originator="hr-ngo")]), NOW)
    store.inbox.record(batch(heads=[head]), NOW)
    assert list(store.trust.unchecked_heads("acts", 10)) == [head]


@pytest.mark.parametrize("length", [8, 9, 15, 31, 32])
def test_a_notice_is_found_by_the_beginning_of_its_id(store: ProfileStore, length: int) -> None:
    store.inbox.record(batch(kept_frame("first"), kept_frame("second", seq=2)), NOW)
    (row,) = store.inbox.find(ident("first").hex()[:length])
    assert row.notice_id == ident("first")


def test_an_ambiguous_or_unknown_reference_is_told_apart(store: ProfileStore) -> None:
    same = [kept_frame("a", originator=OTHER), kept_frame("a", originator="hr-ngo")]
    store.inbox.record(batch(*same), NOW)
    reference = ident("a").hex()
    assert len(store.inbox.find(reference)) == 2
    assert [row.originator for row in store.inbox.find(reference, "hr-ngo")] == ["hr-ngo"]
    assert store.inbox.find(reference, "it-pol") == ()
    assert store.inbox.find("0" * 31) == ()


def _browsed(store: ProfileStore, *, now: int = NOW, **wanted: Any) -> list[bytes]:
    return [row.notice_id for row in store.inbox.browse(InboxQuery(**wanted), AGENCY, now)]


@pytest.fixture
def shelf(store: ProfileStore) -> ProfileStore:
    """A store with four notices: three of others on two topics, one of our own."""
    store.inbox.record(batch(kept_frame("a")), NOW)
    store.inbox.record(
        batch(kept_frame("b", [kept_notice("b", kind="RED")], topic="missing/children")), NOW
    )
    newer = kept_frame("c", [kept_notice("c", supersedes=["a"])], seq=2)
    store.inbox.record(batch(newer), NOW)
    send(store.outbox, queue(store.outbox, "d"), 1)
    return store


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, "dcba"),
        ({"topics": ("missing/#",)}, "b"),
        ({"topics": ("missing/+", "trafficking/cases")}, "dcba"),
        ({"topics": ("nothing/#",)}, ""),
        ({"types": ("RED",)}, "b"),
        ({"originators": (OTHER,)}, "cba"),
        ({"own": False}, "cba"),
        ({"include_superseded": False}, "dcb"),
        ({"limit": 2}, "dc"),
        ({"before_id": 3}, "ba"),
        ({"after_id": 2}, "dc"),
    ],
)
def test_notices_are_browsed_newest_first_by_a_query(
    shelf: ProfileStore, wanted: dict[str, Any], names: str
) -> None:
    assert _browsed(shelf, **wanted) == [ident(name) for name in names]


def test_what_is_not_valid_yet_is_not_browsed_unless_it_is_our_own(store: ProfileStore) -> None:
    store.inbox.record(batch(kept_frame("a", [kept_notice("a", valid_from=NOW + HOUR)])), NOW)
    queue(store.outbox, "b", valid_from=NOW + HOUR)
    assert _browsed(store) == [ident("b")]
    assert _browsed(store, now=NOW + HOUR) == [ident("b"), ident("a")]


def test_the_first_acknowledgement_stays(shelf: ProfileStore) -> None:
    shelf.inbox.acknowledge(1, NOW, "officer-1")
    shelf.inbox.acknowledge(1, NOW + 1, "officer-2")
    (row,) = shelf.inbox.rows([1])
    assert (row.acknowledged_at, row.acknowledged_by) == (NOW, "officer-1")
    assert _browsed(shelf, unacknowledged=True) == [ident(name) for name in "dcb"]


def test_unknown_rows_are_left_out_and_counts_are_right(shelf: ProfileStore) -> None:
    assert [row.id for row in shelf.inbox.rows([4, 99, 1])] == [4, 1]
    assert shelf.inbox.rows([]) == ()
    assert (shelf.inbox.count(), shelf.inbox.newest_id()) == (4, 4)


def test_an_empty_store_has_no_newest_row(store: ProfileStore) -> None:
    assert (store.inbox.count(), store.inbox.newest_id()) == (0, 0)


def test_leaves_that_we_hold_the_salt_of_come_by_index(store: ProfileStore) -> None:
    send(store.outbox, queue(store.outbox, "own"), 6)
    held = Withheld(index=1, reason=WithheldReason.EXPIRED)
    store.inbox.record(batch(kept_frame("first", sequence=3, withheld=[held])), NOW)
    leaves = store.inbox.owned_leaves(-1, 10)
    assert [(leaf.log.index, leaf.kind) for leaf in leaves] == [
        (3, "publish"),
        (106, "publish"),
        (1003, "deliver"),
    ]
    assert leaves[1].log == receipt(6).log
    assert dict(leaves[1].fields) == {
        "originator": AGENCY,
        "topic": TOPIC,
        "sequence": 6,
        "statement": digest("statement own"),
    }
    assert dict(leaves[2].fields) == {
        "recipient": AGENCY,
        "topic": TOPIC,
        "sequence": 3,
        "statement": digest("statement first"),
        "shown": u32(0),
        "withheld": u32(1) + u8(WithheldReason.EXPIRED.number),
    }
    assert [leaf.log.index for leaf in store.inbox.owned_leaves(3, 1)] == [106]
    assert store.inbox.owned_leaves(1003, 10) == ()


def test_each_delivery_of_a_frame_keeps_its_own_leaf(store: ProfileStore) -> None:
    stub = kept_frame("first", [], form="stub", delivery_kind="stub", delivery_index=50)
    store.inbox.record(batch(stub), NOW)
    store.inbox.record(batch(kept_frame("first", delivery_index=60)), NOW)
    leaves = store.inbox.owned_leaves(-1, 10)[1:]
    assert [(leaf.log.index, leaf.kind, dict(leaf.fields)["shown"]) for leaf in leaves] == [
        (50, "stub", b""),
        (60, "deliver", u32(0)),
    ]


def test_a_delivery_without_a_leaf_gives_none(store: ProfileStore) -> None:
    frame = replace(kept_frame("first"), publish_log=None, delivery_log=None)
    unsalted = replace(
        kept_frame("second", seq=2),
        publish_log=LogReference(index=9, salt=b"", time_ms=NOW),
        delivery_log=LogReference(index=10, salt=b"", time_ms=NOW),
    )
    store.inbox.record(batch(frame, unsalted), NOW)
    assert store.inbox.owned_leaves(-1, 10) == ()
