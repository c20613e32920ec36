# SPDX-License-Identifier: Apache-2.0
"""What an agency's program refuses or could not do: one error, a stable reason, a sentence.

The reasons up to DRAINING are the broker's (`ErrorReason` in protos/tocsin/v1/error_reason.proto,
without the prefix); those below are our own.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something was refused or could not be done. Stable: callers may compare it."""

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

    BROKER_UNREACHABLE = "BROKER_UNREACHABLE"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    EMPTY_AUDIENCE = "EMPTY_AUDIENCE"
    UNKNOWN_RECIPIENT = "UNKNOWN_RECIPIENT"
    RETIRED_RECIPIENT = "RETIRED_RECIPIENT"
    RECIPIENT_REFUSED = "RECIPIENT_REFUSED"
    UNKNOWN_NOTICE = "UNKNOWN_NOTICE"
    PROFILE_IN_USE = "PROFILE_IN_USE"
    PROFILE_MISSING = "PROFILE_MISSING"
    PROFILE_EXISTS = "PROFILE_EXISTS"
    PROFILE_INVALID = "PROFILE_INVALID"
    NOT_ENROLLED = "NOT_ENROLLED"
    FEDERATION_MISMATCH = "FEDERATION_MISMATCH"
    INVITATION_INVALID = "INVITATION_INVALID"
    ADMISSION_DIFFERS = "ADMISSION_DIFFERS"
    WORDS_DIFFER = "WORDS_DIFFER"
    DIRECTORY_INVALID = "DIRECTORY_INVALID"
    LOG_INVALID = "LOG_INVALID"
    STORE_NEWER = "STORE_NEWER"
    STORE_INVALID = "STORE_INVALID"
    STORE_FAILED = "STORE_FAILED"
    ATTACHMENT_INVALID = "ATTACHMENT_INVALID"
    ATTACHMENT_UNKNOWN = "ATTACHMENT_UNKNOWN"


class AgencyError(Exception):
    """Something was refused or could not be done.

    `reason` is stable, `message` says what happened (what was expected and what was got, no content
    of any notice), `metadata` repeats its parts for programs.
    """

    def __init__(self, reason: Reason, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata
