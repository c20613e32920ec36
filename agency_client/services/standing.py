# SPDX-License-Identifier: Apache-2.0
"""Standing grants: all later notices of one case are granted to one agency, until a day.

Made once; applied here to each notice of ours when it has come back from the broker, since only
then is its key here. Each application is a grant like any other, decided on its own: one that the
marking or the rule book does not allow is not made, and nothing else happens.
Source: design section 4, "Grant".
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agency_client.domain.content import Content
from agency_client.domain.onward import StandingView
from agency_client.domain.openings import OpeningKind
from agency_client.domain.post import PostItem, StandingGrant
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.afterlife import standing_view
from agency_client.services.releasing import Releasing
from agency_client.services.rights import ReadingRights, damaged
from agency_client.services.viewing import ViewingService
from keys.errors import FramingError
from keys.fields import check_label
from officers.people import LIAISON

AT_ONCE = 256
MAX_CASE = 200
_OURS_TO_MEND = frozenset({Reason.STORE_FAILED, Reason.STORE_INVALID})


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingGrants:
    """The standing grants of one profile."""

    store: Store
    releasing: Releasing
    rights: ReadingRights
    viewing: ViewingService
    clock: Clock

    async def add(self, case: str, target: str, until: int, viewer: Viewer) -> StandingView:
        """Admit an agency to all later notices of ours that carry a case reference.

        Args:
            case: the `reference` that the notices carry.
            target: who is admitted.
            until: end of it, milliseconds since 1970.
            viewer: who decides: a liaison officer where there are officers.

        Raises:
            AgencyError: INVALID_ARGUMENT; UNKNOWN_RECIPIENT, RETIRED_RECIPIENT; OFFICER_NEEDED,
                OFFICER_UNKNOWN, OFFICER_REFUSED.
        """
        return await asyncio.to_thread(self._add, case, target, until, viewer)

    def _add(self, case: str, target: str, until: int, viewer: Viewer) -> StandingView:
        now, who = self.clock.now_ms(), self.rights.decider(viewer, LIAISON).who
        try:
            check_label(case, MAX_CASE)
        except FramingError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail, field="case") from None
        if until <= now:
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "a standing grant ends later than now", field="until"
            )
        self.releasing.check_member(target)
        if target == self.releasing.agency:
            raise AgencyError(Reason.INVALID_ARGUMENT, "we have our own notices", field="target")
        self.viewing.note(OpeningKind.STANDING, (), viewer)
        grant = StandingGrant(case=case, agency=target, until=until, made_at=now, made_by=who)
        return standing_view(replace(grant, number=self.store.post.add_standing(grant)))

    async def live(self) -> Sequence[StandingView]:
        """Return the standing grants that admit somebody now, oldest first."""
        return await asyncio.to_thread(self._live)

    def _live(self) -> Sequence[StandingView]:
        now = self.clock.now_ms()
        return [standing_view(one) for one in self.store.post.standing() if one.is_live_at(now)]

    async def end(self, number: int, viewer: Viewer) -> None:
        """End a standing grant; what it admitted to stays granted until its own end.

        Raises:
            AgencyError: NOT_FOUND; OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED.
        """
        await asyncio.to_thread(self._end, number, viewer)

    def _end(self, number: int, viewer: Viewer) -> None:
        self.rights.decider(viewer, LIAISON)
        self.viewing.note(OpeningKind.STANDING, (), viewer)
        if not self.store.post.end_standing(number, self.clock.now_ms()):
            raise AgencyError(Reason.NOT_FOUND, f"there is no standing grant {number}")

    async def apply(self) -> int:
        """Grant what standing grants cover of our notices that came back since; return how many.

        Raises:
            AgencyError: of the store.
        """
        return await asyncio.to_thread(self._apply)

    def _apply(self) -> int:
        count, now = 0, self.clock.now_ms()
        while rows := self.store.post.take_own(AT_ONCE):
            standing = [one for one in self.store.post.standing() if one.is_live_at(now)]
            made: dict[tuple[int, str], PostItem] = {}
            for row in self.store.inbox.rows(rows):
                for one in standing:
                    grant = self._covered(row, one)
                    if grant is not None:
                        made.setdefault((row.id, one.agency), grant)
            self.store.post.set_applied(rows, list(made.values()))
            count += len(made)
        return count

    def _covered(self, row: NoticeRow, standing: StandingGrant) -> PostItem | None:
        """Return the grant that a standing one makes of a notice, where both rules allow it."""
        if row.created_at < standing.made_at or _case_of(row) != standing.case:
            return None
        try:
            grant = self.releasing.grant(row, standing.agency, min(standing.until, row.expires_at))
        except AgencyError as error:
            if error.reason in _OURS_TO_MEND:
                raise
            return None
        return replace(grant, standing=standing.number)


def _case_of(row: NoticeRow) -> str:
    if row.destroyed_at:
        return ""
    try:
        found = Content.decode(row.content).notice.get("reference")
    except ValueError:
        raise damaged(row) from None
    return found if isinstance(found, str) else ""
