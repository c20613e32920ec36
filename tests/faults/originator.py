# SPDX-License-Identifier: Apache-2.0
"""What an originator does with its notices while others fetch and pull them: grants and recalls."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc
from tocsin.v1 import core_pb2
from tocsin.v1 import mailbox_service_pb2 as mailbox
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.mailbox_service_pb2_grpc import MailboxServiceStub
from tocsin.v1.subscriber_service_pb2_grpc import SubscriberServiceStub

from keys.tls import thumbprint
from tests.faults.history import Did
from tests.faults.races import ORIGINATOR, Races
from tests.integration.attacks.test_alike import notice
from tests.simulator.federation import DAY, TOPIC
from tests.simulator.mail import grant_of, recall_of
from tests.simulator.officers import asserted_two

FETCHES_A_SECOND = 6
PULLS_A_SECOND = 2
PULLED = 20
"""Frames a pull; half of them lie behind the furthest stream."""
LIFETIME_MS = 800, 1600
LATE_SECONDS = 1.5
"""How long is looked on after an act: what comes too late comes within it."""


async def expire(run: Races, sequence: int, grantee: str) -> None:
    """Admit an agency for about a second; it fetches until well after the end."""
    until = await grant(run, sequence, grantee, run.chance.randint(*LIFETIME_MS))
    async with fetching(run, sequence, grantee):
        await asyncio.sleep((until - time.monotonic_ns()) / 1e9)


async def recall(run: Races, sequence: int, recipient: str, grantee: str) -> None:
    """Take a notice back that a recipient and a grantee are fetching."""
    await grant(run, sequence, grantee, DAY)
    async with fetching(run, sequence, recipient, grantee) as held:
        await asyncio.gather(*(one.wait() for one in held))
        await _recall(run, sequence)


async def grant(run: Races, sequence: int, grantee: str, lifetime_ms: int) -> int:
    """Admit an agency to the notice of a frame; return when that ends, on the monotonic clock."""
    frame, now = run.backlog[sequence], time.time_ns()
    expires_at = now // 1_000_000 + lifetime_ms
    until = time.monotonic_ns() + expires_at * 1_000_000 - now
    made = grant_of(run.federation, frame, grantee, now=now // 1_000_000, expires_at=expires_at)
    message = mailbox.Grant(grant=made.grant, wrap=made.wrap, signature=made.signature)
    statement = frame.statement.hex()
    run.note(grantee, Did.GRANTED, sequence=sequence, statement=statement, until=until)
    stub = MailboxServiceStub(run.channels[ORIGINATOR])
    await stub.SubmitGrant(mailbox.SubmitGrantRequest(grant=message))
    return until


async def _recall(run: Races, sequence: int) -> None:
    frame, now = run.backlog[sequence], time.time_ns() // 1_000_000
    made = recall_of(run.federation, frame, now=now)
    leaf = run.federation.agencies[ORIGINATOR].tls_leaf
    shown = thumbprint(leaf.certificate)
    request = mailbox.SubmitRecallRequest(
        recall=mailbox.Recall(recall=made.recall, signature=made.signature),
        assertions=asserted_two(
            run.federation, ORIGINATOR, made.recall, now=now, certificate=shown
        ),
    )
    await MailboxServiceStub(run.channels[ORIGINATOR]).SubmitRecall(request)
    run.note(ORIGINATOR, Did.RECALLED, sequence=sequence, statement=frame.statement.hex())


@asynccontextmanager
async def fetching(
    run: Races, sequence: int, *agencies: str
) -> AsyncIterator[tuple[asyncio.Event, ...]]:
    """Fetch the notice of a frame in a loop, in the body and for a while after it.

    Returns:
        An event for each agency: it was handed the notice.
    """
    held = tuple(asyncio.Event() for _ in agencies)
    async with asyncio.TaskGroup() as group:
        loops = [
            group.create_task(_fetch(run, sequence, agency, event))
            for agency, event in zip(agencies, held, strict=True)
        ]
        yield held
        await asyncio.sleep(LATE_SECONDS)
        for one in loops:
            one.cancel()


async def _fetch(run: Races, sequence: int, agency: str, held: asyncio.Event) -> None:
    frame, stub = run.backlog[sequence], SubscriberServiceStub(run.channels[agency])
    while True:
        try:
            answer = await stub.GetNotice(notice(frame))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            run.note(agency, Did.REFUSED, sequence=sequence, statement=frame.statement.hex())
        else:
            run.note_handed_out(agency, answer.delivery)
            held.set()
        await asyncio.sleep(run.chance.uniform(0, 2 / FETCHES_A_SECOND))


@contextmanager
def pulling(group: asyncio.TaskGroup, run: Races, *agencies: str) -> Iterator[None]:
    """Pull what lies around the furthest stream in a loop, again and again."""
    loops = [group.create_task(_pull(run, agency)) for agency in agencies]
    yield
    for one in loops:
        one.cancel()


async def _pull(run: Races, agency: str) -> None:
    stub = SubscriberServiceStub(run.channels[agency])
    wanted = subscriber.Filter(topics=["#"])
    asked = subscriber.PullRequest(subscription="pulled", filter=wanted, max_frames=PULLED)
    while True:
        for delivery in (await stub.Pull(asked)).deliveries:
            run.note_handed_out(agency, delivery)
        behind = max(await run.front_beyond(0) - PULLED // 2, 0)
        cursors = [core_pb2.Cursor(topic=TOPIC, sequence=behind)]
        await stub.Acknowledge(
            subscriber.AcknowledgeRequest(subscription="pulled", cursors=cursors)
        )
        await asyncio.sleep(run.chance.uniform(0, 2 / PULLS_A_SECOND))
