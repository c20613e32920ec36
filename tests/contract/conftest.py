# SPDX-License-Identifier: Apache-2.0
"""Each store in turn, and a federation whose frames go into it."""

import importlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from broker.ports.store import Store
from broker.storage.sqlite import SqliteStore
from tests.contract.admitting import fresh_federation
from tests.simulator.federation import Federation


async def open_sqlite(folder: Path) -> Store:
    return await SqliteStore.open(folder / "broker.db")


async def open_memory(_: Path) -> Store:
    store: Store = await importlib.import_module("tests.simulator.store").MemoryStore.open()
    return store


STORES: dict[str, Callable[[Path], Awaitable[Store]]] = {"sqlite": open_sqlite}
if importlib.util.find_spec("tests.simulator.store") is not None:
    STORES["memory"] = open_memory


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = await STORES[request.param](tmp_path)
    yield store
    await store.close()


@pytest.fixture(scope="session")
def shared_federation() -> Federation:
    return fresh_federation()


@pytest.fixture
def federation(shared_federation: Federation) -> Federation:
    """A federation none of whose agencies has published."""
    for agency in shared_federation.agencies.values():
        agency.chain.clear()
    return shared_federation
