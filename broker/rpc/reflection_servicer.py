# SPDX-License-Identifier: Apache-2.0
"""Reflection: what services and messages there are. The library's answers, behind our gate."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer as LibraryServicer

from broker.domain.peers import Peer
from broker.rpc.gate import Stream


class ReflectionServicer:
    """Answers questions about the services that are named to it, and about itself."""

    def __init__(self, names: Iterable[str]) -> None:
        self._library: Any = LibraryServicer([*names, reflection_service()])

    async def ServerReflectionInfo(self, stream: Stream[Any], _: Peer) -> None:
        """Answer each question, until the peer asks no more."""
        questions: AsyncIterator[Any] = aiter(stream)
        async for answer in self._library.ServerReflectionInfo(questions, None):
            await stream.write(answer)


def reflection_service() -> str:
    """Return the name of the reflection service."""
    name: str = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
    return name
