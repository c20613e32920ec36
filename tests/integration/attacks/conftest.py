# SPDX-License-Identifier: Apache-2.0
"""One broker for all the attacks that leave it as it was; others make their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from tests.integration.attacks.served import Served, crowded, serving


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(crowded(tmp_path_factory.mktemp("attacked"))) as served:
        yield served
        assert served.process.poll() is None, "an attack has ended the broker"
        incidents = [event for event in served.events() if event["event"] == "incident"]
        assert incidents == [], "an attack has found a fault of the broker"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A broker for one test, which may end it; streams get a second to end."""
    settings = {"TOCSIN_BROKER_DRAIN_SECONDS": "1"}
    with serving(crowded(tmp_path), settings=settings) as served:
        yield served


@pytest.fixture
async def greek(broker: Served) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of gr-pol."""
    async with broker.address.agency("gr-pol") as channel:
        yield channel


@pytest.fixture
async def romanian(broker: Served) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of ro-pol."""
    async with broker.address.agency("ro-pol") as channel:
        yield channel


@pytest.fixture
async def auditor(broker: Served) -> AsyncIterator[grpc.aio.Channel]:
    """A channel of eu-aud, who reads the log."""
    async with broker.address.agency("eu-aud") as channel:
        yield channel
