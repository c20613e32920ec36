# SPDX-License-Identifier: Apache-2.0
"""Destroying notices: their bytes leave the database; what proves that they were there stays.

HEADER and BODY go, grants and other mail that does not outlive the notice, attachments that no
other notice lists, and with the last notice of a frame its wraps. FRAME_HEADER, STATEMENT,
SIGNATURE, RECIPIENTs and leaf hashes stay. The connection overwrites what is deleted
(`connecting`), the committer empties the WAL (`committing`), and the cache lets go.
Source: design section 4, "Recall"; docs/protocol.md section 21.
"""

from collections.abc import Callable, Mapping

from sqlcipher3.dbapi2 import Connection

from broker.domain.acts import Act
from broker.domain.deliveries import StoredFrame, WithheldReason
from broker.domain.receipts import LogRef
from broker.storage import attachments
from broker.storage.faults import internal
from broker.storage.packing import packed, unpacked
from broker.storage.transaction import Transaction
from keys.framing import sha256

ERASED_AT_ONCE = 4
"""Pieces of attachments, 1 MiB each at most, that are overwritten in one transaction."""

_FRAME = "SELECT content, content_digest FROM frames WHERE topic = ? AND sequence = ?"
_REWRITE = """
UPDATE frames SET content = ?, content_digest = ?, size = ?, next_expiry = ?
WHERE topic = ? AND sequence = ? RETURNING recipients_end, recipient_count"""
_EMPTY_MAIL = """
UPDATE posted SET signed = x'', sealed = x'', signature = x''
WHERE topic = ? AND sequence = ? AND position = ? AND outlives = 0"""
_EMPTY_WRAPS = "UPDATE recipients SET wrap = x'' WHERE number > ? AND number <= ?"
_EXPIRED = """
SELECT topic, sequence FROM frames
WHERE next_expiry IS NOT NULL AND next_expiry <= ? ORDER BY next_expiry LIMIT ?"""
_NO_LEAF = LogRef(index=0, salt=b"", time_ms=0)


def destroy(
    transaction: Transaction, key: tuple[str, int], indices: Mapping[int, WithheldReason]
) -> None:
    """Destroy notices of a frame; of one that is destroyed already only the reason changes."""
    connection = transaction.connection
    before = current(connection, key)
    after = before.without(indices)
    lost = [header for index in indices if (header := before.notice_headers[index]) is not None]
    attachments.release(connection, before.originator, lost)
    content = packed(after)
    values = (content, sha256(content), len(content), after.next_expiry, *key)
    row = connection.execute(_REWRITE, values).fetchone()
    for index in indices:
        connection.execute(_EMPTY_MAIL, (*key, index))
    if after.next_expiry is None:
        connection.execute(_EMPTY_WRAPS, (row[0] - row[1], row[0]))
    transaction.destroyed.add(key)
    transaction.erases = True


def destroy_expired(
    transaction: Transaction,
    key: tuple[str, int],
    now: int,
    act_of: Callable[[StoredFrame, tuple[int, ...]], Act],
) -> bool:
    """Destroy the notices of a frame that have expired, with their leaf; False if none had."""
    frame = current(transaction.connection, key)
    expired = frame.expired_at(now)
    if not expired:
        return False
    transaction.append_acts([act_of(frame, expired)])
    destroy(transaction, key, dict.fromkeys(expired, WithheldReason.EXPIRED))
    return True


def expired(connection: Connection, now: int, at_most: int) -> list[tuple[str, int]]:
    """Return frames with notices that expired, the longest ago first."""
    rows = connection.execute(_EXPIRED, (now, at_most))
    return [(topic, sequence) for topic, sequence in rows]


def current(connection: Connection, key: tuple[str, int]) -> StoredFrame:
    """Return a frame as it is in the transaction, without the place of its leaf."""
    row = connection.execute(_FRAME, key).fetchone()
    if row is None:
        raise internal(f"frame {key[1]} of {key[0]} is not there")
    return unpacked(*key, _NO_LEAF, *row)
