# SPDX-License-Identifier: Apache-2.0
"""The story's last steps: the auditor verifies the log, then one byte on the broker's disk changes.

The byte is changed in the file itself, behind the database's back, as somebody with the disk would.
"""

import sqlite3
from pathlib import Path

from agency_client.demo.checks import DemoError, Step
from agency_client.demo.world import AUDITOR, World


async def auditor_verifies(world: World, step: Step) -> None:
    """The auditor recomputes the whole log."""
    answer = await world.agencies[AUDITOR].order("audit")
    step.check(answer["verdict"] == "verified", f"the log verifies: {answer['checks']}")
    step.say(
        f"The auditor recomputed all {answer['leaves']} entries of the log from the first to the "
        "last, without reading a notice: VERIFIED.",
        leaves=answer["leaves"],
    )


async def changed_byte_is_named(world: World, step: Step) -> None:
    """One changed byte is found and the entry named."""
    await world.broker.stop()
    entry = change_one_byte(world.broker.folder / "broker.db")
    await world.broker.start()
    answer = await world.agencies[AUDITOR].order("audit")
    step.check(answer["verdict"] == "failed", "the log does not verify any more")
    named = {check["entry"] for check in answer["checks"] if check["verdict"] == "failed"}
    step.check(entry in named, f"entry {entry} is named, and named are {sorted(named)}")
    step.say(
        f"One byte of entry {entry} was changed on the broker's disk: verification FAILED and "
        f"named entry {entry}.",
        entry=entry,
    )


def change_one_byte(database: Path) -> int:
    """Flip one bit of one log entry in the database's file and return the entry's index."""
    index, leaf = _an_entry(database)
    data = bytearray(database.read_bytes())
    at = data.find(leaf)
    if at < 0:
        raise DemoError("the entry is not in the database's file in one piece")
    data[at + len(leaf) // 2] ^= 1
    database.write_bytes(data)
    return index


def _an_entry(database: Path) -> tuple[int, bytes]:
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = connection.execute(
            "SELECT leaf_index, body FROM leaves ORDER BY leaf_index LIMIT 1 OFFSET 20"
        ).fetchone()
    finally:
        connection.close()
    if row is None:
        raise DemoError("the log has no entries to change")
    return int(row[0]), bytes(row[1])
