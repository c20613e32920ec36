# SPDX-License-Identifier: Apache-2.0
"""Keeping a notice as evidence although it ends or is taken back: an evidence hold.

Says under which law and when it is looked at again; both go to the originator when it takes the
notice back. A held notice is not destroyed; the rule book says who may still read it.
Source: design section 4, "Recall"; docs/protocol.md section 21.3, `attestation`.
"""

import asyncio
from dataclasses import dataclass

from agency_client.domain.openings import OpeningKind
from agency_client.domain.post import Hold
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.ending import EndingService
from agency_client.services.post import Post
from agency_client.services.rights import ReadingRights
from agency_client.services.viewing import ViewingService
from keys.errors import FramingError
from keys.fields import check_label
from officers.people import SUPERVISOR

MAX_BASIS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldService:
    """The holds of one profile."""

    agency: str
    store: Store
    post: Post
    rights: ReadingRights
    viewing: ViewingService
    ending: EndingService
    clock: Clock

    async def hold(self, reference: str, legal_basis: str, review: int, viewer: Viewer) -> None:
        """Keep a notice of another agency, whatever becomes of it.

        Args:
            reference: the notice.
            legal_basis: under which law.
            review: milliseconds since 1970: when it is looked at again.
            viewer: who decides: a supervisor where there are officers.

        Raises:
            AgencyError: UNKNOWN_NOTICE, also for one of which nothing is left; INVALID_ARGUMENT;
                OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED, PURPOSE_NEEDED.
        """
        await asyncio.to_thread(self._hold, reference, legal_basis, review, viewer)

    def _hold(self, reference: str, legal_basis: str, review: int, viewer: Viewer) -> None:
        row, now = self.viewing.find(reference, viewer), self.clock.now_ms()
        who = self.rights.decider(viewer, SUPERVISOR).who
        try:
            check_label(legal_basis, MAX_BASIS)
        except FramingError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail, field="basis") from None
        if row.originator == self.agency:
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "our own notices are held by whoever received them"
            )
        if row.destroyed_at:
            raise AgencyError(Reason.UNKNOWN_NOTICE, "nothing is left of the notice to hold")
        if review <= now:
            raise AgencyError(
                Reason.INVALID_ARGUMENT,
                "a hold is looked at again on a day to come",
                field="review",
            )
        self.viewing.note(OpeningKind.HOLD, (row,), viewer)
        hold = Hold(legal_basis=legal_basis, review=review, made_at=now, made_by=who)
        self.store.endings.hold(row.id, hold)

    async def release(self, reference: str, viewer: Viewer) -> bool:
        """Hold a notice no longer; return whether it was destroyed for that.

        Raises:
            AgencyError: UNKNOWN_NOTICE; NOT_FOUND, it is not held; as `hold`.
        """
        is_destroyed = await asyncio.to_thread(self._release, reference, viewer)
        await self.post.try_send()
        return is_destroyed

    def _release(self, reference: str, viewer: Viewer) -> bool:
        self.rights.decider(viewer, SUPERVISOR)
        row = self.viewing.kept(reference)
        if self.store.endings.held(row.id) is None:
            raise AgencyError(Reason.NOT_FOUND, "no notice of that name is held")
        self.viewing.note(OpeningKind.RELEASE, (row,), viewer)
        return self.ending.release(row)
