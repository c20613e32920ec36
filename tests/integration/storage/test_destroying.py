# SPDX-License-Identifier: Apache-2.0
"""After a recall no file of the broker holds what it destroyed, free pages and WAL included."""

import secrets
from pathlib import Path

from sqlcipher3 import dbapi2

from broker.domain.attachments import Piece
from broker.storage.sqlite import SqliteStore
from keys.envelope import AttachmentRef
from keys.framing import sha256
from tests.contract.admitting import admitted, fresh_federation
from tests.contract.posting import grant_to, recall_of
from tests.integration.storage.opened import files, opened
from tests.simulator.federation import NOW, notice_draft

PIECE = 1 << 20
QUOTA = 1 << 30


def holding(folder: Path, data: bytes) -> set[str]:
    """Return the files that hold some of `data`: its middle, so that no page's edge cuts it."""
    middle = len(data) // 2
    wanted = data[middle : middle + 24]
    return {name for name, content in files(folder).items() if wanted in content}


def is_unerased(store: SqliteStore) -> bool:
    """Whether the WAL may still hold what was destroyed."""
    return store._writer._committer.is_unerased


async def test_a_recalled_notice_is_in_no_file_and_the_other_one_stays(tmp_path: Path) -> None:
    federation = fresh_federation()
    async with opened(tmp_path) as store:
        large = secrets.token_bytes(100_000)
        drafts = [notice_draft(large), notice_draft(b"small"), notice_draft(large)]
        frame = federation.seal("gr-pol", drafts, to=("ro-pol",))
        receipt = await store.append_frame(admitted(federation, frame))
        for notice in frame.notices:
            assert holding(tmp_path, notice.body)
        for index in (0, 1):
            await store.recall(recall_of(receipt, index=index), 300_000)
            assert not holding(tmp_path, frame.notices[index].body)
            assert not holding(tmp_path, frame.notices[index].header)
        assert holding(tmp_path, frame.notices[2].body)
        assert all(holding(tmp_path, wrap) for wrap in frame.wraps)
    assert not holding(tmp_path, frame.notices[0].body)


async def test_wraps_and_grants_are_in_no_file_after_the_last_recall(tmp_path: Path) -> None:
    federation = fresh_federation()
    async with opened(tmp_path) as store:
        frame = federation.seal("gr-pol", [b"one", b"two"], to=("ro-pol",))
        receipt = await store.append_frame(admitted(federation, frame))
        grants = [grant_to("hr-ngo", receipt, index=index) for index in (0, 1)]
        for grant in grants:
            await store.post(grant)
        for index in (0, 1):
            await store.recall(recall_of(receipt, index=index), 10_000)
        gone = [*frame.wraps, *(grant.mail.sealed for grant in grants)]
        assert not any(holding(tmp_path, data) for data in gone)
        assert holding(tmp_path, frame.signature)
        assert all(holding(tmp_path, recipient) for recipient in frame.recipients)


async def test_attachments_that_no_notice_lists_any_more_are_in_no_file(tmp_path: Path) -> None:
    federation = fresh_federation()
    data = secrets.token_bytes(6 * PIECE)
    async with opened(tmp_path) as store:
        for start in range(0, len(data), PIECE):
            piece = Piece(
                originator="gr-pol",
                attachment_id=b"a" * 16,
                length=len(data),
                digest=sha256(data),
                offset=start,
                data=data[start : start + PIECE],
                time_ms=NOW,
            )
            await store.put_piece(piece, QUOTA)
        await store.complete_upload("gr-pol", b"a" * 16, matches=True)
        listed = AttachmentRef(id=b"a" * 16, digest=sha256(data), length=len(data))
        frame = federation.seal("gr-pol", [notice_draft(b"text", attachments=(listed,))])
        receipt = await store.append_frame(admitted(federation, frame))
        assert holding(tmp_path, data)
        await store.recall(recall_of(receipt), 10_000)
        assert await store.read_attachment("gr-pol", b"a" * 16, 0, 10) is None
        while await store.erase():
            pass
        for start in range(0, len(data), PIECE):
            assert not holding(tmp_path, data[start : start + PIECE])


async def test_a_reader_in_the_wal_delays_the_erasing_and_does_not_prevent_it(
    tmp_path: Path,
) -> None:
    federation = fresh_federation()
    async with opened(tmp_path) as store:
        frame = federation.seal("gr-pol", [secrets.token_bytes(5000)], to=("ro-pol",))
        receipt = await store.append_frame(admitted(federation, frame))
        reader = dbapi2.connect(str(tmp_path / "broker.db"), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frames").fetchall()
        await store.recall(recall_of(receipt), 10_000)
        assert is_unerased(store)
        assert holding(tmp_path, frame.notices[0].body)
        reader.execute("COMMIT")
        reader.close()
        await store.append_frame(admitted(federation, federation.seal("gr-pol", [b"next"])))
        assert not is_unerased(store)
        assert not holding(tmp_path, frame.notices[0].body)


async def test_a_broker_that_was_killed_before_it_erased_erases_when_it_starts(
    tmp_path: Path,
) -> None:
    federation = fresh_federation()
    left = tmp_path / "left"
    left.mkdir()
    async with opened(tmp_path) as store:
        frame = federation.seal("gr-pol", [secrets.token_bytes(5000)], to=("ro-pol",))
        receipt = await store.append_frame(admitted(federation, frame))
        reader = dbapi2.connect(str(tmp_path / "broker.db"), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frames").fetchall()
        await store.recall(recall_of(receipt), 10_000)
        for name in ("broker.db", "broker.db-wal"):
            (left / name).write_bytes((tmp_path / name).read_bytes())
        reader.close()
    assert holding(left, frame.notices[0].body)
    async with opened(left) as store:
        assert set((await store.read("ro-pol", receipt.topic, 0, 1, 1))[0].frame.gone) == {0}
        await store.append_frame(admitted(federation, federation.seal("gr-pol", [b"next"])))
        assert not holding(left, frame.notices[0].body)
