# SPDX-License-Identifier: Apache-2.0
"""Tells those who wait that something for them was stored, or that the directory moved.

In this process only, and only after the commit. A wake-up is a hint and carries no frame: whoever
is woken reads from the store, so that live and catch-up are one way. Nothing is queued: of each
topic the newest sequence is kept.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


class Listener:
    """One who waits."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._stored: dict[str, int] = {}

    def tell(self, topic: str, sequence: int) -> None:
        """Say that a frame was stored."""
        self._stored[topic] = max(sequence, self._stored.get(topic, 0))
        self._woken.set()

    def wake(self) -> None:
        """Say that there is something to look at."""
        self._woken.set()

    def take(self) -> dict[str, int]:
        """Return the newest sequence of each topic told of since the last call."""
        taken, self._stored = self._stored, {}
        return taken

    async def wait(self, until: float) -> None:
        """Return when woken, or at `until` in the event loop's time."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._woken.wait()
        self._woken.clear()


class Wakeups:
    """Everybody who waits, by agency."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}

    @contextmanager
    def listening(self, agency: str) -> Iterator[Listener]:
        """Yield a listener that is told what concerns an agency while the context lasts."""
        listener = self.join(agency)
        try:
            yield listener
        finally:
            self.leave(agency, listener)

    def join(self, agency: str) -> Listener:
        """Return a listener that is told what concerns an agency until it leaves."""
        listener = Listener()
        self._listeners.setdefault(agency, set()).add(listener)
        return listener

    def leave(self, agency: str, listener: Listener) -> None:
        """Tell a listener nothing more; one that has left already may leave again."""
        waiting = self._listeners.get(agency, set())
        waiting.discard(listener)
        if not waiting:
            self._listeners.pop(agency, None)

    def stored(self, topic: str, sequence: int, recipients: Iterable[str]) -> None:
        """Wake the recipients of a frame that was stored."""
        for agency in recipients:
            for listener in self._listeners.get(agency, ()):
                listener.tell(topic, sequence)

    def wake(self, agency: str) -> None:
        """Wake those who wait for one agency."""
        for listener in self._listeners.get(agency, ()):
            listener.wake()

    def wake_all(self) -> None:
        """Wake everybody."""
        for waiting in self._listeners.values():
            for listener in waiting:
                listener.wake()
