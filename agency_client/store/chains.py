# SPDX-License-Identifier: Apache-2.0
"""Chains of received frames in SQL: the last number held of each, and those that did not arrive."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert

from agency_client.domain.records import ChainKey, Link, Placed
from agency_client.store.tables import frames, gaps, receive_chain
from keys.envelope import Recipient

_MOST_FORKS = 16


def read_links(connection: Connection, keys: Iterable[ChainKey]) -> dict[ChainKey, Link]:
    """Return the last frame held of each chain; the caller bounds how many it asks for."""
    chain = receive_chain.c
    wanted = [(key.originator, key.outlet, key.topic) for key in keys]
    query = select(receive_chain).where(
        tuple_(chain.originator, chain.outlet, chain.topic).in_(wanted)
    )
    return {
        ChainKey(originator=row.originator, outlet=row.outlet, topic=row.topic): Link(
            seq=row.seq, statement_hash=row.statement_hash
        )
        for row in connection.execute(query)
    }


def set_link(connection: Connection, key: ChainKey, link: Link) -> None:
    """Hold `link` as the end of a chain."""
    statement = upsert(receive_chain).values(
        _key_values(key) | {"seq": link.seq, "statement_hash": link.statement_hash}
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["originator", "outlet", "topic"],
            set_={
                "seq": statement.excluded.seq,
                "statement_hash": statement.excluded.statement_hash,
            },
        )
    )


def read_missing(connection: Connection, key: ChainKey) -> tuple[tuple[int, int], ...]:
    """Return the (first, last) numbers of a chain that have not arrived, ascending."""
    query = select(gaps.c.first, gaps.c.last).where(_of_chain(key)).order_by(gaps.c.first)
    return tuple((row.first, row.last) for row in connection.execute(query))


def read_beside(connection: Connection, key: ChainKey, seq: int) -> tuple[Placed, ...]:
    """Return frames held under the numbers before and behind `seq`, of each a few at most.

    An honest outlet gives each number once; one that forks its chain must not make us read all of
    it.
    """
    placed: list[Placed] = []
    for number in (seq - 1, seq + 1):
        query = (
            select(frames.c.seq, frames.c.statement_hash, frames.c.recipient)
            .where(
                frames.c.originator == key.originator,
                frames.c.outlet == key.outlet,
                frames.c.topic == key.topic,
                frames.c.seq == number,
            )
            .limit(_MOST_FORKS)
        )
        placed += [
            Placed(
                seq=row.seq,
                statement_hash=row.statement_hash,
                prev=Recipient.decode(row.recipient).prev,
            )
            for row in connection.execute(query)
        ]
    return tuple(placed)


def add_missing(connection: Connection, key: ChainKey, first: int, last: int) -> None:
    """Note numbers that have not arrived."""
    connection.execute(insert(gaps).values(_key_values(key) | {"first": first, "last": last}))


def remove_missing(connection: Connection, key: ChainKey, seq: int) -> None:
    """Note that a number arrived after all; what is missing around it stays missing."""
    for first, last in read_missing(connection, key):
        if first <= seq <= last:
            connection.execute(delete(gaps).where(_of_chain(key), gaps.c.first == first))
            for left, right in ((first, seq - 1), (seq + 1, last)):
                if left <= right:
                    add_missing(connection, key, left, right)


def _of_chain(key: ChainKey) -> ColumnElement[bool]:
    return and_(
        gaps.c.originator == key.originator,
        gaps.c.outlet == key.outlet,
        gaps.c.topic == key.topic,
    )


def _key_values(key: ChainKey) -> dict[str, Any]:
    return {"originator": key.originator, "outlet": key.outlet, "topic": key.topic}
