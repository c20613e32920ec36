# SPDX-License-Identifier: Apache-2.0
"""An attachment appears under its name when it is whole and verified, or not at all."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.openings import OpeningKind
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services import attachments, saving
from keys.attachments import AttachmentSealer
from keys.envelope import AttachmentRef
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker, Upload
from tests.simulator.federation import notice_draft
from tests.unit.agency_services.test_attachments import no_file_beyond

PICTURE = b"an invented picture " * 20_000
Chunks = Callable[[int, bytes, int], tuple[bytes, int]]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "CHUNK_BYTES", 64 * 1024)
    monkeypatch.setattr(saving, "CHUNK_BYTES", 64 * 1024)


@pytest.fixture
async def reference(gr: SimulatedAgency, ro: SimulatedAgency, tmp_path: Path) -> str:
    """A notice with a picture, received at ro-pol."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PICTURE)
    (outcome,) = (await gr.publish(Draft(attachments=(path,)))).notices
    await ro.receiver.catch_up(EVERYTHING)
    return f"gr-pol/{outcome.notice_id.hex()}"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "saved"
    folder.mkdir()
    return folder / "picture.jpg"


def held(path: Path) -> bytes:
    return path.read_bytes()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def link(path: Path, to: Path) -> None:
    path.symlink_to(to)


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def downloads(agency: SimulatedAgency) -> list[Path]:
    return sorted((agency.folder / "attachments").iterdir())


def openings(agency: SimulatedAgency) -> list[str]:
    return [opening.kind for _, _, opening in agency.store.openings.leaves(0, 100)]


async def refusal(
    agency: SimulatedAgency, reference: str, target: Path, name: str = "photo.jpg"
) -> AgencyError:
    """Save, which must be refused; return the error after checking that no file came of it."""
    before = sorted(target.parent.iterdir())
    with pytest.raises(AgencyError) as caught:
        await agency.saving.save(reference, name, target, VIEWER)
    assert sorted(target.parent.iterdir()) == before
    return caught.value


async def test_an_attachment_is_saved_as_it_was_attached(
    ro: SimulatedAgency, reference: str, target: Path
) -> None:
    assert await ro.saving.save(reference, "photo.jpg", target, VIEWER) == len(PICTURE)
    assert held(target) == PICTURE
    assert mode(target) == 0o600
    assert downloads(ro) == []


async def test_it_can_be_named_by_its_id(ro: SimulatedAgency, reference: str, target: Path) -> None:
    view = await ro.viewing.show(reference, VIEWER)
    await ro.saving.save(reference, view.attachments[0].id.hex(), target, VIEWER)
    assert held(target) == PICTURE


async def test_an_interrupted_download_goes_on_where_it_stopped(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    def breaking(offset: int, data: bytes, length: int) -> tuple[bytes, int]:
        if offset >= 3 * 64 * 1024:
            raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")
        return data, length

    honest, broker.chunks = broker.chunks, breaking
    assert (await refusal(ro, reference, target)).reason is Reason.BROKER_UNREACHABLE
    (partial,) = downloads(ro)
    assert partial.stat().st_size == 3 * 64 * 1024
    broker.chunks = honest
    calls = broker.calls["get_attachment_chunk"]
    await ro.saving.save(reference, "photo.jpg", target, VIEWER)
    assert held(target) == PICTURE
    assert broker.calls["get_attachment_chunk"] - calls == 4


async def test_the_own_log_says_who_saves_before_anything_is_opened(
    ro: SimulatedAgency, reference: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise AgencyError(Reason.STORE_FAILED, "the disk is full")

    monkeypatch.setattr(ro.store.openings, "append", full)
    assert (await refusal(ro, reference, target)).reason is Reason.STORE_FAILED
    monkeypatch.undo()
    await ro.saving.save(reference, "photo.jpg", target, VIEWER)
    assert openings(ro) == [OpeningKind.SAVE]


# A broker that serves something else.


def changed(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return data[:-1] + bytes([data[-1] ^ 1]), length


def cut(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return b"" if len(data) < 64 * 1024 else data, length


def extended(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return (data + b"more" if len(data) < 64 * 1024 else data), length


def flooded(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return data * 100, length


def longer(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return data, length + 1


def shorter(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return data, length - 1


def swapped(offset: int, data: bytes, length: int) -> tuple[bytes, int]:
    return (bytes(len(data)) if offset else data), length


@pytest.mark.must("OPEN-22")
@pytest.mark.parametrize("lie", [changed, cut, extended, flooded, longer, shorter, swapped])
async def test_what_is_not_the_attachment_is_refused_and_nothing_released(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path, lie: Chunks
) -> None:
    honest, broker.chunks = broker.chunks, lie
    assert (await refusal(ro, reference, target)).reason is Reason.ATTACHMENT_INVALID
    assert openings(ro) == []
    broker.chunks = honest
    await ro.saving.save(reference, "photo.jpg", target, VIEWER)
    assert held(target) == PICTURE


async def test_a_damaged_download_is_thrown_away_and_begun_anew(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    honest, broker.chunks = broker.chunks, changed
    await refusal(ro, reference, target)
    assert downloads(ro) == []
    broker.chunks = honest
    assert await ro.saving.save(reference, "photo.jpg", target, VIEWER) == len(PICTURE)


async def test_an_attachment_that_the_broker_does_not_have_is_not_found(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    broker.uploads.clear()
    assert (await refusal(ro, reference, target)).reason is Reason.NOT_FOUND


# An originator that lists something else.


async def receive(
    ro: SimulatedAgency, *, lie: Callable[[AttachmentRef], AttachmentRef], **content: object
) -> str:
    """Receive a notice whose header or content lies about its attachment."""
    sealer = AttachmentSealer(ro.federation.id, "gr-pol")
    sealed = sealer.update(PICTURE) + sealer.finalize()
    ref = lie(sealer.ref)
    listed = SealedAttachment(
        id=ref.id, key=sealer.key, name="photo.jpg", media_type="image/jpeg", length=len(PICTURE)
    )
    listed = replace(listed, **content)  # type: ignore[arg-type]
    document = Content(notice={"title": "with a picture"}, attachments=(listed,)).encode()
    draft = notice_draft(document, attachments=(ref,))
    ro.broker.uploads["gr-pol", ref.id] = Upload(
        length=ref.length, digest=ref.digest, data=bytearray(sealed)
    )
    ro.broker.force(ro.federation.seal("gr-pol", [draft], to=("ro-pol",)))
    await ro.receiver.catch_up(EVERYTHING)
    return f"gr-pol/{draft.header.notice_id.hex()}"


async def test_an_attachment_sealed_under_another_key_is_refused(
    ro: SimulatedAgency, target: Path
) -> None:
    reference = await receive(ro, lie=lambda ref: ref, key=bytes(32))
    assert (await refusal(ro, reference, target)).reason is Reason.ATTACHMENT_INVALID
    assert downloads(ro) == []


async def test_an_attachment_of_another_length_than_said_is_refused(
    ro: SimulatedAgency, target: Path
) -> None:
    reference = await receive(ro, lie=lambda ref: ref, length=7)
    error = await refusal(ro, reference, target)
    assert f"it holds {len(PICTURE)} bytes, the notice says 7" in error.message


async def test_an_attachment_larger_than_any_broker_takes_is_not_fetched(
    ro: SimulatedAgency, broker: MemoryBroker, target: Path
) -> None:
    reference = await receive(ro, lie=lambda ref: replace(ref, length=1 << 39))
    assert (await refusal(ro, reference, target)).reason is Reason.LIMIT_EXCEEDED
    assert broker.calls["get_attachment_chunk"] == 0


async def test_a_notice_with_an_attachment_that_its_header_does_not_list_is_not_kept(
    ro: SimulatedAgency, target: Path
) -> None:
    reference = await receive(ro, lie=lambda ref: ref, id=b"another id here!")
    assert (await refusal(ro, reference, target)).reason is Reason.UNKNOWN_NOTICE
    assert [one.reason for one in ro.store.inbox.findings(10)] == ["body_invalid"]


async def test_an_id_that_is_the_same_as_our_own_does_not_touch_our_ciphertext(
    ro: SimulatedAgency, tmp_path: Path, target: Path
) -> None:
    path = tmp_path / "ours.jpg"
    path.write_bytes(PICTURE)
    queued = await ro.publisher.queue([Draft(attachments=(path,))])
    ours = queued.frames[0][1].notices[0].header.attachments[0]
    before = downloads(ro)[0].read_bytes()
    reference = await receive(ro, lie=lambda ref: replace(ref, id=ours.id), id=ours.id)
    assert (await refusal(ro, reference, target)).reason is Reason.ATTACHMENT_INVALID
    assert downloads(ro)[0].read_bytes() == before


# The target.


async def test_an_existing_file_is_never_replaced(
    ro: SimulatedAgency, reference: str, target: Path
) -> None:
    put(target, b"something else")
    error = await refusal(ro, reference, target)
    assert error.reason is Reason.INVALID_ARGUMENT
    assert held(target) == b"something else"


async def test_a_dangling_link_in_the_targets_place_is_not_followed(
    ro: SimulatedAgency, reference: str, target: Path
) -> None:
    link(target, target.parent / "elsewhere")
    error = await refusal(ro, reference, target)
    assert error.message == f"{target} exists already"


async def test_a_file_that_appears_meanwhile_is_not_replaced(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    def appearing(_offset: int, data: bytes, length: int) -> tuple[bytes, int]:
        put(target, b"somebody else's")
        return data, length

    broker.chunks = appearing
    with pytest.raises(AgencyError) as caught:
        await ro.saving.save(reference, "photo.jpg", target, VIEWER)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert list(target.parent.iterdir()) == [target]
    assert held(target) == b"somebody else's"


@pytest.mark.parametrize("appears", [False, True])
async def test_where_the_disk_has_no_links_the_name_is_reserved_first(
    ro: SimulatedAgency,
    reference: str,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    appears: bool,
) -> None:
    def no_links(_: Path, name: Path) -> None:
        if appears:
            name.write_bytes(b"somebody else's")
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    if appears:
        with pytest.raises(AgencyError, match="exists already"):
            await ro.saving.save(reference, "photo.jpg", target, VIEWER)
        assert held(target) == b"somebody else's"
    else:
        await ro.saving.save(reference, "photo.jpg", target, VIEWER)
        assert held(target) == PICTURE
    assert list(target.parent.iterdir()) == [target]


async def test_a_folder_that_is_not_there_is_refused_before_anything_is_fetched(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    with pytest.raises(AgencyError, match="is not a folder"):
        await ro.saving.save(reference, "photo.jpg", target.parent / "no" / "x.jpg", VIEWER)
    assert broker.calls["get_attachment_chunk"] == 0


async def test_a_full_disk_leaves_nothing_under_the_targets_name(
    ro: SimulatedAgency, reference: str, target: Path
) -> None:
    with no_file_beyond(300_000):
        error = await refusal(ro, reference, target)
    assert error.reason is Reason.STORE_FAILED
    assert error.message == "the attachment cannot be written: file too large"


# The request.


@pytest.mark.parametrize("name", ["", "other.jpg", "photo", "../photo.jpg"])
async def test_a_name_that_the_notice_does_not_have_is_unknown(
    ro: SimulatedAgency, reference: str, target: Path, name: str
) -> None:
    error = await refusal(ro, reference, target, name)
    assert error.reason is Reason.ATTACHMENT_UNKNOWN


async def test_an_unknown_notice_has_no_attachments(ro: SimulatedAgency, target: Path) -> None:
    assert (await refusal(ro, "gr-pol/" + "0" * 32, target)).reason is Reason.UNKNOWN_NOTICE


async def test_nobody_saves_without_a_name(
    ro: SimulatedAgency, broker: MemoryBroker, reference: str, target: Path
) -> None:
    with pytest.raises(AgencyError) as caught:
        await ro.saving.save(reference, "photo.jpg", target, Viewer(name=" "))
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert broker.calls["get_attachment_chunk"] == 0
