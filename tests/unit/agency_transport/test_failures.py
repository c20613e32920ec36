# SPDX-License-Identifier: Apache-2.0
"""What gRPC reports becomes one of our reasons, and a sentence with nothing of a peer's in it."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from tocsin.v1 import core_pb2

from agency_client.errors import AgencyError, Reason
from agency_client.transport.failures import clean, failure_of, malformed, refusal
from agency_client.transport.messages import parse
from agency_client.transport.tls import CIPHER_SUITES

ROOT = Path(__file__).parents[3]


def failed(code: grpc.StatusCode, details: str) -> AgencyError:
    empty = grpc.aio.Metadata()
    return failure_of(grpc.aio.AioRpcError(code, empty, empty, details), "a:1")


@pytest.mark.parametrize(
    ("details", "reason", "told"),
    [
        ("Connection refused", Reason.BROKER_UNREACHABLE, "nothing listens at a:1"),
        ("recvmsg:Connection reset by peer", Reason.BROKER_UNREACHABLE, "closed the connection"),
        ("Socket closed", Reason.BROKER_UNREACHABLE, "closed the connection"),
        ("DNS resolution failed for a:1", Reason.BROKER_UNREACHABLE, "is not known"),
        ("CERTIFICATE_VERIFY_FAILED: self signed", Reason.BROKER_UNREACHABLE, "another root"),
        ("CERTIFICATE_VERIFY_FAILED: certificate has expired", Reason.CLOCK_SKEW, "clock"),
        ("certificate is not yet valid", Reason.CLOCK_SKEW, "clock"),
        ("Hostname Verification Check failed", Reason.BROKER_UNREACHABLE, "names another"),
        ("WRONG_VERSION_NUMBER", Reason.BROKER_UNREACHABLE, "does not speak TLS"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", Reason.BROKER_UNREACHABLE, "TLS 1.3"),
        ("something nobody has seen", Reason.BROKER_UNREACHABLE, "cannot be reached"),
        ("", Reason.BROKER_UNREACHABLE, "cannot be reached"),
    ],
)
def test_a_failed_connection_says_what_to_look_for(details: str, reason: Reason, told: str) -> None:
    error = failed(grpc.StatusCode.UNAVAILABLE, details)
    assert error.reason is reason
    assert told in error.message


def test_only_a_limit_of_ours_makes_an_answer_malformed() -> None:
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed(exhausted, "CLIENT: Received message larger than max").reason is Reason.MALFORMED
    assert failed(exhausted, "CLIENT: Sent message larger").reason is Reason.LIMIT_EXCEEDED
    assert failed(exhausted, "Concurrent RPC limit exceeded!").reason is Reason.LIMIT_EXCEEDED


def test_grpc_s_own_word_for_a_stream_that_ended_under_us_accuses_no_broker() -> None:
    ended = failed(grpc.StatusCode.INTERNAL, "Internal error from Core")
    assert ended.reason is Reason.BROKER_UNREACHABLE
    assert "ended the stream" in ended.message
    told = failed(grpc.StatusCode.INTERNAL, "an Internal error from Core, the broker says")
    assert told.reason is Reason.INTERNAL


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_no_status_at_all_shows_what_a_peer_wrote(code: grpc.StatusCode) -> None:
    error = failed(code, "the password is hunter2")
    assert "hunter2" not in error.message
    assert error.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "plain words"),
        ("a\nb\tc\x00d\x1b[2Je", "abcd[2Je"),
        ("left\u202eright\u2066\u200f", "leftright"),
        ("line\u2028two\u00a0three", "linetwothree"),
        ("Ωμέγα", "Ωμέγα"),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_peer_s_text_keeps_only_what_can_be_read(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_refusal_names_what_it_is_about_and_no_more_than_that() -> None:
    many = {f"key{n:03}": "value" for n in range(100)} | {"zero": ""}
    error = refusal("DENIED", 7, "", many)
    assert error.reason is Reason.DENIED
    assert error.message.startswith("the broker gives no sentence for DENIED (")
    assert len(error.metadata) == 16


def test_a_refusal_without_anything_still_says_something() -> None:
    error = refusal("", 0, "", {})
    assert (error.reason, error.message) == (
        Reason.INTERNAL,
        "the broker gives no sentence for it",
    )


def test_what_is_wrong_with_an_answer_is_said_in_our_words() -> None:
    assert malformed("too long").message == "the broker's answer is not right: too long"


def test_nothing_is_parsed_into_a_half_message() -> None:
    with pytest.raises(AgencyError) as caught:
        parse(core_pb2.Delivery, b"\x0a\x05ab")
    assert caught.value.reason is Reason.MALFORMED


def _run(code: str, **environment: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_the_library_loads_grpc_only_when_a_broker_is_needed() -> None:
    assert _run("import sys, agency_client.bootstrap as _; print('grpc' in sys.modules)") == "False"


def test_the_first_way_to_a_broker_leaves_grpc_nothing_below_tls_1_3() -> None:
    code = (
        "import os; from agency_client.bootstrap.connecting import broker_at\n"
        f"broker_at('a:1', None); print(os.environ['{CIPHER_SUITES}'])"
    )
    assert _run(code) == "AES128-SHA"
    assert _run(code, **{CIPHER_SUITES: "chosen-by-the-program"}) == "chosen-by-the-program"
