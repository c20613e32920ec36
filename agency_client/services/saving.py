# SPDX-License-Identifier: Apache-2.0
"""Saving an attachment to a file: downloaded as ciphertext, verified whole, and only then opened.

What was downloaded stays in the profile until it is whole, so that an interrupted download goes
on. Nothing appears under the target's name before digest and last chunk are verified, and an
existing file is never replaced. The agency's own log says who saves what before anything is opened.
Source: design section 4, "Attachments".
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.downloads import download_name
from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.store import Store
from agency_client.services.attachments import (
    CHUNK_BYTES,
    MAX_CIPHERTEXT_BYTES,
    sync_folder,
)
from agency_client.services.rights import damaged
from agency_client.services.viewing import ViewingService
from keys.envelope import AttachmentRef, NoticeHeader
from keys.errors import OpenError, TrustError
from keys.opening import AttachmentOpener

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK)


class AttachmentDownload:
    """Saves attachments of kept notices for one profile."""

    def __init__(
        self, *, broker: Broker, store: Store, viewing: ViewingService, federation: bytes
    ) -> None:
        self._broker = broker
        self._store = store
        self._viewing = viewing
        self._federation = federation

    async def save(self, reference: str, name: str, target: Path, viewer: Viewer) -> int:
        """Save the attachment `name` of a notice to `target`; return its size in bytes.

        Raises:
            AgencyError: UNKNOWN_NOTICE, ATTACHMENT_UNKNOWN; INVALID_ARGUMENT where `target` exists
            or cannot be; ATTACHMENT_INVALID where it is not the attachment that was signed;
            STORE_FAILED for a full disk; or the broker's reason. `target` does not exist then.
        """
        wanted = _chosen(await asyncio.to_thread(self._viewing.find, reference, viewer), name)
        _check_target(target)
        partial = self._store.attachments.path(wanted.download_id)
        with _storing():
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "r+b") as file:
            await self._download(wanted, file)
            try:
                await asyncio.to_thread(_check_digest, file, wanted.ref)
                await asyncio.to_thread(
                    self._viewing.opened, OpeningKind.SAVE, (wanted.row,), viewer
                )
                size = await asyncio.to_thread(self._open, wanted, file, target)
            except AgencyError as error:
                if error.reason is Reason.ATTACHMENT_INVALID:
                    partial.unlink(missing_ok=True)
                raise
        partial.unlink(missing_ok=True)
        return size

    async def _download(self, wanted: "_Wanted", file: BufferedRandom) -> None:
        """Bring `file` to the length that was signed."""
        row, ref = wanted.row, wanted.ref
        held = os.fstat(file.fileno()).st_size
        while held < ref.length:
            data, length = await self._broker.get_attachment_chunk(
                originator=row.originator,
                notice_id=row.notice_id,
                attachment_id=ref.id,
                offset=held,
                max_bytes=min(CHUNK_BYTES, ref.length - held),
            )
            if length != ref.length:
                raise _invalid(f"the broker has {length} bytes of it, signed are {ref.length}")
            if not 0 < len(data) <= ref.length - held:
                raise _invalid(f"the broker sent {len(data)} bytes of {ref.length - held} missing")
            with _storing():
                await asyncio.to_thread(_write_at, file, held, data)
            held += len(data)

    def _open(self, wanted: "_Wanted", file: BufferedRandom, target: Path) -> int:
        """Decrypt into a file beside the target, and give it the target's name when it is whole."""
        originator, listed = wanted.row.originator, wanted.listed
        with _storing(), _beside(target) as temporary:
            try:
                opener = AttachmentOpener(self._federation, originator, wanted.ref, listed.key)
                size = 0
                file.seek(0)
                while data := file.read(CHUNK_BYTES):
                    size += temporary.write(opener.update(data))
                size += temporary.write(opener.finalize())
            except OpenError as error:
                raise _invalid(error.detail) from None
            if size != listed.length:
                raise _invalid(f"it holds {size} bytes, the notice says {listed.length}")
        return size


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One attachment: its notice, and what header and content say about it."""

    row: NoticeRow
    ref: AttachmentRef
    listed: SealedAttachment

    @property
    def download_id(self) -> bytes:
        """Where its download is kept."""
        return download_name(self.row.originator, self.row.notice_id, self.ref)


def _chosen(row: NoticeRow, name: str) -> _Wanted:
    """Return the one attachment of a notice that is called `name` or has that id in hex."""
    if row.is_gone:
        raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice has ended or was taken back")
    try:
        held = {ref.id: ref for ref in NoticeHeader.decode(row.header).attachments}
        listed = Content.decode(row.content).attachments
    except (TrustError, ValueError):
        raise damaged(row) from None
    found = [one for one in listed if one.id in held and name in (one.name, one.id.hex())]
    if len(found) != 1:
        how_many = "no attachment" if not found else "more than one attachment"
        raise AgencyError(Reason.ATTACHMENT_UNKNOWN, f"the notice has {how_many} of that name")
    ref = held[found[0].id]
    if ref.length > MAX_CIPHERTEXT_BYTES:
        raise AgencyError(
            Reason.LIMIT_EXCEEDED,
            f"the attachment has {ref.length} bytes, at most {MAX_CIPHERTEXT_BYTES}",
            limit="attachment_bytes",
        )
    return _Wanted(row=row, ref=ref, listed=found[0])


def _check_target(target: Path) -> None:
    if os.path.lexists(target):
        raise _unusable(f"{target} exists already")
    if not target.parent.is_dir():
        raise _unusable(f"{target.parent} is not a folder")


def _check_digest(file: BufferedRandom, ref: AttachmentRef) -> None:
    """Refuse a ciphertext that is not the one signed, before any of it is opened."""
    file.seek(0)
    if hashlib.file_digest(file, "sha256").digest() != ref.digest:
        raise _invalid("what was downloaded is not what its originator signed")


def _write_at(file: BufferedRandom, offset: int, data: bytes) -> None:
    file.seek(offset)
    file.write(data)
    file.flush()


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[BinaryIO]:
    """Yield a new file in the target's folder; on leaving it has the target's name, or is gone."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".tocsin-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        _rename_new(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _rename_new(temporary: Path, target: Path) -> None:
    """Give a file its name where nothing has that name."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _unusable(f"{target} exists already") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Memory sticks have no links: reserve the name, then take its place.
        _reserve(target)
        temporary.replace(target)


def _reserve(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise _unusable(f"{target} exists already") from None


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise AgencyError(Reason.STORE_FAILED, f"the attachment cannot be written: {why}") from None


def _invalid(message: str) -> AgencyError:
    return AgencyError(Reason.ATTACHMENT_INVALID, f"the attachment is refused: {message}")


def _unusable(message: str) -> AgencyError:
    return AgencyError(Reason.INVALID_ARGUMENT, message, field="target")
