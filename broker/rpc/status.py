# SPDX-License-Identifier: Apache-2.0
"""Refusals on the wire: the one table from reason to status code, and `google.rpc.Status`.

A peer learns the code, the fixed sentence of the reason and the metadata of the error: never an
exception's text. Source: AIP-193; gRPC's richer error model.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from tocsin.v1 import publisher_service_pb2

from broker.errors import BrokerError, Reason

DOMAIN = "tocsin"
DETAILS_KEY = "grpc-status-details-bin"

_CODE = grpc.StatusCode
CODES: Mapping[Reason, grpc.StatusCode] = MappingProxyType(
    {
        Reason.MALFORMED: _CODE.INVALID_ARGUMENT,
        Reason.LIMIT_EXCEEDED: _CODE.RESOURCE_EXHAUSTED,
        Reason.SIGNATURE_INVALID: _CODE.INVALID_ARGUMENT,
        Reason.STATEMENT_MISMATCH: _CODE.INVALID_ARGUMENT,
        Reason.WRONG_FEDERATION: _CODE.INVALID_ARGUMENT,
        Reason.NOT_ORIGINATOR: _CODE.PERMISSION_DENIED,
        Reason.ALREADY_EXISTS: _CODE.ALREADY_EXISTS,
        Reason.CHAIN_BROKEN: _CODE.FAILED_PRECONDITION,
        Reason.RESEAL_REQUIRED: _CODE.FAILED_PRECONDITION,
        Reason.DENIED: _CODE.PERMISSION_DENIED,
        Reason.NOT_FOUND: _CODE.NOT_FOUND,
        Reason.CLOCK_SKEW: _CODE.FAILED_PRECONDITION,
        Reason.ATTACHMENT_MISSING: _CODE.FAILED_PRECONDITION,
        Reason.AGENCY_LOCKED: _CODE.PERMISSION_DENIED,
        Reason.UNAUTHENTICATED: _CODE.UNAUTHENTICATED,
        Reason.OUTCOME_UNKNOWN: _CODE.UNAVAILABLE,
        Reason.STORAGE_FULL: _CODE.RESOURCE_EXHAUSTED,
        Reason.READ_ONLY: _CODE.UNAVAILABLE,
        Reason.OFFSET_MISMATCH: _CODE.FAILED_PRECONDITION,
        Reason.DIRECTORY_CONFLICT: _CODE.ABORTED,
        Reason.NOT_ENOUGH_SIGNATURES: _CODE.FAILED_PRECONDITION,
        Reason.INTERNAL: _CODE.INTERNAL,
        Reason.SUBSCRIPTION_BUSY: _CODE.ABORTED,
        Reason.TOPIC_UNKNOWN: _CODE.NOT_FOUND,
        Reason.INVALID_ARGUMENT: _CODE.INVALID_ARGUMENT,
        Reason.DRAINING: _CODE.UNAVAILABLE,
    }
)
"""UNAVAILABLE is said only where sending the same bytes again may help."""


def status_of(error: BrokerError) -> status_pb2.Status:
    """Return the refusal as `google.rpc.Status` with an ErrorInfo."""
    info = error_details_pb2.ErrorInfo(
        reason=error.reason.value, domain=DOMAIN, metadata=dict(error.metadata)
    )
    detail = any_pb2.Any()
    detail.Pack(info)
    return status_pb2.Status(code=_number(error.reason), message=error.message, details=[detail])


def _number(reason: Reason) -> int:
    number: int = CODES[reason].value[0]
    return number


def publish_refusal(error: BrokerError) -> publisher_service_pb2.PublishRefusal:
    """Return the refusal as a publish stream carries it: data, with the same reason and code."""
    return publisher_service_pb2.PublishRefusal(
        code=_number(error.reason),
        reason=error.reason.value,
        message=error.message,
        metadata=dict(error.metadata),
    )


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: BrokerError) -> NoReturn:
    """End the call with the refusal."""
    details = status_of(error).SerializeToString()
    await context.abort(CODES[error.reason], error.message, ((DETAILS_KEY, details),))
