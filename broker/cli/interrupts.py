# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment: while the program is loading it ends at once, during a command in order.

An interrupt that is raised in the middle of an import leaves half a module behind, on which the
very code that would report it fails. Nothing is under way then, so nothing has to be cleaned up.
`serve` heeds signals itself (`bootstrap.serving`) as soon as it holds anything.
"""

import os
import signal
from types import FrameType

from broker.cli.exits import Exit


def end_at_once(_signal: int = 0, _frame: FrameType | None = None) -> None:
    """End the process here and now, quietly."""
    os._exit(Exit.INTERRUPTED)


def interrupts_end_at_once() -> None:
    """Let Ctrl-C end the process at once, unless it was started to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)


def interrupts_end_in_order() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
