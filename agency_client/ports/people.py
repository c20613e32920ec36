# SPDX-License-Identifier: Apache-2.0
"""What the agency keeps of its people, as the services see it; as `ports.store` in all else."""

from collections.abc import Sequence
from typing import Protocol

from agency_client.domain.people import BreakGlassUse, OfficerRecord, TwoPersonAct
from officers.approvals import Approval


class People(Protocol):
    """Officers, the acts of two of them, and what was opened for danger to life."""

    def officers(self) -> Sequence[OfficerRecord]:
        """Return the register, by name."""
        ...

    def add_officer(self, record: OfficerRecord) -> None:
        """Enter an officer.

        Raises:
            AgencyError: ALREADY_EXISTS; that name, or that pseudonym, is in the register.
        """
        ...

    def set_suspended(self, name: str, at_ms: int) -> None:
        """Note since when an officer may do nothing; 0 lifts it."""
        ...

    def add_act(self, act: TwoPersonAct) -> None:
        """Keep an act that waits for its second person.

        Raises:
            AgencyError: ALREADY_EXISTS; the very same act is kept.
        """
        ...

    def acts(self, limit: int) -> Sequence[TwoPersonAct]:
        """Return acts, newest first."""
        ...

    def act(self, digest: bytes) -> TwoPersonAct | None:
        """Return the act of that digest."""
        ...

    def add_approval(self, approval: Approval) -> None:
        """Keep an approval of a kept act; a newer one replaces the one before."""
        ...

    def approvals(self, digest: bytes) -> Sequence[Approval]:
        """Return the approvals of an act."""
        ...

    def set_done(self, digest: bytes, at_ms: int) -> None:
        """Note that an act was done; the first time stays."""
        ...

    def add_break_glass(self, use: BreakGlassUse) -> int:
        """Keep a use; return its number."""
        ...

    def break_glass_uses(self, *, unreviewed: bool) -> Sequence[BreakGlassUse]:
        """Return uses, oldest first: all, or those without a review."""
        ...

    def set_reviewed(self, number: int, at_ms: int, by: str, outcome: str) -> None:
        """Note a review; the first one stays."""
        ...
