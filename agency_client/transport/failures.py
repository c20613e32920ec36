# SPDX-License-Identifier: Apache-2.0
"""From what gRPC reports to our one error: the broker's reason, or why there was no answer.

A broker's refusal carries a `google.rpc.ErrorInfo`; its reason counts only where it is one of the
protocol's. Whatever else a peer says is cut and cleaned before anybody reads it. Source: AIP-193;
`broker.rpc.status` is the other side.
"""

import unicodedata
from collections.abc import Iterable, Mapping

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from tocsin.v1 import error_reason_pb2

from agency_client.errors import AgencyError, Reason

DOMAIN = "tocsin"
DETAILS_KEY = "grpc-status-details-bin"
MAX_TEXT = 200
MAX_METADATA = 16

_PREFIX = "ERROR_REASON_"
BROKER_REASONS: Mapping[str, Reason] = {
    name.removeprefix(_PREFIX): Reason(name.removeprefix(_PREFIX))
    for name, number in error_reason_pb2.ErrorReason.items()
    if number
}
"""The reasons that a broker may give; our own are not for a peer to say."""

_CODE = grpc.StatusCode
_PLAIN: Mapping[grpc.StatusCode, Reason] = {
    _CODE.UNAVAILABLE: Reason.BROKER_UNREACHABLE,
    _CODE.CANCELLED: Reason.BROKER_UNREACHABLE,
    _CODE.DEADLINE_EXCEEDED: Reason.DEADLINE_EXCEEDED,
    _CODE.UNAUTHENTICATED: Reason.UNAUTHENTICATED,
    _CODE.RESOURCE_EXHAUSTED: Reason.LIMIT_EXCEEDED,
}
"""What a status without a reason of ours means; any other is a fault of the peer: INTERNAL."""

_REFUSED: Mapping[int, Reason] = {
    _CODE.INVALID_ARGUMENT.value[0]: Reason.INVALID_ARGUMENT,
    _CODE.NOT_FOUND.value[0]: Reason.NOT_FOUND,
    _CODE.ALREADY_EXISTS.value[0]: Reason.ALREADY_EXISTS,
    _CODE.PERMISSION_DENIED.value[0]: Reason.DENIED,
    _CODE.UNAUTHENTICATED.value[0]: Reason.UNAUTHENTICATED,
    _CODE.UNAVAILABLE.value[0]: Reason.OUTCOME_UNKNOWN,
}
"""What the code of a refusal means whose reason a newer broker made up."""

_TOO_LARGE = {
    "received message larger": (Reason.MALFORMED, "the broker's answer is larger than allowed"),
    "sent message larger": (Reason.LIMIT_EXCEEDED, "the request is larger than a broker takes"),
}
_OUR_OWN = "internal error from core"
"""gRPC's own word, in place of the peer's, where a stream ended while we were writing to it."""
_CLOCK = (
    "the certificate that {address} shows is not valid by this machine's clock; one of the two "
    "clocks is wrong"
)
_CLOSED = (
    "{address} closed the connection: it is being restarted, does not know our certificate, or "
    "finds it ended because this machine's clock is behind"
)
_CONNECTING: tuple[tuple[str, Reason, str], ...] = (
    ("certificate has expired", Reason.CLOCK_SKEW, _CLOCK),
    ("certificate is not yet valid", Reason.CLOCK_SKEW, _CLOCK),
    (
        "certificate_verify_failed",
        Reason.BROKER_UNREACHABLE,
        "what answers at {address} has a certificate of another root than the federation's broker",
    ),
    (
        "hostname verification",
        Reason.BROKER_UNREACHABLE,
        "what answers at {address} is not the federation's broker: its certificate names another",
    ),
    (
        "wrong_version_number",
        Reason.BROKER_UNREACHABLE,
        "what answers at {address} does not speak TLS",
    ),
    (
        "handshake_failure",
        Reason.BROKER_UNREACHABLE,
        "what listens at {address} does not finish a handshake of TLS 1.3",
    ),
    ("connection refused", Reason.BROKER_UNREACHABLE, "nothing listens at {address}"),
    ("dns resolution failed", Reason.BROKER_UNREACHABLE, "the name in {address} is not known"),
    ("domain name not found", Reason.BROKER_UNREACHABLE, "the name in {address} is not known"),
    (
        "handshake read failed",
        Reason.BROKER_UNREACHABLE,
        "what listens at {address} does not finish a handshake of TLS 1.3",
    ),
    (
        "connection reset",
        Reason.BROKER_UNREACHABLE,
        _CLOSED,
    ),
    ("socket closed", Reason.BROKER_UNREACHABLE, _CLOSED),
)
"""What gRPC's text gives away about a connection that failed; the texts are not ours to show."""


def failure_of(error: grpc.aio.AioRpcError, address: str) -> AgencyError:
    """Return the error that a failed call is told as."""
    metadata = error.trailing_metadata() or ()
    status = _status(value for key, value in metadata if key == DETAILS_KEY)
    info = _info(status)
    if info is None:
        return _plain(error.code(), (error.details() or "").lower(), address)
    number: int = error.code().value[0]
    return refusal(info.reason, number, status.message, info.metadata)


def _status(values: Iterable[str | bytes]) -> status_pb2.Status:
    for value in values:
        try:
            return status_pb2.Status.FromString(value)
        except (DecodeError, TypeError):
            continue
    return status_pb2.Status()


def _info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo | None:
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        try:
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info
        except DecodeError:
            continue
    return None


def refusal(name: str, code: int, message: str, metadata: Mapping[str, str]) -> AgencyError:
    """Return a broker's refusal.

    Args:
        name: its reason; one that we do not know is read off the code.
        code: `google.rpc.Code`.
        message: its sentence.
        metadata: what the sentence names.
    """
    reason = BROKER_REASONS.get(name) or _REFUSED.get(code, Reason.INTERNAL)
    parts = {
        clean(key): clean(metadata[key]) for key in sorted(metadata)[:MAX_METADATA] if metadata[key]
    }
    named = ", ".join(f"{key} {value}" for key, value in parts.items())
    sentence = clean(message) or f"the broker gives no sentence for {clean(name) or 'it'}"
    refused = AgencyError(reason, f"{sentence} ({named})" if named else sentence)
    refused.metadata.update(parts)
    return refused


def _plain(code: grpc.StatusCode, details: str, address: str) -> AgencyError:
    for needle, (too_large, sentence) in _TOO_LARGE.items():
        if code is _CODE.RESOURCE_EXHAUSTED and needle in details:
            return AgencyError(too_large, sentence)
    if code is _CODE.INTERNAL and details == _OUR_OWN:
        return AgencyError(
            Reason.BROKER_UNREACHABLE,
            f"the broker at {address} ended the stream as we were writing",
        )
    reason = _PLAIN.get(code, Reason.INTERNAL)
    if reason is Reason.BROKER_UNREACHABLE:
        return _unreachable(details, address)
    sentences = {
        Reason.DEADLINE_EXCEEDED: f"the broker at {address} did not answer in time",
        Reason.LIMIT_EXCEEDED: f"the broker at {address} has too much to do",
    }
    text = f"the broker at {address} failed with {code.name} and gave no reason"
    return AgencyError(reason, sentences.get(reason, text))


def _unreachable(details: str, address: str) -> AgencyError:
    for needle, reason, sentence in _CONNECTING:
        if needle in details:
            return AgencyError(reason, sentence.format(address=address))
    return AgencyError(Reason.BROKER_UNREACHABLE, f"the broker at {address} cannot be reached")


def malformed(what: str) -> AgencyError:
    """Return the error for an answer that no broker of ours gives."""
    return AgencyError(Reason.MALFORMED, f"the broker's answer is not right: {what}")


def clean(text: str) -> str:
    """Return a peer's words without what could steer a terminal, and not too many of them."""
    return "".join(
        letter
        for letter in text[:MAX_TEXT]
        if unicodedata.category(letter)[0] not in "CZ" or letter == " "
    )
