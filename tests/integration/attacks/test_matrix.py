# SPDX-License-Identifier: Apache-2.0
"""Every method, asked by everybody, about what is theirs, another's, and not there.

The methods are those of the service descriptors: one without a row here fails. Where a row does
not say otherwise, what is another's is answered as what is not there, word for word.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import grpc
import pytest
import tocsin.v1
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tocsin.v1 import directory_service_pb2 as directory
from tocsin.v1 import log_service_pb2 as log
from tocsin.v1 import mailbox_service_pb2 as mailbox
from tocsin.v1 import publisher_service_pb2 as publisher
from tocsin.v1 import subscriber_service_pb2 as subscriber

from broker.rpc.access import is_allowed_to_anyone
from keys.tls import CertifiedKey, agency_spiffe_id, issue_leaf, make_root
from tests.integration.attacks import objects
from tests.integration.attacks.frames import SECONDS
from tests.integration.attacks.objects import (
    ABSENT,
    AGENCIES,
    AWAY,
    FOREIGN,
    NOWHERE,
    OBJECTS,
    OWN,
    Build,
    Scene,
    always,
)
from tests.integration.attacks.served import Served, crowded, serving
from tests.integration.broker.calling import told
from tests.simulator.federation import DAY

pytestmark = pytest.mark.e2e

TURNED_AWAY = "turned away"
"""No call is begun at all."""
OUTSIDERS = {
    "no certificate": TURNED_AWAY,
    "stranger": TURNED_AWAY,
    "impostor": "UNAUTHENTICATED",
    "locked": "AGENCY_LOCKED",
    "retired": "UNAUTHENTICATED",
}
"""Who may call nothing, and how each is answered whatever it asks."""
OFFICES = {"auditor": "eu-aud", "steward": "alpha"}
ROLES = (*OUTSIDERS, *AGENCIES, *OFFICES)


def methods() -> dict[str, Any]:
    """Return every method that a descriptor of ours, or of what we serve besides, describes."""
    files = [
        import_module(f"tocsin.v1.{module.name}").DESCRIPTOR
        for module in iter_modules(tocsin.v1.__path__)
        if module.name.endswith("_pb2")
    ]
    files += [health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR]
    return {
        f"/{service.full_name}/{method.name}": method
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    }


DESCRIBED = methods()
METHODS = {path: method for path, method in DESCRIBED.items() if is_allowed_to_anyone(path)}
"""What is served: a method that nobody may call is not."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one method answers. A reason, or "OK".

    Attributes:
        request: makes a request about an object.
        own: to an agency, about what is its own.
        foreign: about what is another's.
        absent: about what is not there; empty where that is the answer about what is another's.
        roles: what other roles are told of any object, or a role of one object.
        mixed: makes a request that names what is the caller's and one of the other objects beside
            it; None where a request names one object at most.
        mixed_answer: what the caller is told then, whatever the other object is.
    """

    request: Build
    own: str = "OK"
    foreign: str = "OK"
    absent: str = ""
    roles: Mapping[Any, str] = field(default_factory=dict)
    mixed: Build | None = None
    mixed_answer: str = ""

    @property
    def tells_apart(self) -> bool:
        """Whether what is another's may be told from what is not there."""
        return self.absent not in {"", self.foreign}

    def answer(self, role: str, what: str) -> str:
        """Return what a role is told of an object."""
        if role in OUTSIDERS:
            return OUTSIDERS[role]
        usual = {OWN: self.own, FOREIGN: self.foreign, ABSENT: self.absent or self.foreign}[what]
        if role in OFFICES:
            usual = "DENIED"
        return self.roles.get((role, what), self.roles.get(role, usual))


FOR_ALL = {"auditor": "OK", "steward": "OK"}
BY_STEWARDS = dict.fromkeys((*AGENCIES, "auditor"), "DENIED")
_PUBLISHER, _SUBSCRIBER = "/tocsin.v1.PublisherService", "/tocsin.v1.SubscriberService"
_ATTACHMENT, _DIRECTORY = "/tocsin.v1.AttachmentService", "/tocsin.v1.DirectoryService"
_LOG, _MAILBOX = "/tocsin.v1.LogService", "/tocsin.v1.MailboxService"
_HEALTH, _REFLECTION = "/grpc.health.v1.Health", "/grpc.reflection.v1alpha.ServerReflection"

ROWS: Mapping[str, Row] = {
    f"{_PUBLISHER}/Publish": Row(
        request=objects.publish_one,
        foreign="NOT_ORIGINATOR",
        absent="TOPIC_UNKNOWN",
        mixed=objects.publish_with_anothers_attachment,
        mixed_answer="ATTACHMENT_MISSING",
    ),
    f"{_PUBLISHER}/PublishStream": Row(
        request=objects.publish_many,
        foreign="NOT_ORIGINATOR",
        absent="TOPIC_UNKNOWN",
        mixed=objects.stream_with_anothers_attachment,
        mixed_answer="ATTACHMENT_MISSING",
    ),
    f"{_SUBSCRIBER}/Subscribe": Row(
        request=objects.subscribe,
        foreign="TOPIC_UNKNOWN",
        mixed=objects.subscribe_to_two,
        mixed_answer="TOPIC_UNKNOWN",
    ),
    f"{_SUBSCRIBER}/Pull": Row(
        request=objects.pull,
        foreign="TOPIC_UNKNOWN",
        mixed=objects.pull_two,
        mixed_answer="TOPIC_UNKNOWN",
    ),
    f"{_SUBSCRIBER}/Acknowledge": Row(
        request=objects.acknowledge,
        foreign="INVALID_ARGUMENT",
        mixed=objects.acknowledge_two,
        mixed_answer="INVALID_ARGUMENT",
    ),
    f"{_SUBSCRIBER}/Seek": Row(request=objects.seek, foreign="TOPIC_UNKNOWN"),
    f"{_SUBSCRIBER}/GetNotice": Row(
        request=objects.get_notice,
        foreign="NOT_FOUND",
        mixed=objects.get_anothers_notice,
        mixed_answer="NOT_FOUND",
    ),
    f"{_SUBSCRIBER}/ListTopics": Row(request=always(subscriber.ListTopicsRequest())),
    f"{_ATTACHMENT}/PutAttachmentChunk": Row(request=objects.put_chunk),
    f"{_ATTACHMENT}/GetAttachmentChunk": Row(
        request=objects.get_chunk,
        foreign="NOT_FOUND",
        mixed=objects.get_anothers_chunk,
        mixed_answer="NOT_FOUND",
    ),
    f"{_MAILBOX}/SubmitLetter": Row(
        request=objects.submit_letter,
        foreign="NOT_FOUND",
        mixed=objects.submit_letter_about_another,
        mixed_answer="NOT_FOUND",
    ),
    f"{_MAILBOX}/SubmitGrant": Row(
        request=objects.submit_grant,
        foreign="NOT_FOUND",
        roles={("recipient", OWN): "DENIED"},
        mixed=objects.submit_grant_for_another,
        mixed_answer="NOT_FOUND",
    ),
    f"{_MAILBOX}/SubmitRecall": Row(
        request=objects.submit_recall,
        foreign="NOT_FOUND",
        roles={("recipient", OWN): "NOT_FOUND"},
        mixed=objects.submit_recall_of_another,
        mixed_answer="NOT_FOUND",
    ),
    f"{_MAILBOX}/ListMail": Row(request=always(mailbox.ListMailRequest())),
    f"{_MAILBOX}/ListRecipients": Row(
        request=objects.list_recipients,
        foreign="NOT_FOUND",
        roles={("recipient", OWN): "NOT_FOUND"},
    ),
    f"{_DIRECTORY}/ListRoots": Row(request=always(directory.ListRootsRequest()), roles=FOR_ALL),
    f"{_DIRECTORY}/ListEntries": Row(request=always(directory.ListEntriesRequest()), roles=FOR_ALL),
    f"{_DIRECTORY}/SubmitEntry": Row(
        request=objects.submit_entry,
        foreign="DENIED",
        roles={("steward", OWN): "OK", "steward": "SIGNATURE_INVALID"},
    ),
    f"{_DIRECTORY}/SubmitRoot": Row(
        request=objects.submit_root, roles={**BY_STEWARDS, "steward": "OK"}
    ),
    f"{_LOG}/GetCheckpoint": Row(request=always(log.GetCheckpointRequest()), roles=FOR_ALL),
    f"{_LOG}/ListLeaves": Row(request=always(log.ListLeavesRequest()), roles=FOR_ALL),
    f"{_LOG}/GetInclusionProof": Row(
        request=always(log.GetInclusionProofRequest(index=0, size=1)), roles=FOR_ALL
    ),
    f"{_LOG}/GetConsistencyProof": Row(
        request=always(log.GetConsistencyProofRequest(old_size=1, new_size=2)), roles=FOR_ALL
    ),
    f"{_HEALTH}/Check": Row(request=always(health_pb2.HealthCheckRequest()), roles=FOR_ALL),
    f"{_HEALTH}/Watch": Row(request=always(health_pb2.HealthCheckRequest()), roles=FOR_ALL),
    f"{_REFLECTION}/ServerReflectionInfo": Row(
        request=always(reflection_pb2.ServerReflectionRequest(list_services="")), roles=FOR_ALL
    ),
}
ASKED = [path for path in ROWS if path in METHODS]
MIXED = [path for path in ASKED if ROWS[path].mixed is not None]


def uncovered(served: Mapping[str, Any], rows: Mapping[str, Row]) -> set[str]:
    """Return methods that are served and have no row."""
    return set(served) - set(rows)


def test_every_method_has_a_row_and_every_row_a_method() -> None:
    assert uncovered(METHODS, ROWS) == set()
    assert set(ROWS) <= set(DESCRIBED)


def test_a_new_method_without_a_row_is_missed() -> None:
    new = "/tocsin.v1.PublisherService/Burn"
    assert uncovered({**METHODS, new: None}, ROWS) == {new}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serving(crowded(tmp_path_factory.mktemp("matrix"))) as served:
        yield asyncio.run(Scene.set(served))
        incidents = [event for event in served.events() if event["event"] == "incident"]
        assert incidents == []


def issued(broker: Served, root: CertifiedKey, agency: str) -> CertifiedKey:
    now = broker.federation.now
    times = {"not_before": now - DAY, "not_after": now + DAY}
    return issue_leaf(root, uri=agency_spiffe_id(agency), **times)


def channel_of(broker: Served, role: str) -> grpc.aio.Channel:
    """Return a channel with the certificate that a role has."""
    federation, address = broker.federation, broker.address
    now = federation.now
    match role:
        case "no certificate":
            return address.channel(None)
        case "stranger":
            root = make_root("gr-pol", not_before=now - DAY, not_after=now + DAY)
            return address.channel(issued(broker, root, "gr-pol"))
        case "impostor":
            root = federation.agencies["ro-pol"].tls_root
            return address.channel(issued(broker, root, "gr-pol"))
        case "steward":
            return address.steward()
        case _:
            return address.agency(name_of(role))


def name_of(role: str) -> str:
    named = {**AGENCIES, **OFFICES, "locked": "mt-pol", "retired": "lu-pol"}
    return named.get(role, "gr-pol")


@dataclass(frozen=True)
class Answer:
    """What a caller sees of an answer: all of it where it is a refusal."""

    reason: str
    seen: tuple[object, ...] = ()


async def ask(channel: grpc.aio.Channel, path: str, message: Message) -> Answer:
    """Send one request and return the first answer that says anything of it."""
    asked: Any = channel.unary_stream(path)
    call = asked(message.SerializeToString(), timeout=SECONDS)
    try:
        async for data in call:
            outcome = published(path, data)
            if outcome is not None:
                return outcome
    except grpc.aio.AioRpcError as error:
        return refused(error)
    finally:
        call.cancel()
    return Answer("OK")


def published(path: str, data: bytes) -> Answer | None:
    """Return what an answer says; of a publish stream that of its first frame."""
    if not path.endswith("/PublishStream"):
        return Answer("OK")
    results = publisher.PublishStreamResponse.FromString(data).results.results
    if not results:
        return None
    refusal = results[0].refusal
    seen = (refusal.code, refusal.message, tuple(sorted(refusal.metadata.items())))
    return Answer(refusal.reason, seen) if results[0].HasField("refusal") else Answer("OK")


def refused(error: grpc.aio.AioRpcError) -> Answer:
    trailing = tuple(error.trailing_metadata() or ())
    if error.code() is grpc.StatusCode.UNAVAILABLE and not trailing:
        return Answer(TURNED_AWAY)
    _, reason, _ = told(error)
    leading = tuple(error.initial_metadata() or ())
    return Answer(reason, (error.code(), error.details(), leading, trailing))


def are_alike(foreign: Answer, absent: Answer) -> bool:
    """Tell whether two answers are the same word for word, but for the topic that was asked for."""
    return repr(foreign).replace(AWAY, NOWHERE) == repr(absent)


@pytest.mark.parametrize(
    "chatty",
    [
        Answer("DENIED", ("no such notice", ())),
        Answer("NOT_FOUND", ("not for you", ())),
        Answer("NOT_FOUND", ("no such notice", (("retry-after", "1"),))),
        Answer("OK"),
    ],
)
def test_an_answer_that_says_more_is_noticed(chatty: Answer) -> None:
    absent = Answer("NOT_FOUND", ("no such notice", ()))
    assert are_alike(absent, absent)
    assert not are_alike(chatty, absent)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ASKED)
async def test_who_may_ask_what_about_what(scene: Scene, path: str, role: str) -> None:
    row, name = ROWS[path], name_of(role)
    answers = {}
    async with channel_of(scene.broker, role) as channel:
        for what in OBJECTS:
            request = await row.request(scene, name, what)
            answers[what] = await ask(channel, path, request)
    assert {what: one.reason for what, one in answers.items()} == {
        what: row.answer(role, what) for what in OBJECTS
    }
    assert row.tells_apart or are_alike(answers[FOREIGN], answers[ABSENT])


@pytest.mark.parametrize("role", AGENCIES)
@pytest.mark.parametrize("path", MIXED)
async def test_who_may_ask_about_one_thing_may_not_name_another_beside_it(
    scene: Scene, path: str, role: str
) -> None:
    row, name = ROWS[path], name_of(role)
    assert row.mixed is not None
    async with channel_of(scene.broker, role) as channel:
        own = await ask(channel, path, await row.request(scene, name, OWN))
        answers = [
            await ask(channel, path, await row.mixed(scene, name, what))
            for what in (FOREIGN, ABSENT)
        ]
    assert own.reason == row.answer(role, OWN)
    assert {one.reason for one in answers} == {row.mixed_answer}
