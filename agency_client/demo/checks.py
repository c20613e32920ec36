# SPDX-License-Identifier: Apache-2.0
"""What the demonstration says and checks: steps, and the error that ends it."""

from dataclasses import dataclass, field
from typing import Any


class DemoError(Exception):
    """Something did not happen as it must: the demonstration fails."""


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of the story: what it is about, what was seen, whether it held."""

    title: str
    said: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    def say(self, sentence: str, **facts: Any) -> None:
        """Tell what was seen; facts are for programs."""
        self.said.append(sentence)
        self.facts.update(facts)

    def check(self, holds: bool, expected: str) -> None:
        """Check one thing.

        Raises:
            DemoError: it does not hold.
        """
        if not holds:
            raise DemoError(f"expected that {expected}")

    @property
    def is_held(self) -> bool:
        """Whether everything in it held."""
        return not self.problem

    def document(self) -> dict[str, Any]:
        """Return the step as data."""
        return {
            "title": self.title,
            "held": self.is_held,
            "said": list(self.said),
            "facts": dict(self.facts),
            "seconds": round(self.seconds, 2),
            "problem": self.problem,
        }
