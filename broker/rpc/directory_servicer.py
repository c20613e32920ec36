# SPDX-License-Identifier: Apache-2.0
"""DirectoryService: the signed directory to everyone, new entries from stewards."""

from dataclasses import dataclass

from tocsin.v1 import directory_service_pb2 as pb

from broker.domain.logs import LogKind
from broker.domain.peers import Peer, PeerKind
from broker.rpc.messages import fitting, page_size
from broker.rpc.services import DirectoryKeeping, Logs

DEFAULT_ENTRIES, MAX_ENTRIES = 100, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryServicer:
    """Serves the directory.

    Attributes:
        directory: holds it.
        logs: signs its checkpoint.
    """

    directory: DirectoryKeeping
    logs: Logs

    async def ListRoots(self, _: pb.ListRootsRequest, __: Peer) -> pb.ListRootsResponse:
        """List the root documents."""
        return pb.ListRootsResponse(roots=await self.directory.roots())

    async def ListEntries(self, request: pb.ListEntriesRequest, _: Peer) -> pb.ListEntriesResponse:
        """List entries, with a checkpoint over exactly the size that is stated."""
        note = await self.logs.checkpoint(LogKind.DIRECTORY)
        size = int(note.split("\n", 2)[1])
        wanted = page_size(request.page_size, DEFAULT_ENTRIES, MAX_ENTRIES)
        count = min(wanted, max(size - request.start, 0))
        entries = await self.directory.entries(request.start, count) if count else []
        return pb.ListEntriesResponse(entries=fitting(entries), size=size, checkpoint=note)

    async def SubmitEntry(
        self, request: pb.SubmitEntryRequest, peer: Peer
    ) -> pb.SubmitEntryResponse:
        """Append an entry; of an agency, its own card alone."""
        card_of = peer.name if peer.kind is PeerKind.AGENCY else ""
        index = await self.directory.submit(request.entry, card_of=card_of)
        return pb.SubmitEntryResponse(index=index)

    async def SubmitRoot(self, request: pb.SubmitRootRequest, _: Peer) -> pb.SubmitRootResponse:
        """Append a root document."""
        return pb.SubmitRootResponse(version=await self.directory.submit_root(request.root))
