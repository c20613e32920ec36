# SPDX-License-Identifier: Apache-2.0
"""The tables of an agency's database, and the version that names their shape.

`notices` holds what the agency may read, in clear inside the encrypted database; `frames` and
`findings` hold what proves where it came from; `deliveries` has a row for each leaf of the broker's
log that says what we were shown of a frame. Times are ms since 1970, ids and hashes raw bytes.
"""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

OUTBOX_WAITING = text("state IN ('queued', 'sent', 'stale')")
"""The condition of an index, which a query has to repeat word for word to use it."""


def _int(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False, server_default=text("x''"))


facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

frames = Table(
    "frames",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("originator"),
    _bytes("seal_id"),
    _bytes("outlet"),
    _text("topic"),
    _int("sequence"),
    _int("seq"),
    _int("created_at"),
    _int("received_at"),
    _text("form"),
    _bytes("statement_hash"),
    _bytes("header"),
    _bytes("statement"),
    _bytes("signature"),
    _bytes("recipient"),
    Column("publish_index", Integer, nullable=False, server_default="-1"),
    _bytes("publish_salt"),
    _int("publish_time"),
    UniqueConstraint("originator", "seal_id"),
    Index("frames_by_publish", "publish_index"),
    Index("frames_by_statement", "statement_hash"),
    Index("frames_by_chain", "originator", "outlet", "topic", "seq"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=False),
    _int("log_index"),
    _bytes("log_salt"),
    _int("log_time"),
    _text("kind"),
    _bytes("shown"),
    _bytes("withheld"),
    PrimaryKeyConstraint("log_index", "frame_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=True),
    Column("outbox_id", Integer, nullable=True),
    _int("position"),
    _text("originator"),
    _bytes("notice_id"),
    _text("topic"),
    _text("type"),
    _bytes("marking"),
    _int("sequence"),
    _int("created_at"),
    _int("received_at"),
    _int("valid_from"),
    _int("expires_at"),
    _bytes("header"),
    _bytes("body"),
    _bytes("leaf_hash"),
    _bytes("content"),
    _bytes("content_key"),
    _text("state"),
    _bytes("superseded_by"),
    _int("acknowledged_at"),
    _text("acknowledged_by"),
    _int("granted_until"),
    _int("destroyed_at"),
    Column("standing_applied", Boolean, nullable=False, server_default="0"),
    Column("indexed", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("notice_id", "originator"),
    Index("notices_by_outbox", "outbox_id"),
    Index("notices_to_index", "id", sqlite_where=text("indexed = 0")),
    Index("notices_by_frame", "frame_id", "position"),
    Index("notices_by_topic", "topic"),
    Index("notices_to_expire", "expires_at", sqlite_where=text("destroyed_at = 0")),
    Index(
        "notices_to_end",
        "granted_until",
        sqlite_where=text("destroyed_at = 0 AND granted_until > 0"),
    ),
    Index(
        "notices_of_ours",
        "id",
        sqlite_where=text("outbox_id IS NOT NULL AND standing_applied = 0"),
    ),
)

supersessions = Table(
    "supersessions",
    metadata,
    _text("originator"),
    _bytes("notice_id"),
    _bytes("by_notice_id"),
    PrimaryKeyConstraint("originator", "notice_id", "by_notice_id"),
)

withheld = Table(
    "withheld",
    metadata,
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=False),
    _int("position"),
    _text("reason"),
    PrimaryKeyConstraint("frame_id", "position"),
)

receive_chain = Table(
    "receive_chain",
    metadata,
    _text("originator"),
    _bytes("outlet"),
    _text("topic"),
    _int("seq"),
    _bytes("statement_hash"),
    PrimaryKeyConstraint("originator", "outlet", "topic"),
)

gaps = Table(
    "gaps",
    metadata,
    _text("originator"),
    _bytes("outlet"),
    _text("topic"),
    _int("first"),
    _int("last"),
    PrimaryKeyConstraint("originator", "outlet", "topic", "first"),
)

cursors = Table(
    "cursors",
    metadata,
    _text("subscription"),
    _text("topic"),
    _int("sequence"),
    PrimaryKeyConstraint("subscription", "topic"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("kind"),
    _text("reason"),
    _text("detail"),
    _int("at_ms"),
    _text("originator"),
    _text("topic"),
    _int("sequence"),
    _bytes("seal_id"),
    _bytes("evidence"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    _text("topic"),
    _bytes("outlet"),
    _bytes("seal_id"),
    _bytes("statement_hash"),
    _bytes("marking"),
    _text("named"),
    _text("recipients"),
    _bytes("frame"),
    _text("state"),
    _int("reseals"),
    _int("created_at"),
    _text("reason"),
    _text("message"),
    _int("sequence"),
    Column("log_index", Integer, nullable=False, server_default="-1"),
    _bytes("log_salt"),
    _int("log_time"),
    Index("outbox_waiting", "id", sqlite_where=OUTBOX_WAITING),
    Index("outbox_by_log", "log_index"),
    Index("outbox_by_statement", "statement_hash"),
)

send_chain = Table(
    "send_chain",
    metadata,
    _bytes("outlet"),
    _text("topic"),
    _text("agency"),
    _int("seq"),
    _bytes("prev"),
    _int("accepted_seq"),
    _bytes("accepted_prev"),
    PrimaryKeyConstraint("outlet", "topic", "agency"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    _bytes("digest"),
    _int("length"),
    Column("uploaded", Boolean, nullable=False, server_default="0"),
)

roots = Table(
    "roots",
    metadata,
    Column("version", Integer, primary_key=True),
    _bytes("document"),
)

entries = Table(
    "entries",
    metadata,
    Column("position", Integer, primary_key=True),
    _bytes("entry"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _text("log"),
    _int("size"),
    _bytes("root"),
    _text("note"),
    _int("seen_at"),
    PrimaryKeyConstraint("log", "size", "root"),
)

gossip = Table(
    "gossip",
    metadata,
    _text("log"),
    _int("size"),
    _bytes("root"),
    _text("originator"),
    _bytes("seal_id"),
    Column("checked", Boolean, nullable=False, server_default="0"),
    PrimaryKeyConstraint("log", "size", "root"),
    Index("gossip_unchecked", "log", "size", sqlite_where=text("checked = 0")),
)

openings = Table(
    "openings",
    metadata,
    Column("position", Integer, primary_key=True),
    _text("kind"),
    _int("at_ms"),
    _text("who"),
    _text("purpose"),
    _text("case_reference"),
    _text("notices"),
    _bytes("leaf"),
    _bytes("salt"),
)

opening_nodes = Table(
    "opening_nodes",
    metadata,
    _int("level"),
    _int("position"),
    _bytes("hash"),
    PrimaryKeyConstraint("level", "position"),
)

partners = Table(
    "partners",
    metadata,
    Column("agency", Text, primary_key=True),
    _bytes("told"),
    _bytes("compared"),
    _int("compared_at"),
    _text("compared_by"),
)
