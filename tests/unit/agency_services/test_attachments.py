# SPDX-License-Identifier: Apache-2.0
"""Attachments go out: sealed as streams, uploaded whole before their frame, removed afterwards."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agency_client.domain.content import Content
from agency_client.domain.frames import decode_frame
from agency_client.domain.outbox import FrameState
from agency_client.domain.views import PublishState
from agency_client.errors import AgencyError, Reason
from agency_client.services import attachments
from agency_client.services.attachments import AttachmentSealing, AttachmentUpload
from keys.envelope import AttachmentRef
from tests.simulator.agency import Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker, Upload
from tests.simulator.federation import TOPIC

HOUR = 3_600_000
PICTURE = b"an invented picture " * 20_000

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write a file with some bytes and return its path."""

    def write(name: str = "photo.jpg", data: bytes = PICTURE) -> Path:
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Chunks of a size that makes several of a test's file."""
    monkeypatch.setattr(attachments, "CHUNK_BYTES", 64 * 1024)
    return 64 * 1024


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def ciphertexts(agency: SimulatedAgency) -> list[Path]:
    folder = agency.folder / "attachments"
    return sorted(folder.iterdir()) if folder.exists() else []


def seal(agency: SimulatedAgency, *paths: Path) -> tuple[dict[int, object], dict[int, AgencyError]]:
    sealing = AttachmentSealing(store=agency.store)
    sealed, failed = sealing.seal_all({0: paths}, agency.federation.id, agency.id)
    return dict(sealed), failed


async def queue(agency: SimulatedAgency, *paths: Path) -> AttachmentRef:
    """Queue a notice with files and return what its header says of the first."""
    queued = await agency.publisher.queue([Draft(attachments=paths)])
    assert queued.refused == ()
    ((_, plan),) = queued.frames
    return plan.notices[0].header.attachments[0]


def upload_of(broker: MemoryBroker, ref: AttachmentRef) -> Upload:
    return broker.uploads["gr-pol", ref.id]


# Sealing.


async def test_a_file_is_listed_in_header_and_content(
    gr: SimulatedAgency, written: Written
) -> None:
    queued = await gr.publisher.queue([Draft(attachments=(written(),))])
    ((_, plan),) = queued.frames
    (ref,) = plan.notices[0].header.attachments
    (listed,) = Content.decode(plan.notices[0].content).attachments
    assert (listed.id, listed.name, listed.media_type) == (ref.id, "photo.jpg", "image/jpeg")
    assert listed.length == len(PICTURE) < ref.length


async def test_what_lies_in_the_profile_is_ciphertext_for_the_owner_alone(
    gr: SimulatedAgency, written: Written
) -> None:
    ref = await queue(gr, written())
    (path,) = ciphertexts(gr)
    assert path.stat().st_size == ref.length
    assert b"invented" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_an_empty_file_can_be_attached(gr: SimulatedAgency, written: Written) -> None:
    ref = await queue(gr, written(data=b""))
    assert ref.length > 0


async def test_each_notice_seals_the_same_file_under_a_key_of_its_own(
    gr: SimulatedAgency, written: Written
) -> None:
    path = written()
    queued = await gr.publisher.queue([Draft(attachments=(path,))] * 2)
    ((_, plan),) = queued.frames
    contents = [Content.decode(one.content).attachments[0] for one in plan.notices]
    assert contents[0].key != contents[1].key
    assert contents[0].id != contents[1].id


def missing(path: Path) -> Path:
    return path.with_name("gone.jpg")


def folder(path: Path) -> Path:
    return path.parent


def pipe(path: Path) -> Path:
    fifo = path.with_name("pipe")
    os.mkfifo(fifo)
    return fifo


def hidden_direction(path: Path) -> Path:
    return path.rename(path.with_name("gpj.\u202eexe"))


def not_text(path: Path) -> Path:
    return path.rename(path.with_name(os.fsdecode(b"photo-\xff.jpg")))


UNUSABLE = {
    "attachment 1 cannot be read: no such file or directory": missing,
    "attachment 1 cannot be read: not a file": folder,
    "attachment 1 cannot be read: not a file ": pipe,
    "attachment 1 has a name that cannot be shown": hidden_direction,
    "attachment 1 has a name that cannot be shown ": not_text,
}


@pytest.mark.parametrize("message", UNUSABLE)
def test_a_file_that_cannot_be_attached_is_refused_and_nothing_is_left(
    gr: SimulatedAgency, written: Written, message: str
) -> None:
    sealed, failed = seal(gr, UNUSABLE[message](written()))
    assert sealed == {}
    assert failed[0].reason is Reason.INVALID_ARGUMENT
    assert failed[0].message == message.strip()
    assert ciphertexts(gr) == []


def test_two_files_of_one_name_are_refused(
    gr: SimulatedAgency, written: Written, tmp_path: Path
) -> None:
    other = tmp_path / "photo.jpg"
    other.write_bytes(b"another")
    sealed, failed = seal(gr, written(), other)
    assert (sealed, failed[0].message) == ({}, "two attachments have the same name")


def test_more_files_than_a_notice_lists_are_refused(gr: SimulatedAgency, written: Written) -> None:
    sealed, failed = seal(gr, *[written(f"{number}.txt", b"x") for number in range(65)])
    assert (sealed, failed[0].reason) == ({}, Reason.LIMIT_EXCEEDED)
    assert ciphertexts(gr) == []


def test_a_file_that_is_too_large_is_refused_and_nothing_is_left(
    gr: SimulatedAgency, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "_OVERHEAD_BYTES", (256 << 20) - len(PICTURE) + 1)
    sealed, failed = seal(gr, written())
    assert (sealed, failed[0].reason) == ({}, Reason.LIMIT_EXCEEDED)
    assert failed[0].metadata == {"limit": "attachment_bytes"}
    assert ciphertexts(gr) == []


def test_a_draft_whose_second_file_fails_keeps_none(gr: SimulatedAgency, written: Written) -> None:
    sealed, failed = seal(gr, written(), missing(written("other.jpg")))
    assert (sealed, list(failed)) == ({}, [0])
    assert ciphertexts(gr) == []


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_nothing_is_left(gr: SimulatedAgency, written: Written) -> None:
    path = written(data=PICTURE * 10)
    with no_file_beyond(1 << 20):
        sealed, failed = seal(gr, path)
    assert (sealed, failed[0].reason) == ({}, Reason.STORE_FAILED)
    assert failed[0].message == "the sealed attachment cannot be stored: file too large"
    assert ciphertexts(gr) == []


async def test_good_drafts_go_where_an_attachment_is_missing(
    gr: SimulatedAgency, written: Written
) -> None:
    report = await gr.publish(Draft(attachments=(missing(written()),)), Draft())
    assert [one.state for one in report.notices] == [PublishState.REFUSED, PublishState.ACCEPTED]
    assert report.notices[0].reason == Reason.INVALID_ARGUMENT


async def test_what_a_process_that_died_left_behind_is_removed(
    gr: SimulatedAgency, written: Written
) -> None:
    ref = await queue(gr, written())
    (listed,) = ciphertexts(gr)
    stray, download = listed.with_name("0" * 32), listed.with_name("0" * 64)
    for path in (stray, download):
        put(path, b"left behind")
    again = gr.reopen()
    seal(again, written("other.jpg"))
    held = {one.name for one in ciphertexts(again)}
    assert {ref.id.hex(), download.name} <= held
    assert stray.name not in held
    again.store.close()


# Uploading.


async def test_an_attachment_is_whole_at_the_broker_before_its_frame_is_sent(
    gr: SimulatedAgency, broker: MemoryBroker, written: Written, small_chunks: int
) -> None:
    ref = await queue(gr, written())
    assert (await gr.send()).accepted == 1
    assert upload_of(broker, ref).is_complete
    assert broker.calls["put_attachment_chunk"] == 2 + ref.length // small_chunks


async def test_the_ciphertext_is_removed_when_the_frame_is_accepted(
    gr: SimulatedAgency, written: Written
) -> None:
    await queue(gr, written())
    await gr.send()
    assert ciphertexts(gr) == []


@pytest.mark.usefixtures("small_chunks")
async def test_an_interrupted_upload_goes_on_where_it_stopped(
    gr: SimulatedAgency, broker: MemoryBroker, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, done = gr.link.put_attachment_chunk, 0

    async def breaking(**chunk: object) -> tuple[int, bool]:
        nonlocal done
        done += 1
        if done == 4:
            raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")
        return await put(**chunk)  # type: ignore[arg-type]

    ref = await queue(gr, written())
    monkeypatch.setattr(gr.link, "put_attachment_chunk", breaking)
    assert (await gr.send()).problem_reason == Reason.BROKER_UNREACHABLE
    stored = len(upload_of(broker, ref).data)
    assert 0 < stored < ref.length
    assert gr.store.outbox.waiting()[0].state is FrameState.QUEUED
    assert (await gr.send()).accepted == 1
    assert done == 4 + 1 + -(-(ref.length - stored) // attachments.CHUNK_BYTES)


@pytest.mark.usefixtures("small_chunks")
async def test_an_offset_that_the_broker_refuses_is_asked_for_again(
    gr: SimulatedAgency, broker: MemoryBroker, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, done = gr.link.put_attachment_chunk, 0

    async def forgetful(**chunk: object) -> tuple[int, bool]:
        nonlocal done
        done += 1
        answer = await put(**chunk)  # type: ignore[arg-type]
        if done == 3:
            upload_of(broker, ref).data.clear()
        return answer

    ref = await queue(gr, written())
    monkeypatch.setattr(gr.link, "put_attachment_chunk", forgetful)
    assert (await gr.send()).accepted == 1
    assert upload_of(broker, ref).is_complete


async def test_what_the_broker_has_lost_is_uploaded_anew_and_the_frame_sealed_anew(
    gr: SimulatedAgency, broker: MemoryBroker, written: Written
) -> None:
    ref = await queue(gr, written())
    (waiting,) = gr.store.outbox.waiting()
    frame = decode_frame(gr.store.outbox.frame(waiting.id).frame)
    await AttachmentUpload(broker=gr.link, store=gr.store).complete(frame)
    broker.uploads.clear()
    assert (await gr.send(HOUR)).accepted == 1
    assert upload_of(broker, ref).is_complete
    assert len(set(broker.received)) == 2


async def test_a_broker_that_takes_no_chunk_is_a_fault_of_its_own_and_the_frame_waits(
    gr: SimulatedAgency, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(**_: object) -> tuple[int, bool]:
        return 0, False

    await queue(gr, written())
    monkeypatch.setattr(gr.link, "put_attachment_chunk", nothing)
    report = await gr.send()
    assert (report.waiting, report.problem_reason) == (1, Reason.INTERNAL)


@pytest.mark.parametrize("answer", [(-1, False), (1 << 60, False), (5, True), (0, True)])
async def test_an_answer_that_cannot_be_is_refused(
    gr: SimulatedAgency,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, bool],
) -> None:
    async def odd(**_: object) -> tuple[int, bool]:
        return answer

    await queue(gr, written())
    monkeypatch.setattr(gr.link, "put_attachment_chunk", odd)
    assert (await gr.send()).problem_reason == Reason.INTERNAL
    assert gr.store.outbox.waiting()[0].state is FrameState.QUEUED


@pytest.mark.parametrize("damage", ["gone", "short", "changed"])
async def test_a_frame_whose_ciphertext_is_damaged_here_is_given_up_and_others_go_on(
    gr: SimulatedAgency, broker: MemoryBroker, written: Written, damage: str
) -> None:
    await queue(gr, written())
    (path,) = ciphertexts(gr)
    if damage == "gone":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-1] if damage == "short" else data[:-1] + b"\x00")
    await gr.publisher.queue([Draft(text="behind")])
    report = await gr.send(HOUR)
    assert (report.accepted, report.refused, report.waiting) == (1, 1, 0)
    assert len(broker.frames[TOPIC]) == 1


async def test_a_frame_without_attachments_asks_for_none(
    gr: SimulatedAgency, broker: MemoryBroker
) -> None:
    upload = AttachmentUpload(broker=gr.link, store=gr.store)
    assert await upload.complete(gr.federation.seal("gr-pol")) == ()
    assert broker.calls["put_attachment_chunk"] == 0
