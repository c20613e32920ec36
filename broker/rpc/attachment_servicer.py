# SPDX-License-Identifier: Apache-2.0
"""AttachmentService: encrypted attachments up and down in chunks."""

from dataclasses import dataclass

from tocsin.v1 import attachment_service_pb2 as pb

from broker.domain.limits import DEFAULT_CHUNK_BYTES
from broker.domain.peers import Peer
from broker.rpc.services import Attachments


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentServicer:
    """Hands chunks to and from the attachment service."""

    attachments: Attachments

    async def PutAttachmentChunk(
        self, request: pb.PutAttachmentChunkRequest, peer: Peer
    ) -> pb.PutAttachmentChunkResponse:
        """Store a chunk."""
        upload = await self.attachments.put(
            peer.name,
            attachment_id=request.attachment_id,
            length=request.length,
            digest=request.digest,
            offset=request.offset,
            data=request.data,
        )
        return pb.PutAttachmentChunkResponse(stored=upload.stored, complete=upload.complete)

    async def GetAttachmentChunk(
        self, request: pb.GetAttachmentChunkRequest, peer: Peer
    ) -> pb.GetAttachmentChunkResponse:
        """Read a chunk."""
        chunk = await self.attachments.get(
            peer.name,
            originator=request.originator,
            notice_id=request.notice_id,
            attachment_id=request.attachment_id,
            offset=request.offset,
            max_bytes=request.max_bytes or DEFAULT_CHUNK_BYTES,
        )
        return pb.GetAttachmentChunkResponse(data=chunk.data, length=chunk.length)
