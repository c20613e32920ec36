# SPDX-License-Identifier: Apache-2.0
"""Many rows go in in few statements, and are the rows that were given."""

import pytest
from sqlcipher3 import dbapi2

from broker.storage.bulk import insert

HEAD = "INSERT INTO rows (number, content)"


@pytest.fixture
def connection() -> dbapi2.Connection:
    connection = dbapi2.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, content BLOB NOT NULL)")
    return connection


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 85, 256, 257, 1000])
def test_every_row_is_there_in_order(connection: dbapi2.Connection, count: int) -> None:
    rows = [(number, bytes([number % 256])) for number in range(count)]
    insert(connection, HEAD, rows)
    assert connection.execute("SELECT * FROM rows ORDER BY number").fetchall() == rows


@pytest.mark.parametrize(("count", "most"), [(256, 1), (50, 5), (1000, 16)])
def test_statements_are_few(connection: dbapi2.Connection, count: int, most: int) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    insert(connection, HEAD, [(number, b"x") for number in range(count)])
    assert len(statements) <= most


def test_a_refused_row_is_an_error_of_the_database(connection: dbapi2.Connection) -> None:
    with pytest.raises(dbapi2.IntegrityError):
        insert(connection, HEAD, [(1, b"x"), (1, b"y"), (2, b"z"), (3, b"w")])
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (0,)


def test_the_tail_says_what_a_known_row_becomes(connection: dbapi2.Connection) -> None:
    tail = "ON CONFLICT DO UPDATE SET content = excluded.content"
    insert(connection, HEAD, [(1, b"old"), (2, b"kept")], tail)
    insert(connection, HEAD, [(1, b"new")], tail)
    assert connection.execute("SELECT content FROM rows").fetchall() == [(b"new",), (b"kept",)]
