# SPDX-License-Identifier: Apache-2.0
"""Frames kept decoded, so that one that goes to many recipients is read and decoded once.

What is destroyed is let go at once, and what was read before that is not taken in afterwards. For
this the cache counts eras: one ends when a destruction is being written, and when it is written.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from broker.domain.deliveries import StoredFrame

_NOTICE_BYTES = 1024
"""What a decoded notice takes besides its bytes, near enough."""


class FrameCache:
    """The frames that were used last, up to a number of bytes. Any thread may use it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._frames: OrderedDict[tuple[str, int], StoredFrame] = OrderedDict()
        self._lock = threading.Lock()
        self._era = 0

    @property
    def era(self) -> int:
        """How often something was destroyed, or began to be; asked for before reading."""
        return self._era

    def end_era(self) -> None:
        """Take in nothing more of what has been read up to now."""
        with self._lock:
            self._era += 1

    def drop(self, keys: Iterable[tuple[str, int]]) -> None:
        """Let go of frames of which something was destroyed."""
        with self._lock:
            self._era += 1
            for key in keys:
                frame = self._frames.pop(key, None)
                self._bytes -= 0 if frame is None else _weight(frame)

    def get(self, topic: str, sequence: int) -> StoredFrame | None:
        """Return a frame if it is here."""
        with self._lock:
            frame = self._frames.get((topic, sequence))
            if frame is not None:
                self._frames.move_to_end(frame.key)
            return frame

    def put(self, frame: StoredFrame, as_of: int | None = None) -> None:
        """Keep a frame and let those go that were used longest ago.

        Args:
            frame: what is stored.
            as_of: the era in which it was read; one that has ended keeps it out.
        """
        with self._lock:
            if frame.key in self._frames or as_of not in {None, self._era}:
                return
            self._frames[frame.key] = frame
            self._bytes += _weight(frame)
            while self._bytes > self._max_bytes:
                _, oldest = self._frames.popitem(last=False)
                self._bytes -= _weight(oldest)


def _weight(frame: StoredFrame) -> int:
    return frame.size + _NOTICE_BYTES * len(frame.notices)
