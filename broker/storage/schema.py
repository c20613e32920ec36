# SPDX-License-Identifier: Apache-2.0
"""The tables of the broker's database, and the numbers that name the file and its shape.

Times are milliseconds since 1970; ids and hashes are raw bytes. Rows of `leaves`, `nodes`,
`entries` and `mail` are only ever added; what changes in `frames`, `recipients` and `posted` is
destroyed.
Auditors read `leaves` in the file itself, so its columns `leaf_index` and `body` stay as they are.
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
    # `content` is last, so that the other columns are read without its pages. The rows of a frame's
    # recipients follow each other: `recipients_end` is the last of `recipient_count`. A frame all
    # of whose notices are destroyed expires no more.
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
        next_expiry INTEGER,
        recipients_end INTEGER NOT NULL,
        recipient_count INTEGER NOT NULL,
        content_digest BLOB NOT NULL,
        content BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX frames_by_place ON frames (topic, sequence)",
    "CREATE UNIQUE INDEX frames_by_seal ON frames (originator, seal_id)",
    "CREATE INDEX frames_by_statement ON frames (statement_digest)",
    "CREATE INDEX frames_by_expiry ON frames (next_expiry) WHERE next_expiry IS NOT NULL",
    """CREATE TABLE notices (
        originator TEXT NOT NULL,
        notice_id BLOB NOT NULL,
        frame_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (originator, notice_id)
    ) STRICT, WITHOUT ROWID""",
    # A row for each recipient holds its wrap and path, so that a reader loads only its own.
    """CREATE TABLE recipients (
        number INTEGER PRIMARY KEY,
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
    # Deliveries that did not carry every notice, and what they did carry; those that went out whole
    # are told from `places` alone.
    """CREATE TABLE kept_back (
        agency TEXT NOT NULL,
        topic TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        subscription TEXT NOT NULL,
        shown BLOB NOT NULL,
        PRIMARY KEY (agency, topic, sequence, subscription)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE fetched (
        agency TEXT NOT NULL,
        topic TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (agency, topic, sequence, position)
    ) STRICT, WITHOUT ROWID""",
    # Letters, grants and recalls, each once; emptied where the notice was destroyed.
    """CREATE TABLE posted (
        number INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        sender TEXT NOT NULL,
        name BLOB NOT NULL,
        digest BLOB NOT NULL,
        topic TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        recipient TEXT NOT NULL,
        until INTEGER NOT NULL,
        outlives INTEGER NOT NULL,
        addressees INTEGER NOT NULL,
        leaf_index INTEGER NOT NULL,
        time_ms INTEGER NOT NULL,
        signed BLOB NOT NULL,
        sealed BLOB NOT NULL,
        signature BLOB NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX posted_by_name ON posted (sender, kind, name)",
    "CREATE INDEX posted_by_notice ON posted (topic, sequence, position, kind, recipient)",
    # A mailbox: numbers without gaps, given under the writer's transaction.
    """CREATE TABLE mail (
        agency TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (agency, sequence)
    ) STRICT, WITHOUT ROWID""",
    # `referenced` counts notices. A number is never given twice: pieces are erased by it.
    """CREATE TABLE attachments (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
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
    # Attachments that are no more, whose pieces are being erased a few at a time.
    """CREATE TABLE doomed (
        number INTEGER PRIMARY KEY
    ) STRICT""",
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
