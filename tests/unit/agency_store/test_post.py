# SPDX-License-Identifier: Apache-2.0
"""Letters, grants and recalls are kept in order, once, and until the broker has them."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.post import Arrived, PostItem, PostKind, PostState, StandingGrant
from agency_client.store.profile_store import ProfileStore
from keys.places import NoticePlace
from tests.unit.agency_store.samples import (
    AGENCY,
    HOUR,
    KEY,
    NOW,
    OTHER,
    batch,
    digest,
    ident,
    kept_frame,
    queue,
    send,
)

LEAF = LogReference(index=7, salt=digest("salt"), time_ms=NOW)


def place(name: str = "a", index: int = 0) -> NoticePlace:
    """Return the place of a notice of `samples.kept_frame`."""
    return NoticePlace(statement=digest(f"statement {name}"), index=index, leaf_hash=digest(name))


def request(called: str = "request", /, **changes: object) -> PostItem:
    item = PostItem(
        kind=PostKind.REQUEST,
        name=ident(called),
        sender=AGENCY,
        recipient=OTHER,
        originator=OTHER,
        notice_id=ident("a"),
        place=place(),
        created_at=NOW,
        target="hr-ngo",
        content=b"why",
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def grant(called: str = "a", /, **changes: object) -> PostItem:
    """Return a grant of OTHER's notice to us, as it is received."""
    item = request(
        f"grant {called}",
        kind=PostKind.GRANT,
        sender=OTHER,
        recipient=AGENCY,
        notice_id=ident(called),
        place=place(called),
        target=AGENCY,
        until=NOW + HOUR,
        content=b"",
        cargo=b"wrap",
        state=PostState.RECEIVED,
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def recall(called: str = "a", /, **changes: object) -> PostItem:
    """Return a recall by OTHER of its notice, as it is received."""
    item = grant(called, kind=PostKind.RECALL, name=digest(f"recall {called}"), recipient="")
    return replace(item, **changes)  # type: ignore[arg-type]


def names(items: object) -> list[bytes]:
    return [item.name for item in items]  # type: ignore[attr-defined]


def test_what_is_to_be_sent_waits_in_order(store: ProfileStore) -> None:
    first, second = store.post.add([request("one"), request("two")])
    assert [one.number for one in store.post.waiting(10)] == [first, second]
    assert names(store.post.waiting(1)) == [ident("one")]


def test_what_waits_survives_a_restart(store: ProfileStore, folder: Path) -> None:
    store.post.add([request()])
    again = ProfileStore(folder, KEY, AGENCY)
    assert names(again.post.waiting(10)) == [ident("request")]
    again.close()


def test_an_item_comes_back_as_it_was_kept(store: ProfileStore) -> None:
    item = request(signed=b"letter", cargo=b"sealed", signature=b"signed", log=LEAF, standing=3)
    (number,) = store.post.add([item])
    assert store.post.about(place()) == (replace(item, number=number),)


def test_nothing_is_kept_where_one_item_is_known(store: ProfileStore) -> None:
    store.post.add([request()])
    with pytest.raises(IntegrityError):
        store.post.add([request("new"), request()])
    assert names(store.post.waiting(10)) == [ident("request")]


def test_the_bytes_that_are_sent_are_kept_first(store: ProfileStore) -> None:
    (number,) = store.post.add([request()])
    sealed = request(number=number, name=ident("sealed"), signed=b"letter", cargo=b"sealed")
    assert store.post.set_sealed(sealed) == sealed
    assert store.post.waiting(10) == (sealed,)


def test_the_first_bytes_stay_until_just_they_are_forgotten(store: ProfileStore) -> None:
    (number,) = store.post.add([request()])
    first, other = (
        request(number=number, signed=signed, cargo=b"sealed") for signed in (b"first", b"other")
    )
    assert store.post.set_sealed(first) == store.post.set_sealed(other) == first
    assert store.post.forget_sealed(other) == first
    assert store.post.forget_sealed(first).signed == b""
    assert store.post.set_sealed(other) == other


def test_a_recall_is_answered_once_however_many_try(store: ProfileStore) -> None:
    attestation = request("told", kind=PostKind.ATTESTATION, content=b"gone")
    again = request("told again", kind=PostKind.ATTESTATION, content=b"gone")
    elsewhere = request("other", kind=PostKind.ATTESTATION, content=b"gone", place=place("b"))
    store.post.answer([attestation, again])
    store.post.answer([again, elsewhere])
    assert names(store.post.waiting(9)) == [ident("told"), ident("other")]


def test_what_was_accepted_waits_no_longer_and_keeps_its_leaf(store: ProfileStore) -> None:
    (number,) = store.post.add([request()])
    store.post.set_accepted(number, LEAF, NOW + 1)
    (item,) = store.post.about(place())
    assert store.post.waiting(10) == ()
    assert (item.state, item.settled_at, item.log) == (PostState.ACCEPTED, NOW + 1, LEAF)


def test_what_was_refused_says_why(store: ProfileStore) -> None:
    (number,) = store.post.add([request()])
    store.post.set_refused(number, "DENIED", "no rule permits it", NOW + 1)
    (item,) = store.post.about(place())
    assert store.post.waiting(10) == ()
    assert (item.state, item.reason) == (PostState.REFUSED, "DENIED")


def test_an_outcome_stays(store: ProfileStore) -> None:
    (number,) = store.post.add([request()])
    store.post.set_accepted(number, LEAF, NOW)
    store.post.set_refused(number, "DENIED", "late", NOW + 1)
    store.post.set_sealed(request(number=number, signed=b"other"))
    (item,) = store.post.about(place())
    assert (item.state, item.signed) == (PostState.ACCEPTED, b"")


def test_what_arrives_is_kept_with_how_far_we_are(store: ProfileStore) -> None:
    finding = Finding(kind=FindingKind.BAD_MAIL, reason="x", detail="y", at_ms=NOW)
    assert store.post.after() == 0
    store.post.arrive(Arrived(after=4, items=(grant(),), findings=(finding,)))
    assert store.post.after() == 4
    assert names(store.post.about(place())) == [ident("grant a")]
    assert store.inbox.findings(10) == (finding,)


def test_what_arrives_again_stays_as_it_was(store: ProfileStore) -> None:
    store.post.arrive(Arrived(after=4, items=(grant(),)))
    store.post.arrive(Arrived(after=2, items=(grant(until=NOW + 9 * HOUR), grant("b"))))
    assert store.post.after() == 4
    assert [one.until for one in store.post.about(place())] == [NOW + HOUR]
    assert len(store.post.about(place("b"))) == 1


def test_a_request_is_found_by_the_digits_of_its_letter(store: ProfileStore) -> None:
    came = [request(name, state=PostState.RECEIVED) for name in ("one", "two")]
    store.post.arrive(Arrived(after=3, items=(*came, grant())))
    store.post.add([request("ours")])
    assert names(store.post.letter(ident("one")[:4])) == [ident("one")]
    assert store.post.letter(ident("ours")) == ()
    assert store.post.letter(ident("grant a")) == ()
    assert len(store.post.letter(b"")) == 2


def test_kinds_are_listed_newest_first(store: ProfileStore) -> None:
    store.post.add([request("one"), grant(), request("two")])
    assert names(store.post.of_kinds([PostKind.REQUEST], 10)) == [ident("two"), ident("one")]
    assert len(store.post.of_kinds([PostKind.REQUEST, PostKind.GRANT], 2)) == 2


# Grants to fetch.


def test_a_live_grant_of_a_notice_that_is_not_here_is_to_be_fetched(store: ProfileStore) -> None:
    store.post.arrive(Arrived(after=1, items=(grant(),)))
    assert names(store.post.grants_to_fetch(NOW, 10)) == [ident("grant a")]
    assert store.post.grants_to_fetch(NOW + HOUR, 10) == ()


def test_what_is_kept_is_not_fetched(store: ProfileStore) -> None:
    store.post.arrive(Arrived(after=1, items=(grant(),)))
    store.inbox.record(batch(kept_frame("a")), NOW)
    assert store.post.grants_to_fetch(NOW, 10) == ()


def test_what_its_originator_took_back_is_not_fetched(store: ProfileStore) -> None:
    store.post.arrive(Arrived(after=2, items=(grant(), recall(originator="hr-ngo"))))
    assert len(store.post.grants_to_fetch(NOW, 10)) == 1
    other = recall(name=digest("another"))
    store.post.arrive(Arrived(after=3, items=(other,)))
    assert store.post.grants_to_fetch(NOW, 10) == ()


# Recalls.


def test_a_recall_is_unanswered_until_we_attest(store: ProfileStore) -> None:
    store.post.arrive(Arrived(after=1, items=(recall(),)))
    assert len(store.post.unanswered(10)) == 1
    store.post.add([request("attestation", kind=PostKind.ATTESTATION)])
    assert store.post.unanswered(10) == ()


def test_a_recall_of_our_own_is_not_ours_to_answer(store: ProfileStore) -> None:
    store.post.add([recall(sender=AGENCY, originator=AGENCY, state=PostState.WAITING)])
    assert store.post.unanswered(10) == ()


# Standing grants.


def test_a_standing_grant_counts_what_it_admitted_to(store: ProfileStore) -> None:
    standing = StandingGrant(
        case="2026/7", agency="hr-ngo", until=NOW + HOUR, made_at=NOW, made_by="eleni"
    )
    number = store.post.add_standing(standing)
    assert store.post.standing() == (replace(standing, number=number),)
    store.post.set_applied((), [grant(standing=number), grant("b", standing=number)])
    assert [one.admitted for one in store.post.standing()] == [2]


def test_a_standing_grant_ends_once(store: ProfileStore) -> None:
    standing = StandingGrant(
        case="2026/7", agency="hr-ngo", until=NOW + HOUR, made_at=NOW, made_by="eleni"
    )
    number = store.post.add_standing(standing)
    assert not store.post.end_standing(number + 1, NOW)
    assert store.post.end_standing(number, NOW + 1)
    assert not store.post.end_standing(number, NOW + 2)
    assert [one.ended_at for one in store.post.standing()] == [NOW + 1]


def test_own_notices_are_taken_once_and_only_when_they_came_back(store: ProfileStore) -> None:
    send(store.outbox, queue(store.outbox, "a"), 1)
    assert store.post.take_own(10) == ()
    store.inbox.record(batch(kept_frame("a", originator=AGENCY)), NOW)
    (row,) = store.post.take_own(10)
    store.post.set_applied((row,), ())
    assert store.post.take_own(10) == ()


def test_notices_of_others_are_not_taken(store: ProfileStore) -> None:
    store.inbox.record(batch(kept_frame("a")), NOW)
    assert store.post.take_own(10) == ()
