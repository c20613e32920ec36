# SPDX-License-Identifier: Apache-2.0
"""Keeps each agency's frames in the order in which they came while they are checked side by side.

A frame's number follows that of the frame before it, so the second of two frames must not reach the
store first only because it was quicker to check.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_Done = asyncio.Future[None]


class Turn:
    """One place in an agency's row."""

    def __init__(self, before: _Done | None) -> None:
        self.done: _Done = asyncio.get_running_loop().create_future()
        self._before = before
        self._passed = False

    async def come(self) -> None:
        """Return when everybody before has passed on."""
        if self._before is not None:
            await asyncio.shield(self._before)

    def pass_on(self) -> None:
        """Let the next one come, as soon as everybody before has passed on too."""
        if self._passed:
            return
        self._passed = True
        if self._before is None or self._before.done():
            self.done.set_result(None)
        else:
            self._before.add_done_callback(lambda _: self.done.set_result(None))


class Turns:
    """The rows of all agencies."""

    def __init__(self) -> None:
        self._last: dict[str, _Done] = {}

    @contextmanager
    def taken(self, agency: str) -> Iterator[Turn]:
        """Take the last place in an agency's row; it is passed on at the end at the latest."""
        turn = Turn(self._last.get(agency))
        self._last[agency] = turn.done
        try:
            yield turn
        finally:
            turn.pass_on()
            if self._last.get(agency) is turn.done:
                self._forget(agency, turn.done)

    def _forget(self, agency: str, done: _Done) -> None:
        """Drop an agency's row once its last place has been passed on."""

        def drop(_: _Done) -> None:
            if self._last.get(agency) is done:
                del self._last[agency]

        done.add_done_callback(drop)
