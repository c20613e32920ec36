# SPDX-License-Identifier: Apache-2.0
"""What one key was used for: which notices were sealed to it, or signed by it. Pure.

Says what somebody who holds a copy of a key could open, or could have signed, as far as our own
store knows: not what was sealed to it that we never fetched.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from keys.envelope import Recipient, Statement


class KeyUse(StrEnum):
    """What a key is for."""

    KEYSET = "keyset"
    ENCRYPTION = "encryption"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameUse:
    """A frame that we hold, as it was signed and sealed.

    Attributes:
        id: in our store.
        originator: whose.
        topic: where it was published.
        created_at: ms.
        statement: STATEMENT bytes; names the keyset.
        recipient: our RECIPIENT bytes; names the key that it was sealed to.
        publish_index: of the broker's leaf about it; -1 where none is known.
        notices: how many of it are kept, contents and all.
    """

    id: int
    originator: str
    topic: str
    created_at: int
    statement: bytes
    recipient: bytes
    publish_index: int
    notices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Notices of one originator in one topic that one key was used for; times in ms."""

    topic: str
    originator: str
    frames: int
    notices: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """All that one key of ours was used for.

    Attributes:
        use: what the key is for.
        key_id: names it.
        used: by topic and originator.
        first_index: lowest index in the broker's log of what a keyset signed; -1 for none.
        last_index: highest of them.
    """

    use: KeyUse
    key_id: str
    used: tuple[Used, ...]
    first_index: int = -1
    last_index: int = -1

    @property
    def notices(self) -> int:
        """How many in all."""
        return sum(one.notices for one in self.used)


def is_use_of(frame: FrameUse, agency: str, use: KeyUse, key_id: str) -> bool:
    """Whether a frame was sealed to a key of `agency`, or signed by its keyset."""
    if use is KeyUse.ENCRYPTION:
        return Recipient.decode(frame.recipient).key_id == key_id
    return frame.originator == agency and Statement.decode(frame.statement).keyset_id == key_id


def exposure_of(use: KeyUse, key_id: str, frames: Iterable[FrameUse]) -> Exposure:
    """Return what a key was used for: these frames."""
    groups: dict[tuple[str, str], list[FrameUse]] = {}
    for frame in frames:
        groups.setdefault((frame.topic, frame.originator), []).append(frame)
    indices = [
        one.publish_index for group in groups.values() for one in group if one.publish_index >= 0
    ]
    return Exposure(
        use=use,
        key_id=key_id,
        used=tuple(_used(*name, group) for name, group in sorted(groups.items())),
        first_index=min(indices, default=-1),
        last_index=max(indices, default=-1),
    )


def _used(topic: str, originator: str, frames: list[FrameUse]) -> Used:
    times = [one.created_at for one in frames]
    return Used(
        topic=topic,
        originator=originator,
        frames=len(frames),
        notices=sum(one.notices for one in frames),
        first=min(times),
        last=max(times),
    )
