# SPDX-License-Identifier: Apache-2.0
"""The tables of what the agency keeps of its people; of the same database as `store.tables`."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from agency_client.store.tables import metadata


def _int(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default=text("x''"))


officers = Table(
    "officers",
    metadata,
    Column("name", Text, primary_key=True),
    _text("pseudonym"),
    _text("roles"),
    _int("clearance"),
    _int("vetted_until"),
    _bytes("approval_key"),
    _bytes("sealed_key"),
    _int("added_at"),
    _text("added_by"),
    _int("suspended_at"),
    UniqueConstraint("pseudonym"),
)

acts = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    _bytes("digest"),
    _text("kind"),
    _bytes("act"),
    _text("notice"),
    _text("summary"),
    _text("requester"),
    _text("requested_by"),
    _int("requested_at"),
    _text("purpose"),
    _text("case_reference"),
    _text("approver"),
    _int("approved_at"),
    _bytes("approval"),
    _int("done_at"),
    UniqueConstraint("digest"),
)

told_letters = Table(
    "told_letters",
    metadata,
    Column("number", Integer, primary_key=True),
    _int("row_id"),
    _bytes("content"),
    _bytes("letter"),
    _bytes("sealed"),
    _bytes("signature"),
    _int("done_at"),
    Index("told_letters_waiting", "number", sqlite_where=text("done_at = 0")),
)

break_glass = Table(
    "break_glass",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("notice"),
    _text("officer"),
    _text("opened_by"),
    _int("opened_at"),
    _text("reason"),
    _text("ticket"),
    _text("rules"),
    _int("reviewed_at"),
    _text("reviewed_by"),
    _text("outcome"),
    Index("break_glass_unreviewed", "number", sqlite_where=text("reviewed_at = 0")),
)
