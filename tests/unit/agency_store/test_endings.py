# SPDX-License-Identifier: Apache-2.0
"""What is destroyed leaves nothing but that it was there; what is held stays."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agency_client.domain.content import Content
from agency_client.domain.delivery import LogReference
from agency_client.domain.downloads import download_name
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.post import Arrived, Ending, Hold, PostKind, PostState
from agency_client.domain.records import Evidence, KnownPlace
from agency_client.domain.views import InboxQuery, NoticeState
from agency_client.store.database import Database
from agency_client.store.profile_store import ProfileStore
from keys.attachments import AttachmentSealer
from keys.envelope import NoticeHeader
from keys.fields import new_uuid7
from keys.framing import sha256
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
    kept_notice,
    queue,
    send,
)
from tests.unit.agency_store.test_post import grant, place, recall, request

DAY = 24 * HOUR
WORD = "zephyranthes"
"""A word that is in no other content, in lower case as the index has it."""
HOLD = Hold(legal_basis="CPP art. 7", review=NOW + DAY, made_at=NOW, made_by="eleni")


def kept(store: ProfileStore, name: str = "a", **changes: object) -> int:
    """Keep and index a notice of OTHER; return its row."""
    notice = kept_notice(name, notice={"title": f"{WORD} {name}"})
    (row,) = store.inbox.record(batch(kept_frame(name, [notice], **changes)), NOW)  # type: ignore[arg-type]
    store.search.index(100)
    return row


def stored(database: Database, table: str, column: str, **where: object) -> object:
    condition = " AND ".join(f"{key} = :{key}" for key in where) or "1"
    with database.read() as connection:
        query = text(f"SELECT {column} FROM {table} WHERE {condition}")
        return connection.execute(query, where).scalar_one()


def index_bytes(database: Database) -> bytes:
    with database.read() as connection:
        rows = connection.execute(text("SELECT block FROM search_data"))
        return b"".join(bytes(row.block) for row in rows)


def test_a_destroyed_notice_leaves_that_it_was_there(
    store: ProfileStore, database: Database
) -> None:
    row = kept(store)
    store.endings.destroy([(row, Ending.RECALLED)], NOW + 1)
    (left,) = store.inbox.rows([row])
    assert (left.content, left.content_key, left.header) == (b"", b"", b"")
    assert (left.state, left.destroyed_at) == (NoticeState.RECALLED, NOW + 1)
    assert (left.notice_id, left.leaf_hash) == (ident("a"), digest("a"))
    assert stored(database, "notices", "body", id=row) == b""


def test_its_words_are_in_no_page_of_the_index(store: ProfileStore, database: Database) -> None:
    row, other = kept(store), kept(store, "b", sequence=2, seq=2)
    assert WORD.encode() in index_bytes(database)
    store.endings.destroy([(row, Ending.RECALLED), (other, Ending.RECALLED)], NOW)
    assert WORD.encode() not in index_bytes(database)
    assert store.search.search(WORD, 10, NOW) == ()


def test_its_neighbours_are_still_found(store: ProfileStore) -> None:
    row, other = kept(store), kept(store, "b", sequence=2, seq=2)
    store.endings.destroy([(row, Ending.EXPIRED)], NOW)
    assert store.search.search(WORD, 10, NOW) == (other,)
    assert store.inbox.rows([other])[0].content


def test_a_destroyed_notice_is_never_indexed_again(store: ProfileStore) -> None:
    (row,) = store.inbox.record(batch(kept_frame("a")), NOW)
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert (store.search.waiting(), store.search.index(10)) == (0, 0)


def test_a_frame_that_comes_again_fills_nothing(store: ProfileStore) -> None:
    row = kept(store)
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    store.inbox.record(batch(kept_frame("a")), NOW)
    (left,) = store.inbox.rows([row])
    assert (left.content, left.content_key, left.state) == (b"", b"", NoticeState.RECALLED)


def test_the_first_destruction_stays(store: ProfileStore) -> None:
    row = kept(store)
    store.endings.destroy([(row, Ending.EXPIRED)], NOW)
    store.endings.destroy([(row, Ending.RECALLED)], NOW + 1)
    (left,) = store.inbox.rows([row])
    assert (left.state, left.destroyed_at) == (NoticeState.EXPIRED, NOW)


def test_wraps_of_grants_and_texts_of_requests_go_with_it(store: ProfileStore) -> None:
    row = kept(store)
    store.post.add([request(), request("told", kind=PostKind.ATTESTATION, content=b"held")])
    store.post.arrive(Arrived(after=1, items=(grant(), grant("b"))))
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    asked, told, granted = store.post.about(place())
    assert (asked.content, told.content, granted.cargo) == (b"", b"held", b"")
    assert [one.cargo for one in store.post.about(place("b"))] == [b"wrap"]


def test_nothing_tells_what_a_destroyed_notice_said(store: ProfileStore) -> None:
    row = kept(store)
    store.search.index(9)
    (kept_row,) = store.inbox.rows((row,))
    said = Content(notice=Content.decode(kept_row.content).notice)
    digest = sha256(said.encode())
    assert store.inbox.said_by_others([digest])[digest].id == row
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert store.inbox.said_by_others([digest]) == {}


def test_word_of_a_break_glass_stays_until_it_is_sent(store: ProfileStore) -> None:
    row = kept(store)
    (number,) = store.post.add([request(kind=PostKind.BREAK_GLASS, content=b"danger")])
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert store.post.items([number])[0].content == b"danger"
    store.post.set_accepted(number, LogReference(index=1, salt=b"salt", time_ms=NOW), NOW)
    assert store.post.items([number])[0].content == b""


def test_word_of_a_break_glass_that_came_goes_with_the_notice(store: ProfileStore) -> None:
    row = kept(store)
    letter = request(kind=PostKind.BREAK_GLASS, content=b"danger", state=PostState.RECEIVED)
    store.post.arrive(Arrived(after=1, items=(letter,)))
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert store.post.about(place())[0].content == b""


def test_proofs_of_findings_about_its_frame_go_with_it(
    store: ProfileStore, database: Database
) -> None:
    row = kept(store)
    finding = Finding(
        kind=FindingKind.LATE,
        reason="late",
        detail="late",
        at_ms=NOW,
        originator=OTHER,
        seal_id=ident("seal a"),
    )
    store.inbox.add_findings([Evidence(finding=finding, data=b"header and wrap")])
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert store.inbox.findings(10) == (finding,)
    assert stored(database, "findings", "evidence") == b""


def test_files_of_its_attachments_are_removed(store: ProfileStore) -> None:
    sealer = AttachmentSealer(digest("federation"), OTHER)
    sealer.update(b"photograph")
    sealer.finalize()
    ref, notice_id = sealer.ref, new_uuid7(NOW)
    header = NoticeHeader(
        notice_id=notice_id,
        valid_from=NOW,
        expires_at=NOW + DAY,
        supersedes=(),
        attachments=(ref,),
    ).encode()
    notice = replace(kept_notice("a"), header=header, notice_id=notice_id)
    (row,) = store.inbox.record(batch(kept_frame("a", [notice])), NOW)
    download = store.attachments.path(download_name(OTHER, notice_id, ref))
    bystander = store.attachments.path(ident("of another"))
    for file in (download, bystander):
        file.write_bytes(b"ciphertext")
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    assert (download.exists(), bystander.exists()) == (False, True)


def test_a_destruction_is_settled_when_the_side_file_is_empty(
    store: ProfileStore, folder: Path
) -> None:
    row = kept(store)
    store.endings.destroy([(row, Ending.RECALLED)], NOW)
    log = folder / "store.db-wal"
    assert log.stat().st_size > 0
    assert store.endings.settle()
    assert store.endings.settle()
    assert not kept_pages(folder, row)


def kept_pages(folder: Path, row: int) -> bool:
    """Whether another reader of the file sees the content."""
    again = ProfileStore(folder, KEY, AGENCY)
    try:
        return bool(again.inbox.rows([row])[0].content)
    finally:
        again.close()


def test_a_reader_keeps_the_side_file_and_it_is_tried_again(
    store: ProfileStore, folder: Path
) -> None:
    row = kept(store)
    other = Database(folder / "store.db", KEY)
    with other.read() as connection:
        connection.execute(text("SELECT count(*) FROM notices")).scalar_one()
        store.endings.destroy([(row, Ending.RECALLED)], NOW)
        assert not store.endings.settle()
    other.close()
    assert store.endings.settle()


# What is due.


def test_a_notice_is_due_when_its_time_is_over(store: ProfileStore) -> None:
    row = kept(store)
    assert store.endings.due(NOW + DAY - 1, 10) == ()
    assert store.endings.due(NOW + DAY, 10) == ((row, Ending.EXPIRED),)


def test_a_granted_notice_is_due_when_the_grant_ends(store: ProfileStore) -> None:
    notice = replace(kept_notice("a"), granted_until=NOW + HOUR)
    (row,) = store.inbox.record(batch(kept_frame("a", [notice])), NOW)
    assert store.endings.due(NOW + HOUR - 1, 10) == ()
    assert store.endings.due(NOW + HOUR, 10) == ((row, Ending.ENDED),)


def test_a_notice_is_due_when_its_originator_took_it_back(store: ProfileStore) -> None:
    row = kept(store)
    store.post.arrive(Arrived(after=1, items=(recall(),)))
    assert store.endings.due(NOW, 10) == ((row, Ending.RECALLED),)


@pytest.mark.parametrize(
    "changes",
    [
        {"originator": "hr-ngo"},
        {"place": place("b")},
        {"kind": PostKind.GRANT},
        {"state": PostState.WAITING},
        {"state": PostState.REFUSED},
    ],
)
def test_nothing_else_makes_it_due(store: ProfileStore, changes: dict[str, object]) -> None:
    kept(store)
    store.post.add([recall(**changes)])
    assert store.endings.due(NOW, 10) == ()


def test_what_is_destroyed_is_not_due_again(store: ProfileStore) -> None:
    row = kept(store)
    store.endings.destroy([(row, Ending.EXPIRED)], NOW)
    assert store.endings.due(NOW + 9 * DAY, 10) == ()


def test_what_is_held_is_not_due_until_it_is_released(store: ProfileStore) -> None:
    row = kept(store)
    store.endings.hold(row, HOLD)
    assert store.endings.held(row) == HOLD
    assert store.endings.due(NOW + 9 * DAY, 10) == ()
    store.endings.release(row)
    assert store.endings.held(row) is None
    assert len(store.endings.due(NOW + 9 * DAY, 10)) == 1


def test_our_own_is_not_due_while_it_waits_to_be_sent(store: ProfileStore) -> None:
    frame = queue(store.outbox, "ours")
    assert store.endings.due(NOW + 9 * DAY, 10) == ()
    send(store.outbox, frame, 1)
    assert len(store.endings.due(NOW + 9 * DAY, 10)) == 1


def test_no_more_are_due_than_asked_for(store: ProfileStore) -> None:
    for number in range(1, 4):
        kept(store, f"n{number}", sequence=number, seq=number)
    assert len(store.endings.due(NOW + 9 * DAY, 2)) == 2


# Places.


def test_a_notice_is_known_by_its_place(store: ProfileStore) -> None:
    row = kept(store)
    assert store.endings.places([row]) == {row: place()}
    known = KnownPlace(originator=OTHER, row_id=row, notice_id=ident("a"))
    assert store.endings.at(place()) == known


def test_our_own_is_known_by_its_place_before_it_comes_back(store: ProfileStore) -> None:
    queue(store.outbox, "a")
    (row,) = store.inbox.browse(InboxQuery(), AGENCY, NOW)
    assert store.endings.places([row.id]) == {row.id: place()}
    known = store.endings.at(place())
    assert known is not None
    assert (known.originator, known.row_id) == (AGENCY, row.id)


def test_of_a_notice_that_was_kept_back_the_frame_is_known(store: ProfileStore) -> None:
    store.inbox.record(batch(kept_frame("a", [], form="withheld")), NOW)
    assert store.endings.at(place()) == KnownPlace(originator=OTHER)
    assert store.endings.at(place("b")) is None


def test_another_leaf_at_the_place_is_another_notice(store: ProfileStore) -> None:
    kept(store)
    other = replace(place(), leaf_hash=digest("b"))
    assert store.endings.at(other) == KnownPlace(originator=OTHER)
