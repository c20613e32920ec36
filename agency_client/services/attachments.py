# SPDX-License-Identifier: Apache-2.0
"""Attachments on their way out: files sealed as streams, ciphertexts uploaded before their frame.

Plaintext is read and never written: what lies in the profile is ciphertext, until the frame that
lists it is accepted or given up. `services.saving` is the way back. Source: design section 4,
"Attachments".
"""

import asyncio
import contextlib
import errno
import hashlib
import mimetypes
import os
import stat
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from agency_client.domain.content import SealedAttachment
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.store import Store
from keys.attachments import AttachmentSealer
from keys.envelope import ID_BYTES, MAX_ATTACHMENTS, AttachmentRef, Frame, NoticeHeader
from keys.framing import unlisted

MAX_CIPHERTEXT_BYTES = 256 << 20
"""What a broker takes (`PutAttachmentChunkRequest.length`)."""

CHUNK_BYTES = 1 << 20
"""The largest chunk of the protocol: fewest round trips, and well below a message's 4 MiB."""

MOST_STALLS = 3
"""Chunks in a row after which the broker holds no more than before; then it is given up."""

MAX_NAME_CHARACTERS = 255

_OWN_NAMES = "[0-9a-f]" * 2 * ID_BYTES
"""Names of our own ciphertexts; downloads have longer ones (`services.saving`)."""

NOTHING_APPROVED: Mapping[int, tuple[bytes, ...]] = MappingProxyType({})

Sealed = tuple[AttachmentRef, SealedAttachment]
"""What the notice's header and its content say about one attachment."""


class AttachmentSealing:
    """Seals files into the profile's attachments folder; the caller holds the outlet's lock."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._sweeping = threading.Lock()
        self._is_swept = False

    def seal_all(
        self,
        wanted: Mapping[int, tuple[Path, ...]],
        federation_id: bytes,
        agency: str,
        approved: Mapping[int, tuple[bytes, ...]] = NOTHING_APPROVED,
    ) -> tuple[dict[int, Sequence[Sealed]], dict[int, AgencyError]]:
        """Seal the files of each draft; a draft whose files cannot all be sealed keeps none.

        Args:
            wanted: files by the position of their draft.
            federation_id: 32 bytes.
            agency: ourselves, the originator.
            approved: SHA-256 of each file of those drafts that a second person approved.

        Returns:
            What was sealed and what was not, each by position.
        """
        self._sweep_once()
        sealed: dict[int, Sequence[Sealed]] = {}
        failed: dict[int, AgencyError] = {}
        for position, paths in wanted.items():
            done: list[Sealed] = []
            try:
                _check_names(paths)
                for number, path in enumerate(paths, start=1):
                    wanted_digest = approved[position][number - 1] if position in approved else None
                    done.append(self._seal(path, number, wanted_digest, (federation_id, agency)))
            except AgencyError as error:
                failed[position] = error
                self.discard([ref for ref, _ in done])
            else:
                sealed[position] = tuple(done)
        return sealed, failed

    def _sweep_once(self) -> None:
        """Remove ciphertexts that no waiting frame lists: they are of a process that died."""
        with self._sweeping:
            if self._is_swept:
                return
            outbox = self._store.outbox
            listed = {
                ref.id.hex()
                for frame in outbox.waiting()
                for notice in outbox.notices(frame.id)
                for ref in _listed(notice.header)
            }
            folder = self._store.attachments.path(bytes(ID_BYTES)).parent
            stray = [one for one in folder.glob(_OWN_NAMES) if one.name not in listed]
            _unlink(stray)
            self._is_swept = True

    def _seal(
        self, path: Path, number: int, wanted: bytes | None, context: tuple[bytes, str]
    ) -> Sealed:
        """Seal one file; where a digest is wanted, no other file than that."""
        sealer = AttachmentSealer(*context)
        target = self._store.attachments.path(sealer.id)
        length, digest = 0, hashlib.sha256()
        try:
            with _created(target) as file:
                for piece in _pieces(path, number):
                    length += len(piece)
                    digest.update(piece)
                    file.write(sealer.update(piece))
                file.write(sealer.finalize())
            _check_approved(wanted, digest.digest(), number)
            ref = sealer.ref
            self._store.attachments.add(ref.id, ref.digest, ref.length)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise _store_failed(error) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        listed = SealedAttachment(
            id=ref.id,
            key=sealer.key,
            name=path.name,
            media_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            length=length,
        )
        return ref, listed

    def discard(self, refs: Collection[AttachmentRef]) -> None:
        """Remove ciphertexts that no frame will list."""
        for ref in refs:
            self._store.attachments.path(ref.id).unlink(missing_ok=True)


class AttachmentUpload:
    """Brings ciphertexts to the broker."""

    def __init__(self, *, broker: Broker, store: Store) -> None:
        self._broker = broker
        self._store = store

    async def complete(self, frame: Frame) -> tuple[bytes, ...]:
        """Upload what a frame lists and the broker lacks; return the ids of all that it lists.

        An upload that was interrupted goes on where the broker has it.

        Raises:
            AgencyError: ATTACHMENT_INVALID where our own ciphertext is gone or damaged; otherwise
            the broker's reason, or that it cannot be reached.
        """
        refs = [ref for notice in frame.notices for ref in _listed(notice.header)]
        if not refs:
            return ()
        ids = tuple(ref.id for ref in refs)
        lacking = {one for one, _, _ in await self._pending(ids)}
        for ref in refs:
            if ref.id in lacking:
                await self._upload(ref)
                await self._note(ref.id, uploaded=True)
        return ids

    async def _pending(self, ids: Sequence[bytes]) -> Sequence[tuple[bytes, bytes, int]]:
        return await asyncio.to_thread(self._store.attachments.pending, ids)

    async def _note(self, attachment_id: bytes, *, uploaded: bool) -> None:
        await asyncio.to_thread(
            self._store.attachments.set_uploaded, attachment_id, uploaded=uploaded
        )

    async def _upload(self, ref: AttachmentRef) -> None:
        stored, is_complete = await self._put(ref, 0, b"")
        stalls = 0
        while not is_complete:
            data = await asyncio.to_thread(self._read, ref, stored)
            before = stored
            try:
                stored, is_complete = await self._put(ref, before, data)
            except AgencyError as error:
                if error.reason is not Reason.OFFSET_MISMATCH:
                    raise
                stored, is_complete = await self._put(ref, 0, b"")
            stalls = 0 if stored > before else stalls + 1
            if stalls == MOST_STALLS:
                await asyncio.to_thread(self._check_whole, ref)
                raise AgencyError(
                    Reason.INTERNAL, f"the broker keeps {stored} bytes of an attachment and no more"
                )

    async def _put(self, ref: AttachmentRef, offset: int, data: bytes) -> tuple[int, bool]:
        stored, is_complete = await self._broker.put_attachment_chunk(
            attachment_id=ref.id, length=ref.length, digest=ref.digest, offset=offset, data=data
        )
        if not 0 <= stored <= ref.length or (is_complete and stored != ref.length):
            raise AgencyError(
                Reason.INTERNAL,
                f"the broker says it stored {stored} bytes of an attachment of {ref.length}",
            )
        return stored, is_complete

    def _read(self, ref: AttachmentRef, offset: int) -> bytes:
        """Return the chunk at `offset`; nothing at the end, which asks for the state alone."""
        wanted = min(CHUNK_BYTES, ref.length - offset)
        try:
            with self._store.attachments.path(ref.id).open("rb") as file:
                file.seek(offset)
                data = file.read(wanted)
        except OSError:
            data = b""
        if len(data) != wanted:
            raise _gone()
        return data

    def _check_whole(self, ref: AttachmentRef) -> None:
        """Tell a damaged ciphertext of ours from a broker that does not take it."""
        digest = hashlib.sha256()
        for offset in range(0, ref.length, CHUNK_BYTES):
            digest.update(self._read(ref, offset))
        if digest.digest() != ref.digest:
            raise _gone()

    async def forget(self, ids: Sequence[bytes]) -> None:
        """Note that the broker does not have these any more: they are uploaded anew."""
        for one in ids:
            await self._note(one, uploaded=False)

    async def release(self, ids: Sequence[bytes]) -> None:
        """Remove ciphertexts whose frame is accepted or given up for good."""
        paths = [self._store.attachments.path(one) for one in ids]
        await asyncio.to_thread(_unlink, paths)


def _listed(header: bytes) -> Sequence[AttachmentRef]:
    """Return what a HEADER_i lists; it is decoded only where it lists something."""
    return NoticeHeader.decode(header).attachments if unlisted(header)[-1] else ()


def _check_names(paths: Sequence[Path]) -> None:
    if len(paths) > MAX_ATTACHMENTS:
        raise AgencyError(
            Reason.LIMIT_EXCEEDED,
            f"the notice has {len(paths)} attachments, at most {MAX_ATTACHMENTS}",
            limit="attachments",
        )
    if len({path.name for path in paths}) != len(paths):
        raise _unusable("two attachments have the same name")
    for number, path in enumerate(paths, start=1):
        if not 0 < len(path.name) <= MAX_NAME_CHARACTERS or not path.name.isprintable():
            raise _unusable(f"attachment {number} has a name that cannot be shown")


def _check_approved(wanted: bytes | None, found: bytes, number: int) -> None:
    if wanted is not None and wanted != found:
        raise AgencyError(
            Reason.APPROVAL_REFUSED,
            f"attachment {number} is not the file that the second person approved",
        )


def digest_of(path: Path, number: int) -> bytes:
    """Return the SHA-256 of a file that is to be attached as the `number`th.

    Raises:
        AgencyError: it cannot be attached.
    """
    digest = hashlib.sha256()
    for piece in _pieces(path, number):
        digest.update(piece)
    return digest.digest()


def _pieces(path: Path, number: int) -> Iterator[bytes]:
    """Yield what a regular file holds; a pipe or a device is refused and never waited for."""
    size = 0
    try:
        with os.fdopen(_open_at_once(path), "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                size += len(piece)
                if size > MAX_CIPHERTEXT_BYTES - _OVERHEAD_BYTES:
                    raise AgencyError(
                        Reason.LIMIT_EXCEEDED,
                        f"attachment {number} has more than {MAX_CIPHERTEXT_BYTES} bytes sealed",
                        limit="attachment_bytes",
                    )
                yield piece
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise _unusable(f"attachment {number} cannot be read: {why}") from None


def _open_at_once(path: Path) -> int:
    """Open a regular file; anything else is refused, also what would keep us waiting."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a file")
    return handle


_OVERHEAD_BYTES = 56 + 16 * (MAX_CIPHERTEXT_BYTES // (16 << 10) + 1)
"""What sealing the longest file adds (Cobblestone: 56 bytes and 16 for each chunk of 16 KiB)."""


@contextlib.contextmanager
def _created(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that is on stable storage on leaving."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        os.fsync(handle)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Put a folder's names on stable storage."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot; their names are as durable as they make them.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _unusable(message: str) -> AgencyError:
    return AgencyError(Reason.INVALID_ARGUMENT, message, field="attachments")


def _gone() -> AgencyError:
    return AgencyError(
        Reason.ATTACHMENT_INVALID, "the sealed attachment is gone from this profile, or damaged"
    )


def _store_failed(error: OSError) -> AgencyError:
    why = (error.strerror or "unknown error").lower()
    return AgencyError(Reason.STORE_FAILED, f"the sealed attachment cannot be stored: {why}")
