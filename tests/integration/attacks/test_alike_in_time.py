# SPDX-License-Identifier: Apache-2.0
"""What a caller may not have is answered as fast as what does not exist, and as much is written.

In process, over the store that is served from, so that no network hides a difference.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlcipher3.dbapi2 import Connection

from broker.domain.limits import Settings
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.services.assembly import Services, assemble
from broker.storage.cache import FrameCache
from broker.storage.frame_reading import find_notice
from broker.storage.holders import find_place
from broker.storage.sqlite import SqliteStore
from keys.envelope import Frame, NoticeHeader
from keys.framing import sha256
from tests.alike import PAIRS, Call, are_alike, share_slower
from tests.simulator.federation import NOW, Federation
from tests.simulator.mail import letter_header, letter_of, recall_of
from tests.unit.broker_services.world import MARKING, ManualClock, Salts, build

KEPT = 40
SIGNED = 12
"""Letters and recalls of each side, which are tried again and again."""
SIGNED_PAIRS = 400
ALIKE_STEPS = 10
"""One table that is looked at on one side only is more."""
ASKER, OWNER, OTHER = "ro-pol", "gr-pol", "it-pol"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A broker with notices that `ASKER` is no party to, and others that were never published."""

    federation: Federation
    store: SqliteStore
    services: Services
    foreign: list[Frame]
    absent: list[Frame]

    async def leaves(self) -> int:
        return await self.store.tree_size(LogKind.ACTS)


def sealed(federation: Federation, count: int) -> list[Frame]:
    return [
        federation.seal(OWNER, [b"x" * 500], to=(OTHER,), marking=MARKING, now=NOW)
        for _ in range(count)
    ]


@pytest.fixture(params=["a leaf for each", "only counted"])
async def kept(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Kept]:
    """Refusals are written with a leaf each, or, in a flood, counted."""
    burst = 1_000_000 if request.param == "a leaf for each" else 1
    federation, clock, entropy = build((OWNER, ASKER, OTHER)), ManualClock(), Salts()
    store = await SqliteStore.open(tmp_path / "broker.db")
    services = await assemble(
        store=store,
        clock=clock,
        entropy=entropy,
        log_seed=federation.broker.log_seed,
        settings=Settings(refusals_burst=burst),
    )
    roots = [root.encode() for root in federation.signed_roots]
    entries = [entry.encode() for entry in federation.signed_entries]
    await services.directory.load_federation(roots, entries)
    frames = sealed(federation, KEPT)
    for frame in frames:
        await services.publishing.publish(OWNER, frame)
    yield Kept(
        federation=federation,
        store=store,
        services=services,
        foreign=frames,
        absent=sealed(federation, KEPT),
    )
    await store.close()


def id_of(frame: Frame) -> bytes:
    return NoticeHeader.decode(frame.notices[0].header).notice_id


async def refused(call: Callable[[], Awaitable[object]]) -> None:
    """Make a call that is answered as what is not there."""
    with pytest.raises(BrokerError) as caught:
        await call()
    assert caught.value.reason is Reason.NOT_FOUND
    assert caught.value.metadata == {}


Asked = Callable[[Kept, Frame], Callable[[], Awaitable[object]]]


def notice(kept: Kept, frame: Frame) -> Callable[[], Awaitable[object]]:
    return partial(kept.services.subscriptions.get_notice, ASKER, OWNER, id_of(frame))


def attachment(kept: Kept, frame: Frame) -> Callable[[], Awaitable[object]]:
    return partial(
        kept.services.attachments.get,
        ASKER,
        originator=OWNER,
        notice_id=id_of(frame),
        attachment_id=bytes(16),
        offset=0,
        max_bytes=1,
    )


def recipients(kept: Kept, frame: Frame) -> Callable[[], Awaitable[object]]:
    return partial(kept.services.mailbox.recipients, ASKER, id_of(frame))


def letter(kept: Kept, frame: Frame) -> Callable[[], Awaitable[object]]:
    header = letter_header(kept.federation, frame, "request_onward", ASKER, OWNER)
    return partial(kept.services.mailbox.submit_letter, ASKER, letter_of(kept.federation, header))


def recall(kept: Kept, frame: Frame) -> Callable[[], Awaitable[object]]:
    signed = recall_of(kept.federation, frame, originator=ASKER)
    return partial(kept.services.mailbox.submit_recall, ASKER, signed, ())


def calls(asked: Asked, kept: Kept, frames: list[Frame]) -> list[Call]:
    return [partial(refused, asked(kept, frame)) for frame in frames]


@pytest.mark.parametrize(
    ("asked", "many", "pairs"),
    [
        (notice, KEPT, PAIRS),
        (attachment, KEPT, PAIRS),
        (recipients, KEPT, PAIRS),
        (letter, SIGNED, SIGNED_PAIRS),
        (recall, SIGNED, SIGNED_PAIRS),
    ],
)
async def test_what_is_of_others_takes_as_long_as_what_is_not_there(
    kept: Kept, asked: Asked, many: int, pairs: int
) -> None:
    foreign = calls(asked, kept, kept.foreign[:many])
    absent = calls(asked, kept, kept.absent[:many])
    share = await share_slower(foreign, absent, pairs=pairs)
    assert are_alike(share), share


Look: TypeAlias = Callable[[Connection, FrameCache, Frame], object]


def look_for_notice(connection: Connection, cache: FrameCache, frame: Frame) -> object:
    return find_notice(connection, cache, ASKER, OWNER, id_of(frame))


def look_for_place(connection: Connection, cache: FrameCache, frame: Frame) -> object:
    return find_place(connection, cache, ASKER, sha256(frame.statement), 0)


def steps(connection: Connection, work: Callable[[], object]) -> int:
    """Return how many instructions SQLite's machine took for what finds nothing."""
    taken: list[None] = []
    connection.set_progress_handler(lambda: taken.append(None), 1)
    try:
        assert work() is None
    finally:
        connection.set_progress_handler(None, 1)
    return len(taken)


@pytest.mark.parametrize("look", [look_for_notice, look_for_place])
async def test_the_store_looks_as_long_for_what_is_not_there(kept: Kept, look: Look) -> None:
    """Seconds would tell it on a quiet machine only."""
    cache = FrameCache(0)

    def taken(connection: Connection) -> list[int]:
        look(connection, cache, kept.absent[0])  # the statement is prepared once
        frames = kept.foreign + kept.absent
        return [steps(connection, partial(look, connection, cache, frame)) for frame in frames]

    counts = await kept.store._readers.run(taken)
    assert max(counts) - min(counts) <= ALIKE_STEPS


@pytest.mark.parametrize("asked", [notice, attachment, recipients, letter, recall])
async def test_as_much_is_written_of_what_is_of_others_as_of_what_is_not_there(
    kept: Kept, asked: Asked
) -> None:
    written = []
    for frames in (kept.foreign, kept.absent):
        (call,) = calls(asked, kept, frames[:1])
        await call()
        before = await kept.leaves()
        await call()
        written.append(await kept.leaves() - before)
    assert written[0] == written[1]


async def test_an_early_return_for_what_is_not_there_is_noticed(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, known = kept.store.find_notice, {id_of(frame) for frame in kept.foreign}

    async def early(agency: str, originator: str, notice_id: bytes) -> object:
        if notice_id not in known:
            raise BrokerError(Reason.NOT_FOUND)
        return await find(agency, originator, notice_id)

    monkeypatch.setattr(kept.store, "find_notice", early)
    foreign, absent = (calls(notice, kept, frames) for frames in (kept.foreign, kept.absent))
    assert not are_alike(await share_slower(foreign, absent, pairs=SIGNED_PAIRS))
