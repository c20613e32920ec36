# SPDX-License-Identifier: Apache-2.0
"""The people of an open agency: its officers, what takes two of them, and break-glass.

All of it works without the broker; what an originator is to be told is sent when it is there.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError
from agency_client.services.approvals import ApprovalService
from agency_client.services.break_glass import BreakGlassService
from agency_client.services.officers import OfficerRegister
from agency_client.services.telling import Telling
from keys.errors import TrustError

TELL_SECONDS = 3.0
"""How long somebody in a hurry waits for the originator to be told; else it is told later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Officers, two-person acts and break-glass of one profile."""

    register: OfficerRegister
    approvals: ApprovalService
    break_glass: BreakGlassService
    telling: Telling
    fetch: Callable[[], Awaitable[None]]

    async def open_in_danger(
        self, reference: str, viewer: Viewer, *, reason: str, ticket: str
    ) -> NoticeView:
        """Break the glass, and tell the originator at once if the broker is there.

        The stewards may have let the agency do it only now, so the directory is fetched before. One
        that cannot be fetched or does not verify leaves the one that we have.

        Raises:
            AgencyError: as `BreakGlassService.open`.
        """
        with contextlib.suppress(AgencyError, TrustError):
            await self.fetch()
        view = await self.break_glass.open(reference, viewer, reason=reason, ticket=ticket)
        await self.tell()
        return view

    async def tell(self) -> None:
        """Try once to send what originators are to be told; what is not taken now stays."""
        with contextlib.suppress(AgencyError, TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await self.telling.send()
