# SPDX-License-Identifier: Apache-2.0
"""Single values the store remembers by name."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from agency_client.store.tables import facts


def get(connection: Connection, name: str) -> bytes | None:
    """Return the value under `name`, or None."""
    value = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()
    return None if value is None else bytes(value)


def put(connection: Connection, name: str, value: bytes) -> None:
    """Store `value` under `name`."""
    statement = insert(facts).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )
