# SPDX-License-Identifier: Apache-2.0
"""The broker's errors: what a caller is told, and why the broker refuses to start.

A `BrokerError` carries only what may cross the wire: a stable reason, the fixed sentence for that
reason, and metadata made of values that the caller sent or may know. `detail` stays in the local
log. `broker.rpc.status` turns reasons into status codes; nothing else does.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Reason(StrEnum):
    """Why an act was refused. The names are those of `tocsin.v1.ErrorReason` without its prefix."""

    MALFORMED = "MALFORMED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    STATEMENT_MISMATCH = "STATEMENT_MISMATCH"
    WRONG_FEDERATION = "WRONG_FEDERATION"
    NOT_ORIGINATOR = "NOT_ORIGINATOR"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    RESEAL_REQUIRED = "RESEAL_REQUIRED"
    DENIED = "DENIED"
    NOT_FOUND = "NOT_FOUND"
    CLOCK_SKEW = "CLOCK_SKEW"
    ATTACHMENT_MISSING = "ATTACHMENT_MISSING"
    AGENCY_LOCKED = "AGENCY_LOCKED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    STORAGE_FULL = "STORAGE_FULL"
    READ_ONLY = "READ_ONLY"
    OFFSET_MISMATCH = "OFFSET_MISMATCH"
    DIRECTORY_CONFLICT = "DIRECTORY_CONFLICT"
    NOT_ENOUGH_SIGNATURES = "NOT_ENOUGH_SIGNATURES"
    INTERNAL = "INTERNAL"
    SUBSCRIPTION_BUSY = "SUBSCRIPTION_BUSY"
    TOPIC_UNKNOWN = "TOPIC_UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DRAINING = "DRAINING"


MESSAGES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.MALFORMED: "the bytes are not what this protocol writes",
        Reason.LIMIT_EXCEEDED: "a limit is exceeded; send less",
        Reason.SIGNATURE_INVALID: "the statement is not signed by a keyset of the originator",
        Reason.STATEMENT_MISMATCH: "the frame is not the one that the statement commits to",
        Reason.WRONG_FEDERATION: "made for another federation",
        Reason.NOT_ORIGINATOR: "the caller is not the agency that signed",
        Reason.ALREADY_EXISTS: "the id is known with other bytes",
        Reason.CHAIN_BROKEN: "a recipient's number does not follow; number and seal anew",
        Reason.RESEAL_REQUIRED: "rule book, directory or keys moved on; seal anew",
        Reason.DENIED: "the rule book refuses",
        Reason.NOT_FOUND: "no such thing, or not for the caller",
        Reason.CLOCK_SKEW: "the frame was made too far from the broker's time; check the clock",
        Reason.ATTACHMENT_MISSING: "a listed attachment is not complete; upload it first",
        Reason.AGENCY_LOCKED: "the agency is locked; ask a steward",
        Reason.UNAUTHENTICATED: "the peer is not an enrolled party",
        Reason.OUTCOME_UNKNOWN: "the outcome is unknown; retry the same bytes",
        Reason.STORAGE_FULL: "the broker's storage is full; nothing was written",
        Reason.READ_ONLY: "the broker takes no writes at present",
        Reason.OFFSET_MISMATCH: "the chunk does not follow what is stored",
        Reason.DIRECTORY_CONFLICT: "the entry's place is taken; read the directory and sign anew",
        Reason.NOT_ENOUGH_SIGNATURES: "fewer stewards signed than the root asks for",
        Reason.INTERNAL: "a fault of the broker",
        Reason.SUBSCRIPTION_BUSY: "another stream of the agency holds the subscription",
        Reason.TOPIC_UNKNOWN: "no such topic, or not for the caller",
        Reason.INVALID_ARGUMENT: "a field is outside its range",
        Reason.DRAINING: "the broker is stopping; reconnect",
    }
)
"""The one sentence for each reason."""


class BrokerError(Exception):
    """A refusal.

    Attributes:
        reason: stable.
        metadata: what the sentence names; safe to send.
        detail: for the local log only.
    """

    def __init__(
        self, reason: Reason, metadata: Mapping[str, str] | None = None, *, detail: str = ""
    ) -> None:
        super().__init__(f"{reason.value}: {detail or MESSAGES[reason]}")
        self.reason = reason
        self.metadata: Mapping[str, str] = MappingProxyType(dict(metadata or {}))
        self.detail = detail

    @property
    def message(self) -> str:
        """The fixed sentence of the reason."""
        return MESSAGES[self.reason]


class DestroyedError(BrokerError):
    """Something was destroyed since what was to be handed out was read: read again."""

    def __init__(self) -> None:
        super().__init__(Reason.INTERNAL, detail="something was destroyed since this was read")


class StartFault(StrEnum):
    """Why a broker refuses to start."""

    IN_USE = "in_use"
    NEWER_VERSION = "newer_version"
    UNSAFE_SQLITE = "unsafe_sqlite"
    WRONG_SETTINGS = "wrong_settings"
    NOT_A_STORE = "not_a_store"
    DAMAGED = "damaged"
    LOG_MISMATCH = "log_mismatch"
    FEDERATION = "federation"


class StartError(Exception):
    """The broker cannot start as things are. `detail` says what to look at."""

    def __init__(self, fault: StartFault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail


def invalid(field: str, detail: str = "") -> BrokerError:
    """Return the refusal of a field that is outside its range."""
    return BrokerError(Reason.INVALID_ARGUMENT, {"field": field}, detail=detail)


def over_limit(limit: str, allowed: int, got: int) -> BrokerError:
    """Return the refusal of what exceeds a limit of the limits table."""
    return BrokerError(
        Reason.LIMIT_EXCEEDED, {"limit": limit, "allowed": str(allowed), "got": str(got)}
    )
