# SPDX-License-Identifier: Apache-2.0
"""Work that is brought to its end whoever stops waiting for it.

A caller that goes away cancels its call; what follows a commit must happen all the same.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Finishing:
    """Holds the work under way, since the event loop holds it weakly."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` gives; it goes on where the caller is cancelled."""
        return await asyncio.shield(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin work at once, so that works reach what they wait for in the order of the calls."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task
