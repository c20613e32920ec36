# SPDX-License-Identifier: Apache-2.0
"""Compares how long two kinds of calls take, by pairs in random order.

Seconds of the processor count, of all threads of this process, so that other work on the machine
does not: what waits for the disk is compared by counting what is written.
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence

PAIRS = 2_000
BOUND = 0.25
"""How far the share may be from one half. By chance it is a hundredth off at most times; a whole
step of the work that only one side does moves it to nearly 0 or 1."""

Call = Callable[[], Awaitable[object]]


async def share_slower(
    one: Sequence[Call], other: Sequence[Call], *, pairs: int = PAIRS, seed: int = 1
) -> float:
    """Return in which share of pairs a call of `one` took longer than one of `other`."""
    chance = random.Random(seed)
    slower = 0.0
    for _ in range(pairs):
        sides = [(0, chance.choice(one)), (1, chance.choice(other))]
        chance.shuffle(sides)
        taken = {side: await _nanoseconds(call) for side, call in sides}
        slower += 0.5 if taken[0] == taken[1] else float(taken[0] > taken[1])
    return slower / pairs


def are_alike(share: float) -> bool:
    """Tell whether a share leaves nothing to tell the two sides apart by."""
    return abs(share - 0.5) < BOUND


async def _nanoseconds(call: Call) -> int:
    begun = time.process_time_ns()
    await call()
    return time.process_time_ns() - begun
