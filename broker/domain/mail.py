# SPDX-License-Identifier: Apache-2.0
"""Letters, grants and recalls on their way into the store and out of it: bytes, names, places.

What they say was checked before; nothing here can open one. Source: docs/protocol.md section 21.
"""

from dataclasses import dataclass
from enum import IntEnum

from broker.domain.acts import Act
from broker.domain.receipts import LogRef


class MailKind(IntEnum):
    """What an item of mail is; the numbers are those of the store."""

    LETTER = 1
    GRANT = 2
    RECALL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One object as its sender signed it.

    Attributes:
        kind: what it is.
        signed: LETTER, GRANT or RECALL bytes.
        sealed: a letter's content or a grant's wrap; empty in a recall.
        signature: hybrid signature over `signed`.
    """

    kind: MailKind
    signed: bytes
    sealed: bytes
    signature: bytes

    @property
    def size(self) -> int:
        """Bytes of it."""
        return len(self.signed) + len(self.sealed) + len(self.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """An object on its way into the store.

    Attributes:
        mail: what was signed.
        sender: who signed it.
        name: names it among the sender's of its kind; under one name nothing else is ever stored.
        digest: SHA-256 of what is signed.
        topic: where the frame of the notice stands.
        sequence: its place there.
        index: the notice's place in the frame.
        recipient: whose mailbox it goes into; empty for a recall, which goes to all who could open
            the notice.
        until: when a grant ends; 0 otherwise.
        needs_notice: whether it is refused once the notice is destroyed.
        outlives: whether it is kept when the notice is destroyed.
        act: of posting it.
    """

    mail: Mail
    sender: str
    name: bytes
    digest: bytes
    topic: str
    sequence: int
    index: int
    recipient: str
    until: int = 0
    needs_notice: bool = False
    outlives: bool = False
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The answer for an object in the store.

    Attributes:
        log: the leaf of its posting.
        addressees: how many mailboxes it went into.
        duplicate: whether the same object had been stored before; the rest is of that time.
    """

    log: LogRef
    addressees: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailItem:
    """One place of a mailbox; `mail` is None where it was destroyed with its notice."""

    sequence: int
    log: LogRef
    mail: Mail | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """Some of a mailbox in order, and its last place."""

    items: tuple[MailItem, ...]
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderState:
    """How far an agency got with a notice.

    Attributes:
        agency: who could open it.
        delivered: whether it was handed out to the agency.
        grantee: whether a grant admitted it; otherwise the frame was sealed to it.
    """

    agency: str
    delivered: bool
    grantee: bool
