# SPDX-License-Identifier: Apache-2.0
"""Emptying the outbox: the same bytes until there is an outcome, in order, within the window.

What each outcome means is `domain.outbox`; sealing anew is `services.publishing`. Once a frame of a
topic is refused, nothing further of that topic is sent until the refusal is dealt with: it would be
refused for its number. Source: design section 4.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agency_client.domain.frames import decode_frame
from agency_client.domain.outbox import (
    FrameState,
    PublishOutcome,
    PublishReceipt,
    Refusal,
    Remedy,
    pause_ms,
    remedy,
)
from agency_client.domain.records import OutboxFrame
from agency_client.domain.views import SendReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, PublishStream
from agency_client.ports.clock import Clock, Entropy
from agency_client.ports.store import Store
from agency_client.services.attachments import AttachmentUpload
from agency_client.services.directory import DirectoryService
from agency_client.services.publishing import Publisher
from keys.envelope import Frame

ANSWER_SECONDS = 60
"""Longest wait for the next outcome on a stream; past it the outcome is unknown."""

Progress = Callable[[int], None]
"""Told how many frames were accepted, each time some are."""


class Sender:
    """Sends for one profile; the caller holds the outlet's lock."""

    def __init__(
        self,
        *,
        broker: Broker,
        store: Store,
        directory: DirectoryService,
        publisher: Publisher,
        uploads: AttachmentUpload,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._broker = broker
        self._store = store
        self._directory = directory
        self._publisher = publisher
        self._uploads = uploads
        self._clock = clock
        self._entropy = entropy

    async def drain(self, until_ms: int, progress: Progress | None = None) -> SendReport:
        """Send until the outbox is empty, time is over, or we may not send; try at least once."""
        tally = _Tally(progress=progress)
        failed = 0
        while True:
            problem = await self._attempt(tally)
            waiting, _ = await asyncio.to_thread(self._store.outbox.count)
            if waiting == 0:
                return tally.report(0, None)
            failed = 0 if tally.take_progress() else failed + 1
            if tally.held:
                return tally.report(waiting, problem)
            pause = pause_ms(failed, self._entropy.jitter()) if failed else 0
            if self._clock.now_ms() + pause >= until_ms:
                return tally.report(waiting, problem)
            await self._clock.sleep(pause)

    async def _attempt(self, tally: "_Tally") -> Refusal | None:
        """Send what can be sent once; return what stood in the way."""
        try:
            if tally.behind:
                await self._directory.sync()
                tally.behind = False
            await self._publisher.reseal_stale()
            return await self._pass(tally)
        except AgencyError as error:
            tally.held = tally.held or remedy(error.reason, 0) is Remedy.HOLD
            return Refusal(reason=error.reason, message=error.message)

    async def _pass(self, tally: "_Tally") -> Refusal | None:
        frames = await asyncio.to_thread(self._sendable)
        if not frames:
            return None
        async with self._broker.publish_stream() as stream:
            run = _Run(stream=stream, queue=iter(frames), outcomes=stream.outcomes())
            while await self._fill(run, tally) and (answers := await _answers(run)):
                await self._settle(run, answers, tally)
        await asyncio.to_thread(self._rewind, run)
        return run.problem

    def _sendable(self) -> list[OutboxFrame]:
        """Return frames to send: unknown outcomes first, then those queued.

        What is queued on a topic with a stale frame is not sent: it would be out of order.
        """
        waiting = self._store.outbox.waiting()
        stale = {frame.topic for frame in waiting if frame.state is FrameState.STALE}
        sent = [frame for frame in waiting if frame.state is FrameState.SENT]
        queued = [
            frame
            for frame in waiting
            if frame.state is FrameState.QUEUED and frame.topic not in stale
        ]
        return sent + queued

    async def _fill(self, run: "_Run", tally: "_Tally") -> bool:
        """Send as far as the window reaches; return whether anything is unanswered."""
        while chosen := run.choose():
            ready = await self._with_attachments(run, chosen, tally)
            if ready:
                await asyncio.to_thread(self._store.outbox.set_sent, [one.id for one, _ in ready])
            for frame, sealed in ready:
                run.number += 1
                run.unanswered[run.number] = frame
                await run.stream.send(run.number, sealed)
        return bool(run.unanswered)

    async def _with_attachments(
        self, run: "_Run", chosen: Sequence[OutboxFrame], tally: "_Tally"
    ) -> list[tuple[OutboxFrame, Frame]]:
        """Load frames and bring their attachments to the broker; leave out what cannot go now."""
        ready: list[tuple[OutboxFrame, Frame]] = []
        loaded = await asyncio.to_thread(self._load, chosen)
        for frame, sealed in zip(chosen, loaded, strict=True):
            if frame.topic in run.blocked:
                continue
            try:
                run.attached[frame.id] = await self._uploads.complete(sealed)
            except AgencyError as error:
                refusal = Refusal(reason=error.reason, message=error.message)
                await self._refuse(run, frame, refusal, tally)
            else:
                ready.append((frame, sealed))
        return ready

    def _load(self, chosen: Sequence[OutboxFrame]) -> list[Frame]:
        return [decode_frame(self._store.outbox.frame(frame.id).frame) for frame in chosen]

    async def _settle(
        self, run: "_Run", answers: Sequence[PublishOutcome], tally: "_Tally"
    ) -> None:
        receipts: list[tuple[int, PublishReceipt]] = []
        for answer in answers:
            frame = run.unanswered.pop(answer.number, None)
            if frame is None:
                raise AgencyError(
                    Reason.MALFORMED,
                    f"the broker answered frame {answer.number}, which was not sent",
                )
            if isinstance(answer.outcome, PublishReceipt):
                receipts.append((frame.id, answer.outcome))
            else:
                await self._refuse(run, frame, answer.outcome, tally)
        if receipts:
            await asyncio.to_thread(self._store.outbox.set_accepted, receipts)
            tally.add(len(receipts))
            for frame_id, _ in receipts:
                await self._uploads.release(run.attached.pop(frame_id, ()))

    async def _refuse(
        self, run: "_Run", frame: OutboxFrame, refusal: Refusal, tally: "_Tally"
    ) -> None:
        run.blocked.add(frame.topic)
        run.problem = run.problem or refusal
        attached = run.attached.pop(frame.id, ())
        match remedy(refusal.reason, frame.reseals):
            case Remedy.RESEAL:
                if refusal.reason is Reason.ATTACHMENT_MISSING:
                    await self._uploads.forget(attached)
                await asyncio.to_thread(self._store.outbox.set_stale, frame.id, refusal)
                tally.behind = tally.behind or refusal.reason is Reason.RESEAL_REQUIRED
                tally.moved = True
            case Remedy.RESEAL_LATER:
                await asyncio.to_thread(self._store.outbox.set_stale, frame.id, refusal)
                tally.held = True
            case Remedy.GIVE_UP:
                await asyncio.to_thread(self._store.outbox.set_refused, frame.id, refusal)
                await self._uploads.release(attached)
                run.refused.append(frame)
                tally.refused += 1
                tally.moved = True
            case Remedy.HOLD:
                tally.held = True
            case Remedy.RETRY:
                pass

    def _rewind(self, run: "_Run") -> None:
        """After a final refusal, number anew what was queued behind it."""
        for frame in run.refused:
            self._store.outbox.rewind(frame.outlet, frame.topic)


@dataclass(kw_only=True)
class _Tally:
    """What a drain has done so far."""

    progress: Progress | None
    accepted: int = 0
    refused: int = 0
    moved: bool = False
    behind: bool = False
    held: bool = False

    def add(self, count: int) -> None:
        """Count accepted frames."""
        self.accepted += count
        self.moved = True
        if self.progress is not None:
            self.progress(count)

    def take_progress(self) -> bool:
        """Return whether anything was settled since the last call."""
        moved, self.moved = self.moved, False
        return moved

    def report(self, waiting: int, problem: Refusal | None) -> SendReport:
        """Return the drain's outcome."""
        return SendReport(
            accepted=self.accepted,
            refused=self.refused,
            waiting=waiting,
            problem=problem.message if problem and waiting else "",
            problem_reason=problem.reason if problem and waiting else "",
            held=self.held and waiting > 0,
        )


@dataclass(kw_only=True)
class _Run:
    """One publish stream."""

    stream: PublishStream
    queue: Iterator[OutboxFrame]
    outcomes: AsyncIterator[Sequence[PublishOutcome]]
    number: int = 0
    unanswered: dict[int, OutboxFrame] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    refused: list[OutboxFrame] = field(default_factory=list)
    attached: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    problem: Refusal | None = None

    def choose(self) -> list[OutboxFrame]:
        """Return the next frames that the window has room for, none of a topic that was refused."""
        chosen: list[OutboxFrame] = []
        while len(self.unanswered) + len(chosen) < self.stream.window:
            frame = next(self.queue, None)
            if frame is None:
                break
            if frame.topic not in self.blocked:
                chosen.append(frame)
        return chosen


async def _answers(run: "_Run") -> Sequence[PublishOutcome]:
    """Return the next outcomes; none where the stream ended, and the rest stays unknown."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            # Not `()` as the default: CPython 3.11 fails on a tuple there.
            return await anext(run.outcomes, None) or ()
    except TimeoutError:
        raise AgencyError(
            Reason.DEADLINE_EXCEEDED, f"the broker did not answer within {ANSWER_SECONDS} s"
        ) from None
