# SPDX-License-Identifier: Apache-2.0
"""Keeps encrypted attachments: taken in chunks from their originator, handed out through a notice.

Each chunk that is asked for is decided about; the leaf that says an attachment was fetched is
written for the first chunk, and again where much time has passed.
"""

from collections import OrderedDict

from broker.domain.attachments import Chunk, Piece, Upload
from broker.domain.cursors import MAX_SEQUENCE
from broker.domain.limits import MAX_ATTACHMENT_BYTES, MAX_CHUNK_BYTES, MINUTE_MS, Settings
from broker.errors import BrokerError, Reason, invalid, over_limit
from broker.ports.clock import Clock
from broker.ports.store import Store
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.fetching import Fetching
from keys.envelope import ID_BYTES
from keys.framing import HASH_BYTES

FETCH_MS = 60 * MINUTE_MS
"""One leaf tells of the chunks of so long: the largest attachment over a slow line."""
MAX_FETCHES = 4096
"""Fetches remembered; one that was forgotten gets another leaf."""

_Fetch = tuple[str, str, bytes, bytes]


class Attachments:
    """The attachments of one broker."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        directory: DirectoryKeeping,
        fetching: Fetching,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._fetching = fetching
        self._quota = settings.upload_bytes_per_agency
        self._logged: OrderedDict[_Fetch, int] = OrderedDict()

    async def put(
        self,
        agency: str,
        *,
        attachment_id: bytes,
        length: int,
        digest: bytes,
        offset: int,
        data: bytes,
    ) -> Upload:
        """Store a chunk; with the last one the whole is compared with its digest.

        Raises:
            BrokerError: OFFSET_MISMATCH, with where to go on; LIMIT_EXCEEDED; ALREADY_EXISTS for
                another attachment under the id; INVALID_ARGUMENT for field `digest` where the
                whole does not match and was dropped.
        """
        self._directory.standing(agency)
        _check_chunk(attachment_id, length, digest, offset, data)
        piece = Piece(
            originator=agency,
            attachment_id=attachment_id,
            length=length,
            digest=digest,
            offset=offset,
            data=data,
            time_ms=self._clock.now(),
        )
        upload = await self._store.put_piece(piece, self._quota)
        if upload.stored < length or upload.complete:
            return upload
        matches = await self._store.digest_upload(agency, attachment_id) == digest
        upload = await self._store.complete_upload(agency, attachment_id, matches=matches)
        if not matches:
            raise invalid("digest", "an attachment is not what its digest says")
        return upload

    async def get(
        self,
        agency: str,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> Chunk:
        """Read a chunk of an attachment of a notice that the caller may have at this moment.

        Raises:
            BrokerError: NOT_FOUND for all that it may not have or that is not there.
        """
        if not 0 < max_bytes <= MAX_CHUNK_BYTES:
            raise invalid("max_bytes")
        if not 0 <= offset <= MAX_SEQUENCE:
            raise invalid("offset")
        found = await self._fetching.find(agency, originator, notice_id)
        if all(one.id != attachment_id for one in found.header.attachments):
            raise BrokerError(Reason.NOT_FOUND)
        await self._log((agency, originator, notice_id, attachment_id))
        chunk = await self._store.read_attachment(originator, attachment_id, offset, max_bytes)
        if chunk is None:
            raise BrokerError(Reason.NOT_FOUND)
        return chunk

    async def _log(self, fetch: _Fetch) -> None:
        """Write that an attachment is fetched, unless that was written a while ago."""
        now = self._clock.now()
        logged = self._logged.get(fetch)
        if logged is not None and 0 <= now - logged < FETCH_MS:
            return
        await self._fetching.fetch(*fetch[:3])
        self._logged[fetch] = now
        if len(self._logged) > MAX_FETCHES:
            self._logged.popitem(last=False)


def _check_chunk(
    attachment_id: bytes, length: int, digest: bytes, offset: int, data: bytes
) -> None:
    if len(attachment_id) != ID_BYTES:
        raise invalid("attachment_id")
    if len(digest) != HASH_BYTES:
        raise invalid("digest")
    if length > MAX_ATTACHMENT_BYTES:
        raise over_limit("attachment_bytes", MAX_ATTACHMENT_BYTES, length)
    if len(data) > MAX_CHUNK_BYTES:
        raise over_limit("chunk_bytes", MAX_CHUNK_BYTES, len(data))
    if length < 1:
        raise invalid("length")
    if offset < 0 or offset + len(data) > length:
        raise invalid("offset")
