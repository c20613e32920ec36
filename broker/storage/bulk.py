# SPDX-License-Identifier: Apache-2.0
"""Inserting many rows in few statements.

Each statement gives up the interpreter's lock and has to get it back from busy threads, up to 5 ms
a time: a row a statement was measured four times slower beside one busy thread, with 256 rows.
"""

from collections.abc import Sequence
from functools import cache

from sqlcipher3.dbapi2 import Connection

_ROWS = (256, 64, 16, 4, 1)
"""Few lengths, so that each statement is prepared once and kept."""


@cache
def _statement(head: str, columns: int, rows: int, tail: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{head} VALUES {', '.join([row] * rows)} {tail}"


def insert(
    connection: Connection, head: str, rows: Sequence[Sequence[object]], tail: str = ""
) -> None:
    """Run `head` VALUES rows `tail`.

    Args:
        connection: in a transaction.
        head: a constant, up to the word VALUES.
        rows: of equal length.
        tail: a constant, such as ON CONFLICT.
    """
    start = 0
    for count in _ROWS:
        while len(rows) - start >= count:
            statement = _statement(head, len(rows[0]), count, tail)
            part = rows[start : start + count]
            connection.execute(statement, [value for row in part for value in row])
            start += count
