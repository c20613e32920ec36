# SPDX-License-Identifier: Apache-2.0
"""Finds one notice for an agency that asks for it by id.

Unknown, not addressed to the caller, refused by the rules, expired, recalled: the answer is the
same, and so is the work: a leaf is written for each, so that the time it takes tells nothing
either. Whom a grant admitted gets the one notice while the grant and the rule book let it.
"""

from dataclasses import dataclass

from broker.domain.acts import Refusal
from broker.domain.deliveries import Addressed, Showing
from broker.errors import BrokerError, DestroyedError, Reason
from broker.ports.store import Store
from broker.services.delivering import Decided, Delivering
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.refusals import Refusals
from keys.envelope import NoticeHeader

ACT = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A notice that the caller may have at this moment."""

    addressed: Addressed
    showing: Showing
    header: NoticeHeader


class Fetching:
    """Finds notices for one broker."""

    def __init__(
        self,
        *,
        store: Store,
        directory: DirectoryKeeping,
        delivering: Delivering,
        refusals: Refusals,
    ) -> None:
        self._store = store
        self._directory = directory
        self._delivering = delivering
        self._refusals = refusals

    async def fetch(self, agency: str, originator: str, notice_id: bytes) -> Decided:
        """Return a notice that `agency` may have at this moment, after its leaf was written.

        Raises:
            BrokerError: NOT_FOUND for all that it may not have or that is not there.
        """
        while True:
            found = await self.find(agency, originator, notice_id)
            try:
                return await self._delivering.fetch(agency, found.addressed, found.showing)
            except DestroyedError:
                continue

    async def find(self, agency: str, originator: str, notice_id: bytes) -> Found:
        """Return a notice that `agency` may have at this moment.

        Raises:
            BrokerError: NOT_FOUND for all that it may not have or that is not there.
        """
        self._directory.standing(agency)
        place = await self._store.find_notice(agency, originator, notice_id)
        federation = self._directory.standing(agency)
        refused = Refusal(act=ACT, agency=agency, reason="")
        if place is not None:
            addressed, index = place
            showing = self._delivering.one_notice(agency, federation, addressed, index)
            header = addressed.frame.notice_headers[index]
            if showing is not None and header is not None:
                return Found(addressed=addressed, showing=showing, header=header)
            frame = addressed.frame
            refused = Refusal(
                act=ACT,
                agency=agency,
                reason="",
                topic=frame.topic,
                statement=frame.statement_digest,
            )
        error = BrokerError(Reason.NOT_FOUND)
        await self._refusals.note(refused, error)
        raise error
