# SPDX-License-Identifier: Apache-2.0
"""A real store in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agency_client.store.database import Database
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import AGENCY, KEY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def store(folder: Path) -> Iterator[ProfileStore]:
    opened = ProfileStore(folder, KEY, AGENCY)
    yield opened
    opened.close()


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = Database(folder / "store.db", KEY)
    yield opened
    opened.close()
