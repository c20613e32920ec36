# SPDX-License-Identifier: Apache-2.0
"""What is exchanged about published notices: mail is fetched, what it asks is done, ours is sent.

In this order, so that a recall that came is answered in the same exchange. Only who holds the
receiver's place fetches; others of the profile, who find it taken, leave that to whoever has it.
"""

import asyncio
from dataclasses import dataclass, field

from agency_client.domain.views import MailReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Store
from agency_client.services.ending import EndingService
from agency_client.services.mailbox import Mailbox
from agency_client.services.post import Post
from agency_client.services.standing import StandingGrants


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Exchanges mail for one profile; `granted` are rows of notices that a grant brought."""

    mailbox: Mailbox
    post: Post
    ending: EndingService
    standing: StandingGrants
    store: Store
    granted: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    async def once(self) -> MailReport:
        """Fetch, do and send; unless another process fetches for this profile.

        Raises:
            AgencyError: the broker cannot be reached, or refuses; or of the store.
        """
        mail = granted = 0
        try:
            with self.store.locks.receiver():
                mail, granted = await self.fetch()
        except AgencyError as error:
            if error.reason is not Reason.PROFILE_IN_USE:
                raise
        ended = await self.tidy()
        await self.post.send()
        return MailReport(items=mail, granted=granted, ended=ended)

    async def fetch(self, wait_ms: int = 0) -> tuple[int, int]:
        """Fetch mail and granted notices; return how many. The caller has the receiver's place.

        Args:
            wait_ms: how long to wait for mail.

        Raises:
            AgencyError: the broker cannot be reached, or refuses; or of the store.
        """
        mail = await self.mailbox.fetch(wait_ms)
        rows = await self.mailbox.fetch_granted()
        for row in rows:
            self.granted.put_nowait(row)
        return mail, len(rows)

    async def tidy(self) -> int:
        """Destroy what has ended and apply standing grants; return how many notices ended.

        Raises:
            AgencyError: of the store.
        """
        ended = await self.ending.sweep()
        await self.standing.apply()
        return ended
