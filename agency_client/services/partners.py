# SPDX-License-Identifier: Apache-2.0
"""Partners: who the other members are, comparing words with them, and telling what is new.

An agency is sealed to as soon as the stewards admitted it; that its words were compared here, or
that it confirmed its entry, is shown and changes no audience (docs/decisions/0007-confirmation.md).
"""

import asyncio

from agency_client.domain.partners import (
    NOTHING,
    Asked,
    MembershipStatus,
    PartnerNews,
    PartnerView,
    mark_of,
    marks,
    membership_status,
    news,
    view,
)
from agency_client.domain.words import check_spoken, member_bytes
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from keys.directory import AgencyEntry

_TOLD_ONCE = b"told"


class PartnerService:
    """The other members, for one profile. Asks nobody: the directory is as it was verified last."""

    def __init__(
        self,
        *,
        agency: str,
        asked: Asked,
        store: Store,
        directory: DirectoryService,
        clock: Clock,
    ) -> None:
        """Serve `agency`; `asked` returns what it asks the stewards to publish of it now."""
        self._agency = agency
        self._asked = asked
        self._store = store
        self._directory = directory
        self._clock = clock

    async def all(self) -> tuple[PartnerView, ...]:
        """Return every other member, in order of id."""
        return await asyncio.to_thread(self.all_now)

    def all_now(self) -> tuple[PartnerView, ...]:
        """Return every other member, from a thread that may wait for the store."""
        directory, now = self._directory.current.directory, self._clock.now_ms()
        records = self._store.partners.records()
        return tuple(
            view(directory, entry, records.get(entry.agency, NOTHING), now)
            for entry in directory.agencies()
            if entry.agency != self._agency
        )

    def membership(self) -> MembershipStatus:
        """Return how we stand as a member, from a thread that may wait for the store."""
        directory = self._directory.current.directory
        return membership_status(directory, self._asked(), self.all_now(), self._clock.now_ms())

    async def one(self, agency: str) -> PartnerView:
        """Return one member.

        Raises:
            AgencyError: NOT_FOUND; INVALID_ARGUMENT for ourselves.
        """
        entry = self._entry(agency)
        records = await asyncio.to_thread(self._store.partners.records)
        directory = self._directory.current.directory
        return view(directory, entry, records.get(agency, NOTHING), self._clock.now_ms())

    async def verify(self, agency: str, words: str, by: str) -> PartnerView:
        """Remember that an officer heard a partner's six words from the partner.

        Args:
            agency: whose.
            words: as they were heard.
            by: who heard them.

        Raises:
            AgencyError: WORDS_DIFFER; INVALID_ARGUMENT for no words of the list, for ourselves and
                for who has left; NOT_FOUND. Nothing is remembered then.
        """
        entry = self._entry(agency)
        if self._directory.current.directory.is_retired(agency):
            raise AgencyError(Reason.INVALID_ARGUMENT, f"{agency} has left the federation")
        await asyncio.to_thread(check_spoken, words, member_bytes(entry), agency)
        mark, now = mark_of(entry), self._clock.now_ms()
        await asyncio.to_thread(self._store.partners.set_compared, agency, mark, now, by)
        return await self.one(agency)

    def _entry(self, agency: str) -> AgencyEntry:
        if agency == self._agency:
            raise AgencyError(Reason.INVALID_ARGUMENT, f"{agency} is ourselves, and no partner")
        entry = self._directory.current.directory.agency(agency)
        if entry is None:
            raise AgencyError(Reason.NOT_FOUND, f"there is no agency {agency} in the federation")
        return entry

    async def news(self, *, told: bool) -> tuple[PartnerNews, ...]:
        """Return what has happened to the membership since our officers were told last.

        The first time nothing is new: everybody is, and `all` lists them.

        Args:
            told: our officers are told of it now, and not again.
        """
        return await asyncio.to_thread(self._news, is_told=told)

    def _news(self, *, is_told: bool) -> tuple[PartnerNews, ...]:
        directory = self._directory.current.directory
        records, current = self._store.partners.records(), marks(directory, self._agency)
        told = {agency: record.told for agency, record in records.items() if record.told}
        changed = {agency: mark for agency, mark in current.items() if told.get(agency) != mark}
        if self._agency in told:
            found = news(directory, current, told)
        else:  # our own row stands for "told once"
            found, changed = (), {**changed, self._agency: _TOLD_ONCE}
        if is_told:
            self._store.partners.set_told(changed)
        return found
