# SPDX-License-Identifier: Apache-2.0
"""A bar on the terminal for what takes a while; nothing where stderr is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


@contextmanager
def progress_of(what: str, *, least: int) -> Iterator[Progress | None]:
    """Show how far something is while the body runs.

    Args:
        what: stands before the bar.
        least: work of fewer things than these is over before anybody has read it.
    """
    if not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as shown:
        update: Progress | None = None

        def tell(done: int, total: int) -> None:
            nonlocal update
            if update is None and total >= least:
                update = _bar(what, total, shown)
            if update is not None:
                update(done, total)

        yield tell


def _bar(what: str, total: int, shown: ExitStack) -> Progress:
    from rich.console import Console  # noqa: PLC0415 - 44 ms that only a terminal pays
    from rich.progress import Progress as Bar  # noqa: PLC0415

    bar = shown.enter_context(Bar(console=Console(stderr=True), transient=True))
    task = bar.add_task(what, total=total)
    return lambda done, of: bar.update(task, completed=done, total=of)
