# SPDX-License-Identifier: Apache-2.0
"""Letters, grants and recalls in SQL, and standing grants.

What is sent and what was received lie in one table, in the order in which they came. Nothing is
decided here, and nothing is opened.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as upsert

from agency_client.domain.delivery import LogReference
from agency_client.domain.post import (
    Arrived,
    Ending,
    PostItem,
    PostKind,
    PostState,
    StandingGrant,
)
from agency_client.domain.records import Evidence
from agency_client.store import facts
from agency_client.store.database import Database
from agency_client.store.post_tables import POST_WAITING, post, standing_grants
from agency_client.store.recording import add_findings
from agency_client.store.tables import frames, notices
from keys.places import NoticePlace

_AFTER = "mail"
_AT_ONCE = 400
_ID_BYTES = 16


class SqlPostOffice:
    """The post of the agency `agency`."""

    def __init__(self, database: Database, agency: str) -> None:
        self._database = database
        self._agency = agency

    def after(self) -> int:
        """Return the last place of our mailbox that was filed."""
        with self._database.read() as connection:
            return _after(connection)

    def arrive(self, arrived: Arrived) -> None:
        """Keep what arrived and how far we are."""
        with self._database.write() as connection:
            if arrived.items:
                values = [_values(item) for item in arrived.items]
                connection.execute(upsert(post).on_conflict_do_nothing(), values)
            found = [
                one if isinstance(one, Evidence) else Evidence(finding=one)
                for one in arrived.findings
            ]
            add_findings(connection, found)
            if arrived.after > _after(connection):
                facts.put(connection, _AFTER, str(arrived.after).encode())

    def add(self, items: Sequence[PostItem]) -> Sequence[int]:
        """Keep what is to be sent, in order; return the numbers."""
        with self._database.write() as connection:
            return add_post(connection, items)

    def items(self, numbers: Sequence[int]) -> Sequence[PostItem]:
        """Return items by number, in order of number."""
        chosen = post.c.number.in_(numbers)
        return self._items(select(post).where(chosen).order_by(post.c.number))

    def came(self, after: int, limit: int) -> Sequence[PostItem]:
        """Return what others sent us, of numbers above `after`, oldest first."""
        chosen = (post.c.number > after, post.c.state == PostState.RECEIVED)
        return self._items(select(post).where(*chosen).order_by(post.c.number).limit(limit))

    def newest(self) -> int:
        """Return the highest number; 0 where there is none."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(post.c.number))).scalar_one() or 0

    def waiting(self, limit: int) -> Sequence[PostItem]:
        """Return what is to be sent, oldest first."""
        return self._items(select(post).where(POST_WAITING).order_by(post.c.number).limit(limit))

    def set_sealed(self, item: PostItem) -> PostItem:
        """Keep the bytes under which an item is sent; return the item with those kept first."""
        sealed = (
            update(post)
            .where(post.c.number == item.number, post.c.signed == b"", POST_WAITING)
            .values(
                name=item.name,
                created_at=item.created_at,
                signed=item.signed,
                cargo=item.cargo,
                signature=item.signature,
            )
        )
        with self._database.write() as connection:
            connection.execute(sealed)
            kept = select(post).where(post.c.number == item.number)
            return _item(connection.execute(kept).one())

    def forget_sealed(self, item: PostItem) -> PostItem:
        """Forget the bytes of an item, unless others are kept by now; return it as it is kept."""
        forgotten = (
            update(post)
            .where(post.c.number == item.number, post.c.signed == item.signed, POST_WAITING)
            .values(signed=b"", cargo=b"", signature=b"")
        )
        with self._database.write() as connection:
            connection.execute(forgotten)
            kept = select(post).where(post.c.number == item.number)
            return _item(connection.execute(kept).one())

    def set_accepted(self, number: int, log: LogReference, at_ms: int) -> None:
        """Note that the broker has it; why we broke a glass stands elsewhere as well."""
        told = case((post.c.kind == PostKind.BREAK_GLASS, b""), else_=post.c.content)
        self._settle(
            number,
            state=PostState.ACCEPTED,
            content=told,
            settled_at=at_ms,
            log_index=log.index,
            log_salt=log.salt,
            log_time=log.time_ms,
        )

    def set_refused(self, number: int, reason: str, message: str, at_ms: int) -> None:
        """Note that the broker will not take it."""
        self._settle(
            number, state=PostState.REFUSED, settled_at=at_ms, reason=reason, message=message
        )

    def _settle(self, number: int, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(
                update(post).where(post.c.number == number, POST_WAITING).values(**values)
            )

    def about(self, place: NoticePlace) -> Sequence[PostItem]:
        """Return everything about one notice, oldest first."""
        chosen = (post.c.statement == place.statement, post.c.position == place.index)
        return self._items(select(post).where(*chosen).order_by(post.c.number))

    def of_kinds(self, kinds: Collection[PostKind], limit: int) -> Sequence[PostItem]:
        """Return items of these kinds, newest first."""
        chosen = post.c.kind.in_([kind.value for kind in kinds])
        return self._items(select(post).where(chosen).order_by(post.c.number.desc()).limit(limit))

    def letter(self, letter_id: bytes) -> Sequence[PostItem]:
        """Return requests to us whose letter id begins with these bytes, at most two."""
        first, last = (letter_id.ljust(_ID_BYTES, fill) for fill in (b"\x00", b"\xff"))
        query = (
            select(post)
            .where(
                post.c.kind == PostKind.REQUEST,
                post.c.state == PostState.RECEIVED,
                post.c.name.between(first, last),
            )
            .order_by(post.c.number)
        )
        return self._items(query.limit(2))

    def grants_to_fetch(self, now: int, limit: int) -> Sequence[PostItem]:
        """Return live grants to us whose notice is not kept and was not recalled."""
        kept = (
            select(notices.c.id)
            .join(frames, frames.c.id == notices.c.frame_id)
            .where(
                frames.c.statement_hash == post.c.statement,
                notices.c.position == post.c.position,
                notices.c.state != Ending.ENDED,
            )
        )
        recall = post.alias()
        taken_back = select(recall.c.number).where(
            recall.c.kind == PostKind.RECALL,
            recall.c.statement == post.c.statement,
            recall.c.position == post.c.position,
            recall.c.originator == post.c.sender,
        )
        query = (
            select(post)
            .where(
                post.c.kind == PostKind.GRANT,
                post.c.state == PostState.RECEIVED,
                post.c.until > now,
                post.c.cargo != b"",
                ~kept.exists(),
                ~taken_back.exists(),
            )
            .order_by(post.c.number)
        )
        return self._items(query.limit(limit))

    def unanswered(self, limit: int) -> Sequence[PostItem]:
        """Return recalls by others that we have not answered, oldest first."""
        answer = post.alias()
        answered = select(answer.c.number).where(
            answer.c.kind == PostKind.ATTESTATION,
            answer.c.sender == self._agency,
            answer.c.statement == post.c.statement,
            answer.c.position == post.c.position,
            answer.c.recipient == post.c.originator,
        )
        chosen = (post.c.kind == PostKind.RECALL, post.c.state == PostState.RECEIVED)
        query = select(post).where(*chosen, ~answered.exists()).order_by(post.c.number)
        return self._items(query.limit(limit))

    def answer(self, items: Sequence[PostItem]) -> None:
        """Keep answers to recalls, each unless another process has answered meanwhile."""
        with self._database.write() as connection:
            for item in items:
                known = select(post.c.number).where(
                    post.c.kind == PostKind.ATTESTATION,
                    post.c.sender == self._agency,
                    post.c.statement == item.place.statement,
                    post.c.position == item.place.index,
                    post.c.recipient == item.recipient,
                )
                if connection.execute(known.limit(1)).one_or_none() is None:
                    add_post(connection, [item])

    def add_standing(self, grant: StandingGrant) -> int:
        """Keep a standing grant; return its number."""
        values = {
            "case_reference": grant.case,
            "agency": grant.agency,
            "until": grant.until,
            "made_at": grant.made_at,
            "made_by": grant.made_by,
        }
        added = insert(standing_grants).values(values).returning(standing_grants.c.number)
        with self._database.write() as connection:
            number: int = connection.execute(added).scalar_one()
            return number

    def standing(self) -> Sequence[StandingGrant]:
        """Return all standing grants, oldest first."""
        made = select(func.count()).where(post.c.standing == standing_grants.c.number)
        query = select(standing_grants, made.scalar_subquery().label("admitted"))
        with self._database.read() as connection:
            return tuple(
                StandingGrant(
                    number=row.number,
                    case=row.case_reference,
                    agency=row.agency,
                    until=row.until,
                    made_at=row.made_at,
                    made_by=row.made_by,
                    ended_at=row.ended_at,
                    admitted=row.admitted,
                )
                for row in connection.execute(query.order_by(standing_grants.c.number))
            )

    def end_standing(self, number: int, at_ms: int) -> bool:
        """End a standing grant; return whether there was one that had not ended."""
        ended = (
            update(standing_grants)
            .where(standing_grants.c.number == number, standing_grants.c.ended_at == 0)
            .values(ended_at=at_ms)
        )
        with self._database.write() as connection:
            return connection.execute(ended).rowcount == 1

    def take_own(self, limit: int) -> Sequence[int]:
        """Return rows of our own published notices that no standing grant was applied to yet."""
        query = (
            select(notices.c.id)
            .where(
                notices.c.outbox_id.is_not(None),
                notices.c.standing_applied.is_(False),
                notices.c.content_key != b"",
            )
            .order_by(notices.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return tuple(connection.execute(query).scalars())

    def set_applied(self, rows: Sequence[int], items: Sequence[PostItem]) -> None:
        """Note that standing grants were applied to notices, and keep the grants they made."""
        applied = update(notices).where(notices.c.id.in_(rows)).values(standing_applied=True)
        with self._database.write() as connection:
            connection.execute(applied)
            add_post(connection, items)

    def _items(self, query: Select[Any]) -> tuple[PostItem, ...]:
        with self._database.read() as connection:
            return tuple(map(_item, connection.execute(query)))


def add_post(connection: Connection, items: Sequence[PostItem]) -> list[int]:
    """Keep items in order; return their numbers."""
    added = insert(post).returning(post.c.number)
    return [connection.execute(added.values(_values(item))).scalar_one() for item in items]


def destroy_post(connection: Connection, places: Sequence[tuple[bytes, int]]) -> None:
    """Overwrite what lets a notice be opened, or tells of it, in what was written about it.

    Of what waits to be sent only a request is void then: an originator is told of a break-glass
    also when it has taken the notice back meanwhile.
    """
    chosen = tuple_(post.c.statement, post.c.position).in_(places)
    settled = chosen & (post.c.state != PostState.WAITING)
    connection.execute(update(post).where(settled).values(cargo=b""))
    for telling in (
        chosen & (post.c.kind == PostKind.REQUEST),
        settled & (post.c.kind == PostKind.BREAK_GLASS),
    ):
        connection.execute(update(post).where(telling).values(content=b""))


def _after(connection: Connection) -> int:
    return int(facts.get(connection, _AFTER) or b"0")


def _values(item: PostItem) -> Mapping[str, Any]:
    log = item.log or LogReference(index=-1, salt=b"", time_ms=0)
    return {
        "kind": item.kind,
        "name": item.name,
        "sender": item.sender,
        "recipient": item.recipient,
        "originator": item.originator,
        "notice_id": item.notice_id,
        "statement": item.place.statement,
        "position": item.place.index,
        "leaf_hash": item.place.leaf_hash,
        "created_at": item.created_at,
        "target": item.target,
        "until": item.until,
        "answers": item.answers,
        "content": item.content,
        "signed": item.signed,
        "cargo": item.cargo,
        "signature": item.signature,
        "state": item.state,
        "settled_at": item.settled_at,
        "reason": item.reason,
        "message": item.message,
        "standing": item.standing,
        "log_index": log.index,
        "log_salt": log.salt,
        "log_time": log.time_ms,
    }


def _item(row: Row[Any]) -> PostItem:
    log = None
    if row.log_index >= 0:
        log = LogReference(index=row.log_index, salt=row.log_salt, time_ms=row.log_time)
    return PostItem(
        number=row.number,
        kind=PostKind(row.kind),
        name=row.name,
        sender=row.sender,
        recipient=row.recipient,
        originator=row.originator,
        notice_id=row.notice_id,
        place=NoticePlace(statement=row.statement, index=row.position, leaf_hash=row.leaf_hash),
        created_at=row.created_at,
        target=row.target,
        until=row.until,
        answers=row.answers,
        content=row.content,
        signed=row.signed,
        cargo=row.cargo,
        signature=row.signature,
        state=PostState(row.state),
        settled_at=row.settled_at,
        reason=row.reason,
        message=row.message,
        standing=row.standing,
        log=log,
    )
