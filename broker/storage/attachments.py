# SPDX-License-Identifier: Apache-2.0
"""Attachments in pieces. Their bytes are ciphertext; whether they match is decided by the caller.

An attachment that no frame references counts against its originator's quota and is collected by
age. A complete one is never dropped while it may be referenced, and is dropped with the last notice
that lists it. What is dropped is gone at once for everybody, and its pieces are overwritten a few
at a time, so that publishers do not wait behind 256 MiB.
"""

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

from sqlcipher3.dbapi2 import Connection

from broker.domain.attachments import Chunk, Piece, Upload
from broker.domain.limits import MAX_CHUNK_BYTES
from broker.errors import BrokerError, Reason, invalid, over_limit
from broker.storage.transaction import Transaction
from keys.envelope import AttachmentRef, NoticeHeader

_FIND = """
SELECT number, length, digest, stored, complete, referenced FROM attachments
WHERE originator = ? AND attachment_id = ?"""
_BEGIN = """
INSERT INTO attachments
    (originator, attachment_id, length, digest, stored, complete, referenced, begun_ms)
VALUES (?, ?, ?, ?, 0, 0, 0, ?)"""
_PIECE = "INSERT INTO pieces (number, start, content) VALUES (?, ?, ?)"
_STORED = "UPDATE attachments SET stored = ? WHERE number = ?"
_COMPLETE = "UPDATE attachments SET complete = 1 WHERE number = ?"
_REFERENCED = "UPDATE attachments SET referenced = referenced + 1 WHERE number = ?"
_RELEASED = """
UPDATE attachments SET referenced = referenced - 1
WHERE originator = ? AND attachment_id = ? RETURNING number, referenced"""
_PIECES = "SELECT content FROM pieces WHERE number = ? ORDER BY start"
_PIECES_FROM = """
SELECT start, content FROM pieces
WHERE number = ?1
  AND start >= (SELECT max(start) FROM pieces WHERE number = ?1 AND start <= ?2)
ORDER BY start"""
_DROP = "DELETE FROM attachments WHERE number = ?"
_DOOM = "INSERT INTO doomed (number) VALUES (?)"
_DOOMED = "SELECT number FROM doomed LIMIT 1"
_ERASE = """
DELETE FROM pieces WHERE number = ?1
  AND start IN (SELECT start FROM pieces WHERE number = ?1 ORDER BY start LIMIT ?2)"""
_ERASED = "DELETE FROM doomed WHERE number = ?"
_OLD = """
SELECT number, originator, stored FROM attachments
WHERE referenced = 0 AND begun_ms < ? ORDER BY begun_ms LIMIT ?"""
_HELD = "SELECT bytes FROM holdings WHERE originator = ?"
_HOLD = """
INSERT INTO holdings (originator, bytes) VALUES (?, ?)
ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes"""


@dataclass(frozen=True, slots=True)
class _Attachment:
    number: int
    length: int
    digest: bytes
    stored: int
    complete: int
    referenced: int

    @property
    def upload(self) -> Upload:
        return Upload(stored=self.stored, complete=bool(self.complete))


def put_piece(transaction: Transaction, piece: Piece, quota: int) -> Upload:
    """Store a piece that follows what is stored; an empty one asks how much that is.

    Raises:
        BrokerError: ALREADY_EXISTS, OFFSET_MISMATCH, LIMIT_EXCEEDED; INVALID_ARGUMENT for bytes
            beyond the length.
    """
    connection = transaction.connection
    found = _find(connection, piece.originator, piece.attachment_id)
    if found is not None and (found.length, found.digest) != (piece.length, piece.digest):
        raise BrokerError(Reason.ALREADY_EXISTS)
    if not piece.data or (found is not None and found.complete):
        return Upload(stored=0, complete=False) if found is None else found.upload
    stored = 0 if found is None else found.stored
    _check_piece(connection, piece, stored, quota)
    if found is None:
        values = (piece.originator, piece.attachment_id, piece.length, piece.digest, piece.time_ms)
        number = connection.execute(_BEGIN, values).lastrowid
    else:
        number = found.number
    reached = stored + len(piece.data)
    connection.execute(_PIECE, (number, stored, piece.data))
    connection.execute(_STORED, (reached, number))
    connection.execute(_HOLD, (piece.originator, len(piece.data)))
    return Upload(stored=reached, complete=False)


def _check_piece(connection: Connection, piece: Piece, stored: int, quota: int) -> None:
    if len(piece.data) > MAX_CHUNK_BYTES:
        raise over_limit("chunk_bytes", MAX_CHUNK_BYTES, len(piece.data))
    if piece.offset != stored:
        raise BrokerError(Reason.OFFSET_MISMATCH, {"stored": str(stored)})
    if stored + len(piece.data) > piece.length:
        raise invalid("data", f"{stored + len(piece.data)} bytes of {piece.length}")
    row = connection.execute(_HELD, (piece.originator,)).fetchone()
    held = len(piece.data) + (row[0] if row else 0)
    if held > quota:
        raise over_limit("upload_bytes", quota, held)


def digest_upload(connection: Connection, originator: str, attachment_id: bytes) -> bytes:
    """Return the SHA-256 of what is stored; NOT_FOUND where nothing is."""
    digest = hashlib.sha256()
    attachment = _get(connection, originator, attachment_id)
    with closing(connection.execute(_PIECES, (attachment.number,))) as pieces:
        for (content,) in pieces:
            digest.update(content)
    return digest.digest()


def complete_upload(
    transaction: Transaction, originator: str, attachment_id: bytes, *, matches: bool
) -> Upload:
    """Mark an attachment complete, or drop it so that it can be begun anew.

    Raises:
        BrokerError: NOT_FOUND; ATTACHMENT_MISSING where bytes are still missing.
    """
    connection = transaction.connection
    attachment = _get(connection, originator, attachment_id)
    if attachment.complete:
        return attachment.upload
    if not matches:
        _drop(connection, attachment.number, originator, attachment.stored)
        return Upload(stored=0, complete=False)
    if attachment.stored != attachment.length:
        raise _missing(attachment_id)
    connection.execute(_COMPLETE, (attachment.number,))
    return Upload(stored=attachment.stored, complete=True)


def reference(connection: Connection, originator: str, notices: Iterable[NoticeHeader]) -> None:
    """Hold what notices list, so that it is not collected.

    Raises:
        BrokerError: ATTACHMENT_MISSING where one is not here, not complete, or another one.
    """
    for notice in notices:
        for listed in notice.attachments:
            attachment = _find(connection, originator, listed.id)
            if attachment is None or not _is(attachment, listed):
                raise _missing(listed.id)
            connection.execute(_REFERENCED, (attachment.number,))
            if not attachment.referenced:
                connection.execute(_HOLD, (originator, -attachment.stored))


def release(connection: Connection, originator: str, notices: Iterable[NoticeHeader]) -> None:
    """Drop what notices list and no other notice does."""
    for notice in notices:
        for listed in notice.attachments:
            row = connection.execute(_RELEASED, (originator, listed.id)).fetchone()
            if row is not None and row[1] == 0:
                _doom(connection, row[0])


def erase(transaction: Transaction, pieces: int) -> bool:
    """Overwrite up to `pieces` of what was dropped; return whether there is more."""
    connection = transaction.connection
    while pieces > 0:
        row = connection.execute(_DOOMED).fetchone()
        if row is None:
            return False
        transaction.erases = True
        erased = connection.execute(_ERASE, (row[0], pieces)).rowcount
        if erased < pieces:
            connection.execute(_ERASED, row)
        pieces -= erased
    return has_doomed(connection)


def has_doomed(connection: Connection) -> bool:
    """Whether something that was dropped is still to be overwritten."""
    return connection.execute(_DOOMED).fetchone() is not None


def read(
    connection: Connection, originator: str, attachment_id: bytes, offset: int, max_bytes: int
) -> Chunk | None:
    """Return bytes of a complete attachment from `offset` on; none behind its end."""
    attachment = _find(connection, originator, attachment_id)
    if attachment is None or not attachment.complete:
        return None
    if not 0 <= offset < attachment.length:
        return Chunk(data=b"", length=attachment.length)
    data = bytearray()
    with closing(connection.execute(_PIECES_FROM, (attachment.number, offset))) as pieces:
        for start, content in pieces:
            data += content[max(offset - start, 0) :]
            if len(data) >= max_bytes:
                break
    return Chunk(data=bytes(data[: max(max_bytes, 0)]), length=attachment.length)


def collect(transaction: Transaction, before: int, at_most: int) -> int:
    """Delete attachments that no frame references, begun before a time; return how many."""
    old = transaction.connection.execute(_OLD, (before, max(at_most, 0))).fetchall()
    for number, originator, stored in old:
        _drop(transaction.connection, number, originator, stored)
    return len(old)


def _find(connection: Connection, originator: str, attachment_id: bytes) -> _Attachment | None:
    row = connection.execute(_FIND, (originator, attachment_id)).fetchone()
    return None if row is None else _Attachment(*row)


def _get(connection: Connection, originator: str, attachment_id: bytes) -> _Attachment:
    found = _find(connection, originator, attachment_id)
    if found is None:
        raise BrokerError(Reason.NOT_FOUND)
    return found


def _is(attachment: _Attachment, listed: AttachmentRef) -> bool:
    same = (attachment.length, attachment.digest) == (listed.length, listed.digest)
    return same and bool(attachment.complete)


def _missing(attachment_id: bytes) -> BrokerError:
    return BrokerError(Reason.ATTACHMENT_MISSING, {"attachment": attachment_id.hex()})


def _drop(connection: Connection, number: int, originator: str, stored: int) -> None:
    _doom(connection, number)
    connection.execute(_HOLD, (originator, -stored))


def _doom(connection: Connection, number: int) -> None:
    connection.execute(_DROP, (number,))
    connection.execute(_DOOM, (number,))
