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

from agency_client.store.columns import bytes_column, int_column, text_column

SCHEMA_VERSION = 1

metadata = MetaData()

OUTBOX_WAITING = text("state IN ('queued', 'sent', 'stale')")
"""The condition of an index, which a query has to repeat word for word to use it."""


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
    text_column("originator"),
    bytes_column("seal_id"),
    bytes_column("outlet"),
    text_column("topic"),
    int_column("sequence"),
    int_column("seq"),
    int_column("created_at"),
    int_column("received_at"),
    text_column("form"),
    bytes_column("statement_hash"),
    bytes_column("header"),
    bytes_column("statement"),
    bytes_column("signature"),
    bytes_column("recipient"),
    Column("publish_index", Integer, nullable=False, server_default="-1"),
    bytes_column("publish_salt"),
    int_column("publish_time"),
    UniqueConstraint("originator", "seal_id"),
    Index("frames_by_publish", "publish_index"),
    Index("frames_by_statement", "statement_hash"),
    Index("frames_by_chain", "originator", "outlet", "topic", "seq"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=False),
    int_column("log_index"),
    bytes_column("log_salt"),
    int_column("log_time"),
    text_column("kind"),
    bytes_column("shown"),
    bytes_column("withheld"),
    PrimaryKeyConstraint("log_index", "frame_id"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=True),
    Column("outbox_id", Integer, nullable=True),
    int_column("position"),
    text_column("originator"),
    bytes_column("notice_id"),
    text_column("topic"),
    text_column("type"),
    bytes_column("marking"),
    int_column("sequence"),
    int_column("created_at"),
    int_column("received_at"),
    int_column("valid_from"),
    int_column("expires_at"),
    bytes_column("header"),
    bytes_column("body"),
    bytes_column("leaf_hash"),
    bytes_column("content"),
    bytes_column("content_key"),
    text_column("state"),
    bytes_column("superseded_by"),
    int_column("acknowledged_at"),
    text_column("acknowledged_by"),
    int_column("granted_until"),
    int_column("destroyed_at"),
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
    text_column("originator"),
    bytes_column("notice_id"),
    bytes_column("by_notice_id"),
    PrimaryKeyConstraint("originator", "notice_id", "by_notice_id"),
)

withheld = Table(
    "withheld",
    metadata,
    Column("frame_id", Integer, ForeignKey("frames.id"), nullable=False),
    int_column("position"),
    text_column("reason"),
    PrimaryKeyConstraint("frame_id", "position"),
)

said = Table(
    "said",
    metadata,
    Column("notice", Integer, ForeignKey("notices.id"), primary_key=True),
    bytes_column("digest"),
    Index("said_by_digest", "digest"),
)
"""SHA-256 of what each indexed notice says: of its content without attachments."""

receive_chain = Table(
    "receive_chain",
    metadata,
    text_column("originator"),
    bytes_column("outlet"),
    text_column("topic"),
    int_column("seq"),
    bytes_column("statement_hash"),
    PrimaryKeyConstraint("originator", "outlet", "topic"),
)

gaps = Table(
    "gaps",
    metadata,
    text_column("originator"),
    bytes_column("outlet"),
    text_column("topic"),
    int_column("first"),
    int_column("last"),
    PrimaryKeyConstraint("originator", "outlet", "topic", "first"),
)

cursors = Table(
    "cursors",
    metadata,
    text_column("subscription"),
    text_column("topic"),
    int_column("sequence"),
    PrimaryKeyConstraint("subscription", "topic"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    text_column("kind"),
    text_column("reason"),
    text_column("detail"),
    int_column("at_ms"),
    text_column("originator"),
    text_column("topic"),
    int_column("sequence"),
    bytes_column("seal_id"),
    bytes_column("evidence"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    text_column("topic"),
    bytes_column("outlet"),
    bytes_column("seal_id"),
    bytes_column("statement_hash"),
    bytes_column("marking"),
    text_column("named"),
    text_column("recipients"),
    bytes_column("frame"),
    text_column("state"),
    int_column("reseals"),
    int_column("created_at"),
    text_column("reason"),
    text_column("message"),
    int_column("sequence"),
    Column("log_index", Integer, nullable=False, server_default="-1"),
    bytes_column("log_salt"),
    int_column("log_time"),
    Index("outbox_waiting", "id", sqlite_where=OUTBOX_WAITING),
    Index("outbox_by_log", "log_index"),
    Index("outbox_by_statement", "statement_hash"),
)

send_chain = Table(
    "send_chain",
    metadata,
    bytes_column("outlet"),
    text_column("topic"),
    text_column("agency"),
    int_column("seq"),
    bytes_column("prev"),
    int_column("accepted_seq"),
    bytes_column("accepted_prev"),
    PrimaryKeyConstraint("outlet", "topic", "agency"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    bytes_column("digest"),
    int_column("length"),
    Column("uploaded", Boolean, nullable=False, server_default="0"),
)

roots = Table(
    "roots",
    metadata,
    Column("version", Integer, primary_key=True),
    bytes_column("document"),
)

entries = Table(
    "entries",
    metadata,
    Column("position", Integer, primary_key=True),
    bytes_column("entry"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    text_column("log"),
    int_column("size"),
    bytes_column("root"),
    text_column("note"),
    int_column("seen_at"),
    PrimaryKeyConstraint("log", "size", "root"),
)

gossip = Table(
    "gossip",
    metadata,
    text_column("log"),
    int_column("size"),
    bytes_column("root"),
    text_column("originator"),
    bytes_column("seal_id"),
    Column("checked", Boolean, nullable=False, server_default="0"),
    PrimaryKeyConstraint("log", "size", "root"),
    Index("gossip_unchecked", "log", "size", sqlite_where=text("checked = 0")),
)

openings = Table(
    "openings",
    metadata,
    Column("position", Integer, primary_key=True),
    text_column("kind"),
    int_column("at_ms"),
    text_column("who"),
    text_column("purpose"),
    text_column("case_reference"),
    text_column("notices"),
    bytes_column("leaf"),
    bytes_column("salt"),
)

opening_nodes = Table(
    "opening_nodes",
    metadata,
    int_column("level"),
    int_column("position"),
    bytes_column("hash"),
    PrimaryKeyConstraint("level", "position"),
)

partners = Table(
    "partners",
    metadata,
    Column("agency", Text, primary_key=True),
    bytes_column("told"),
    bytes_column("compared"),
    int_column("compared_at"),
    text_column("compared_by"),
)
