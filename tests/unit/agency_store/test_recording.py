# SPDX-License-Identifier: Apache-2.0
"""Recording frames: what one more frame in a batch does not cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import NOW, batch, kept_frame


@contextmanager
def _executed() -> Iterator[list[Any]]:
    """Collect the statements that any database executes."""
    statements: list[Any] = []

    def note(_connection: Any, statement: Any, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_execute", note)


def _recorded(store: ProfileStore, *names: str) -> list[Any]:
    frames = [kept_frame(name, sequence=number) for number, name in enumerate(names, 1)]
    with _executed() as statements:
        store.inbox.record(batch(*frames), NOW)
    return statements


def test_no_statement_is_made_anew_for_each_frame_of_a_batch(store: ProfileStore) -> None:
    one = _recorded(store, "first")
    many = _recorded(store, "second", "third", "fourth", "fifth")
    assert len(many) > len(one)
    assert len({id(statement) for statement in many}) == len({id(statement) for statement in one})
