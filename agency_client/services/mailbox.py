# SPDX-License-Identifier: Apache-2.0
"""Our mailbox: what others say, give and take back is fetched, judged and kept; grants are used.

What was received is kept before it counts. A grant that came has its notice fetched, which is then
kept like any other. Not here: what mail asks of us (`services.onward`, `services.ending`).
Source: docs/protocol.md section 21.
"""

import asyncio
from collections.abc import Mapping, Sequence

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.mail import Mail
from agency_client.domain.post import Ending, PostItem
from agency_client.domain.records import Evidence, KeptFrame, ReceivedBatch
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.granted import read_granted
from agency_client.services.judging import Judge, Judged
from agency_client.services.references import row_at
from keys.errors import TrustError
from keys.identities import DecryptionKey

AT_ONCE = 100
"""Granted notices looked at before others have their turn."""
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
"""A granted notice that is not to be had is asked for again after a minute, an hour at last: the
broker writes down each time."""


class Mailbox:
    """Fetches mail for one profile; the caller holds the receiver's lock."""

    def __init__(
        self,
        *,
        broker: Broker,
        store: Store,
        directory: DirectoryService,
        keys: Mapping[str, DecryptionKey],
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._store = store
        self._directory = directory
        self._keys = keys
        self._clock = clock
        self._asked: dict[int, tuple[int, int]] = {}
        self._has_shrunk = False

    async def fetch(self, wait_ms: int = 0) -> int:
        """Fetch and keep our mail; return how many items there were.

        Args:
            wait_ms: how long to wait for a first item.

        Raises:
            AgencyError: the broker cannot be reached, or refuses; or of the store.
        """
        count = 0
        while True:
            after = await asyncio.to_thread(self._store.post.after)
            mail, head = await self._broker.mail(after, 0 if count else wait_ms)
            if head < after:
                await asyncio.to_thread(self._shrunk, head, after)
            if not mail:
                return count
            judged = await asyncio.to_thread(self._judge, mail)
            if judged.behind and await self._directory.sync():
                judged = await asyncio.to_thread(self._judge, mail)
            await asyncio.to_thread(self._store.post.arrive, judged.arrived)
            count += len(mail)

    def _judge(self, mail: Sequence[Mail]) -> Judged:
        judge = Judge(
            federation=self._directory.current,
            keys=self._keys,
            known=self._store.endings.at,
            now=self._clock.now_ms(),
        )
        return judge.judge(mail)

    def _shrunk(self, head: int, after: int) -> None:
        """Keep a finding, once, of a mailbox that holds less than we took from it."""
        if not self._has_shrunk:
            self._has_shrunk = True
            detail = f"our mailbox ends at {head}, and we have {after} items of it"
            self._find(FindingKind.BAD_MAIL, "mailbox_shrank", detail)

    async def fetch_granted(self) -> Sequence[int]:
        """Fetch the notices that were granted to us; return the rows of those that are new.

        Raises:
            AgencyError: the broker cannot be reached, or refuses; or of the store.
        """
        now, rows = self._clock.now_ms(), list[int]()
        for grant in await asyncio.to_thread(self._store.post.grants_to_fetch, now, AT_ONCE):
            tries, again = self._asked.get(grant.number, (0, 0))
            if again > now:
                continue
            self._asked[grant.number] = (tries + 1, now + min(MINUTE_MS << tries, HOUR_MS))
            rows += await self._fetch_one(grant, now)
        return rows

    async def _fetch_one(self, grant: PostItem, now: int) -> Sequence[int]:
        try:
            delivery = await self._broker.get_notice(grant.sender, grant.notice_id)
            federation = self._directory.current
            frame = await asyncio.to_thread(
                read_granted, delivery, grant, federation, self._keys, now
            )
        except TrustError as error:
            await asyncio.to_thread(self._bad_grant, grant, error.reason.value, error.detail)
        except AgencyError as error:
            if error.reason is Reason.DENIED:
                await asyncio.to_thread(self._bad_grant, grant, "denied", error.message)
            elif error.reason is not Reason.NOT_FOUND:
                raise
        else:
            return await asyncio.to_thread(self._keep, frame, grant, now)
        return ()

    def _keep(self, frame: KeptFrame, grant: PostItem, now: int) -> Sequence[int]:
        """Keep a granted notice, unless its id is taken by another notice of that originator.

        One that was here under a grant which ended is kept again.
        """
        (notice,) = frame.notices
        name = (frame.key.originator, notice.notice_id)
        known = self._store.inbox.known_notices([name]).get(name)
        if known is None or (known.leaf_hash == notice.leaf_hash and self._has_ended(grant)):
            return self._store.inbox.record(_batch(frame), now)
        if known.leaf_hash != notice.leaf_hash:
            self._find(
                FindingKind.REPEATED_NOTICE,
                "repeated_notice",
                "a notice id known from another frame",
                frame.key.originator,
            )
        return ()

    def _has_ended(self, grant: PostItem) -> bool:
        row = row_at(self._store, grant.place)
        return row is not None and row.state == Ending.ENDED

    def _bad_grant(self, grant: PostItem, reason: str, detail: str) -> None:
        """Keep a finding, and ask for the notice no more while this process runs."""
        self._asked[grant.number] = 0, grant.until
        self._find(FindingKind.BAD_MAIL, reason, detail, grant.sender)

    def _find(self, kind: FindingKind, reason: str, detail: str, originator: str = "") -> None:
        finding = Finding(
            kind=kind,
            reason=reason,
            detail=detail,
            at_ms=self._clock.now_ms(),
            originator=originator,
        )
        self._store.inbox.add_findings([Evidence(finding=finding)])


def _batch(frame: KeptFrame) -> ReceivedBatch:
    """Return what keeps one frame that belongs to no subscription and no chain."""
    return ReceivedBatch(
        subscription="",
        frames=(frame,),
        links=(),
        missing=(),
        found=(),
        cursors=(),
        findings=(),
        heads=(),
    )
