# SPDX-License-Identifier: Apache-2.0
"""Requests about what is a caller's own, what is somebody else's, and what is not there.

`Scene` is a broker with notices of several agencies; one builder for each method makes its request
about one of the three. What is absent is sealed, signed and coherent, and was never published.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import Message
from tocsin.v1 import attachment_service_pb2 as attachment
from tocsin.v1 import directory_service_pb2 as directory
from tocsin.v1 import mailbox_service_pb2 as mailbox
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1 import subscriber_service_pb2 as subscriber
from tocsin.v1.directory_service_pb2_grpc import DirectoryServiceStub

from keys.changes import CardEntry
from keys.entries import TopicEntry, encode_content
from keys.envelope import AttachmentRef, Frame
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.grants import seal_grant
from keys.places import NoticePlace
from keys.recalls import Recall, sign_recall
from keys.signed_entries import SignedEntry, encode_entry, sign_card
from keys.tls import thumbprint
from tests.integration.attacks.frames import SECONDS, cursor, first, publish
from tests.integration.attacks.served import Served
from tests.integration.attacks.test_alike import draft, notice_id, submit, uploaded
from tests.integration.broker.installed import MARKING
from tests.integration.broker.test_publishing import publication
from tests.simulator.federation import DAY, KEYSET, TOPIC
from tests.simulator.mail import letter_header, letter_of, place_of
from tests.simulator.officers import asserted_two

OWN, FOREIGN, ABSENT = OBJECTS = ("own", "foreign", "absent")
AWAY = "trafficking/abroad"
"""A topic of the circle "abroad" alone; no agency that asks here is in it."""
NOWHERE = "trafficking/absent"
OPEN_MARKING = replace(MARKING, regrant="originator")
AGENCIES = {"originator": "gr-pol", "recipient": "ro-pol", "bystander": "it-pol"}


@dataclass(frozen=True, kw_only=True)
class Held:
    """A frame of one notice with one attachment."""

    originator: str
    to: tuple[str, ...]
    frame: Frame
    attachment: AttachmentRef


@dataclass
class Scene:
    """A broker with notices of several agencies."""

    broker: Served
    held: dict[tuple[str, str], Held] = field(default_factory=dict)

    @classmethod
    async def set(cls, broker: Served) -> "Scene":
        scene = cls(broker)
        topic = TopicEntry(topic=AWAY, title="Away", readers=("abroad",), publishers=("abroad",))
        await submit(broker, broker.federation.add(topic).encode())
        shared = await scene.published("gr-pol", "ro-pol")
        inner = await scene.published("it-pol")
        other = await scene.published("it-pol", "gr-pol")
        private = await scene.published("gr-pol", "ro-pol")
        scene.held = {
            ("gr-pol", OWN): shared,
            ("ro-pol", OWN): shared,
            ("it-pol", OWN): other,
            ("gr-pol", FOREIGN): inner,
            ("ro-pol", FOREIGN): inner,
            ("it-pol", FOREIGN): private,
        }
        return scene

    async def published(self, originator: str, *to: str) -> Held:
        """Publish a notice with an attachment."""
        async with self.broker.address.agency(originator) as channel:
            held = self.sealed(originator, *to, attached=await uploaded(channel))
            await publish(channel, held.frame)
        return held

    def sealed(self, originator: str, *to: str, attached: AttachmentRef | None = None) -> Held:
        """Seal a notice with an attachment, and do nothing with it."""
        ref = attached or AttachmentRef(id=secrets.token_bytes(16), digest=bytes(32), length=9)
        frame = first(
            self.broker.federation,
            [draft(self.broker, ref)],
            originator=originator,
            to=to,
            marking=OPEN_MARKING,
        )
        return Held(originator=originator, to=to, frame=frame, attachment=ref)

    def about(self, agency: str, what: str) -> Held:
        """Return a notice that is the agency's own, another's, or not there."""
        asker = agency if agency in AGENCIES.values() else "it-pol"
        if what == ABSENT:
            originator = "gr-pol" if asker == "ro-pol" else asker
            other = "ro-pol" if originator == "gr-pol" else "gr-pol"
            return self.sealed(originator, other)
        return self.held[asker, what]

    def signer(self, agency: str) -> str:
        """Return who signs for a caller that has no keys to sign with."""
        return agency if agency in self.broker.federation.agencies else "us-pol"

    async def directory_size(self) -> int:
        """Return the size of the directory as the broker has it now."""
        asked = directory.ListEntriesRequest(page_size=1)
        async with self.broker.address.steward() as channel:
            return (await DirectoryServiceStub(channel).ListEntries(asked, timeout=SECONDS)).size


Build = Callable[[Scene, str, str], Awaitable[Message]]
"""Makes the request of an agency about one of `OBJECTS`."""


def topic_of(what: str) -> str:
    return {OWN: TOPIC, FOREIGN: AWAY, ABSENT: NOWHERE}[what]


def always(message: Message) -> Build:
    """Return a builder for a method that is about nothing in particular."""

    async def build(scene: Scene, agency: str, what: str) -> Message:
        return message

    return build


# Publishing: the object is the frame's originator, or the topic where nothing else can be absent.


def frame_of(scene: Scene, agency: str, what: str, refs: Sequence[AttachmentRef] = ()) -> Frame:
    signer = scene.signer(agency)
    if what == FOREIGN:
        signer = "ro-pol" if signer == "gr-pol" else "gr-pol"
    more: dict[str, Any] = {"topic": NOWHERE} if what == ABSENT else {}
    if refs:
        more["contents"] = [draft(scene.broker, ref) for ref in refs]
    return first(scene.broker.federation, originator=signer, to=(), **more)


async def publish_one(scene: Scene, agency: str, what: str) -> Message:
    return publisher.PublishRequest(publication=publication(frame_of(scene, agency, what)))


async def publish_many(scene: Scene, agency: str, what: str) -> Message:
    frame = frame_of(scene, agency, what)
    return publisher.PublishStreamRequest(number=1, publication=publication(frame))


async def publish_with_anothers_attachment(scene: Scene, agency: str, what: str) -> Message:
    held = scene.about(agency, what).attachment
    frame = frame_of(scene, agency, OWN, [held])
    return publisher.PublishRequest(publication=publication(frame))


async def stream_with_anothers_attachment(scene: Scene, agency: str, what: str) -> Message:
    whole = await publish_with_anothers_attachment(scene, agency, what)
    assert isinstance(whole, publisher.PublishRequest)
    return publisher.PublishStreamRequest(number=1, publication=whole.publication)


# Subscribing: the object is a topic.


def wanting(*topics: str) -> subscriber.Filter:
    return subscriber.Filter(topics=topics)


async def subscribe(scene: Scene, agency: str, what: str) -> Message:
    return subscribe_to(topic_of(what))


def subscribe_to(*topics: str) -> Message:
    opened = subscriber.SubscribeRequest.Open(subscription="live", filter=wanting(*topics))
    return subscriber.SubscribeRequest(open=opened)


async def pull(scene: Scene, agency: str, what: str) -> Message:
    return subscriber.PullRequest(subscription="desk", filter=wanting(topic_of(what)))


async def acknowledge(scene: Scene, agency: str, what: str) -> Message:
    cursors = [cursor(topic_of(what), 0 if what == OWN else 1)]
    return subscriber.AcknowledgeRequest(subscription="desk", cursors=cursors)


async def seek(scene: Scene, agency: str, what: str) -> Message:
    return subscriber.SeekRequest(subscription="desk", topic=topic_of(what))


async def subscribe_to_two(scene: Scene, agency: str, what: str) -> Message:
    return subscribe_to(TOPIC, topic_of(what))


async def pull_two(scene: Scene, agency: str, what: str) -> Message:
    wanted = wanting(TOPIC, topic_of(what))
    return subscriber.PullRequest(subscription="desk", filter=wanted)


async def acknowledge_two(scene: Scene, agency: str, what: str) -> Message:
    cursors = [cursor(TOPIC, 0), cursor(topic_of(what), 1)]
    return subscriber.AcknowledgeRequest(subscription="desk", cursors=cursors)


# Notices and attachments.


async def get_notice(scene: Scene, agency: str, what: str) -> Message:
    held = scene.about(agency, what)
    return subscriber.GetNoticeRequest(originator=held.originator, notice_id=notice_id(held.frame))


async def get_anothers_notice(scene: Scene, agency: str, what: str) -> Message:
    """Name an originator whose notices the caller has, and the id of another notice."""
    own, other = scene.about(agency, OWN), scene.about(agency, what)
    return subscriber.GetNoticeRequest(originator=own.originator, notice_id=notice_id(other.frame))


async def put_chunk(scene: Scene, agency: str, what: str) -> Message:
    """Take an id of one's own, one under which another agency stored, or a new one."""
    held = scene.about(agency, what).attachment
    ids = {OWN: secrets.token_bytes(16), FOREIGN: held.id, ABSENT: secrets.token_bytes(16)}
    data = b"other bytes"
    return attachment.PutAttachmentChunkRequest(
        attachment_id=ids[what],
        length=len(data),
        digest=hashlib.sha256(data).digest(),
        data=data,
    )


async def get_chunk(scene: Scene, agency: str, what: str) -> Message:
    held = scene.about(agency, what)
    return chunk_of(held, held)


async def get_anothers_chunk(scene: Scene, agency: str, what: str) -> Message:
    """Name a notice that the caller has, and an attachment of another."""
    return chunk_of(scene.about(agency, OWN), scene.about(agency, what))


def chunk_of(notice: Held, other: Held) -> Message:
    return attachment.GetAttachmentChunkRequest(
        originator=notice.originator,
        notice_id=notice_id(notice.frame),
        attachment_id=other.attachment.id,
    )


# The directory and the log.


async def submit_entry(scene: Scene, agency: str, what: str) -> Message:
    """Submit a card: the caller's own, another agency's, one of an agency that is not there."""
    signer = scene.signer(agency)
    whose = {OWN: signer, FOREIGN: "gr-pol" if signer != "gr-pol" else "ro-pol", ABSENT: "xx-pol"}
    federation = scene.broker.federation
    entry = federation.directory.agency(signer)
    assert entry is not None
    admitted = sha256(encode_content(entry))
    card = CardEntry(agency=whose[what], version=1, admitted=admitted, note="invented")
    size = await scene.directory_size()
    body = encode_entry(federation.id, size, federation.directory.issued_at, card)
    signed = sign_card(SignedEntry(body=body), federation.agencies[signer].signer)
    return directory.SubmitEntryRequest(entry=signed.encode())


async def submit_root(scene: Scene, agency: str, what: str) -> Message:
    """Submit the root that is in force already, which nobody may add again."""
    root = scene.broker.federation.signed_roots[0]
    return directory.SubmitRootRequest(root=root.encode())


# Mail.


async def submit_letter(scene: Scene, agency: str, what: str) -> Message:
    held = scene.about(agency, what)
    return letter_about(scene, agency, held, place_of(held.frame))


async def submit_letter_about_another(scene: Scene, agency: str, what: str) -> Message:
    own = scene.about(agency, OWN)
    return letter_about(scene, agency, own, mixed_place(scene, agency, what))


def letter_about(scene: Scene, agency: str, held: Held, place: NoticePlace) -> Message:
    federation, sender = scene.broker.federation, scene.signer(agency)
    is_own = held.originator == sender
    recipient = ("ro-pol" if sender == "gr-pol" else "gr-pol") if is_own else held.originator
    kind = "decision" if is_own else "request_onward"
    now = federation.now
    header = letter_header(federation, held.frame, kind, sender, recipient, now=now)
    signed = letter_of(federation, replace(header, place=place))
    letter = mailbox.Letter(letter=signed.letter, sealed=signed.sealed, signature=signed.signature)
    return mailbox.SubmitLetterRequest(letter=letter)


async def submit_grant(scene: Scene, agency: str, what: str) -> Message:
    held = scene.about(agency, what)
    return grant_about(scene, agency, held, place_of(held.frame))


async def submit_grant_for_another(scene: Scene, agency: str, what: str) -> Message:
    own = scene.about(agency, OWN)
    return grant_about(scene, agency, own, mixed_place(scene, agency, what))


def grant_about(scene: Scene, agency: str, held: Held, place: NoticePlace) -> Message:
    federation, signer = scene.broker.federation, scene.signer(agency)
    parties = {signer, held.originator, *held.to}
    others = [name for name in ("it-pol", "ro-pol", "gr-pol") if name not in parties]
    grantee = others[0] if others else held.originator
    key = federation.agencies[grantee].entry.encryption_key(federation.now)
    assert key is not None
    made = seal_grant(
        secrets.token_bytes(32),
        federation=federation.id,
        place=place,
        notice_id=new_uuid7(federation.now),
        grantor=signer,
        grantee=grantee,
        key=key,
        rule_book=federation.rule_book_ref.digest,
        granted_at=federation.now,
        expires_at=federation.now + DAY,
        signer=federation.agencies[signer].signer,
    )
    grant = mailbox.Grant(grant=made.grant, wrap=made.wrap, signature=made.signature)
    return mailbox.SubmitGrantRequest(grant=grant)


async def submit_recall(scene: Scene, agency: str, what: str) -> Message:
    """Recall a notice; one's own is a new one each time, since it is gone afterwards."""
    held = scene.about(agency, what)
    if what == OWN and held.originator == agency:
        held = await scene.published(agency)
    return recall_about(scene, agency, place_of(held.frame))


async def submit_recall_of_another(scene: Scene, agency: str, what: str) -> Message:
    return recall_about(scene, agency, mixed_place(scene, agency, what))


def recall_about(scene: Scene, agency: str, place: NoticePlace) -> Message:
    federation, signer = scene.broker.federation, scene.signer(agency)
    recall = Recall(
        federation=federation.id,
        place=place,
        originator=signer,
        keyset_id=KEYSET,
        reason="ERROR",
        recalled_at=federation.now,
        answer_by=federation.now + DAY,
    )
    made = sign_recall(recall, federation.agencies[signer].signer)
    shown = thumbprint(federation.agencies[signer].tls_leaf.certificate)
    return mailbox.SubmitRecallRequest(
        recall=mailbox.Recall(recall=made.recall, signature=made.signature),
        assertions=asserted_two(
            federation, signer, made.recall, now=federation.now, certificate=shown
        ),
    )


def mixed_place(scene: Scene, agency: str, what: str) -> NoticePlace:
    """Name a frame that the caller has, and in it the hash of another notice."""
    own, other = scene.about(agency, OWN), scene.about(agency, what)
    return replace(place_of(own.frame), leaf_hash=place_of(other.frame).leaf_hash)


async def list_recipients(scene: Scene, agency: str, what: str) -> Message:
    return mailbox.ListRecipientsRequest(notice_id=notice_id(scene.about(agency, what).frame))
