# SPDX-License-Identifier: Apache-2.0
"""Mailboxes: what is posted is stored once, and a number in each mailbox names it.

Nothing is taken out of a mailbox, so that each machine of an agency can read it from where it
stands; what is destroyed leaves an empty place.
"""

from sqlcipher3.dbapi2 import Connection

from broker.domain.deliveries import WithheldReason
from broker.domain.mail import Mail, MailItem, MailKind, MailPage, Posted, Posting
from broker.domain.receipts import LogRef
from broker.errors import BrokerError, Reason
from broker.storage.bulk import insert
from broker.storage.destroying import current, destroy
from broker.storage.transaction import Transaction

_KNOWN = """
SELECT p.digest, p.addressees, p.leaf_index, p.time_ms, coalesce(l.salt, x'')
FROM posted p LEFT JOIN leaves l ON l.leaf_index = p.leaf_index
WHERE p.sender = ? AND p.kind = ? AND p.name = ?"""
_POST = """
INSERT INTO posted (kind, sender, name, digest, topic, sequence, position, recipient, until,
                    outlives, addressees, leaf_index, time_ms, signed, sealed, signature)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_HEAD = "SELECT coalesce(max(sequence), 0) FROM mail WHERE agency = ?"
_MAIL = "INSERT INTO mail (agency, sequence, number)"
_HOLDERS = """
SELECT r.agency FROM frames f
JOIN recipients r
  ON r.number > f.recipients_end - f.recipient_count AND r.number <= f.recipients_end
WHERE f.topic = ?1 AND f.sequence = ?2
UNION
SELECT recipient FROM posted
WHERE topic = ?1 AND sequence = ?2 AND position = ?3 AND kind = ?4"""
_PAGE = """
SELECT m.sequence, p.leaf_index, p.time_ms, coalesce(l.salt, x''),
       p.kind, p.signed, p.sealed, p.signature
FROM mail m JOIN posted p ON p.number = m.number
LEFT JOIN leaves l ON l.leaf_index = p.leaf_index
WHERE m.agency = ? AND m.sequence > ? ORDER BY m.sequence LIMIT ?"""


def find_posted(
    connection: Connection, sender: str, kind: MailKind, name: bytes, digest: bytes
) -> Posted | None:
    """Return the first answer to an object as a duplicate, or None for an unknown name.

    Raises:
        BrokerError: ALREADY_EXISTS for another object under the name.
    """
    row = connection.execute(_KNOWN, (sender, kind, name)).fetchone()
    if row is None:
        return None
    if row[0] != digest:
        raise BrokerError(Reason.ALREADY_EXISTS)
    log = LogRef(index=row[2], time_ms=row[3], salt=row[4])
    return Posted(log=log, addressees=row[1], duplicate=True)


def post(transaction: Transaction, posting: Posting) -> Posted:
    """Put a letter or a grant into its recipient's mailbox.

    Raises:
        BrokerError: ALREADY_EXISTS; NOT_FOUND where it needs a notice that was destroyed.
    """
    known = _known(transaction.connection, posting)
    if known is not None:
        return known
    if posting.needs_notice:
        frame = current(transaction.connection, (posting.topic, posting.sequence))
        if posting.index in frame.gone:
            raise BrokerError(Reason.NOT_FOUND)
    return _write(transaction, posting, [posting.recipient])


def recall(transaction: Transaction, posting: Posting) -> Posted:
    """Destroy a notice and tell everybody who could open it, but its originator.

    Raises:
        BrokerError: ALREADY_EXISTS for a notice that another recall took back.
    """
    known = _known(transaction.connection, posting)
    if known is not None:
        return known
    key = posting.topic, posting.sequence
    told = holders(transaction.connection, key, posting.index)
    destroy(transaction, key, {posting.index: WithheldReason.RECALLED})
    return _write(transaction, posting, [agency for agency in told if agency != posting.sender])


def page(connection: Connection, agency: str, after: int, count: int, max_bytes: int) -> MailPage:
    """Return mail behind a place, at least one item where there is one, and the last place."""
    head: int = connection.execute(_HEAD, (agency,)).fetchone()[0]
    items: list[MailItem] = []
    for row in connection.execute(_PAGE, (agency, after, count)).fetchall():
        item = _item(row)
        max_bytes -= item.mail.size if item.mail is not None else 0
        if items and max_bytes < 0:
            break
        items.append(item)
    return MailPage(items=tuple(items), head=max([head, *(one.sequence for one in items)]))


def holders(connection: Connection, key: tuple[str, int], index: int) -> list[str]:
    """Return who could open a notice, by id: those it was sealed to, and those a grant admitted."""
    return [row[0] for row in connection.execute(_HOLDERS, (*key, index, MailKind.GRANT))]


def _known(connection: Connection, posting: Posting) -> Posted | None:
    mail = posting.mail
    return find_posted(connection, posting.sender, mail.kind, posting.name, posting.digest)


def _write(transaction: Transaction, posting: Posting, addressees: list[str]) -> Posted:
    connection, mail = transaction.connection, posting.mail
    (log,) = transaction.append_acts([posting.act])
    values = (
        mail.kind,
        posting.sender,
        posting.name,
        posting.digest,
        posting.topic,
        posting.sequence,
        posting.index,
        posting.recipient,
        posting.until,
        posting.outlives,
        len(addressees),
        log.index,
        log.time_ms,
        mail.signed,
        mail.sealed,
        mail.signature,
    )
    number = connection.execute(_POST, values).lastrowid
    rows = [
        (agency, connection.execute(_HEAD, (agency,)).fetchone()[0] + 1, number)
        for agency in addressees
    ]
    insert(connection, _MAIL, rows)
    return Posted(log=log, addressees=len(addressees))


def _item(row: tuple[int, int, int, bytes, int, bytes, bytes, bytes]) -> MailItem:
    sequence, index, time_ms, salt, kind, signed, sealed, signature = row
    mail = Mail(kind=MailKind(kind), signed=signed, sealed=sealed, signature=signature)
    return MailItem(
        sequence=sequence,
        log=LogRef(index=index, salt=salt, time_ms=time_ms),
        mail=mail if signed else None,
    )
