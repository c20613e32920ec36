# SPDX-License-Identifier: Apache-2.0
"""What publishing needs of a draft, whatever made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from keys.envelope import Marking


class Addressed(Protocol):
    """Where a draft goes: topic, marking, and the agencies it names."""

    @property
    def topic(self) -> str:
        """The topic."""
        ...

    @property
    def marking(self) -> Marking:
        """How it may be handled."""
        ...

    @property
    def to(self) -> tuple[str, ...]:
        """The agencies it is addressed to by name."""
        ...


class Publishable(Addressed, Protocol):
    """A checked draft."""

    @property
    def notice(self) -> Mapping[str, Any]:
        """The notice document."""
        ...

    @property
    def valid_from(self) -> int:
        """Milliseconds since 1970."""
        ...

    @property
    def expires_at(self) -> int:
        """Milliseconds since 1970."""
        ...

    @property
    def supersedes(self) -> tuple[str, ...]:
        """References of our own notices that it replaces."""
        ...

    @property
    def attachments(self) -> tuple[Path, ...]:
        """Files to attach."""
        ...
