# SPDX-License-Identifier: Apache-2.0
"""The membership as an open agency works with it: partners, and its own contact card.

Every method goes by the newest directory where the broker answers, and by the one we have where it
does not, but for what the broker has to take in.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agency_client.domain.partners import PartnerNews, PartnerView
from agency_client.services.cards import CardService, Change
from agency_client.services.partners import PartnerService
from keys.directory import CardEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Partners and card of one profile."""

    services: PartnerService
    cards: CardService
    fetch: Callable[[], Awaitable[None]]

    async def partners(self) -> tuple[PartnerView, ...]:
        """Return every other member, in order of id."""
        await self.fetch()
        return await self.services.all()

    async def partner(self, agency: str) -> PartnerView:
        """Return one other member.

        Raises:
            AgencyError: NOT_FOUND; INVALID_ARGUMENT for ourselves.
        """
        await self.fetch()
        return await self.services.one(agency)

    async def verify(self, agency: str, words: str, by: str) -> PartnerView:
        """Remember that `by` heard a partner's six words from the partner.

        Raises:
            AgencyError: WORDS_DIFFER, INVALID_ARGUMENT, NOT_FOUND; nothing is remembered then.
        """
        await self.fetch()
        return await self.services.verify(agency, words, by)

    async def news(self, *, told: bool) -> tuple[PartnerNews, ...]:
        """Return what has happened to the membership since our officers were told last.

        Args:
            told: our officers are told of it now, and not again.
        """
        await self.fetch()
        return await self.services.news(told=told)

    async def card(self) -> CardEntry | None:
        """Return our contact card as the directory has it."""
        await self.fetch()
        return self.cards.own()

    async def publish_card(self, change: Change) -> CardEntry:
        """Sign our contact card, changed, and with it our entry as it now stands.

        Raises:
            AgencyError: NOT_ENROLLED, ADMISSION_DIFFERS, INVALID_ARGUMENT; or the broker refuses.
        """
        return await self.cards.publish(change)
