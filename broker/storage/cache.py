# SPDX-License-Identifier: Apache-2.0
"""Frames kept decoded, so that one that goes to many recipients is read and decoded once."""

import threading
from collections import OrderedDict

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

    def get(self, topic: str, sequence: int) -> StoredFrame | None:
        """Return a frame if it is here."""
        with self._lock:
            frame = self._frames.get((topic, sequence))
            if frame is not None:
                self._frames.move_to_end(frame.key)
            return frame

    def put(self, frame: StoredFrame) -> None:
        """Keep a frame and let those go that were used longest ago."""
        with self._lock:
            if frame.key in self._frames:
                return
            self._frames[frame.key] = frame
            self._bytes += _weight(frame)
            while self._bytes > self._max_bytes:
                _, oldest = self._frames.popitem(last=False)
                self._bytes -= _weight(oldest)


def _weight(frame: StoredFrame) -> int:
    return frame.size + _NOTICE_BYTES * len(frame.notices)
