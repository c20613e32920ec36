# SPDX-License-Identifier: Apache-2.0
"""`ports.broker.Broker` over gRPC: each method one call, bounded in time and in what it takes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from google.protobuf.message import Message
from tocsin.v1 import (
    attachment_service_pb2 as attachment,
)
from tocsin.v1 import (
    directory_service_pb2 as directory,
)
from tocsin.v1 import (
    log_service_pb2 as log_requests,
)
from tocsin.v1 import (
    mailbox_service_pb2 as mailbox,
)
from tocsin.v1 import (
    subscriber_service_pb2 as subscriber,
)

from agency_client.domain.delivery import Cursor, Delivery, Filter, LogReference, TopicView
from agency_client.domain.mail import Mail, RecipientState
from agency_client.ports.broker import LogKind, PublishStream, SubscriptionStream
from agency_client.transport.calls import UNARY_SECONDS, ask, path_of
from agency_client.transport.events import delivery_of
from agency_client.transport.failures import malformed
from agency_client.transport.line import Line
from agency_client.transport.mail import (
    MAX_MAIL,
    grant_message,
    letter_message,
    mail_of,
    recall_message,
    recipients_of,
)
from agency_client.transport.messages import (
    LOGS,
    MAX_CONSISTENCY,
    at_most,
    cursor_message,
    filter_message,
    hashes,
    log_reference,
    note,
    number,
    topic_view,
)
from agency_client.transport.streams import publishing, subscribing
from agency_client.transport.tls import TlsIdentity
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall

PAGE = 1000
MAX_TOPICS = 100_000
MAX_ROOTS = 10_000

M = TypeVar("M", bound=Message)

_SUBSCRIBER = subscriber.DESCRIPTOR.services_by_name["SubscriberService"]
_ATTACHMENT = attachment.DESCRIPTOR.services_by_name["AttachmentService"]
_MAILBOX = mailbox.DESCRIPTOR.services_by_name["MailboxService"]
_DIRECTORY = directory.DESCRIPTOR.services_by_name["DirectoryService"]
_LOG = log_requests.DESCRIPTOR.services_by_name["LogService"]


class GrpcBroker:
    """The broker at one address. Connects when it is first asked something."""

    def __init__(self, address: str, identity: Callable[[], TlsIdentity]) -> None:
        """Remember where the broker is.

        Args:
            address: HOST:PORT.
            identity: returns what to show and trust, the same object until it is another.
        """
        self._line = Line(address, identity)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return self._line.address

    def publish_stream(self) -> AbstractAsyncContextManager[PublishStream]:
        """Open a publish stream; leaving the context ends it."""
        return publishing(self._line)

    def subscribe(
        self, subscription: str, wanted: Filter, *, frames: int, size: int
    ) -> AbstractAsyncContextManager[SubscriptionStream]:
        """Open a subscription with its first credit; leaving the context ends it."""
        return subscribing(self._line, subscription, wanted, frames=frames, size=size)

    async def pull(
        self, subscription: str, wanted: Filter, *, max_frames: int, wait_ms: int
    ) -> Sequence[Delivery]:
        """Return what is waiting, or wait for a first frame."""
        request = subscriber.PullRequest(
            subscription=subscription,
            filter=filter_message(wanted),
            max_frames=max_frames,
            wait_ms=wait_ms,
        )
        answer = await ask(
            self._line,
            path_of(_SUBSCRIBER, "Pull"),
            request,
            subscriber.PullResponse,
            seconds=UNARY_SECONDS + wait_ms / 1000,
        )
        if len(answer.deliveries) > max_frames:
            raise malformed(f"{len(answer.deliveries)} frames, {max_frames} were asked for")
        return tuple(delivery_of(one, one.ByteSize()) for one in answer.deliveries)

    async def acknowledge(self, subscription: str, cursors: Sequence[Cursor]) -> None:
        """Move cursors forward; they are on stable storage on return."""
        request = subscriber.AcknowledgeRequest(
            subscription=subscription, cursors=map(cursor_message, cursors)
        )
        await self._subscriber("Acknowledge", request, subscriber.AcknowledgeResponse)

    async def seek(self, subscription: str, cursor: Cursor) -> None:
        """Set a cursor, also backward."""
        request = subscriber.SeekRequest(
            subscription=subscription, topic=cursor.topic, sequence=cursor.sequence
        )
        await self._subscriber("Seek", request, subscriber.SeekResponse)

    async def get_notice(self, originator: str, notice_id: bytes) -> Delivery:
        """Fetch one notice."""
        request = subscriber.GetNoticeRequest(originator=originator, notice_id=notice_id)
        answer = await self._subscriber("GetNotice", request, subscriber.GetNoticeResponse)
        return delivery_of(answer.delivery, answer.ByteSize())

    async def topics(self) -> Sequence[TopicView]:
        """List the topics we may know of."""
        found: list[TopicView] = []
        token = ""
        while True:
            request = subscriber.ListTopicsRequest(page_size=PAGE, page_token=token)
            answer = await self._subscriber("ListTopics", request, subscriber.ListTopicsResponse)
            found += map(topic_view, answer.topics)
            if not answer.next_page_token:
                return tuple(found)
            if not answer.topics or len(found) > MAX_TOPICS:
                raise malformed("a list of topics without an end")
            token = answer.next_page_token

    async def _subscriber(self, name: str, request: Message, answer: type[M]) -> M:
        return await ask(self._line, path_of(_SUBSCRIBER, name), request, answer)

    async def put_attachment_chunk(
        self, *, attachment_id: bytes, length: int, digest: bytes, offset: int, data: bytes
    ) -> tuple[int, bool]:
        """Store a chunk; return (bytes stored, complete). Empty `data` asks for the state alone."""
        request = attachment.PutAttachmentChunkRequest(
            attachment_id=attachment_id, length=length, digest=digest, offset=offset, data=data
        )
        path = path_of(_ATTACHMENT, "PutAttachmentChunk")
        answer = await ask(self._line, path, request, attachment.PutAttachmentChunkResponse)
        return number(answer.stored, "an attachment's length", most=length), answer.complete

    async def get_attachment_chunk(
        self,
        *,
        originator: str,
        notice_id: bytes,
        attachment_id: bytes,
        offset: int,
        max_bytes: int,
    ) -> tuple[bytes, int]:
        """Read a chunk; return (bytes, whole length)."""
        request = attachment.GetAttachmentChunkRequest(
            originator=originator,
            notice_id=notice_id,
            attachment_id=attachment_id,
            offset=offset,
            max_bytes=max_bytes,
        )
        path = path_of(_ATTACHMENT, "GetAttachmentChunk")
        answer = await ask(self._line, path, request, attachment.GetAttachmentChunkResponse)
        length = number(answer.length, "an attachment's length")
        if len(answer.data) > max_bytes:
            raise malformed(f"{len(answer.data)} bytes, {max_bytes} were asked for")
        return answer.data, length

    async def submit_letter(self, letter: SignedLetter) -> LogReference:
        """Put a letter into its recipient's mailbox; the same one again has the same answer."""
        request = mailbox.SubmitLetterRequest(letter=letter_message(letter))
        answer = await self._mailbox("SubmitLetter", request, mailbox.SubmitLetterResponse)
        return log_reference(answer.log)

    async def submit_grant(self, grant: SignedGrant) -> LogReference:
        """Admit one more agency to one notice; the same grant again has the same answer."""
        request = mailbox.SubmitGrantRequest(grant=grant_message(grant))
        answer = await self._mailbox("SubmitGrant", request, mailbox.SubmitGrantResponse)
        return log_reference(answer.log)

    async def submit_recall(self, recall: SignedRecall, assertions: Sequence[str]) -> LogReference:
        """Take a notice of ours back; the same recall again has the same answer."""
        request = mailbox.SubmitRecallRequest(recall=recall_message(recall), assertions=assertions)
        answer = await self._mailbox("SubmitRecall", request, mailbox.SubmitRecallResponse)
        return log_reference(answer.log)

    async def mail(self, after: int, wait_ms: int) -> tuple[Sequence[Mail], int]:
        """Return (our mail behind `after`, last place), or wait for a first item."""
        request = mailbox.ListMailRequest(after=after, page_size=MAX_MAIL, wait_ms=wait_ms)
        answer = await self._mailbox(
            "ListMail",
            request,
            mailbox.ListMailResponse,
            seconds=UNARY_SECONDS + wait_ms / 1000,
        )
        return mail_of(answer, after)

    async def recipients(self, notice_id: bytes) -> Sequence[RecipientState]:
        """Return who could open a notice of ours."""
        request = mailbox.ListRecipientsRequest(notice_id=notice_id)
        answer = await self._mailbox("ListRecipients", request, mailbox.ListRecipientsResponse)
        return recipients_of(answer)

    async def _mailbox(
        self, name: str, request: Message, answer: type[M], *, seconds: float = UNARY_SECONDS
    ) -> M:
        return await ask(self._line, path_of(_MAILBOX, name), request, answer, seconds=seconds)

    async def roots(self) -> Sequence[bytes]:
        """Return the signed root documents, oldest first."""
        request = directory.ListRootsRequest()
        answer = await self._directory("ListRoots", request, directory.ListRootsResponse)
        return at_most(answer.roots, MAX_ROOTS, "roots")

    async def entries(self, start: int) -> tuple[Sequence[bytes], int, str]:
        """Return (signed entries from `start` on, directory size, directory checkpoint note)."""
        request = directory.ListEntriesRequest(start=start, page_size=PAGE)
        answer = await self._directory("ListEntries", request, directory.ListEntriesResponse)
        found = at_most(answer.entries, PAGE, "entries")
        size = number(answer.size, "a directory's size")
        if found and start + len(found) > size:
            raise malformed(f"entries beyond the directory's size of {size}")
        return found, size, note(answer.checkpoint)

    async def submit_entry(self, entry: bytes) -> int:
        """Append a signed directory entry; return its index."""
        request = directory.SubmitEntryRequest(entry=entry)
        answer = await self._directory("SubmitEntry", request, directory.SubmitEntryResponse)
        return number(answer.index, "an entry's index")

    async def submit_root(self, root: bytes) -> int:
        """Append a signed root document; return its version."""
        request = directory.SubmitRootRequest(root=root)
        answer = await self._directory("SubmitRoot", request, directory.SubmitRootResponse)
        return number(answer.version, "a root's version", least=1)

    async def _directory(self, name: str, request: Message, answer: type[M]) -> M:
        return await ask(self._line, path_of(_DIRECTORY, name), request, answer)

    async def checkpoint(self, log: LogKind) -> str:
        """Return the newest signed checkpoint note."""
        request = log_requests.GetCheckpointRequest(log=LOGS[log])
        answer = await self._log("GetCheckpoint", request, log_requests.GetCheckpointResponse)
        return note(answer.note)

    async def leaves(self, log: LogKind, start: int, count: int) -> Sequence[bytes]:
        """Return up to `count` leaves from `start` on."""
        request = log_requests.ListLeavesRequest(log=LOGS[log], start=start, page_size=count)
        answer = await self._log("ListLeaves", request, log_requests.ListLeavesResponse)
        return at_most(answer.leaves, count, "leaves")

    async def inclusion(self, log: LogKind, index: int, size: int) -> tuple[Sequence[bytes], bytes]:
        """Return (path, leaf)."""
        request = log_requests.GetInclusionProofRequest(log=LOGS[log], index=index, size=size)
        answer = await self._log(
            "GetInclusionProof", request, log_requests.GetInclusionProofResponse
        )
        return hashes(answer.path), answer.leaf

    async def consistency(self, log: LogKind, old_size: int, new_size: int) -> Sequence[bytes]:
        """Return the consistency path."""
        request = log_requests.GetConsistencyProofRequest(
            log=LOGS[log], old_size=old_size, new_size=new_size
        )
        answer = await self._log(
            "GetConsistencyProof", request, log_requests.GetConsistencyProofResponse
        )
        return hashes(answer.path, MAX_CONSISTENCY)

    async def _log(self, name: str, request: Message, answer: type[M]) -> M:
        return await ask(self._line, path_of(_LOG, name), request, answer)

    async def close(self) -> None:
        """Let the connection go."""
        await self._line.close()
