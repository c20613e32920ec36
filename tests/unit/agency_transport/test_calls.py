# SPDX-License-Identifier: Apache-2.0
"""A conversation whose peer ends at the same moment as we do ends in order."""

from typing import Any

import grpc

from agency_client.transport.calls import Conversation


class Ending:
    """A call that gRPC finds over in the middle of our saying that nothing more comes."""

    def __init__(self) -> None:
        self.told = False

    async def done_writing(self) -> None:
        self.told = True
        raise grpc.aio.InternalError("Failed 'execute_batch'")


async def test_what_grpc_raises_of_a_stream_that_is_over_stays_inside() -> None:
    call = Ending()
    nothing: Any = None
    conversation = Conversation(line=nothing, lease=nothing, call=call)
    await conversation.finish()
    assert call.told
