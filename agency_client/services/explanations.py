# SPDX-License-Identifier: Apache-2.0
"""Explaining: may an agency have a notice that we keep, by which rule, or what does it lack.

About our own notices and those we hold alone. To explain is to admit that a notice exists: for
everything else the answer is that of a notice that is not there, and takes as long. Source:
research/policy.md 2.5.
"""

import asyncio
from dataclasses import replace

from agency_client.domain.explanations import ExplanationView, Lack, Ruling
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.rights import damaged
from agency_client.services.viewing import ViewingService, reference_of
from keys.envelope import Marking
from keys.errors import TrustError
from policy.near_misses import Explanation


class ExplanationService:
    """Explains decisions about what one profile keeps."""

    def __init__(
        self,
        *,
        agency: str,
        store: Store,
        directory: DirectoryService,
        viewing: ViewingService,
        clock: Clock,
    ) -> None:
        self._agency = agency
        self._store = store
        self._directory = directory
        self._viewing = viewing
        self._clock = clock

    async def explain(self, reference: str, agency: str, viewer: Viewer) -> ExplanationView:
        """Return whether `agency` may have the notice that `reference` names, and why.

        Raises:
            AgencyError: INVALID_ARGUMENT; UNKNOWN_NOTICE for what is not there and for what the
                viewer may not look at; as `ViewingService.find`.
        """
        return await asyncio.to_thread(self._explain, reference, agency, viewer)

    def _explain(self, reference: str, agency: str, viewer: Viewer) -> ExplanationView:
        row = self._viewing.sought(reference, viewer)
        sealed, named = self._addressed(row, agency)
        ways = (False, True) if named is None else (named,)
        rulings = [self._ruling(row, agency, named=one) for one in ways]
        if len({one.allowed for one in rulings}) == 1:
            rulings = [replace(rulings[0], named=None)]
        return ExplanationView(
            reference=reference_of(row),
            topic=row.topic,
            agency=agency,
            sealed=sealed,
            expired=row.expires_at <= self._clock.now_ms(),
            rulings=tuple(rulings),
        )

    def _addressed(self, row: NoticeRow, agency: str) -> tuple[bool | None, bool | None]:
        """Return whether a notice was sealed to an agency, and whether that was named, if known."""
        if row.originator != self._agency:
            return (True if agency == self._agency else None), None
        frame = self._store.outbox.of_notice(row.id)
        if frame is None:
            return None, None
        return agency in {name for name, _ in frame.recipients}, agency in frame.named

    def _ruling(self, row: NoticeRow, agency: str, *, named: bool) -> Ruling:
        try:
            marking = Marking.decode(row.marking)
        except TrustError:
            raise damaged(row) from None
        found = self._directory.current.explain(
            marking, row.topic, row.originator, (agency, named), self._clock.now_ms()
        )
        return _as_ruling(found, named=named)


def _as_ruling(found: Explanation, *, named: bool) -> Ruling:
    decision = found.decision
    return Ruling(
        named=named,
        allowed=decision.allow,
        rules=decision.determining,
        says=decision.says,
        lacking=tuple(
            Lack(rule=one.rule, says=one.says, missing=one.failed) for one in found.near_misses
        ),
    )
