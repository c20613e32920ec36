# SPDX-License-Identifier: Apache-2.0
"""What the tests of agencies share: frames to receive, a broker's lies, and what was found.

The fixtures `held`, `broker`, `profile`, `gr` and `ro` are in conftest.py.
"""

from collections.abc import Callable
from dataclasses import replace

from agency_client.domain.content import Content
from agency_client.domain.delivery import Delivery
from agency_client.domain.findings import Finding
from keys import merkle
from keys.envelope import Frame
from keys.sealing import NoticeDraft
from tests.simulator.agency import EVERYTHING, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import TOPIC, Federation
from tests.unit.protocol.material import ORIGINATOR, READER

NGO = "hr-ngo"
CONTENT = Content(notice={"type": "BLUE", "title": "an invented case"}).encode()
Opening = Callable[[str], SimulatedAgency]


async def received(agency: SimulatedAgency) -> list[Finding]:
    """Receive what there is; return what was found wrong, in order."""
    await agency.receiver.catch_up(EVERYTHING)
    return list(reversed(agency.store.inbox.findings(100)))


def seal(held: Federation, *contents: bytes | NoticeDraft, **more: object) -> Frame:
    arguments: dict[str, object] = {"to": [READER]} | more
    return held.seal(ORIGINATOR, contents or (CONTENT,), **arguments)  # type: ignore[arg-type]


def lie(change: Callable[[Delivery], Delivery], at: int = 1) -> Callable[..., list[Delivery]]:
    return lambda _, one: [change(one) if one.sequence == at else one]


def part(broker: MemoryBroker, one: Delivery, *indices: int) -> Delivery:
    """Return a delivery with some of its notices, and nothing said about the others."""
    leaves = [notice.leaf_hash for notice in broker.frames[TOPIC][one.sequence - 1].frame.notices]
    carried = [
        replace(one.notices[at], path=tuple(merkle.inclusion_path(leaves, at))) for at in indices
    ]
    return replace(one, notices=tuple(carried), wrap=one.wrap if indices else b"")


async def receive_again(agency: SimulatedAgency, broker: MemoryBroker) -> list[str]:
    """Receive everything once more; return the reasons of what was found."""
    broker.cursors.clear()
    found = (await agency.receiver.catch_up(EVERYTHING)).findings
    return [one.reason for one in found]
