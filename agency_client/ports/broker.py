# SPDX-License-Identifier: Apache-2.0
"""The broker as an agency sees it.

Each call raises `agency_client.errors.AgencyError` with the broker's reason, or BROKER_UNREACHABLE
/ DEADLINE_EXCEEDED where there was no answer. Nothing it returns has been verified.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from agency_client.domain.delivery import (
    Cursor,
    Delivery,
    Filter,
    LogReference,
    SubscriptionEvent,
    TopicView,
)
from agency_client.domain.mail import Mail, RecipientState
from agency_client.domain.outbox import PublishOutcome
from keys.envelope import Frame
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall


class LogKind(StrEnum):
    """The broker's two logs."""

    ACTS = "acts"
    DIRECTORY = "directory"


class PublishStream(Protocol):
    """An open publish stream. At most `window` frames may be unanswered."""

    @property
    def window(self) -> int:
        """How many frames may be unanswered."""
        ...

    async def send(self, number: int, frame: Frame) -> None:
        """Send one frame; numbers count from 1 without gaps."""
        ...

    def outcomes(self) -> AsyncIterator[Sequence[PublishOutcome]]:
        """Yield outcomes in order of number, as many at once as came; ends where it drains."""
        ...


class SubscriptionStream(Protocol):
    """An open subscription."""

    def events(self) -> AsyncIterator[SubscriptionEvent]:
        """Yield events; ends where the broker ends the stream."""
        ...

    async def add_credit(self, frames: int, size: int) -> None:
        """Let the broker send `frames` more deliveries of `size` more bytes together."""
        ...

    async def acknowledge(self, cursor: Cursor) -> None:
        """Acknowledge everything up to and including the cursor; an Acknowledged event answers."""
        ...


class Broker(Protocol):
    """Calls to one broker."""

    @property
    def address(self) -> str:
        """HOST:PORT."""
        ...

    def publish_stream(self) -> AbstractAsyncContextManager[PublishStream]:
        """Open a publish stream; leaving the context ends it."""
        ...

    def subscribe(
        self, subscription: str, wanted: Filter, *, frames: int, size: int
    ) -> AbstractAsyncContextManager[SubscriptionStream]:
        """Open a subscription with its first credit; leaving the context ends it."""
        ...

    async def pull(
        self, subscription: str, wanted: Filter, *, max_frames: int, wait_ms: int
    ) -> Sequence[Delivery]:
        """Return what is waiting, or wait for a first frame."""
        ...

    async def acknowledge(self, subscription: str, cursors: Sequence[Cursor]) -> None:
        """Move cursors forward; they are on stable storage on return."""
        ...

    async def seek(self, subscription: str, cursor: Cursor) -> None:
        """Set a cursor, also backward."""
        ...

    async def get_notice(self, originator: str, notice_id: bytes) -> Delivery:
        """Fetch one notice."""
        ...

    async def topics(self) -> Sequence[TopicView]:
        """List the topics we may know of."""
        ...

    async def put_attachment_chunk(
        self, *, attachment_id: bytes, length: int, digest: bytes, offset: int, data: bytes
    ) -> tuple[int, bool]:
        """Store a chunk; return (bytes stored, complete). Empty `data` asks for the state alone."""
        ...

    async def get_attachment_chunk(
        self,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> tuple[bytes, int]:
        """Read a chunk; return (bytes, whole length)."""
        ...

    async def submit_letter(self, letter: SignedLetter) -> LogReference:
        """Put a letter into its recipient's mailbox; the same one again has the same answer."""
        ...

    async def submit_grant(self, grant: SignedGrant) -> LogReference:
        """Admit one more agency to one notice; the same grant again has the same answer."""
        ...

    async def submit_recall(self, recall: SignedRecall, assertions: Sequence[str]) -> LogReference:
        """Take a notice of ours back; the same recall again has the same answer."""
        ...

    async def mail(self, after: int, wait_ms: int) -> tuple[Sequence[Mail], int]:
        """Return (our mail behind `after`, last place), or wait for a first item."""
        ...

    async def recipients(self, notice_id: bytes) -> Sequence[RecipientState]:
        """Return who could open a notice of ours."""
        ...

    async def roots(self) -> Sequence[bytes]:
        """Return the signed root documents, oldest first."""
        ...

    async def entries(self, start: int) -> tuple[Sequence[bytes], int, str]:
        """Return (signed entries from `start` on, directory size, directory checkpoint note)."""
        ...

    async def submit_entry(self, entry: bytes) -> int:
        """Append a signed directory entry; return its index."""
        ...

    async def submit_root(self, root: bytes) -> int:
        """Append a signed root document; return its version."""
        ...

    async def checkpoint(self, log: LogKind) -> str:
        """Return the newest signed checkpoint note."""
        ...

    async def leaves(self, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        """Return up to `count` leaves from `start` on."""
        ...

    async def inclusion(self, log: LogKind, index: int, size: int) -> tuple[Sequence[bytes], bytes]:
        """Return (path, leaf)."""
        ...

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        """Return the consistency path."""
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...
