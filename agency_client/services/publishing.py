# SPDX-License-Identifier: Apache-2.0
"""Publishing: drafts are decided about, sealed and put into the outbox, then the network is tried.

What is in the outbox is durable. Not here: sending (`services.sending`). Source: design sections
2, 4 and 9.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from agency_client.domain.outbox import FrameState, Refusal
from agency_client.domain.plans import Audience, FramePlan, plan_frames
from agency_client.domain.publishable import Publishable
from agency_client.domain.records import OutboxFrame
from agency_client.domain.releases import Release
from agency_client.domain.views import PublishedNotice, PublishReport, PublishState, Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.attachments import AttachmentSealing, Sealed
from agency_client.services.directory import DirectoryService
from agency_client.services.federation import Federation
from agency_client.services.planning import Planned, audience_of, plan, refusing
from agency_client.services.references import find_one
from agency_client.services.releases import Releases
from agency_client.services.repeating import repeated
from agency_client.services.sealing import seal
from keys.envelope import AttachmentRef, Marking, NoticeHeader, NoticeRef, TreeHead
from keys.merkle import EMPTY_ROOT
from keys.sealing import NoticeDraft
from keys.signers import Signing

_OF_OUR_STORE = frozenset({Reason.STORE_FAILED, Reason.STORE_INVALID})
"""Nothing is wrong with the frame that was to be sealed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """What became of the drafts of one call before the network was tried.

    `frames` are the outbox ids of what was sealed, each with its plan.
    """

    drafts: int
    refused: tuple[PublishedNotice, ...]
    frames: tuple[tuple[int, FramePlan], ...]


class Publisher:
    """Puts notices into the outbox of one profile; the caller holds the outlet's lock."""

    def __init__(
        self,
        *,
        store: Store,
        directory: DirectoryService,
        signing: Signing,
        clock: Clock,
        attachments: AttachmentSealing,
        releases: Releases,
    ) -> None:
        self._store = store
        self._directory = directory
        self._signing = signing
        self._clock = clock
        self._attachments = attachments
        self._releases = releases
        self._numbering = asyncio.Lock()

    async def queue(
        self,
        drafts: Sequence[Publishable],
        *,
        all_or_nothing: bool = False,
        viewer: Viewer | None = None,
    ) -> Queued:
        """Seal what may be published and put it into the outbox; durable on return.

        Args:
            drafts: what is to be published.
            all_or_nothing: publish none where one may not be.
            viewer: who publishes.
        """
        now = self._clock.now_ms()
        federation = self._directory.current
        planned = await asyncio.to_thread(plan, drafts, federation, self._resolve, {}, now)
        decided = refusing(planned, await asyncio.to_thread(repeated, planned, self._store.inbox))
        judged = refusing(decided, await self._releases.refusals(decided, drafts, viewer))
        planned, sealed = await asyncio.to_thread(self._with_files, drafts, judged, federation, now)
        refused = tuple(_refused(one, drafts[one.position]) for one in planned if one.refusal)
        dropped = {one.position for one in refused}
        if all_or_nothing and refused:
            dropped = set(range(len(drafts)))
        await asyncio.to_thread(self._attachments.discard, _refs(sealed, dropped))
        if len(dropped) == len(drafts):
            return Queued(drafts=len(drafts), refused=refused, frames=())
        pairs = [
            (one.audience, one.notice)
            for one in planned
            if one.audience is not None and one.notice is not None
        ]
        frames = []
        for frame_plan in plan_frames(pairs):
            async with self._numbering:
                frames.append((await asyncio.to_thread(self._append, frame_plan, now), frame_plan))
            queued = [drafts[one.position] for one in frame_plan.notices]
            if releases := [one for one in queued if isinstance(one, Release)]:
                await asyncio.to_thread(self._releases.done, releases)
        return Queued(drafts=len(drafts), refused=refused, frames=tuple(frames))

    def _with_files(
        self,
        drafts: Sequence[Publishable],
        decided: list[Planned],
        federation: Federation,
        now: int,
    ) -> tuple[list[Planned], Mapping[int, Sequence[Sealed]]]:
        """Seal the attachments of those drafts that may go, and plan these with them."""
        wanted = {
            one.position: drafts[one.position].attachments
            for one in decided
            if one.refusal is None and drafts[one.position].attachments
        }
        if not wanted:
            return decided, {}
        approved = {
            position: draft.digests
            for position in wanted
            if isinstance(draft := drafts[position], Release)
        }
        sealed, failed = self._attachments.seal_all(
            wanted, federation.id, federation.agency, approved
        )
        failed |= {one.position: one.refusal for one in decided if one.refusal is not None}
        replanned = plan(drafts, federation, self._resolve, sealed, now)
        return refusing(replanned, failed), sealed

    def _resolve(self, reference: str) -> NoticeRef:
        row = find_one(self._store.inbox, reference)
        if row.originator != self._directory.current.agency:
            raise AgencyError(
                Reason.NOT_ORIGINATOR, f"{reference} is not ours, so we cannot supersede it"
            )
        return NoticeRef(
            originator=row.originator, notice_id=row.notice_id, leaf_hash=row.leaf_hash
        )

    def _append(self, frame_plan: FramePlan, now: int) -> int:
        notices = [
            NoticeDraft(header=one.header, content=one.content) for one in frame_plan.notices
        ]
        outlet = self._store.outbox.outlet()
        audience = frame_plan.audience
        frame, own = seal(
            audience=audience,
            notices=notices,
            links=self._store.outbox.links(outlet, audience.topic, audience.admitted),
            outlet=outlet,
            federation=self._directory.current,
            log=self._log_head(),
            signer=self._signing(),
            now=now,
        )
        return self._store.outbox.append(frame, own)

    def _log_head(self) -> TreeHead:
        pinned = self._store.trust.checkpoint(LogKind.ACTS)
        if pinned is None:
            return TreeHead(size=0, root=EMPTY_ROOT)
        return TreeHead(size=pinned.size, root=pinned.root)

    async def reseal_stale(self) -> int:
        """Seal and number anew what was definitely refused; return how many frames.

        A topic on which an outcome is unknown waits for it. Order within a topic is kept:
        frames queued behind a refused one are numbered anew with it.
        """
        async with self._numbering:
            return await asyncio.to_thread(self._reseal_all)

    def _reseal_all(self) -> int:
        waiting = self._store.outbox.waiting()
        unknown = {frame.topic for frame in waiting if frame.state is FrameState.SENT}
        stale = {frame.topic for frame in waiting if frame.state is FrameState.STALE} - unknown
        done = 0
        for topic in sorted(stale):
            self._unwind(topic, [frame for frame in waiting if frame.topic == topic])
            for frame in self._store.outbox.waiting():
                if frame.topic == topic and frame.state is FrameState.STALE:
                    done += self._reseal(frame)
        return done

    def _unwind(self, topic: str, frames: Sequence[OutboxFrame]) -> None:
        first = next(frame for frame in frames if frame.state is FrameState.STALE)
        outlet = self._store.outbox.outlet()
        lost = first.reason == Reason.CHAIN_BROKEN and first.reseals > 1
        if lost and first.outlet == outlet:
            outlet = self._store.outbox.new_outlet()
        self._store.outbox.rewind(outlet, topic)

    def _reseal(self, frame: OutboxFrame) -> int:
        now = self._clock.now_ms()
        own = self._store.outbox.notices(frame.id)
        try:
            audience = self._audience_again(frame, now)
            outlet = self._store.outbox.outlet()
            sealed, notices = seal(
                audience=audience,
                notices=[
                    NoticeDraft(header=NoticeHeader.decode(one.header), content=one.content)
                    for one in own
                ],
                links=self._store.outbox.links(outlet, audience.topic, audience.admitted),
                outlet=outlet,
                federation=self._directory.current,
                log=self._log_head(),
                signer=self._signing(),
                now=now,
            )
        except AgencyError as error:
            if error.reason in _OF_OUR_STORE:
                raise
            self._store.outbox.set_refused(
                frame.id, Refusal(reason=error.reason, message=error.message)
            )
            return 0
        self._store.outbox.resealed(replace(sealed, id=frame.id), notices)
        return 1

    def _audience_again(self, frame: OutboxFrame, now: int) -> Audience:
        audience = audience_of(
            _Addressing(topic=frame.topic, marking=Marking.decode(frame.marking), to=frame.named),
            self._directory.current,
            now,
        )
        self._releases.check_again({agency for agency, _ in frame.recipients}, audience)
        return audience

    def report(self, queued: Queued) -> PublishReport:
        """Return how the drafts of a call stand now."""
        outcomes = {one.position: one for one in queued.refused}
        for frame_id, frame_plan in queued.frames:
            frame = self._store.outbox.frame(frame_id)
            for notice in frame_plan.notices:
                outcomes[notice.position] = _outcome(frame, notice.position, notice.header)
        return PublishReport(notices=tuple(outcomes[at] for at in sorted(outcomes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Addressing:
    topic: str
    marking: Marking
    to: tuple[str, ...]


def _refs(
    sealed: Mapping[int, Sequence[Sealed]], positions: Collection[int]
) -> list[AttachmentRef]:
    """Return the attachments of the drafts at `positions`."""
    return [ref for position in positions for ref, _ in sealed.get(position, ())]


def _refused(planned: Planned, draft: Publishable) -> PublishedNotice:
    error = planned.refusal
    if error is None:
        raise ValueError("the draft was not refused")
    return PublishedNotice(
        position=planned.position,
        state=PublishState.REFUSED,
        topic=draft.topic,
        reason=error.reason,
        message=error.message,
    )


_STATES = {
    FrameState.ACCEPTED: PublishState.ACCEPTED,
    FrameState.REFUSED: PublishState.REFUSED,
}


def _outcome(frame: OutboxFrame, position: int, header: NoticeHeader) -> PublishedNotice:
    state = _STATES.get(frame.state, PublishState.QUEUED)
    return PublishedNotice(
        position=position,
        state=state,
        notice_id=header.notice_id,
        topic=frame.topic,
        recipients=tuple(agency for agency, _ in frame.recipients),
        sequence=frame.sequence,
        log_index=frame.log.index if frame.log else -1,
        reason=frame.reason if state is not PublishState.ACCEPTED else "",
        message=frame.message if state is not PublishState.ACCEPTED else "",
    )
