# SPDX-License-Identifier: Apache-2.0
"""All of a running broker's memory, as a core dump would hold it, has no content and no key.

Read through /proc rather than dumped to a file: the same pages, without a debugger.
"""

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1.publisher_service_pb2_grpc import PublisherServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from tests.e2e.plaintext import needles
from tests.integration.broker.installed import MARKING, Installed, install
from tests.integration.broker.test_publishing import publication
from tests.integration.broker.test_serving import PULL

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read through /proc"),
]
PIECE = 16 << 20
OVERLAP = 4096
"""Pieces overlap by more than the longest needle."""


def memory_of(pid: int) -> Iterator[bytes]:
    """Yield all readable memory of a process, in pieces that overlap."""
    regions = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in regions:
            addresses, rights, *_, name = [*region.split(maxsplit=5), ""][:6]
            if not rights.startswith("r") or name.startswith(("[vvar", "[vsyscall")):
                continue
            start, end = (int(one, 16) for one in addresses.split("-"))
            for at in range(start, end, PIECE - OVERLAP):
                try:
                    memory.seek(at)
                    yield memory.read(min(PIECE, end - at))
                except OSError:
                    break  # a mapping beyond its file's end


def found_in_memory(pid: int, searched: set[bytes]) -> set[bytes]:
    """Return which of `searched` a process holds."""
    found: set[bytes] = set()
    for piece in memory_of(pid):
        found |= {needle for needle in searched - found if needle in piece}
    return found


@pytest.fixture
async def installed(tmp_path: Path) -> Installed:
    made = install(tmp_path)
    loaded = await made.command("federation", str(made.folder.path), str(made.bundle))
    assert loaded.code == 0, loaded.err
    return made


async def test_a_broker_that_has_handled_notices_holds_no_content_and_no_key(
    installed: Installed,
) -> None:
    federation = installed.federation
    texts = [f"Κρυφό όνομα {secrets.token_hex(12)} 王芳" for _ in range(5)]
    async with installed.serving() as running:
        async with running.address.agency("gr-pol") as greek:
            for text in texts:
                frame = federation.seal("gr-pol", [text.encode()], marking=MARKING)
                request = publisher.PublishRequest(publication=publication(frame))
                await PublisherServiceStub(greek).Publish(request)
        async with running.address.agency("ro-pol") as romanian:
            pulled = await SubscriberServiceStub(romanian).Pull(PULL)
        assert len(pulled.deliveries) == len(texts)
        statement = pulled.deliveries[-1].statement
        seeds = {agency.decryption.seed for agency in federation.agencies.values()}
        searched = needles(texts) | seeds | {statement}
        found = found_in_memory(running.process.pid, searched)
    assert statement in found, "the search does not find what a broker must hold"
    assert found == {statement}
