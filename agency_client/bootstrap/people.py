# SPDX-License-Identifier: Apache-2.0
"""The people of an open agency: its officers, what takes two of them, and break-glass.

All of it works without the broker; what others are to be told is sent when it is there.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agency_client.domain.people import ActKind, TwoPersonAct
from agency_client.domain.views import NoticeView, Viewer
from agency_client.errors import AgencyError
from agency_client.services.approvals import ApprovalService
from agency_client.services.break_glass import BreakGlassService
from agency_client.services.officers import OfficerRegister
from agency_client.services.post import Post
from agency_client.services.recalling import RecallService
from agency_client.services.releases import Releases
from keys.errors import TrustError


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Officers, two-person acts and break-glass of one profile."""

    register: OfficerRegister
    approvals: ApprovalService
    releases: Releases
    break_glass: BreakGlassService
    recalls: RecallService
    post: Post
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
        await self.post.try_send()
        return view

    async def approve(
        self, digits: str, viewer: Viewer, passphrase: bytes
    ) -> tuple[TwoPersonAct, bool]:
        """Approve an act as its second person, and do it.

        Returns:
            The act, and whether what it sends has reached the broker; it is durable here else.

        Raises:
            AgencyError: as `ApprovalService.approve`; why it cannot be done, as
                `RecallService.carry_out`: then it is approved, and may be approved again.
            KeyFileError: the passphrase does not open the supervisor's key.
        """
        approved = await self.approvals.approve(digits, viewer, passphrase)
        is_sent = True
        if approved.kind is ActKind.RECALL:
            is_sent = (await self.recalls.carry_out(approved.act)).sent
        return self.approvals.find(digits), is_sent
