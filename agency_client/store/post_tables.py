# SPDX-License-Identifier: Apache-2.0
"""The tables of letters, grants and recalls, of standing grants, and of notices that are held."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    text,
)

from agency_client.store.columns import bytes_column, int_column, text_column
from agency_client.store.tables import metadata

POST_WAITING = text("state = 'waiting'")
"""The condition of an index, which a query has to repeat word for word to use it."""


post = Table(
    "post",
    metadata,
    Column("number", Integer, primary_key=True),
    text_column("kind"),
    bytes_column("name"),
    text_column("sender"),
    text_column("recipient"),
    text_column("originator"),
    bytes_column("notice_id"),
    bytes_column("statement"),
    int_column("position"),
    bytes_column("leaf_hash"),
    int_column("created_at"),
    text_column("target"),
    int_column("until"),
    bytes_column("answers"),
    bytes_column("content"),
    bytes_column("signed"),
    bytes_column("cargo"),
    bytes_column("signature"),
    text_column("state"),
    int_column("settled_at"),
    text_column("reason"),
    text_column("message"),
    int_column("standing"),
    Column("log_index", Integer, nullable=False, server_default="-1"),
    bytes_column("log_salt"),
    int_column("log_time"),
    UniqueConstraint("sender", "name"),
    Index("post_waiting", "number", sqlite_where=POST_WAITING),
    Index("post_about", "statement", "position"),
    Index("post_by_kind", "kind", "number"),
)

standing_grants = Table(
    "standing_grants",
    metadata,
    Column("number", Integer, primary_key=True),
    text_column("case_reference"),
    text_column("agency"),
    int_column("until"),
    int_column("made_at"),
    text_column("made_by"),
    int_column("ended_at"),
)

holds = Table(
    "holds",
    metadata,
    Column("notice", Integer, ForeignKey("notices.id"), primary_key=True),
    text_column("legal_basis"),
    int_column("review"),
    int_column("made_at"),
    text_column("made_by"),
)
