# SPDX-License-Identifier: Apache-2.0
"""Full-text search over everything kept, in SQLite's FTS5 inside the encrypted database.

What is indexed and asked for is decided in `domain.indexing` and `domain.searching`; this module
keeps the two columns of tokens and writes queries in FTS5's language. A query is built from folded
tokens only, which hold letters, marks and digits and stand in quotes: nothing typed can be read as
an operator. Superseded, refused and expired notices are found like others.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, false, func, insert, select, text, update

from agency_client.domain.content import Content
from agency_client.domain.indexing import IndexText, index_text
from agency_client.domain.searching import Clause, Phrase, Term, Way, parse_query
from agency_client.errors import AgencyError, Reason
from agency_client.store.database import Database
from agency_client.store.tables import notices, said
from keys.framing import sha256

_PORTION = 256
_PORTION_BYTES = 4 * 1024 * 1024
"""Contents folded at once; bounds memory and how long other writers wait."""

_WAITING = notices.c.indexed == false()
_INSERT = text("INSERT INTO search (rowid, words, runs) VALUES (:id, :words, :runs)")
_SEARCH = text(
    "SELECT notices.id FROM search JOIN notices ON notices.id = search.rowid"
    " WHERE search MATCH :query AND (notices.valid_from <= :now OR notices.outbox_id IS NOT NULL)"
    " ORDER BY bm25(search), notices.id DESC LIMIT :limit"
)
"""What is not valid yet is not there, unless it is our own (as in `shelf.SqlInbox.browse`)."""


class SqlSearchIndex:
    """The index of one profile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def index(self, limit: int) -> int:
        """Index up to `limit` notices that are not yet, oldest first; return how many were."""
        done = 0
        while done < limit and (portion := self._portion(min(_PORTION, limit - done))):
            folded = [(row_id, _index_text(content)) for row_id, content in portion]
            with self._database.write() as connection:
                done += write_entries(connection, folded)
        return done

    def _portion(self, count: int) -> list[tuple[int, bytes]]:
        query = select(notices.c.id, notices.c.content).where(_WAITING).order_by(notices.c.id)
        portion: list[tuple[int, bytes]] = []
        size = 0
        with self._database.read() as connection:
            for row in connection.execute(query.limit(count)):
                portion.append((row.id, row.content))
                size += len(row.content)
                if size >= _PORTION_BYTES:
                    break
        return portion

    def waiting(self) -> int:
        """Return how many notices the index does not cover."""
        with self._database.read() as connection:
            count: int = connection.execute(select(func.count()).where(_WAITING)).scalar_one()
            return count

    def search(self, words: str, limit: int, now: int) -> Sequence[int]:
        """Return row ids of notices in which all `words` occur, best first.

        Raises:
            AgencyError: INVALID_ARGUMENT; nothing to search for, too much, or no positive limit.
        """
        if limit < 1:
            raise AgencyError(
                Reason.INVALID_ARGUMENT, f"the limit is {limit}, expected at least 1", field="limit"
            )
        query = match_expression(words)
        with self._database.read() as connection:
            found = connection.execute(_SEARCH, {"query": query, "now": now, "limit": limit})
            return tuple(found.scalars())


def _index_text(content: bytes) -> IndexText:
    """Return what to index: nothing where the content does not decode, so that others follow."""
    try:
        document = Content.decode(content)
    except ValueError:
        return IndexText(words="", runs="")
    text = index_text([document.notice, [one.name for one in document.attachments]])
    return replace(text, digest=sha256(Content(notice=document.notice).encode()))


def write_entries(connection: Connection, folded: Sequence[tuple[int, IndexText]]) -> int:
    """Write what another process has not indexed in the meantime; return how many."""
    ids = [row_id for row_id, _ in folded]
    query = select(notices.c.id).where(notices.c.id.in_(ids), _WAITING)
    wanted = set(connection.execute(query).scalars())
    rows = [
        {"id": row_id, "words": entry.words, "runs": entry.runs}
        for row_id, entry in folded
        if row_id in wanted
    ]
    if rows:
        connection.execute(_INSERT, rows)
        digests = [
            {"notice": row_id, "digest": entry.digest}
            for row_id, entry in folded
            if row_id in wanted and entry.digest
        ]
        if digests:
            connection.execute(insert(said), digests)
        connection.execute(update(notices).where(notices.c.id.in_(wanted)).values(indexed=True))
    return len(rows)


def match_expression(words: str) -> str:
    """Return what is typed as an expression of FTS5.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    return " AND ".join(map(_clause, parse_query(words)))


def _clause(clause: Clause) -> str:
    return "(" + " OR ".join(map(_way, clause)) + ")"


def _way(way: Way) -> str:
    return "(" + " AND ".join(map(_term, way)) + ")"


def _term(term: Term) -> str:
    return "(" + " OR ".join(map(_phrase, term)) + ")"


def _phrase(phrase: Phrase) -> str:
    quoted = '"' + " ".join(phrase.tokens) + '"'
    return f"{quoted} *" if phrase.unfinished else quoted
