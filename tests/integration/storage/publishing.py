# SPDX-License-Identifier: Apache-2.0
"""A process that writes into a store and says what was acknowledged, for tests that end it.

    python -m tests.integration.storage.publishing FOLDER SEED COUNT [RESERVE]

Frames, deliveries, acknowledgements, entries and checkpoints, several at once. A line goes out only
after the store has acknowledged, so whatever a line says must be there afterwards. Ends by itself
after COUNT frames, or with the reason at the first refusal.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from broker.domain.cursors import Cursor
from broker.domain.logs import LogKind
from broker.errors import BrokerError
from broker.ports.store import Head
from broker.storage.limits import StoreLimits
from broker.storage.sqlite import SqliteStore
from tests.contract.admitting import act, admitted, fresh_federation
from tests.simulator.federation import TOPIC, Federation

OUTLETS = 4


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Publishing:
    """What the process does, side by side, in one store."""

    def __init__(self, store: SqliteStore, federation: Federation, seed: int, count: int) -> None:
        self.store = store
        self.federation = federation
        self.seed = seed
        self.left = count

    async def frames(self, number: int) -> None:
        outlet = bytes([number]) + self.seed.to_bytes(15, "big")
        originator = ("gr-pol", "hr-ngo", "ro-pol", "gr-pol")[number]
        chain = {name: (1, bytes(32)) for name in self.federation.agencies}
        while self.left > 0:
            self.left -= 1
            frame = self.federation.seal(
                originator, [bytes(2000), b"two"], outlet=outlet, chain=chain
            )
            admission = admitted(self.federation, frame)
            receipt = await self.store.append_frame(admission)
            digest = admission.statement_digest
            chain = {name: (seq + 1, digest) for name, (seq, _) in chain.items()}
            say("frame", receipt.sequence, receipt.log.index, digest.hex())

    async def deliveries(self) -> None:
        name, sequence = f"s-{self.seed}", 0
        while self.left > 0:
            sequence += 1
            cursor = Cursor(topic=TOPIC, sequence=sequence)
            await self.store.record_deliveries("ro-pol", name, [(cursor, act()), (cursor, act())])
            await self.store.acknowledge("ro-pol", name, [cursor])
            say("acknowledged", name, sequence)

    async def entries(self) -> None:
        index = await self.store.tree_size(LogKind.DIRECTORY)
        while self.left > 0:
            await self.store.append_entry(index, b"entry %d" % index, act())
            index += 1
            say("entry", index)

    async def checkpoints(self) -> None:
        while self.left > 0:
            size = await self.store.tree_size(LogKind.ACTS)
            root = await self.store.tree_root(LogKind.ACTS, size)
            await self.store.save_checkpoint(LogKind.ACTS, Head(size=size, root=root, note="note"))
            say("checkpoint", size, root.hex())

    async def run(self) -> None:
        doing: list[Callable[[], Awaitable[None]]] = [
            self.deliveries,
            self.entries,
            self.checkpoints,
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(OUTLETS):
                group.create_task(self.frames(number))
            for one in doing:
                group.create_task(_awaited(one))


async def _awaited(one: Callable[[], Awaitable[None]]) -> None:
    await one()


async def main(folder: Path, seed: int, count: int, reserve: int = 0) -> None:
    limits = StoreLimits(reserve_bytes=reserve, bulk_reserve_bytes=0, checkpoint_pages=64)
    store = await SqliteStore.open(folder / "broker.db", limits)
    try:
        await Publishing(store, fresh_federation(), seed, count).run()
    except* BrokerError as refused:
        for error in refused.exceptions:
            say("refused", error.reason if isinstance(error, BrokerError) else error)
        say("health", store.health().state)
    finally:
        await store.close()
    say("closed")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
