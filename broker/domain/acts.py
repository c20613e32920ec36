# SPDX-License-Identifier: Apache-2.0
"""What is written into the acts log: one leaf for each act, each field under the leaf's own salt.

The field sets are part of the protocol: who holds a leaf's salt recomputes it from exactly these.
Source: docs/protocol.md section 11; design section 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.deliveries import Form, Showing, StoredFrame, Withheld
from broker.domain.logs import LogKind
from keys.framing import sha256, u8, u32
from keys.grants import Grant
from keys.letters import LetterHeader
from keys.logleaf import Value, encode_leaf
from keys.places import NoticePlace
from keys.recalls import Recall

PUBLISH = "publish"
DELIVER = "deliver"
STUB = "stub"
WITHHOLD = "withhold"
FETCH = "fetch"
REFUSE = "refuse"
DIRECTORY = "directory"
LOCK = "lock"
ROOT = "root"
READ_LOG = "read-log"
LETTER = "letter"
GRANT = "grant"
RECALL = "recall"
EXPIRE = "expire"
READ_MAIL = "read-mail"

_KINDS = {
    Form.FULL: DELIVER,
    Form.PARTIAL: DELIVER,
    Form.STUB: STUB,
    Form.WITHHELD: WITHHOLD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act, with what its leaf says.

    Attributes:
        kind: in clear in the leaf.
        time_ms: in clear in the leaf, milliseconds since 1970.
        fields: each is in the leaf as an HMAC under `salt`.
        salt: 32 random bytes of this leaf alone.
    """

    kind: str
    time_ms: int
    fields: dict[str, Value]
    salt: bytes

    def leaf(self) -> bytes:
        """Return the LOG_LEAF bytes."""
        return encode_leaf(self.kind, self.time_ms, self.fields, self.salt)


def publication(
    *, originator: str, topic: str, sequence: int, statement: bytes, time_ms: int, salt: bytes
) -> Act:
    """Return the act of storing a frame; `statement` is the STATEMENT's SHA-256."""
    fields: dict[str, Value] = {
        "originator": originator,
        "topic": topic,
        "sequence": sequence,
        "statement": statement,
    }
    return Act(kind=PUBLISH, time_ms=time_ms, fields=fields, salt=salt)


def delivery(
    frame: StoredFrame, showing: Showing, recipient: str, time_ms: int, salt: bytes
) -> Act:
    """Return the act of delivering a frame to a recipient, whatever of it is shown."""
    fields = _shown_fields(frame, showing, recipient)
    return Act(kind=_KINDS[showing.form], time_ms=time_ms, fields=fields, salt=salt)


def fetching(
    frame: StoredFrame, showing: Showing, recipient: str, time_ms: int, salt: bytes
) -> Act:
    """Return the act of handing one notice to a recipient that asked for it by id."""
    fields = _shown_fields(frame, showing, recipient)
    return Act(kind=FETCH, time_ms=time_ms, fields=fields, salt=salt)


def _shown_fields(frame: StoredFrame, showing: Showing, recipient: str) -> dict[str, Value]:
    return {
        "recipient": recipient,
        "topic": frame.topic,
        "sequence": frame.sequence,
        "statement": frame.statement_digest,
        "shown": indices_bytes(showing.shown),
        "withheld": withheld_bytes(showing.withheld),
    }


def carried(act: Act) -> bytes | None:
    """Return which notices a delivery carried, as its leaf says; None if it kept none back."""
    is_whole = act.kind == DELIVER and not act.fields["withheld"]
    if is_whole or act.kind not in _KINDS.values():
        return None
    shown = act.fields["shown"]
    return shown if isinstance(shown, bytes) else b""


def indices_bytes(indices: Iterable[int]) -> bytes:
    """Return ascending indices as the `shown` field has them: u32 each."""
    return b"".join(map(u32, indices))


def withheld_bytes(withheld: Iterable[Withheld]) -> bytes:
    """Return what is kept back as the `withheld` field has it: u32 index, u8 reason each."""
    return b"".join(u32(one.index) + u8(one.reason) for one in withheld)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the log says about an act that was refused.

    Attributes:
        act: what was asked for.
        agency: by whom.
        reason: the name of the `Reason`.
        rules: ids of the deciding rules.
        topic: where; empty where it is not known.
        statement: SHA-256 of the STATEMENT; empty where there is none.
        count: how many; above 1 for those that were only counted because they came in a flood.
    """

    act: str
    agency: str
    reason: str
    rules: tuple[str, ...] = ()
    topic: str = ""
    statement: bytes = b""
    count: int = 1


def refusal(refused: Refusal, time_ms: int, salt: bytes) -> Act:
    """Return the act of refusing."""
    fields: dict[str, Value] = {
        "act": refused.act,
        "agency": refused.agency,
        "reason": refused.reason,
        "rules": ",".join(refused.rules),
        "topic": refused.topic,
        "statement": refused.statement,
        "count": refused.count,
    }
    return Act(kind=REFUSE, time_ms=time_ms, fields=fields, salt=salt)


def directory_change(index: int, entry: bytes, locked: str, time_ms: int, salt: bytes) -> Act:
    """Return the act of taking in a directory entry.

    Args:
        index: its place.
        entry: the SIGNED_ENTRY bytes.
        locked: the agency that it locks, or empty; a lock is a kind of its own.
        time_ms: milliseconds since 1970.
        salt: 32 random bytes.
    """
    fields: dict[str, Value] = {"index": index, "entry": sha256(entry)}
    if locked:
        fields["agency"] = locked
    return Act(kind=LOCK if locked else DIRECTORY, time_ms=time_ms, fields=fields, salt=salt)


def root_change(version: int, root: bytes, time_ms: int, salt: bytes) -> Act:
    """Return the act of taking in a root document; `root` is the SIGNED_ROOT bytes."""
    fields: dict[str, Value] = {"version": version, "root": sha256(root)}
    return Act(kind=ROOT, time_ms=time_ms, fields=fields, salt=salt)


def log_reading(
    reader: str, log: LogKind, start: int, count: int, *, time_ms: int, salt: bytes
) -> Act:
    """Return the act of reading leaves of a log."""
    fields: dict[str, Value] = {
        "reader": reader,
        "log": log.name.lower(),
        "start": start,
        "count": count,
    }
    return Act(kind=READ_LOG, time_ms=time_ms, fields=fields, salt=salt)


def letter_posting(header: LetterHeader, letter: bytes, time_ms: int, salt: bytes) -> Act:
    """Return the act of putting a letter, by its LETTER's SHA-256, into a mailbox."""
    fields = {
        "sender": header.sender,
        "recipient": header.recipient,
        "kind": header.kind,
        **_place_fields(header.place),
        "letter": letter,
    }
    return Act(kind=LETTER, time_ms=time_ms, fields=fields, salt=salt)


def grant_posting(grant: Grant, digest: bytes, time_ms: int, salt: bytes) -> Act:
    """Return the act of admitting a grantee; `digest` is the GRANT's SHA-256."""
    fields = {
        "grantor": grant.grantor,
        "grantee": grant.grantee,
        **_place_fields(grant.place),
        "grant": digest,
    }
    return Act(kind=GRANT, time_ms=time_ms, fields=fields, salt=salt)


def recall_posting(recall: Recall, digest: bytes, time_ms: int, salt: bytes) -> Act:
    """Return the act of taking a notice back; `digest` is the RECALL's SHA-256."""
    fields = {
        "originator": recall.originator,
        **_place_fields(recall.place),
        "reason": recall.reason,
        "recall": digest,
    }
    return Act(kind=RECALL, time_ms=time_ms, fields=fields, salt=salt)


def _place_fields(place: NoticePlace) -> dict[str, Value]:
    return {"statement": place.statement, "index": place.index}


def expiry(frame: StoredFrame, indices: Iterable[int], time_ms: int, salt: bytes) -> Act:
    """Return the act of destroying notices of a frame because they expired."""
    fields: dict[str, Value] = {
        "topic": frame.topic,
        "sequence": frame.sequence,
        "statement": frame.statement_digest,
        "destroyed": indices_bytes(indices),
    }
    return Act(kind=EXPIRE, time_ms=time_ms, fields=fields, salt=salt)


def mail_reading(reader: str, start: int, count: int, *, time_ms: int, salt: bytes) -> Act:
    """Return the act of handing an agency its mail from a place on."""
    fields: dict[str, Value] = {"reader": reader, "start": start, "count": count}
    return Act(kind=READ_MAIL, time_ms=time_ms, fields=fields, salt=salt)
