# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand, for peers that no gRPC library can be: slow, silent, deaf and half finished."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from keys.tls import CertifiedKey, to_pem
from tests.integration.attacks.served import SECONDS
from tests.integration.broker.calling import Address
from tests.integration.broker.test_peers import http2, literal

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW = 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@dataclass
class Line:
    """One connection. Answers to settings and pings, so that it passes for alive."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    stream: int = -1
    received: dict[int, bytes] = field(default_factory=dict)
    ended: dict[int, asyncio.Event] = field(default_factory=dict)

    def call(self, method: str, body: bytes | None) -> int:
        """Begin a call and send bytes of its body; None sends an end and no body."""
        self.stream += 2
        self.ended[self.stream] = asyncio.Event()
        fields = {
            ":method": "POST",
            ":scheme": "https",
            ":path": method,
            ":authority": "broker.tocsin",
            "te": "trailers",
            "content-type": "application/grpc",
        }
        block = b"".join(literal(name, value) for name, value in fields.items())
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        self.writer.write(http2(HEADERS, flags, self.stream, block))
        if body:
            self.send(self.stream, body)
        return self.stream

    def send(self, stream: int, body: bytes) -> None:
        for start in range(0, len(body), 16384):
            self.writer.write(http2(DATA, 0, stream, body[start : start + 16384]))

    async def answer(self, stream: int) -> bytes:
        """Return header blocks and data of a call when it has ended."""
        async with asyncio.timeout(SECONDS):
            await self.ended[stream].wait()
        return self.received[stream]

    async def listen(self) -> None:
        """Take in what comes, until the connection ends."""
        while True:
            head = await self.reader.readexactly(9)
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            stream = int.from_bytes(head[5:])
            payload = await self.reader.readexactly(length)
            if kind in {SETTINGS, PING} and not flags & ACK:
                self.writer.write(http2(kind, ACK, 0, payload if kind == PING else b""))
            elif kind in {DATA, HEADERS}:
                self.received[stream] = self.received.get(stream, b"") + payload
                if flags & END_STREAM:
                    self.ended[stream].set()


def message(data: bytes, *, stated: int | None = None) -> bytes:
    """Return a gRPC message; `stated` is the length it claims."""
    return struct.pack(">BI", 0, len(data) if stated is None else stated) + data


@asynccontextmanager
async def line(
    address: Address, identity: CertifiedKey, folder: Path, *, window: int | None = None
) -> AsyncIterator[Line]:
    """Connect; a window of 0 takes no data at all."""
    (folder / "leaf.pem").write_bytes(identity.certificate_pem + identity.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=to_pem(address.root).decode())
    context.load_cert_chain(folder / "leaf.pem")
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", address.port, ssl=context, server_hostname="broker.tocsin"
    )
    settings = b"" if window is None else struct.pack(">HI", INITIAL_WINDOW, window)
    writer.write(PREFACE + http2(SETTINGS, 0, 0, settings))
    made = Line(reader, writer)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        listening.cancel()
        await asyncio.wait((listening,))
        writer.transport.abort()
