# SPDX-License-Identifier: Apache-2.0
"""One agency of the demonstration: a process that opens its profile and does what it is told.

Reads one JSON object a line on stdin, writes one a line on stdout, ends when stdin does. It uses
the library as any agency's own system would.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from agency_client.bootstrap import Agency, create_profile, enrol_profile
from agency_client.demo.control_acts import ControlActs, preview, viewer
from agency_client.demo.forgeries import offer_changed
from agency_client.domain.notices import Draft
from agency_client.domain.views import PublishReport, PublishState
from agency_client.errors import AgencyError, Reason
from agency_client.intake import read_records
from keys.errors import TrustError

Answer = dict[str, Any]
_LINE_LIMIT = 64 << 20
_AGREEMENT_MS = 365 * 86_400_000


class Worker:
    """The agency and what it received so far."""

    def __init__(self, profile: Path, passphrase: str) -> None:
        self._profile = profile
        self._passphrase = passphrase
        self._agency: Agency | None = None
        self._open = contextlib.AsyncExitStack()
        self._held: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None
        self._troubled: list[tuple[str, float]] = []
        self._is_troubled = asyncio.Event()
        self._acts: dict[str, Callable[..., Awaitable[Answer]]] = {
            "init": self._init,
            "enrol": self._enrol,
            "listen": self._listen,
            "publish": self._publish,
            "await": self._await,
            "await-count": self._await_count,
            "send": self._send,
            "search": self._search,
            "audit": self._audit,
            "offer-changed": self._offer_changed,
            "preview": self._preview,
            "await-trouble": self._await_trouble,
            **ControlActs(lambda: self._opened).acts,
        }

    async def obey(self, order: Answer) -> Answer:
        """Do one act; a refusal is an answer too."""
        act = order.pop("act")
        try:
            return await self._acts[act](**order)
        except TimeoutError:
            return {"failed": "it did not happen in time"}
        except (AgencyError, TrustError) as error:
            return {"failed": f"{error.reason}: {error}"}

    async def close(self) -> None:
        """End listening and let the profile go."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._open.aclose()

    @property
    def _opened(self) -> Agency:
        if self._agency is None:
            raise RuntimeError("told to act before it was enrolled")
        return self._agency

    async def _init(self, *, agency: str, name: str, country: str, kind: str) -> Answer:
        request = await asyncio.to_thread(
            create_profile,
            self._profile,
            agency=agency,
            name=name,
            country=country,
            kind=kind,
            contact="nobody: this is an exercise",
            agreement_until=time.time_ns() // 1_000_000 + _AGREEMENT_MS,
            passphrase=self._passphrase,
        )
        return {"request": str(request)}

    async def _enrol(self, *, bundle: str, broker: str) -> Answer:
        view = await asyncio.to_thread(
            enrol_profile,
            self._profile,
            self._passphrase,
            bundle=Path(bundle),
            broker_address=broker,
        )
        connected = Agency.connect(self._profile, self._passphrase)
        self._agency = await self._open.enter_async_context(connected)
        return {"active": view.agency_active}

    async def _listen(self, *, topics: list[str]) -> Answer:
        self._listening = asyncio.create_task(self._receive(topics))
        return {}

    async def _receive(self, topics: list[str]) -> None:
        notices = self._opened.subscribe(*topics, viewer=viewer(), troubled=self._trouble)
        async for view in notices:
            async with self._changed:
                self._held[view.notice_id.hex()] += 1
                self._changed.notify_all()

    def _trouble(self, problem: AgencyError) -> None:
        self._troubled.append((problem.reason, time.time()))
        self._is_troubled.set()

    async def _await_trouble(self, *, since: float, within: float) -> Answer:
        """Say when the stream was cut after an instant, and why."""
        async with asyncio.timeout(within):
            while not (found := [one for one in self._troubled if one[1] >= since]):
                self._is_troubled.clear()
                await self._is_troubled.wait()
        return {"reason": found[0][0], "at": found[0][1]}

    async def _preview(self, *, record: Answer, topic: str, to: list[str]) -> Answer:
        (draft,) = _drafts("", [record], topic, to)
        return await preview(self._opened, draft)

    async def _publish(
        self,
        *,
        topic: str,
        to: list[str],
        path: str = "",
        records: list[Answer] | None = None,
        portion: int = 0,
        wait: float = 20.0,
    ) -> Answer:
        drafts = await asyncio.to_thread(_drafts, path, records, topic, to)
        size, began = portion or len(drafts) or 1, time.monotonic()
        outcomes: list[Answer] = []
        for start in range(0, len(drafts), size):
            report = await self._opened.publish(drafts[start : start + size], wait_s=wait)
            outcomes += _outcomes(report, start)
        counts = Counter(one["state"] for one in outcomes)
        return {
            "notices": outcomes,
            "seconds": time.monotonic() - began,
            "problem": "",
            **{state.value: counts[state.value] for state in PublishState},
        }

    async def _await(self, *, ids: list[str], within: float) -> Answer:
        wanted = set(ids)
        await self._until(lambda: wanted <= self._held.keys(), within)
        return {"held": dict(self._held), "missing": sorted(wanted - self._held.keys())}

    async def _await_count(self, *, count: int, within: float) -> Answer:
        await self._until(lambda: len(self._held) >= count, within)
        return {"count": len(self._held)}

    async def _until(self, holds: Callable[[], bool], within: float) -> None:
        if self._listening is not None and self._listening.done():
            await self._listening
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(holds), within)

    async def _send(self, *, wait: float) -> Answer:
        report = await self._opened.send(wait_s=wait)
        return {
            "accepted": report.accepted,
            "refused": report.refused,
            "waiting": report.waiting,
            "problem": report.problem_reason,
        }

    async def _search(self, *, words: str) -> Answer:
        found = await self._opened.search(words, viewer(), limit=100)
        return {"ids": [one.notice_id.hex() for one in found.notices], "waiting": found.waiting}

    async def _audit(self) -> Answer:
        report = await self._opened.audit()
        checks = [
            {"name": one.name, "verdict": one.verdict, "detail": one.detail, "entry": one.entry}
            for one in report.checks
        ]
        return {"verdict": report.verdict, "leaves": report.leaves, "checks": checks}

    async def _offer_changed(self, *, how: str, record: Answer, topic: str) -> Answer:
        (draft,) = _drafts("", [record], topic, [])
        return await offer_changed(self._opened, draft, how)


def _drafts(path: str, records: list[Answer] | None, topic: str, to: list[str]) -> list[Draft]:
    """Read records as an agency's system would; the examples hold no bad one."""
    data = Path(path).read_bytes() if path else json.dumps(records).encode()
    batch = read_records(data, topic=topic, to=tuple(to))
    if batch.refused:
        first = batch.refused[0]
        raise AgencyError(Reason.INVALID_ARGUMENT, f"line {first.line}: {first.message}")
    return [one.draft for one in batch.drafts]


def _outcomes(report: PublishReport, start: int) -> list[Answer]:
    return [
        {
            "position": start + one.position,
            "state": one.state.value,
            "id": one.notice_id.hex(),
            "reason": one.reason,
            "message": one.message,
        }
        for one in report.notices
    ]


async def work(profile: Path, passphrase: str) -> None:
    """Obey until stdin ends."""
    reader = asyncio.StreamReader(limit=_LINE_LIMIT)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    worker = Worker(profile, passphrase)
    try:
        while line := await reader.readline():
            answer = await worker.obey(json.loads(line))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    finally:
        await worker.close()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), Path(sys.argv[2]).read_text().strip()))
