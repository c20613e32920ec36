# SPDX-License-Identifier: Apache-2.0
"""Attachments as rows: pieces have a bound, and what is dropped gives its space back."""

from pathlib import Path

import pytest

from broker.domain.attachments import Piece
from broker.domain.limits import MAX_CHUNK_BYTES
from broker.errors import BrokerError, Reason
from broker.storage.sqlite import SqliteStore
from tests.integration.storage.opened import opened
from tests.simulator.federation import NOW

QUOTA = 1 << 40


def piece(number: int, length: int, data: bytes, offset: int = 0) -> Piece:
    return Piece(
        originator="gr-pol",
        attachment_id=number.to_bytes(16, "big"),
        length=length,
        digest=bytes(32),
        offset=offset,
        data=data,
        time_ms=NOW,
    )


def rows(store: SqliteStore) -> int:
    count: int = store._opened.connection.execute("SELECT count(*) FROM pieces").fetchone()[0]
    return count


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (piece(1, 2 * MAX_CHUNK_BYTES, bytes(MAX_CHUNK_BYTES + 1)), Reason.LIMIT_EXCEEDED),
        (piece(1, 99, bytes(100)), Reason.INVALID_ARGUMENT),
        (piece(1, 1 << 70, bytes(100)), Reason.INTERNAL),
    ],
)
async def test_a_piece_that_is_no_row_is_refused(
    tmp_path: Path, wrong: Piece, reason: Reason
) -> None:
    async with opened(tmp_path) as store:
        with pytest.raises(BrokerError) as caught:
            await store.put_piece(wrong, QUOTA)
        assert caught.value.reason is reason
        assert rows(store) == 0


async def test_the_space_of_what_was_dropped_is_used_again(tmp_path: Path) -> None:
    sizes = []
    for number in range(4):
        async with opened(tmp_path) as store:
            for offset in range(0, 4 << 20, 1 << 20):
                await store.put_piece(piece(number, 4 << 20, bytes(1 << 20), offset), QUOTA)
            assert rows(store) == 4
            assert await store.collect_attachments(NOW + 1, 10) == 1
            while await store.erase():
                pass
            assert rows(store) == 0
        sizes.append((tmp_path / "broker.db").stat().st_size)
    assert sizes[0] == sizes[-1]


async def test_attachments_outlive_the_process_at_any_piece(tmp_path: Path) -> None:
    for offset in range(0, 300, 100):
        async with opened(tmp_path) as store:
            stored = await store.put_piece(piece(1, 300, b"x" * 100, offset), QUOTA)
            assert stored.stored == offset + 100
    async with opened(tmp_path) as store:
        await store.complete_upload("gr-pol", (1).to_bytes(16, "big"), matches=True)
    async with opened(tmp_path) as store:
        chunk = await store.read_attachment("gr-pol", (1).to_bytes(16, "big"), 50, 100)
        assert chunk is not None
        assert (chunk.data, chunk.length) == (b"x" * 100, 300)
