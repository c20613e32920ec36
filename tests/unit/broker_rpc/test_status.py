# SPDX-License-Identifier: Apache-2.0
"""The table of refusals is whole, and says nothing that is not fixed."""

import grpc
import pytest
from google.rpc import error_details_pb2
from tocsin.v1 import error_reason_pb2

from broker.errors import MESSAGES, BrokerError, Reason
from broker.rpc.status import CODES, publish_refusal, status_of

RETRY = {Reason.OUTCOME_UNKNOWN, Reason.READ_ONLY, Reason.DRAINING}


def test_each_reason_of_the_wire_has_a_code() -> None:
    values = error_reason_pb2.ErrorReason.DESCRIPTOR.values
    names = {value.name.removeprefix("ERROR_REASON_") for value in values}
    assert names - {"UNSPECIFIED"} == {reason.value for reason in CODES}


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_says_the_fixed_sentence_and_never_the_detail(reason: Reason) -> None:
    status = status_of(BrokerError(reason, {"field": "x"}, detail="secret"))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, dict(info.metadata)) == (reason, "tocsin", {"field": "x"})
    assert status.message == MESSAGES[reason]
    assert b"secret" not in status.SerializeToString()


@pytest.mark.parametrize("reason", Reason)
def test_a_streams_refusal_has_the_same_code_and_reason(reason: Reason) -> None:
    refused = publish_refusal(BrokerError(reason))
    assert (refused.code, refused.reason) == (status_of(BrokerError(reason)).code, reason.value)


def test_unavailable_is_said_only_where_the_same_bytes_may_be_sent_again() -> None:
    said = {reason for reason, code in CODES.items() if code is grpc.StatusCode.UNAVAILABLE}
    assert said == RETRY
