# SPDX-License-Identifier: Apache-2.0
"""Storing a frame: what depends on the frames before it is checked in the transaction that writes.

Order: known ids, attachments, chains; then sequence, leaf, and the rows.
"""

import json
from dataclasses import dataclass

from sqlcipher3.dbapi2 import Connection

from broker.domain.admissions import Admission
from broker.domain.deliveries import StoredFrame
from broker.domain.receipts import LogRef, Receipt
from broker.errors import BrokerError, Reason
from broker.storage import attachments
from broker.storage.bulk import insert
from broker.storage.packing import packed, stored
from broker.storage.transaction import Transaction
from keys.framing import sha256

_BY_SEAL = """
SELECT f.topic, f.sequence, f.statement_digest, f.leaf_index, f.time_ms, coalesce(l.salt, x'')
FROM frames f LEFT JOIN leaves l ON l.leaf_index = f.leaf_index
WHERE f.originator = ? AND f.seal_id = ?"""
_KNOWN_NOTICE = """
SELECT notice_id FROM notices
WHERE originator = ? AND notice_id IN (SELECT unhex(value) FROM json_each(?)) LIMIT 1"""
# One step for all recipients: a row comes back only for a chain that is broken.
_BROKEN_CHAIN = """
SELECT e.value ->> 0, coalesce(c.seq, 0) + 1
FROM json_each(?4) e LEFT JOIN chains c
  ON c.originator = ?1 AND c.outlet = ?2 AND c.topic = ?3 AND c.agency = e.value ->> 0
WHERE e.value ->> 1 <> coalesce(c.seq, 0) + 1
   OR unhex(e.value ->> 2) <> coalesce(c.statement_digest, zeroblob(32))
ORDER BY e.key LIMIT 1"""
_SEQUENCE = """
INSERT INTO topics (topic, head) VALUES (?, 1)
ON CONFLICT (topic) DO UPDATE SET head = head + 1 RETURNING head"""
_FRAME = """
INSERT INTO frames (topic, sequence, originator, seal_id, statement_digest, leaf_index, time_ms,
                    size, next_expiry, recipients_end, recipient_count, content_digest, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, last_insert_rowid(), ?, ?, ?)"""
_NOTICES = "INSERT INTO notices (originator, notice_id, frame_id, position)"
_RECIPIENTS = """INSERT INTO recipients
(agency, topic, sequence, position, named, recipient, wrap, path)"""
_CHAINS = "INSERT INTO chains (originator, outlet, topic, agency, seq, statement_digest)"
_CHAIN_ON = """ON CONFLICT DO UPDATE
SET seq = excluded.seq, statement_digest = excluded.statement_digest"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """The receipt of a frame, and the frame if it was not known before."""

    receipt: Receipt
    frame: StoredFrame | None = None


def find_receipt(
    connection: Connection, originator: str, seal_id: bytes, statement_digest: bytes
) -> Receipt | None:
    """Return the first receipt of a statement, or None for an unknown seal id.

    Raises:
        BrokerError: ALREADY_EXISTS for another statement under the seal id.
    """
    row = connection.execute(_BY_SEAL, (originator, seal_id)).fetchone()
    if row is None:
        return None
    topic, sequence, digest, index, time_ms, salt = row
    if digest != statement_digest:
        raise BrokerError(Reason.ALREADY_EXISTS)
    log = LogRef(index=index, salt=salt, time_ms=time_ms)
    return Receipt(topic=topic, sequence=sequence, log=log, duplicate=True)


def append(transaction: Transaction, admission: Admission) -> Appended:
    """Check a frame against those before it and write it with its leaf."""
    connection = transaction.connection
    known = find_receipt(
        connection,
        admission.originator,
        admission.checked.header.seal_id,
        admission.statement_digest,
    )
    if known is not None:
        return Appended(receipt=known)
    _check_notices(connection, admission)
    attachments.reference(connection, admission.originator, admission.checked.notices)
    _check_chains(connection, admission)
    sequence: int = connection.execute(_SEQUENCE, (admission.topic,)).fetchone()[0]
    (log,) = transaction.append_acts([admission.act(sequence)])
    size = _write(connection, admission, sequence, log)
    receipt = Receipt(topic=admission.topic, sequence=sequence, log=log)
    return Appended(receipt=receipt, frame=stored(admission, sequence, log, size))


def _check_notices(connection: Connection, admission: Admission) -> None:
    ids = json.dumps([notice.notice_id.hex() for notice in admission.checked.notices])
    row = connection.execute(_KNOWN_NOTICE, (admission.originator, ids)).fetchone()
    if row is not None:
        raise BrokerError(Reason.ALREADY_EXISTS, {"notice": row[0].hex()})


def _check_chains(connection: Connection, admission: Admission) -> None:
    header = admission.checked.header
    links = json.dumps(
        [(one.agency, one.seq, one.prev.hex()) for one in admission.checked.recipients]
    )
    row = connection.execute(
        _BROKEN_CHAIN, (admission.originator, header.outlet, header.topic, links)
    ).fetchone()
    if row is not None:
        raise BrokerError(Reason.CHAIN_BROKEN, {"agency": row[0], "expected": str(row[1])})


def _write(connection: Connection, admission: Admission, sequence: int, log: LogRef) -> int:
    """Write the rows of a frame and return its size."""
    checked, header = admission.checked, admission.checked.header
    content = packed(checked.frame)
    # Just before the frame, which names the last of its recipients by the number given last.
    insert(connection, _RECIPIENTS, _recipient_rows(admission, sequence))
    values = (
        header.topic,
        sequence,
        admission.originator,
        header.seal_id,
        admission.statement_digest,
        log.index,
        log.time_ms,
        len(content),
        min(notice.expires_at for notice in checked.notices),
        len(checked.recipients),
        sha256(content),
        content,
    )
    number = connection.execute(_FRAME, values).lastrowid
    notices = [
        (admission.originator, notice.notice_id, number, position)
        for position, notice in enumerate(checked.notices)
    ]
    insert(connection, _NOTICES, notices)
    chain = (admission.originator, header.outlet, header.topic)
    links = [
        (*chain, one.agency, one.seq, admission.statement_digest) for one in checked.recipients
    ]
    insert(connection, _CHAINS, links, _CHAIN_ON)
    return len(content)


def _recipient_rows(admission: Admission, sequence: int) -> list[tuple[object, ...]]:
    checked = admission.checked
    return [
        (
            one.agency,
            admission.topic,
            sequence,
            position,
            one.named,
            checked.frame.recipients[position],
            checked.frame.wraps[position],
            b"".join(admission.recipient_paths[position]),
        )
        for position, one in enumerate(checked.recipients)
    ]
