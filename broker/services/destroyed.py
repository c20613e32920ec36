# SPDX-License-Identifier: Apache-2.0
"""Tells those who keep frames in another form, in this process, that something was destroyed."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

Key: TypeAlias = tuple[str, int]
"""A frame, by topic and sequence."""


class Destroyed:
    """Everybody who keeps frames."""

    def __init__(self) -> None:
        self._keepers: list[Callable[[Iterable[Key]], None]] = []

    def listen(self, keeper: Callable[[Iterable[Key]], None]) -> None:
        """Tell `keeper` from now on."""
        self._keepers.append(keeper)

    def tell(self, keys: Iterable[Key]) -> None:
        """Say of which frames something was destroyed."""
        held = [*keys]
        for keeper in self._keepers:
            keeper(held)
