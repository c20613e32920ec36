# SPDX-License-Identifier: Apache-2.0
"""The people of an open agency: its officers, what takes two of them, and break-glass.

All of it works without the broker; what an originator is to be told is sent when it is there.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError
from agency_client.services.approvals import ApprovalService
from agency_client.services.break_glass import BreakGlassService
from agency_client.services.officers import OfficerRegister
from agency_client.services.releases import Releases
from agency_client.services.telling import Telling

TELL_SECONDS = 3.0
"""How long somebody in a hurry waits for the originator to be told; else it is told later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Officers, two-person acts and break-glass of one profile."""

    register: OfficerRegister
    approvals: ApprovalService
    releases: Releases
    break_glass: BreakGlassService
    telling: Telling

    async def open_in_danger(
        self, reference: str, viewer: Viewer, *, reason: str, ticket: str
    ) -> NoticeView:
        """Break the glass, and tell the originator at once if the broker is there.

        Raises:
            AgencyError: as `BreakGlassService.open`.
        """
        view = await self.break_glass.open(reference, viewer, reason=reason, ticket=ticket)
        await self.tell()
        return view

    async def tell(self) -> None:
        """Try once to send what originators are to be told; what is not taken now stays."""
        with contextlib.suppress(AgencyError, TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await self.telling.send()
