# SPDX-License-Identifier: Apache-2.0
"""The outbox: what is queued is durable and numbered, and moves by the table of states only."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from agency_client.domain.outbox import MOVES, FrameState
from agency_client.domain.records import FIRST_LINK, Link
from agency_client.domain.views import NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Outbox
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import (
    AGENCY,
    KEY,
    NOW,
    OTHER,
    TOPIC,
    batch,
    digest,
    ident,
    kept_frame,
    kept_notice,
    own_notice,
    queue,
    receipt,
    refusal,
    sealed,
    send,
)

STALE = refusal(Reason.RESEAL_REQUIRED)


def _notice_state(store: ProfileStore, name: str) -> NoticeState:
    (row,) = store.inbox.find(ident(name).hex())
    return NoticeState(row.state)


def _seq(outbox: Outbox, agency: str = AGENCY, topic: str = TOPIC) -> int:
    return outbox.links(outbox.outlet(), topic, [agency])[agency].seq


def test_a_queued_frame_is_kept_as_it_was_sealed(store: ProfileStore) -> None:
    frame = sealed(store.outbox, "first")
    own = [own_notice("a"), own_notice("b", position=1, supersedes=["a"])]
    frame_id = store.outbox.append(frame, own)
    assert store.outbox.frame(frame_id) == replace(frame, id=frame_id)
    assert list(store.outbox.notices(frame_id)) == own
    assert store.outbox.waiting() == (replace(frame, id=frame_id, frame=b""),)
    assert store.outbox.count() == (1, 2)


def test_frames_wait_oldest_first(store: ProfileStore) -> None:
    ids = [queue(store.outbox, name) for name in ("a", "b", "c")]
    assert [frame.id for frame in store.outbox.waiting()] == ids


def test_each_recipient_is_numbered_by_itself_on_each_topic(store: ProfileStore) -> None:
    store.outbox.append(sealed(store.outbox, "a", to=[AGENCY, OTHER]), [own_notice("a")])
    store.outbox.append(sealed(store.outbox, "b", to=[AGENCY]), [own_notice("b")])
    queue(store.outbox, "c", topic="missing/children")
    links = store.outbox.links(store.outbox.outlet(), TOPIC, [AGENCY, OTHER, "hr-ngo"])
    assert links == {
        AGENCY: Link(seq=2, statement_hash=digest("statement b")),
        OTHER: Link(seq=1, statement_hash=digest("statement a")),
        "hr-ngo": FIRST_LINK,
    }
    assert _seq(store.outbox, topic="missing/children") == 1


def test_a_frame_and_its_numbers_are_there_after_reopening(
    store: ProfileStore, folder: Path
) -> None:
    frame_id = queue(store.outbox, "first")
    store.close()
    again = ProfileStore(folder, KEY, AGENCY)
    assert again.outbox.frame(frame_id).frame == b"sealed bytes of first"
    assert _seq(again.outbox) == 1
    again.close()


def test_a_notice_id_is_queued_once_and_nothing_of_the_second_frame_is_kept(
    store: ProfileStore,
) -> None:
    queue(store.outbox, "first")
    frame = sealed(store.outbox, "second")
    with pytest.raises(AgencyError, match="was published before") as caught:
        store.outbox.append(frame, [own_notice("new"), own_notice("first", position=1)])
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert store.outbox.count() == (1, 1)
    assert store.inbox.find(ident("new").hex()) == ()
    assert _seq(store.outbox) == 1


@pytest.mark.parametrize("ahead", [-1, 1, 5])
def test_numbers_that_do_not_follow_are_refused_and_nothing_is_kept(
    store: ProfileStore, ahead: int
) -> None:
    queue(store.outbox, "first")
    frame = sealed(store.outbox, "second")
    wrong = tuple((agency, seq + ahead * (agency == OTHER)) for agency, seq in frame.recipients)
    with pytest.raises(AgencyError, match=f"number {2 + ahead} to {OTHER}.*expected 2") as caught:
        store.outbox.append(replace(frame, recipients=wrong), [own_notice("second")])
    assert caught.value.reason is Reason.CHAIN_BROKEN
    assert caught.value.metadata == {"agency": OTHER}
    assert store.outbox.count() == (1, 1)
    assert (_seq(store.outbox), _seq(store.outbox, OTHER)) == (1, 1)


def test_an_accepted_frame_has_its_receipt_and_waits_no_more(store: ProfileStore) -> None:
    frame_id = queue(store.outbox, "first")
    send(store.outbox, frame_id, 7)
    frame = store.outbox.frame(frame_id)
    assert (frame.state, frame.sequence, frame.log) == (FrameState.ACCEPTED, 7, receipt(7).log)
    assert frame.frame == b""
    assert store.outbox.count() == (0, 0)
    (row,) = store.inbox.find(ident("first").hex())
    assert (row.state, row.sequence) == (NoticeState.CURRENT, 7)


def test_a_refused_frame_says_why_and_waits_no_more(store: ProfileStore) -> None:
    frame_id = queue(store.outbox, "first")
    store.outbox.set_refused(frame_id, refusal())
    frame = store.outbox.frame(frame_id)
    assert (frame.state, frame.reason, frame.message) == (
        FrameState.REFUSED,
        "DENIED",
        "no rule permits it",
    )
    assert store.outbox.count() == (0, 0)
    assert _notice_state(store, "first") is NoticeState.REFUSED


def _move(store: ProfileStore, frame_id: int, to: FrameState) -> None:
    outbox = store.outbox
    moves = {
        FrameState.QUEUED: lambda: outbox.resealed(
            sealed(outbox, "anew", frame_id=frame_id), [own_notice("first")]
        ),
        FrameState.SENT: lambda: outbox.set_sent([frame_id]),
        FrameState.ACCEPTED: lambda: outbox.set_accepted([(frame_id, receipt(1))]),
        FrameState.STALE: lambda: outbox.set_stale(frame_id, STALE),
        FrameState.REFUSED: lambda: outbox.set_refused(frame_id, refusal()),
    }
    moves[to]()


_PATHS = {
    FrameState.QUEUED: (),
    FrameState.SENT: (FrameState.SENT,),
    FrameState.STALE: (FrameState.SENT, FrameState.STALE),
    FrameState.ACCEPTED: (FrameState.SENT, FrameState.ACCEPTED),
    FrameState.REFUSED: (FrameState.REFUSED,),
}


@pytest.mark.parametrize(("state", "to"), list(product(FrameState, FrameState)))
def test_a_frame_moves_by_the_table_and_otherwise_stays(
    store: ProfileStore, state: FrameState, to: FrameState
) -> None:
    frame_id = queue(store.outbox, "first")
    for step in _PATHS[state]:
        _move(store, frame_id, step)
    before = store.outbox.frame(frame_id)
    assert before.state is state
    if to in MOVES[state]:
        _move(store, frame_id, to)
        assert store.outbox.frame(frame_id).state is to
    else:
        with pytest.raises(ValueError, match=f"cannot go from {state} to {to}"):
            _move(store, frame_id, to)
        assert store.outbox.frame(frame_id) == before


def test_receipts_are_stored_together_or_not_at_all(store: ProfileStore) -> None:
    first, second = queue(store.outbox, "first"), queue(store.outbox, "second")
    store.outbox.set_sent([first])
    with pytest.raises(ValueError, match="cannot go from queued to accepted"):
        store.outbox.set_accepted([(first, receipt(1)), (second, receipt(2))])
    assert store.outbox.frame(first).state is FrameState.SENT
    assert _notice_state(store, "first") is NoticeState.QUEUED


def test_rewinding_takes_back_numbers_that_were_not_accepted(store: ProfileStore) -> None:
    first = queue(store.outbox, "first")
    second, third = queue(store.outbox, "second"), queue(store.outbox, "third")
    other = queue(store.outbox, "other", topic="missing/children")
    send(store.outbox, first, 1)
    store.outbox.set_sent([second])
    store.outbox.set_stale(second, STALE)
    store.outbox.rewind(store.outbox.outlet(), TOPIC)
    links = store.outbox.links(store.outbox.outlet(), TOPIC, [AGENCY])
    assert links[AGENCY] == Link(seq=1, statement_hash=digest("statement first"))
    states = {frame.id: frame.state for frame in store.outbox.waiting()}
    assert states == {
        second: FrameState.STALE,
        third: FrameState.STALE,
        other: FrameState.QUEUED,
    }
    assert _seq(store.outbox, topic="missing/children") == 1


def test_rewinding_leaves_a_frame_with_an_unknown_outcome_as_it_is(store: ProfileStore) -> None:
    first = queue(store.outbox, "first")
    store.outbox.set_sent([first])
    store.outbox.rewind(store.outbox.outlet(), TOPIC)
    assert store.outbox.frame(first).state is FrameState.SENT
    assert store.outbox.frame(first).frame == b"sealed bytes of first"


def test_a_resealed_frame_has_new_bytes_and_numbers_and_the_same_notices(
    store: ProfileStore,
) -> None:
    first, second = queue(store.outbox, "first"), queue(store.outbox, "second")
    store.outbox.set_sent([first])
    store.outbox.set_refused(first, refusal())
    store.outbox.rewind(store.outbox.outlet(), TOPIC)
    anew = replace(own_notice("second"), header=b"header anew", leaf_hash=digest("leaf anew"))
    store.outbox.resealed(sealed(store.outbox, "anew", frame_id=second), [anew])
    frame = store.outbox.frame(second)
    assert (frame.state, frame.recipients) == (FrameState.QUEUED, ((AGENCY, 1), (OTHER, 1)))
    assert (frame.seal_id, frame.frame) == (ident("seal anew"), b"sealed bytes of anew")
    assert list(store.outbox.notices(second)) == [anew]
    assert store.outbox.count() == (1, 1)


def test_resealing_with_numbers_that_do_not_follow_is_refused_and_changes_nothing(
    store: ProfileStore,
) -> None:
    first = queue(store.outbox, "first")
    store.outbox.set_stale(first, STALE)
    before = store.outbox.frame(first)
    frame = replace(sealed(store.outbox, "anew", frame_id=first), recipients=((AGENCY, 1),))
    with pytest.raises(AgencyError) as caught:
        store.outbox.resealed(frame, [own_notice("first")])
    assert caught.value.reason is Reason.CHAIN_BROKEN
    assert store.outbox.frame(first) == before


def test_how_often_a_frame_was_resealed_is_counted(store: ProfileStore) -> None:
    first = queue(store.outbox, "first")
    for expected in (1, 2, 3):
        store.outbox.set_stale(first, STALE)
        assert store.outbox.frame(first).reseals == expected
        store.outbox.rewind(store.outbox.outlet(), TOPIC)
        store.outbox.resealed(
            sealed(store.outbox, f"seal {expected}", frame_id=first), [own_notice("first")]
        )


def test_an_old_notice_is_superseded_when_the_new_one_is_accepted_and_not_before(
    store: ProfileStore,
) -> None:
    send(store.outbox, queue(store.outbox, "old"), 1)
    new = queue(store.outbox, "new", supersedes=["old"])
    assert _notice_state(store, "old") is NoticeState.CURRENT
    send(store.outbox, new, 2)
    (row,) = store.inbox.find(ident("old").hex())
    assert (row.state, row.superseded_by) == (NoticeState.SUPERSEDED, ident("new"))


def test_an_old_notice_is_not_superseded_by_one_that_is_still_queued(store: ProfileStore) -> None:
    old = queue(store.outbox, "old")
    queue(store.outbox, "new", supersedes=["old"])
    send(store.outbox, old, 1)
    assert _notice_state(store, "old") is NoticeState.CURRENT


def test_a_refused_notice_supersedes_nothing_for_good(store: ProfileStore) -> None:
    old = queue(store.outbox, "old")
    store.outbox.set_refused(queue(store.outbox, "new", supersedes=["old"]), refusal())
    send(store.outbox, old, 1)
    assert _notice_state(store, "old") is NoticeState.CURRENT
    assert _notice_state(store, "new") is NoticeState.REFUSED


def test_an_accepted_notice_that_was_superseded_meanwhile_has_its_sequence(
    store: ProfileStore,
) -> None:
    old = queue(store.outbox, "old", topic="missing/children")
    send(store.outbox, queue(store.outbox, "new", supersedes=["old"]), 1)
    assert _notice_state(store, "old") is NoticeState.SUPERSEDED
    send(store.outbox, old, 9)
    (row,) = store.inbox.find(ident("old").hex())
    assert (row.state, row.sequence) == (NoticeState.SUPERSEDED, 9)


def _came_back(store: ProfileStore, name: str) -> None:
    store.inbox.record(batch(kept_frame(name, [kept_notice(name)], originator=AGENCY)), NOW)


def test_our_own_notice_is_one_row_when_it_comes_back(store: ProfileStore) -> None:
    frame_id = queue(store.outbox, "first")
    store.outbox.set_sent([frame_id])
    _came_back(store, "first")
    store.outbox.set_accepted([(frame_id, receipt(1))])
    assert store.inbox.count() == 1
    (row,) = store.inbox.find(ident("first").hex())
    assert (row.state, row.content_key) == (NoticeState.CURRENT, digest("key first"))


def test_a_refusal_does_not_mark_a_notice_that_came_back_from_the_broker(
    store: ProfileStore,
) -> None:
    old = queue(store.outbox, "old")
    frame_id = queue(store.outbox, "first", supersedes=["old"])
    _came_back(store, "first")
    store.outbox.set_refused(frame_id, refusal(Reason.ALREADY_EXISTS))
    assert _notice_state(store, "first") is NoticeState.CURRENT
    send(store.outbox, old, 1)
    assert _notice_state(store, "old") is NoticeState.SUPERSEDED
