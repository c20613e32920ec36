# SPDX-License-Identifier: Apache-2.0
"""The services as the servicers need them. `broker.services.assembly` makes the real ones."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Protocol

from broker.domain.attachments import Chunk, Upload
from broker.domain.credit import Credit
from broker.domain.cursors import Cursor
from broker.domain.deliveries import Delivered
from broker.domain.events import Event
from broker.domain.filters import Filter
from broker.domain.logs import Inclusion, LogKind
from broker.domain.mail import HolderState, MailPage, Posted
from broker.domain.peers import Peer
from broker.domain.receipts import Receipt
from broker.domain.topics import TopicView
from broker.errors import BrokerError
from keys.directory import Directory
from keys.envelope import Frame
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall


class Publishing(Protocol):
    """Takes frames."""

    async def publish(self, agency: str, frame: Frame) -> Receipt:
        """Store a frame."""
        ...

    async def refuse(self, agency: str, error: BrokerError) -> None:
        """Write into the log that what an agency sent was not even a frame."""
        ...

    def drain(self) -> None:
        """Refuse what comes from now on."""
        ...


class Session(Protocol):
    """One live subscriber."""

    def events(self) -> AsyncGenerator[Event, None]:
        """Yield what the subscriber is to be told, in order."""
        ...

    def add_credit(self, grant: Credit) -> None:
        """Let that much more be delivered."""
        ...

    def charge(self, size: int) -> None:
        """Say how many bytes the delivery taken last is, before the next event is taken."""
        ...

    async def acknowledge(self, cursor: Cursor) -> object:
        """Move a cursor forward; it is on stable storage on return."""
        ...

    def close(self) -> None:
        """Let go of the subscription."""
        ...


class Subscriptions(Protocol):
    """Hands frames to those they were sealed to."""

    async def open(self, agency: str, subscription: str, wanted: Filter, credit: Credit) -> Session:
        """Open a live session."""
        ...

    async def pull(
        self, agency: str, subscription: str, wanted: Filter, max_frames: int, wait_ms: int
    ) -> Sequence[Delivered]:
        """Return what is waiting."""
        ...

    async def acknowledge(
        self, agency: str, subscription: str, cursors: Sequence[Cursor]
    ) -> Sequence[Cursor]:
        """Move cursors forward."""
        ...

    async def seek(self, agency: str, subscription: str, topic: str, sequence: int) -> Cursor:
        """Set a cursor."""
        ...

    async def get_notice(self, agency: str, originator: str, notice_id: bytes) -> Delivered:
        """Fetch one notice."""
        ...

    async def topics(self, agency: str) -> Sequence[TopicView]:
        """List what the agency may know of, by name."""
        ...

    async def drain(self) -> None:
        """End every session with a word."""
        ...


class Attachments(Protocol):
    """Keeps encrypted attachments."""

    async def put(
        self,
        agency: str,
        *,
        attachment_id: bytes,
        length: int,
        digest: bytes,
        offset: int,
        data: bytes,
    ) -> Upload:
        """Store a chunk."""
        ...

    async def get(
        self,
        agency: str,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> Chunk:
        """Read a chunk."""
        ...


class DirectoryKeeping(Protocol):
    """Holds the directory in force."""

    @property
    def current(self) -> Directory | None:
        """The directory; None before a federation is loaded."""
        ...

    async def submit(self, entry: bytes, *, card_of: str = "") -> int:
        """Append an entry and return its index."""
        ...

    async def submit_root(self, root: bytes) -> int:
        """Append a root document and return its version."""
        ...

    async def roots(self) -> Sequence[bytes]:
        """Return the root documents, oldest first."""
        ...

    async def entries(self, start: int, count: int) -> Sequence[bytes]:
        """Return entries in order."""
        ...


class Logs(Protocol):
    """Serves what proves the logs."""

    async def checkpoint(self, log: LogKind) -> str:
        """Return the newest signed note."""
        ...

    async def leaves(self, reader: Peer, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        """Return leaves in order."""
        ...

    async def inclusion(self, log: LogKind, index: int, size: int) -> Inclusion:
        """Prove that a leaf is in the tree of a size."""
        ...

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        """Prove that one size's tree is a prefix of another's."""
        ...


class Mailbox(Protocol):
    """Takes letters, grants and recalls, and hands mail to whom it is for."""

    async def submit_letter(self, agency: str, letter: SignedLetter) -> Posted:
        """Put a letter into its recipient's mailbox."""
        ...

    async def submit_grant(self, agency: str, grant: SignedGrant) -> Posted:
        """Admit an agency to a notice."""
        ...

    async def submit_recall(
        self, agency: str, recall: SignedRecall, assertions: Sequence[str], certificate: bytes = b""
    ) -> Posted:
        """Take a notice back."""
        ...

    async def mail(self, agency: str, after: int, count: int, wait_ms: int) -> MailPage:
        """Return mail behind a place, or wait for the first."""
        ...

    async def recipients(self, agency: str, notice_id: bytes) -> Sequence[HolderState]:
        """Return who could open a notice of the caller's own."""
        ...

    def drain(self) -> None:
        """Let nobody wait any longer."""
        ...


class Destroyed(Protocol):
    """Tells of frames of which something was destroyed."""

    def listen(self, keeper: Callable[[Iterable[tuple[str, int]]], None]) -> None:
        """Tell `keeper` from now on."""
        ...


class Peers(Protocol):
    """Knows who is calling."""

    def authenticate(self, leaf_pem: bytes, chain_pem: bytes, tls_version: str) -> Peer:
        """Return whose certificate it is."""
        ...

    def check(self, peer: Peer) -> None:
        """Refuse a peer that was locked or retired since."""
        ...

    def count_refusal(self, peer: Peer, error: BrokerError) -> None:
        """Count a call that a party may not make, for the log."""
        ...


class Services(Protocol):
    """All of them."""

    @property
    def publishing(self) -> Publishing: ...  # noqa: D102
    @property
    def subscriptions(self) -> Subscriptions: ...  # noqa: D102
    @property
    def attachments(self) -> Attachments: ...  # noqa: D102
    @property
    def directory(self) -> DirectoryKeeping: ...  # noqa: D102
    @property
    def logs(self) -> Logs: ...  # noqa: D102
    @property
    def peers(self) -> Peers: ...  # noqa: D102
    @property
    def mailbox(self) -> Mailbox: ...  # noqa: D102
    @property
    def destroyed(self) -> Destroyed: ...  # noqa: D102
