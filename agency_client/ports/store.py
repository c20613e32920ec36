# SPDX-License-Identifier: Apache-2.0
"""The agency's own memory as the services see it.

Every method is synchronous, thread-safe and durable on return; services call them with
`asyncio.to_thread`. A method that writes does all of it in one transaction.

Each raises `AgencyError`: STORE_FAILED where disk or lock do not let it, STORE_INVALID where the
store is damaged, MALFORMED for a value that cannot be stored. Nothing was changed then, unless the
message says that the outcome is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import Finding
from agency_client.domain.outbox import PublishReceipt, Refusal
from agency_client.domain.partners import PartnerRecord
from agency_client.domain.records import (
    ChainKey,
    Evidence,
    Head,
    KnownFrame,
    KnownNotice,
    Link,
    NoticeRow,
    Opening,
    OutboxFrame,
    OwnedLeaf,
    OwnNotice,
    PinnedCheckpoint,
    Placed,
    ReceivedBatch,
)
from agency_client.domain.views import InboxQuery
from agency_client.ports.key_uses import KeyUses
from agency_client.ports.people import People
from agency_client.ports.post import Endings, PostOffice


class Outbox(Protocol):
    """Sealed frames on their way, and the numbers given to them."""

    def outlet(self) -> bytes:
        """Return this outbox's 16-byte id; a new one after a restore from a backup."""
        ...

    def new_outlet(self) -> bytes:
        """Begin a new outlet, whose chains start anew."""
        ...

    def links(self, outlet: bytes, topic: str, agencies: Sequence[str]) -> Mapping[str, Link]:
        """Return the last number given to each agency; FIRST_LINK where there is none."""
        ...

    def append(self, frame: OutboxFrame, notices: Sequence[OwnNotice]) -> int:
        """Store a sealed frame, its notices and the chain it extends in one transaction.

        Returns:
            The frame's id.

        Raises:
            AgencyError: ALREADY_EXISTS, one of the notice ids is stored already; CHAIN_BROKEN, its
            numbers do not follow those given before. Nothing is stored then.
        """
        ...

    def resealed(self, frame: OutboxFrame, notices: Sequence[OwnNotice]) -> None:
        """Replace the stale frame with that id by a new seal and extend the chain."""
        ...

    def waiting(self) -> Sequence[OutboxFrame]:
        """Return frames neither accepted nor refused, oldest first, without their sealed bytes."""
        ...

    def notices(self, frame_id: int) -> Sequence[OwnNotice]:
        """Return the notices of a frame in order."""
        ...

    def frame(self, frame_id: int) -> OutboxFrame:
        """Return one frame."""
        ...

    def of_notice(self, row_id: int) -> OutboxFrame | None:
        """Return the frame of one of our kept notices; None where another machine sealed it."""
        ...

    def set_sent(self, frame_ids: Sequence[int]) -> None:
        """Note that these frames are about to be handed to the network."""
        ...

    def set_accepted(self, receipts: Sequence[tuple[int, PublishReceipt]]) -> None:
        """Store receipts, and advance the accepted ends of the chains."""
        ...

    def set_stale(self, frame_id: int, refusal: Refusal) -> None:
        """Note a definite refusal that sealing anew may cure."""
        ...

    def set_refused(self, frame_id: int, refusal: Refusal) -> None:
        """Note a final refusal; the frame's notices are marked refused."""
        ...

    def rewind(self, outlet: bytes, topic: str) -> None:
        """Set the topic's chains back to what was accepted, and its queued frames to stale."""
        ...

    def count(self) -> tuple[int, int]:
        """Return (frames, notices) that wait."""
        ...


class Inbox(Protocol):
    """What was received, and what is known about where it came from."""

    def known_frames(
        self, seals: Iterable[tuple[str, bytes]]
    ) -> Mapping[tuple[str, bytes], KnownFrame]:
        """Return which (originator, seal id) are stored."""
        ...

    def known_notices(
        self, notices: Iterable[tuple[str, bytes]]
    ) -> Mapping[tuple[str, bytes], KnownNotice]:
        """Return which (originator, notice id) are stored."""
        ...

    def links(self, keys: Iterable[ChainKey]) -> Mapping[ChainKey, Link]:
        """Return the last frame held of each chain; absent where none is."""
        ...

    def missing(self, key: ChainKey) -> Sequence[tuple[int, int]]:
        """Return the (first, last) numbers of a chain that have not arrived."""
        ...

    def beside(self, key: ChainKey, seq: int) -> Sequence[Placed]:
        """Return frames held under the numbers before and behind `seq`; a few of each at most."""
        ...

    def record(self, batch: ReceivedBatch, now: int) -> Sequence[int]:
        """Write a batch in one transaction; return the row ids of its notices, in order.

        Frames already held gain what they lacked.
        """
        ...

    def subscription(self) -> str:
        """Return the name of this store's subscription at the broker; each store has its own."""
        ...

    def cursors(self, subscription: str) -> Mapping[str, int]:
        """Return the last sequence stored of each topic."""
        ...

    def find(self, reference: str, originator: str = "") -> Sequence[NoticeRow]:
        """Return notices whose hex id starts with `reference`, at most two."""
        ...

    def rows(self, ids: Sequence[int]) -> Sequence[NoticeRow]:
        """Return notices by row id, in the order asked for; unknown ones are left out."""
        ...

    def said_by_others(self, digests: Sequence[bytes]) -> Mapping[bytes, NoticeRow]:
        """Return, by SHA-256 of what it says, an indexed notice of another agency that says it."""
        ...

    def browse(self, query: InboxQuery, own: str, now: int) -> Sequence[NoticeRow]:
        """Return notices by `query`, newest first; those of others only once they are valid."""
        ...

    def acknowledge(self, row_id: int, at_ms: int, by: str) -> None:
        """Note that a person took notice; the first time stays."""
        ...

    def count(self) -> int:
        """Return how many notices are kept."""
        ...

    def newest_id(self) -> int:
        """Return the highest row id."""
        ...

    def add_findings(self, findings: Sequence[Evidence]) -> None:
        """Keep findings."""
        ...

    def findings(self, limit: int) -> Sequence[Finding]:
        """Return findings, newest first."""
        ...

    def finding_count(self) -> int:
        """Return how many findings are kept."""
        ...

    def owned_leaves(self, after: int, limit: int) -> Sequence[OwnedLeaf]:
        """Return broker log leaves that we hold the salt of, by index above `after`, ascending."""
        ...


class SearchIndex(Protocol):
    """Full text over everything kept; filled outside the receive path."""

    def index(self, limit: int) -> int:
        """Index up to `limit` notices that are not yet; return how many were."""
        ...

    def waiting(self) -> int:
        """Return how many notices the index does not cover."""
        ...

    def search(self, words: str, limit: int, now: int) -> Sequence[int]:
        """Return row ids of notices in which all words occur, best first; the last may be begun.

        Superseded, refused and expired ones are found too.

        Raises:
            AgencyError: INVALID_ARGUMENT; nothing to search for, too much, or a limit below 1.
        """
        ...


class Trust(Protocol):
    """What we hold others to: roots, directory entries, checkpoints, heads heard of."""

    def roots(self) -> Sequence[bytes]:
        """Return the signed root documents, oldest first."""
        ...

    def set_roots(self, roots: Sequence[bytes]) -> None:
        """Store all root documents; a longer list that is stored already stays."""
        ...

    def entries(self) -> Sequence[bytes]:
        """Return the signed directory entries in order."""
        ...

    def add_entries(self, start: int, entries: Sequence[bytes]) -> None:
        """Append entries at `start`; those that are stored already stay.

        Raises:
            AgencyError: DIRECTORY_INVALID; it would leave a gap.
        """
        ...

    def checkpoint(self, log: str) -> PinnedCheckpoint | None:
        """Return the largest pinned checkpoint of a log."""
        ...

    def pin(self, log: str, checkpoint: PinnedCheckpoint) -> None:
        """Pin a checkpoint that was verified to follow from the one before.

        Raises:
            AgencyError: LOG_INVALID; another root of that size is pinned.
        """
        ...

    def unchecked_heads(self, log: str, limit: int) -> Sequence[Head]:
        """Return heads heard of in signed headers that were not compared yet, smallest first."""
        ...

    def set_checked(self, heads: Sequence[Head]) -> None:
        """Note that heads were compared."""
        ...


class OpeningLog(Protocol):
    """The agency's own RFC 9162 log of openings."""

    def append(self, opening: Opening) -> LogReference:
        """Write one leaf; it is durable on return."""
        ...

    def head(self) -> tuple[int, bytes]:
        """Return (size, root)."""
        ...

    def leaves(self, start: int, limit: int) -> Sequence[tuple[bytes, bytes, Opening]]:
        """Return (leaf, salt, opening) from `start` on."""
        ...

    def has_shown(self, reference: str) -> bool:
        """Return whether anybody was shown a notice, by its name ORIGINATOR/HEX."""
        ...

    def node(self, level: int, position: int) -> bytes:
        """Return the stored hash of a perfect subtree."""
        ...


class Partners(Protocol):
    """What we remember of the other members: of what we were told, whose words were compared."""

    def records(self) -> Mapping[str, PartnerRecord]:
        """Return what is remembered, by agency."""
        ...

    def set_told(self, marks: Mapping[str, bytes]) -> None:
        """Remember of what our officers were told, as a mark for each agency."""
        ...

    def set_compared(self, agency: str, mark: bytes, at_ms: int, by: str) -> None:
        """Remember that the words of these keys were compared; an earlier comparison goes."""
        ...


class Attachments(Protocol):
    """Ciphertexts of our own attachments until they are published."""

    def add(self, attachment_id: bytes, digest: bytes, length: int) -> None:
        """Note a sealed attachment whose ciphertext lies at `path`.

        Raises:
            AgencyError: ALREADY_EXISTS.
        """
        ...

    def path(self, attachment_id: bytes) -> Path:
        """Return where the ciphertext lies."""
        ...

    def pending(self, ids: Sequence[bytes]) -> Sequence[tuple[bytes, bytes, int]]:
        """Return (id, digest, length) of those not uploaded."""
        ...

    def set_uploaded(self, attachment_id: bytes, *, uploaded: bool) -> None:
        """Note whether the broker has it whole."""
        ...


class Locks(Protocol):
    """Who may write: one publisher per outlet, one receiver per profile, across processes."""

    def outlet(self) -> AbstractContextManager[None]:
        """Hold the outlet.

        Raises:
            AgencyError: PROFILE_IN_USE.
        """
        ...

    def receiver(self) -> AbstractContextManager[None]:
        """Hold the receiver's place.

        Raises:
            AgencyError: PROFILE_IN_USE.
        """
        ...


class Store(Protocol):
    """All of it, for one profile."""

    @property
    def outbox(self) -> Outbox:
        """Frames on their way."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Frames and notices received."""
        ...

    @property
    def search(self) -> SearchIndex:
        """Full text."""
        ...

    @property
    def trust(self) -> Trust:
        """Roots, directory, checkpoints."""
        ...

    @property
    def openings(self) -> OpeningLog:
        """Our own log."""
        ...

    @property
    def partners(self) -> Partners:
        """The other members."""
        ...

    @property
    def people(self) -> People:
        """Our officers, and what needs two of them."""
        ...

    @property
    def post(self) -> PostOffice:
        """Letters, grants and recalls."""
        ...

    @property
    def endings(self) -> Endings:
        """The end of notices."""
        ...

    @property
    def key_uses(self) -> KeyUses:
        """Which keys our frames name."""
        ...

    @property
    def attachments(self) -> Attachments:
        """Our own attachments."""
        ...

    @property
    def locks(self) -> Locks:
        """Who may write."""
        ...

    def close(self) -> None:
        """Let files go."""
        ...
