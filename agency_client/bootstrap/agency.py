# SPDX-License-Identifier: Apache-2.0
"""An agency, open: what its own systems, the command line and the desk work with.

    async with Agency.connect("gr-pol", passphrase) as agency:
        await agency.publish(draft)
        async for notice in agency.subscribe("trafficking/#"):
            ...

Opening a profile needs no broker, and neither do reading, searching and queueing. Every method
raises `agency_client.errors.AgencyError`.
"""

import asyncio
import contextlib
import getpass
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from agency_client.bootstrap.courier import Courier
from agency_client.bootstrap.following import PASSING, Following, Recovered, Troubled
from agency_client.bootstrap.membership import Membership
from agency_client.bootstrap.outlet import Outlet
from agency_client.bootstrap.passphrases import passphrase_for
from agency_client.bootstrap.people import People
from agency_client.bootstrap.upkeep import Upkeep
from agency_client.bootstrap.wiring import Wiring
from agency_client.config import profile_folder
from agency_client.domain.delivery import Filter, TopicView
from agency_client.domain.explanations import ExplanationView
from agency_client.domain.findings import Finding
from agency_client.domain.patterns import check_pattern
from agency_client.domain.post import PostItem
from agency_client.domain.publishable import Publishable
from agency_client.domain.views import (
    AudienceView,
    AuditReport,
    InboxQuery,
    MailReport,
    NoticeView,
    PublishedNotice,
    PublishReport,
    PublishState,
    ReceiveReport,
    SearchResult,
    SendReport,
    StatusReport,
    Viewer,
)
from agency_client.errors import AgencyError, Reason
from agency_client.services.explanations import ExplanationService
from agency_client.services.key_ending import EVERYTHING
from agency_client.services.own_log_reading import OwnLogReading
from agency_client.services.previewing import PreviewService
from agency_client.services.publishing import Queued
from agency_client.services.references import find_one
from keys.directory import Directory

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

FRESH_MS = 60_000
"""A directory of this minute is recent enough to seal by; the broker says where it is not."""
FETCH_SECONDS = 3.0
"""How long publishing waits for a newer directory before it seals by the one it has."""
INDEX_AT_ONCE = 512
MAIL_AT_ONCE = 100


class Agency:
    """One profile, open."""

    def __init__(self, wiring: Wiring) -> None:
        """Stand on services that were put together; programs use `connect`."""
        self.wiring = wiring
        self._courier = Courier(
            sender=wiring.sender,
            outlet=Outlet(wiring.store.locks, wiring.clock),
            directory=wiring.directory,
            store=wiring.store,
            clock=wiring.clock,
            entropy=wiring.entropy,
        )
        self._upkeep = Upkeep(
            courier=self._courier,
            exchange=wiring.exchange,
            store=wiring.store,
            clock=wiring.clock,
            entropy=wiring.entropy,
        )
        self._following = Following(
            receiver=wiring.receiver,
            viewing=wiring.viewing,
            key_ending=wiring.key_ending,
            upkeep=self._upkeep,
            granted=wiring.exchange.granted,
            store=wiring.store,
            clock=wiring.clock,
            entropy=wiring.entropy,
        )
        self._previewing = PreviewService(
            store=wiring.store,
            directory=wiring.directory,
            viewing=wiring.viewing,
            clock=wiring.clock,
        )
        self._explaining = ExplanationService(
            agency=wiring.agency,
            store=wiring.store,
            directory=wiring.directory,
            viewing=wiring.viewing,
            clock=wiring.clock,
        )
        self._open: weakref.WeakSet[AsyncGenerator[NoticeView, None]] = weakref.WeakSet()
        self._fetched_at = 0
        self.membership = Membership(
            services=wiring.partners, cards=wiring.cards, fetch=self._fetch_directory
        )
        """The other members, and our contact card."""
        self.key_life = wiring.key_life
        """What our keys were used for."""
        self.people = People(
            register=wiring.register,
            approvals=wiring.approvals,
            releases=wiring.releases,
            break_glass=wiring.break_glass,
            recalls=wiring.recalls,
            post=wiring.post,
            fetch=self._fetch_directory,
        )
        """Our officers, and what takes two of them."""
        self.onward = wiring.onward
        """Requests that further agencies be admitted to notices, and the answers to them."""
        self.standing = wiring.standing
        """Grants of all later notices of a case."""
        self.recalls = wiring.recalls
        """Taking our notices back, and who holds them."""
        self.holds = wiring.holds
        """Keeping others' notices as evidence."""
        self.own_log = OwnLogReading(
            store=wiring.store, register=wiring.register, clock=wiring.clock
        )
        """Who looked at what here."""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, profile: Path | str | None = None, passphrase: str | bytes | None = None
    ) -> AsyncIterator[Self]:
        """Open a profile; the broker may be away.

        Args:
            profile: its folder, or the name of one; the default profile unless given.
            passphrase: opens its keys; read from the file that its settings name unless given.

        Raises:
            AgencyError: PROFILE_MISSING, PROFILE_INVALID, NOT_ENROLLED, CLOCK_SKEW, or of the
                store.
            TrustError: the key file does not open, or what is pinned does not verify.
        """
        folder = profile if isinstance(profile, Path) else profile_folder(profile)
        secret = passphrase_for(folder) if passphrase is None else passphrase
        agency = cls(await asyncio.to_thread(Wiring.open, folder, secret))
        try:
            yield agency
        finally:
            await agency.close()

    async def close(self) -> None:
        """End what is under way and let everything go."""
        for notices in tuple(self._open):
            with contextlib.suppress(RuntimeError):  # another task is in it, and ends with it
                await notices.aclose()
        await self._upkeep.stop()
        await self.wiring.broker.close()
        await asyncio.to_thread(self.wiring.store.close)

    @property
    def agency_id(self) -> str:
        """Our id in the directory."""
        return self.wiring.agency

    @property
    def directory(self) -> Directory:
        """The directory as we verified it last."""
        return self.wiring.directory.current.directory

    async def preview(self, draft: Publishable, viewer: Viewer | None = None) -> AudienceView:
        """Return who would get a draft, why the others would not, and warnings; nothing is sent."""
        await self._fetch_directory()
        return await self._previewing.preview(draft, viewer or _login())

    async def explain(
        self, reference: str, agency: str, viewer: Viewer | None = None
    ) -> ExplanationView:
        """Say whether an agency may have a kept notice, by which rule, or what it lacks."""
        await self._fetch_directory()
        return await self._explaining.explain(reference, agency, viewer or _login())

    async def publish(
        self,
        drafts: Publishable | Sequence[Publishable],
        *,
        all_or_nothing: bool = False,
        wait_s: float = 30.0,
        progress: Progress | None = None,
        viewer: Viewer | None = None,
    ) -> PublishReport:
        """Seal drafts into the outbox, durably, and send them.

        In a profile with officers the rule book may let a person publish some markings only if a
        second one approved it; such a draft is refused with APPROVAL_NEEDED, and published as what
        `people.releases.find` returns once it is approved.

        Args:
            drafts: one or many.
            all_or_nothing: publish none where one may not be.
            wait_s: how long to wait for the broker; 0 only queues.
            progress: told how many are accepted.
            viewer: which officer publishes. Unless given it is the agency's own system, which
                publishes nothing that the rule book gives only to two.
        """
        batch = list(drafts) if isinstance(drafts, Sequence) else [drafts]
        until = self._until(wait_s)
        await self._fetch_directory()
        async with self._courier.outlet.held():
            queued = await self.wiring.publisher.queue(
                batch, all_or_nothing=all_or_nothing, viewer=viewer
            )
        if not queued.frames or wait_s <= 0:
            self._upkeep.wake()
            return await self._report(queued, None)
        sent = await self._courier.send(
            until,
            settled=lambda: self._is_settled(queued),
            progress=_by_notice(queued, progress),
        )
        return await self._report(queued, sent)

    def _until(self, seconds: float) -> int:
        return self.wiring.clock.now_ms() + int(max(0.0, seconds) * 1000)

    async def _fetch_directory(self) -> None:
        """Fetch the directory if ours is not fresh; with the broker away we go by the one we have.

        Raises:
            AgencyError: what the broker serves does not verify: nothing is sealed by it.
        """
        now = self.wiring.clock.now_ms()
        if 0 <= now - self._fetched_at < FRESH_MS:
            return
        self._fetched_at = now
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await self.wiring.directory.sync()
        except TimeoutError:
            return
        except AgencyError as error:
            if error.reason not in PASSING and error.reason is not Reason.UNAUTHENTICATED:
                raise

    async def _is_settled(self, queued: Queued) -> bool:
        waiting = await asyncio.to_thread(self.wiring.store.outbox.waiting)
        return not {frame.id for frame in waiting} & {frame_id for frame_id, _ in queued.frames}

    async def _report(self, queued: Queued, sent: SendReport | None) -> PublishReport:
        report = await asyncio.to_thread(self.wiring.publisher.report, queued)
        if sent is None or not sent.problem:
            return report
        return PublishReport(notices=tuple(_explained(one, sent) for one in report.notices))

    async def send(self, *, wait_s: float = 30.0) -> SendReport:
        """Send what waits in the outbox; at least one attempt is made."""
        await self.wiring.post.try_send()
        return await self._courier.send(self._until(wait_s))

    async def exchange(self) -> MailReport:
        """Fetch requests, grants and recalls, do what they ask, and send what waits for others.

        A subscription does that all the while.
        """
        return await self.wiring.exchange.once()

    def subscribe(
        self,
        *topics: str,
        types: Sequence[str] = (),
        originators: Sequence[str] = (),
        viewer: Viewer | None = None,
        troubled: Troubled | None = None,
        recovered: Recovered | None = None,
    ) -> AsyncGenerator[NoticeView, None]:
        """Follow topics: yield notices as they come, each verified, opened and stored before.

        Notices that a grant brings are yielded too, of whichever topic.

        Goes on through restarts of the broker. Meanwhile the outbox is sent and the search index
        filled. One subscription of a profile at a time. Everything in the topics is received and
        kept; types and originators choose what of it is handed out, and written down as looked at.

        Args:
            topics: patterns; `+` is one level, a last `#` everything below.
            types: notice types; none means all.
            originators: agencies; none means all.
            viewer: who looks, for our own log; the login's name unless given.
            troubled: told of each problem that is waited out.
            recovered: told when the broker is heard again after one.
        """
        wanted = _filter(topics, types, originators)
        notices = self._following.notices(wanted, viewer or _login(), troubled, recovered)
        self._open.add(notices)
        return notices

    async def receive(self, *topics: str) -> ReceiveReport:
        """Receive what is waiting, mail too, and end.

        Where an encryption key of ours is over, everything is received and the key destroyed.
        """
        wanted = _filter(topics, (), ())
        with self.wiring.store.locks.receiver():
            due = self.wiring.key_ending.due()
            report = await self.wiring.receiver.catch_up(EVERYTHING if due else wanted)
        report = replace(report, mail=await self.exchange())
        await self.wiring.key_ending.end(due if report.is_complete else ())
        while await asyncio.to_thread(self.wiring.store.search.index, INDEX_AT_ONCE):
            pass
        return report

    async def destroy_key(
        self, key_id: str, viewer: Viewer | None = None, *, lose_unread: bool = False
    ) -> None:
        """Destroy an encryption key of ours that is over, after all that it opens was received.

        Args:
            key_id: the key.
            viewer: who does it, for our own log; the login's name unless given.
            lose_unread: receive nothing before, and do not wait for the margin: what lies at the
                broker sealed to the key can then never be opened.

        Raises:
            AgencyError: NOT_FOUND; KEY_COUNTS; KEY_NEEDED; PROFILE_IN_USE; the broker cannot be
                reached; or of the store. The key is there then.
        """
        await self.check_key(key_id, lose_unread=lose_unread)
        if not lose_unread:
            with self.wiring.store.locks.receiver():
                report = await self.wiring.receiver.catch_up(EVERYTHING)
            await self.exchange()
            await self.wiring.key_ending.check_received(key_id, report)
        await self.wiring.key_ending.destroy(key_id, (viewer or _login()).name)

    async def check_key(self, key_id: str, *, lose_unread: bool = False) -> None:
        """Refuse an encryption key of ours that is not over by the newest directory.

        Raises:
            AgencyError: NOT_FOUND; KEY_COUNTS; KEY_NEEDED unless `lose_unread`.
        """
        await self._fetch_directory()
        self.wiring.key_ending.check(key_id, is_needed=not lose_unread)

    async def mail(self, after: int | None = None) -> tuple[int, Sequence[PostItem]]:
        """Return what others sent us about notices, and where to go on asking.

        Args:
            after: what the call before returned; None begins with what comes from now on.
        """
        post = self.wiring.store.post
        if after is None:
            return await asyncio.to_thread(post.newest), ()
        items = await asyncio.to_thread(post.came, after, MAIL_AT_ONCE)
        return (items[-1].number if items else after), items

    async def inbox(
        self, query: InboxQuery | None = None, viewer: Viewer | None = None
    ) -> tuple[NoticeView, ...]:
        """List kept notices, newest first."""
        return await self.wiring.viewing.inbox(query or InboxQuery(), viewer or _login())

    async def show(self, reference: str, viewer: Viewer | None = None) -> NoticeView:
        """Read one kept notice."""
        return await self.wiring.viewing.show(reference, viewer or _login())

    async def search(
        self, words: str, viewer: Viewer | None = None, *, limit: int = 20
    ) -> SearchResult:
        """Search everything kept, best first; no query leaves the agency."""
        return await self.wiring.viewing.search(words, viewer or _login(), limit=limit)

    async def own_topic(self, reference: str) -> str:
        """Return the topic of a notice of our own.

        Raises:
            AgencyError: INVALID_ARGUMENT, UNKNOWN_NOTICE; NOT_ORIGINATOR.
        """
        row = await asyncio.to_thread(find_one, self.wiring.store.inbox, reference)
        if row.originator != self.agency_id:
            raise AgencyError(Reason.NOT_ORIGINATOR, f"{reference} is not ours")
        return row.topic

    async def acknowledge(self, reference: str, viewer: Viewer | None = None) -> NoticeView:
        """Note that a person dealt with a notice; the first time stays."""
        return await self.wiring.viewing.acknowledge(reference, viewer or _login())

    async def save_attachment(
        self, reference: str, name: str, target: Path, viewer: Viewer | None = None
    ) -> int:
        """Save an attachment of a kept notice to a new file, verified whole; return its size."""
        return await self.wiring.saving.save(reference, name, target, viewer or _login())

    async def topics(self) -> Sequence[TopicView]:
        """List the topics that we may publish to or read, as the broker answers now."""
        return await self.wiring.broker.topics()

    async def status(self) -> StatusReport:
        """Say how we stand; the broker is asked and may be away."""
        return await self.wiring.status.status()

    async def audit(self, progress: Progress | None = None) -> AuditReport:
        """Verify the broker's log, the directory and our own log.

        Args:
            progress: told how many leaves of how many were read.
        """
        return await self.wiring.audit.audit(progress)

    async def findings(self, *, limit: int = 100) -> Sequence[Finding]:
        """Return what was found wrong, newest first."""
        return await asyncio.to_thread(self.wiring.store.inbox.findings, limit)


def _filter(topics: Sequence[str], types: Sequence[str], originators: Sequence[str]) -> Filter:
    if not topics:
        raise AgencyError(Reason.INVALID_ARGUMENT, "no topic was named", field="topic")
    patterns = tuple(map(check_pattern, topics))
    return Filter(topics=patterns, types=tuple(types), originators=tuple(originators))


def _login() -> Viewer:
    """Return who this process runs as: whoever looks has a name in our log."""
    try:
        return Viewer(name=getpass.getuser())
    except (OSError, KeyError):
        return Viewer(name="unknown login")


def _explained(notice: PublishedNotice, sent: SendReport) -> PublishedNotice:
    """Say of a notice that waits what it waits for."""
    if notice.state is not PublishState.QUEUED or notice.message:
        return notice
    return replace(notice, reason=sent.problem_reason, message=sent.problem)


def _by_notice(queued: Queued, progress: Progress | None) -> Callable[[int], None] | None:
    """Turn a count of accepted frames into one of notices; the oldest frames go first."""
    if progress is None:
        return None
    sizes = [len(plan.notices) for _, plan in queued.frames]
    total, taken = sum(sizes), 0

    def count(frames: int) -> None:
        nonlocal taken
        taken = min(taken + frames, len(sizes))
        progress(sum(sizes[:taken]), total)

    return count
