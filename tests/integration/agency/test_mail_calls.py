# SPDX-License-Identifier: Apache-2.0
"""The calls of the mailbox: what goes out byte for byte, and answers that are not believed."""

from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from tocsin.v1 import core_pb2
from tocsin.v1 import mailbox_service_pb2 as pb

from agency_client.domain.delivery import LogReference
from agency_client.domain.mail import RecipientState, Removed
from agency_client.errors import AgencyError, Reason
from agency_client.transport.broker import GrpcBroker
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall
from tests.integration.agency.rogue import Refusal, Rogue

LETTER = SignedLetter(letter=b"letter", sealed=b"sealed", signature=b"signed")
GRANT = SignedGrant(grant=b"grant", wrap=b"wrap", signature=b"signed")
RECALL = SignedRecall(recall=b"recall", signature=b"signed")
LEAF = core_pb2.LogReference(index=7, salt=bytes(32), time_ms=8)
REFERENCE = LogReference(index=7, salt=bytes(32), time_ms=8)
Call = Callable[[GrpcBroker], Coroutine[Any, Any, object]]


def mail(sequence: int, **item: object) -> pb.Mail:
    given = item or {"removed": pb.Mail.Removed()}
    return pb.Mail(sequence=sequence, log=LEAF, **given)  # type: ignore[arg-type]


async def refused(call: Coroutine[Any, Any, object]) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        await call
    return caught.value


async def test_a_letter_is_submitted_as_it_was_signed(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["SubmitLetter"] = [pb.SubmitLetterResponse(log=LEAF)]
    assert await misled.submit_letter(LETTER) == REFERENCE
    ((_, data),) = rogue.heard
    wanted = pb.Letter(letter=b"letter", sealed=b"sealed", signature=b"signed")
    assert pb.SubmitLetterRequest.FromString(data).letter == wanted


async def test_a_grant_is_submitted_as_it_was_signed(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["SubmitGrant"] = [pb.SubmitGrantResponse(log=LEAF, duplicate=True)]
    assert await misled.submit_grant(GRANT) == REFERENCE
    ((_, data),) = rogue.heard
    wanted = pb.Grant(grant=b"grant", wrap=b"wrap", signature=b"signed")
    assert pb.SubmitGrantRequest.FromString(data).grant == wanted


async def test_a_recall_is_submitted_with_who_stands_behind_it(
    misled: GrpcBroker, rogue: Rogue
) -> None:
    rogue.says["SubmitRecall"] = [pb.SubmitRecallResponse(log=LEAF, addressees=2)]
    assert await misled.submit_recall(RECALL, ("first", "second")) == REFERENCE
    ((_, data),) = rogue.heard
    request = pb.SubmitRecallRequest.FromString(data)
    assert request.recall == pb.Recall(recall=b"recall", signature=b"signed")
    assert list(request.assertions) == ["first", "second"]


async def test_every_kind_of_mail_comes_as_it_is(misled: GrpcBroker, rogue: Rogue) -> None:
    items = [
        mail(5, letter=pb.Letter(letter=b"letter", sealed=b"sealed", signature=b"signed")),
        mail(6, grant=pb.Grant(grant=b"grant", wrap=b"wrap", signature=b"signed")),
        mail(7, recall=pb.Recall(recall=b"recall", signature=b"signed")),
        mail(8),
    ]
    rogue.says["ListMail"] = [pb.ListMailResponse(items=items, head=9)]
    found, head = await misled.mail(4, 20)
    assert head == 9
    assert [one.item for one in found] == [LETTER, GRANT, RECALL, Removed()]
    assert [(one.sequence, one.log) for one in found] == [(at, REFERENCE) for at in (5, 6, 7, 8)]
    request = pb.ListMailRequest.FromString(rogue.heard[0][1])
    assert (request.after, request.page_size, request.wait_ms) == (4, 100, 20)


async def test_an_empty_mailbox_is_no_error(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["ListMail"] = [pb.ListMailResponse()]
    assert await misled.mail(0, 0) == ((), 0)


async def test_the_states_of_recipients_come_as_they_are(misled: GrpcBroker, rogue: Rogue) -> None:
    states = [
        pb.RecipientState(agency="hr-ngo", grantee=True),
        pb.RecipientState(agency="ro-pol", delivered=True),
    ]
    rogue.says["ListRecipients"] = [pb.ListRecipientsResponse(recipients=states)]
    assert await misled.recipients(b"n" * 16) == (
        RecipientState(agency="hr-ngo", delivered=False, grantee=True),
        RecipientState(agency="ro-pol", delivered=True, grantee=False),
    )
    assert pb.ListRecipientsRequest.FromString(rogue.heard[0][1]).notice_id == b"n" * 16


async def test_a_foreign_notice_is_not_found(misled: GrpcBroker, rogue: Rogue) -> None:
    rogue.says["ListRecipients"] = [Refusal(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")]
    rogue.says["SubmitRecall"] = [Refusal(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")]
    assert (await refused(misled.recipients(bytes(16)))).reason is Reason.NOT_FOUND
    assert (await refused(misled.submit_recall(RECALL, ()))).reason is Reason.NOT_FOUND


async def test_a_broker_that_is_full_may_be_asked_again(misled: GrpcBroker, rogue: Rogue) -> None:
    full = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL")
    rogue.says["SubmitLetter"] = [full]
    assert (await refused(misled.submit_letter(LETTER))).reason is Reason.STORAGE_FULL


BAD: dict[str, tuple[str, Message, Call]] = {
    "a-leaf-without-a-salt": (
        "SubmitLetter",
        pb.SubmitLetterResponse(log=core_pb2.LogReference(index=1)),
        lambda broker: broker.submit_letter(LETTER),
    ),
    "no-leaf": (
        "SubmitGrant",
        pb.SubmitGrantResponse(),
        lambda broker: broker.submit_grant(GRANT),
    ),
    "a-leaf-beyond-the-store": (
        "SubmitRecall",
        pb.SubmitRecallResponse(log=core_pb2.LogReference(index=1 << 63, salt=bytes(32))),
        lambda broker: broker.submit_recall(RECALL, ()),
    ),
    "more-mail-than-asked-for": (
        "ListMail",
        pb.ListMailResponse(items=[mail(at) for at in range(1, 102)], head=101),
        lambda broker: broker.mail(0, 0),
    ),
    "mail-left-out": (
        "ListMail",
        pb.ListMailResponse(items=[mail(1), mail(3)], head=3),
        lambda broker: broker.mail(0, 0),
    ),
    "mail-from-the-start-again": (
        "ListMail",
        pb.ListMailResponse(items=[mail(1)], head=5),
        lambda broker: broker.mail(4, 0),
    ),
    "mail-twice": (
        "ListMail",
        pb.ListMailResponse(items=[mail(5), mail(5)], head=6),
        lambda broker: broker.mail(4, 0),
    ),
    "mail-beyond-the-last-place": (
        "ListMail",
        pb.ListMailResponse(items=[mail(5)], head=4),
        lambda broker: broker.mail(4, 0),
    ),
    "a-mailbox-that-shrank": (
        "ListMail",
        pb.ListMailResponse(head=3),
        lambda broker: broker.mail(4, 0),
    ),
    "mail-of-no-kind": (
        "ListMail",
        pb.ListMailResponse(items=[pb.Mail(sequence=1, log=LEAF)], head=1),
        lambda broker: broker.mail(0, 0),
    ),
    "mail-without-a-leaf": (
        "ListMail",
        pb.ListMailResponse(items=[pb.Mail(sequence=1, removed=pb.Mail.Removed())], head=1),
        lambda broker: broker.mail(0, 0),
    ),
    "an-agency-that-is-none": (
        "ListRecipients",
        pb.ListRecipientsResponse(recipients=[pb.RecipientState(agency="../etc")]),
        lambda broker: broker.recipients(bytes(16)),
    ),
    "an-agency-twice": (
        "ListRecipients",
        pb.ListRecipientsResponse(recipients=[pb.RecipientState(agency="ro-pol")] * 2),
        lambda broker: broker.recipients(bytes(16)),
    ),
}


@pytest.mark.must("MAIL-15")
@pytest.mark.parametrize(("name", "said", "call"), BAD.values(), ids=BAD)
async def test_an_answer_out_of_bounds_is_malformed(
    misled: GrpcBroker, rogue: Rogue, name: str, said: Message, call: Call
) -> None:
    rogue.says[name] = [said]
    assert (await refused(call(misled))).reason is Reason.MALFORMED
