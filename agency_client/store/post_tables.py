# SPDX-License-Identifier: Apache-2.0
"""The tables of letters, grants and recalls, of standing grants, and of notices that are held."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from agency_client.store.tables import metadata

POST_WAITING = text("state = 'waiting'")
"""The condition of an index, which a query has to repeat word for word to use it."""


def _int(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default=text("x''"))


post = Table(
    "post",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("kind"),
    _bytes("name"),
    _text("sender"),
    _text("recipient"),
    _text("originator"),
    _bytes("notice_id"),
    _bytes("statement"),
    _int("position"),
    _bytes("leaf_hash"),
    _int("created_at"),
    _text("target"),
    _int("until"),
    _bytes("answers"),
    _bytes("content"),
    _bytes("signed"),
    _bytes("cargo"),
    _bytes("signature"),
    _text("state"),
    _int("settled_at"),
    _text("reason"),
    _text("message"),
    _int("standing"),
    Column("log_index", Integer, nullable=False, server_default="-1"),
    _bytes("log_salt"),
    _int("log_time"),
    UniqueConstraint("sender", "name"),
    Index("post_waiting", "number", sqlite_where=POST_WAITING),
    Index("post_about", "statement", "position"),
    Index("post_by_kind", "kind", "number"),
)

standing_grants = Table(
    "standing_grants",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("case_reference"),
    _text("agency"),
    _int("until"),
    _int("made_at"),
    _text("made_by"),
    _int("ended_at"),
)

holds = Table(
    "holds",
    metadata,
    Column("notice", Integer, ForeignKey("notices.id"), primary_key=True),
    _text("legal_basis"),
    _int("review"),
    _int("made_at"),
    _text("made_by"),
)
