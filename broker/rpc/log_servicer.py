# SPDX-License-Identifier: Apache-2.0
"""LogService: checkpoints, leaves and proofs."""

from dataclasses import dataclass

from tocsin.v1 import log_service_pb2 as pb

from broker.domain.peers import Peer
from broker.rpc.messages import fitting, log_kind, page_size
from broker.rpc.services import Logs

DEFAULT_LEAVES, MAX_LEAVES = 1000, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogServicer:
    """Serves what proves the logs."""

    logs: Logs

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, _: Peer
    ) -> pb.GetCheckpointResponse:
        """Return the newest checkpoint."""
        return pb.GetCheckpointResponse(note=await self.logs.checkpoint(log_kind(request.log)))

    async def ListLeaves(self, request: pb.ListLeavesRequest, peer: Peer) -> pb.ListLeavesResponse:
        """List leaves."""
        count = page_size(request.page_size, DEFAULT_LEAVES, MAX_LEAVES)
        leaves = await self.logs.leaves(peer, log_kind(request.log), request.start, count)
        return pb.ListLeavesResponse(leaves=fitting(leaves))

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, _: Peer
    ) -> pb.GetInclusionProofResponse:
        """Prove that a leaf is in a tree."""
        proof = await self.logs.inclusion(log_kind(request.log), request.index, request.size)
        return pb.GetInclusionProofResponse(path=proof.path, leaf=proof.leaf)

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, _: Peer
    ) -> pb.GetConsistencyProofResponse:
        """Prove that a tree continues another."""
        kind = log_kind(request.log)
        path = await self.logs.consistency(kind, request.old_size, request.new_size)
        return pb.GetConsistencyProofResponse(path=path)
