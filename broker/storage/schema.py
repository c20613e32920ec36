# SPDX-License-Identifier: Apache-2.0
"""The tables of the broker's database, and the numbers that name the file and its shape.

Times are milliseconds since 1970; ids and hashes are raw bytes. Rows of `frames`, `leaves`, `nodes`
and `entries` are only ever added. Auditors read `leaves` in the file itself, so its columns
`leaf_index` and `body` stay as they are.
"""

APPLICATION_ID = 0x746F6373
"""ASCII "tocs": what `file` shows of the database."""
SCHEMA_VERSION = 1

TABLES = (
    # How far each topic got: the sequence is given under the writer's transaction, without gaps.
    """CREATE TABLE topics (
        topic TEXT PRIMARY KEY,
        head INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # `content` is last, so that the other columns are read without its pages.
    """CREATE TABLE frames (
        frame_id INTEGER PRIMARY KEY,
        topic TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        originator TEXT NOT NULL,
        seal_id BLOB NOT NULL,
        statement_digest BLOB NOT NULL,
        leaf_index INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        size INTEGER NOT NULL,
        content_digest BLOB NOT NULL,
        content BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX frames_by_place ON frames (topic, sequence)",
    "CREATE UNIQUE INDEX frames_by_seal ON frames (originator, seal_id)",
    """CREATE TABLE notices (
        originator TEXT NOT NULL,
        notice_id BLOB NOT NULL,
        frame_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (originator, notice_id)
    ) STRICT, WITHOUT ROWID""",
    # A row for each recipient holds its wrap and path, so that a reader loads only its own.
    """CREATE TABLE recipients (
        agency TEXT NOT NULL,
        topic TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        named INTEGER NOT NULL,
        recipient BLOB NOT NULL,
        wrap BLOB NOT NULL,
        path BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX recipients_by_place ON recipients (agency, topic, sequence)",
    """CREATE TABLE chains (
        originator TEXT NOT NULL,
        outlet BLOB NOT NULL,
        topic TEXT NOT NULL,
        agency TEXT NOT NULL,
        seq INTEGER NOT NULL,
        statement_digest BLOB NOT NULL,
        PRIMARY KEY (originator, outlet, topic, agency)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE places (
        agency TEXT NOT NULL,
        subscription TEXT NOT NULL,
        topic TEXT NOT NULL,
        acknowledged INTEGER NOT NULL,
        delivered INTEGER NOT NULL,
        PRIMARY KEY (agency, subscription, topic)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE attachments (
        number INTEGER PRIMARY KEY,
        originator TEXT NOT NULL,
        attachment_id BLOB NOT NULL,
        length INTEGER NOT NULL,
        digest BLOB NOT NULL,
        stored INTEGER NOT NULL,
        complete INTEGER NOT NULL,
        referenced INTEGER NOT NULL,
        begun_ms INTEGER NOT NULL,
        UNIQUE (originator, attachment_id)
    ) STRICT""",
    "CREATE INDEX attachments_by_age ON attachments (begun_ms) WHERE referenced = 0",
    """CREATE TABLE pieces (
        number INTEGER NOT NULL,
        start INTEGER NOT NULL,
        content BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX pieces_by_start ON pieces (number, start)",
    # Bytes of an originator's attachments that no frame references, so that none are counted up.
    """CREATE TABLE holdings (
        originator TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE roots (
        version INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE entries (
        leaf_index INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT""",
    # An erased salt leaves NULL; the leaf and its tree stay.
    """CREATE TABLE leaves (
        leaf_index INTEGER PRIMARY KEY,
        body BLOB NOT NULL,
        salt BLOB
    ) STRICT""",
    # Perfect subtrees of both logs (keys.merkle).
    """CREATE TABLE nodes (
        log INTEGER NOT NULL,
        level INTEGER NOT NULL,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (log, level, position)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE checkpoints (
        log INTEGER PRIMARY KEY,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL
    ) STRICT""",
)
