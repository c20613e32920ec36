# SPDX-License-Identifier: Apache-2.0
"""An agency's process that seals frames beforehand and then does nothing but publish them.

Started by the figures of the served path. Orders, a line of JSON each: `seal` frames, `send` so
many of them over one PublishStream, as many unanswered as the broker's window allows.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agency_client.bootstrap.wiring import Wiring
from agency_client.domain.content import Content
from agency_client.domain.outbox import PublishOutcome, PublishReceipt
from agency_client.intake import read_records
from agency_client.ports.broker import PublishStream
from benchmarks.material import Outlet, draft, now_ms, random_drafts
from benchmarks.parties import BULK_TOPIC
from keys.envelope import Frame
from keys.recipients import EncryptionKey
from keys.sealing import NoticeDraft
from tests.faults.world import PASSPHRASE

RECORDS = Path(__file__).parents[1] / "examples" / "notices.jsonl"


@dataclass(kw_only=True)
class Publisher:
    """What is sealed, and one stream on which it goes."""

    wiring: Wiring
    stream: PublishStream
    outcomes: AsyncIterator[Sequence[PublishOutcome]]
    sealed: deque[Frame] = field(default_factory=deque)
    outlets: dict[str, Outlet] = field(default_factory=dict)
    number: int = 0
    sent_at: dict[int, int] = field(default_factory=dict)

    def seal(self, topic: str, frames: int, notices: int, size: int) -> dict[str, Any]:
        """Seal frames of so many notices of so many bytes, or of the example records for 0."""
        if topic not in self.outlets:
            self.outlets[topic] = self._outlet(topic)
        examples = [] if size else example_drafts(frames * notices)
        total = 0
        for at in range(0, frames * notices, notices):
            some = random_drafts(notices, size) if size else examples[at : at + notices]
            frame = self.outlets[topic].seal(some)
            total += sum(len(one.header) + len(one.body) for one in frame.notices)
            self.sealed.append(frame)
        return {"notice_bytes": total / (frames * notices)}

    def _outlet(self, topic: str) -> Outlet:
        federation = self.wiring.directory.current
        return Outlet(
            originator=federation.agency,
            signer=self.wiring.signing(),
            federation=federation.id,
            keys=_keys(self.wiring),
            topic=topic,
            rule_book=federation.rule_book,
            directory=federation.head,
        )

    async def send(self, frames: int) -> dict[str, Any]:
        """Publish frames; say when it began and ended, and how long each waited for its receipt."""
        begun, used = time.monotonic_ns(), time.process_time()
        delays: list[int] = []
        for _ in range(frames):
            while len(self.sent_at) >= self.stream.window:
                delays += await self._answered()
            self.number += 1
            self.sent_at[self.number] = time.monotonic_ns()
            await self.stream.send(self.number, self.sealed.popleft())
        while self.sent_at:
            delays += await self._answered()
        return {
            "begun": begun,
            "ended": time.monotonic_ns(),
            "processor": time.process_time() - used,
            "delays": delays,
        }

    async def _answered(self) -> list[int]:
        answers = await anext(self.outcomes)
        for answer in answers:
            if not isinstance(answer.outcome, PublishReceipt) or answer.outcome.duplicate:
                raise RuntimeError(f"frame {answer.number} was not stored: {answer.outcome}")
        now = time.monotonic_ns()
        return [now - self.sent_at.pop(answer.number) for answer in answers]


def example_drafts(count: int) -> list[NoticeDraft]:
    """Return so many notices with the contents of the example records, over and over."""
    batch = read_records(RECORDS.read_bytes(), topic=BULK_TOPIC, to=())
    contents = [Content(notice=one.draft.notice).encode() for one in batch.drafts]
    return [draft(contents[number % len(contents)]) for number in range(count)]


def _keys(wiring: Wiring) -> dict[str, EncryptionKey]:
    directory, now = wiring.directory.current.directory, now_ms()
    names = (entry.agency for entry in directory.agencies())
    keys = {name: directory.encryption_key(name, now) for name in names}
    return {name: key for name, key in keys.items() if key is not None}


async def work(profile: Path) -> None:
    """Obey until stdin ends."""
    wiring = await asyncio.to_thread(Wiring.open, profile, PASSPHRASE)
    async with wiring.broker.publish_stream() as stream:
        publisher = Publisher(wiring=wiring, stream=stream, outcomes=stream.outcomes())
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            if order.pop("act") == "seal":
                answer = await asyncio.to_thread(publisher.seal, **order)
            else:
                answer = await publisher.send(**order)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    await wiring.broker.close()
    wiring.store.close()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
