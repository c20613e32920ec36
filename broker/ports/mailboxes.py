# SPDX-License-Identifier: Apache-2.0
"""Mail and destruction, as a part of the store's port (`broker.ports.store`), with its promises.

* What is posted is stored once under its name; a mailbox has numbers without gaps.
* What is destroyed is given to nobody from the moment on at which the write returns, and no file
  of the store holds it as soon as nobody is reading.
"""

from collections.abc import Callable
from typing import Protocol

from broker.domain.acts import Act
from broker.domain.deliveries import StoredFrame
from broker.domain.mail import HolderState, MailKind, MailPage, Posted, Posting


class Mailboxes(Protocol):
    """Durable letters, grants and recalls, and what a recall or an expiry destroys."""

    async def find_place(self, agency: str, statement: bytes, index: int) -> StoredFrame | None:
        """Return a frame by its STATEMENT's SHA-256, if `agency` is party to its notice `index`.

        A party is who the frame was sealed to, or a grant ever admitted to the notice.
        """
        ...

    async def find_posted(
        self, sender: str, kind: MailKind, name: bytes, digest: bytes
    ) -> Posted | None:
        """Return the first answer to an object as a duplicate, or None for an unknown name.

        Raises:
            BrokerError: ALREADY_EXISTS for another object under the name.
        """
        ...

    async def post(self, posting: Posting) -> Posted:
        """Put a letter or a grant into its recipient's mailbox, with its leaf.

        Raises:
            BrokerError: ALREADY_EXISTS; NOT_FOUND where it needs a notice that was destroyed; or
                of the store.
        """
        ...

    async def recall(self, posting: Posting, size: int) -> Posted:
        """Destroy a notice, with the leaf, and tell all who could open it but its originator.

        Args:
            posting: the recall.
            size: bytes of the frame, which is written anew.

        Raises:
            BrokerError: ALREADY_EXISTS for a notice that another recall took back.
        """
        ...

    async def mail(self, agency: str, after: int, count: int, max_bytes: int) -> MailPage:
        """Return mail behind a place, at least one item where there is one."""
        ...

    async def holders(self, originator: str, notice_id: bytes) -> list[HolderState] | None:
        """Return who could open a notice, its originator left out; None if it is not there."""
        ...

    async def expired(self, now: int, at_most: int) -> list[tuple[str, int]]:
        """Return frames, as topic and sequence, with notices that expired, longest ago first."""
        ...

    async def destroy_expired(
        self,
        key: tuple[str, int],
        now: int,
        act_of: Callable[[StoredFrame, tuple[int, ...]], Act],
    ) -> bool:
        """Destroy the notices of a frame that have expired, with a leaf; False if none had.

        Args:
            key: topic and sequence of the frame.
            now: milliseconds since 1970.
            act_of: returns the act, from the frame and the indices of what is destroyed.
        """
        ...

    async def erase(self) -> bool:
        """Overwrite a few pieces of attachments that are no more; return whether there are more."""
        ...
