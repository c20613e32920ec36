# SPDX-License-Identifier: Apache-2.0
"""A frame that may be stored: checked, decided, and prepared for one write.

Only `broker.services.publishing` makes one. What depends on other frames (repeated ids, chains,
sequence, attachments) is checked by the store, inside the transaction that writes it.
"""

from dataclasses import dataclass, field

from broker.domain.acts import Act, publication
from keys import merkle
from keys.checking import CheckedFrame
from keys.framing import sha256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Admission:
    """A frame on its way into the store.

    Attributes:
        checked: the frame with its decoded parts; every byte is what the originator signed.
        time_ms: when it was admitted, milliseconds since 1970.
        salt: of its publish leaf.
        statement_digest: SHA-256 of the STATEMENT.
        recipient_paths: inclusion path of each RECIPIENT, in order.
        size: bytes of the frame, near enough to bound a queue by.
    """

    checked: CheckedFrame
    time_ms: int
    salt: bytes
    statement_digest: bytes = field(init=False)
    recipient_paths: tuple[tuple[bytes, ...], ...] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        frame = self.checked.frame
        leaves = [merkle.hash_leaf(record) for record in frame.recipients]
        paths = tuple(tuple(path) for path in merkle.inclusion_paths(leaves))
        notices = sum(len(notice.header) + len(notice.body) for notice in frame.notices)
        size = notices + sum(map(len, frame.wraps)) + sum(map(len, frame.recipients)) + 4096
        object.__setattr__(self, "statement_digest", sha256(frame.statement))
        object.__setattr__(self, "recipient_paths", paths)
        object.__setattr__(self, "size", size)

    @property
    def originator(self) -> str:
        """Who signed the frame."""
        return self.checked.statement.originator

    @property
    def topic(self) -> str:
        """Where it is published."""
        return self.checked.header.topic

    def act(self, sequence: int) -> Act:
        """Return the publish act of the frame at its place in the topic."""
        return publication(
            originator=self.originator,
            topic=self.topic,
            sequence=sequence,
            statement=self.statement_digest,
            time_ms=self.time_ms,
            salt=self.salt,
        )
