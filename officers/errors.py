# SPDX-License-Identifier: Apache-2.0
"""The error of this library, with a stable reason. Source: docs/protocol.md section 22."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an assertion or an approval does not count. Stable: callers and logs may compare it."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    SIGNATURE_INVALID = "signature_invalid"
    OTHER_AGENCY = "other_agency"
    OTHER_AUDIENCE = "other_audience"
    OTHER_CERTIFICATE = "other_certificate"
    OTHER_ACT = "other_act"
    TOO_LONG = "too_long"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    NOT_VETTED = "not_vetted"
    ROLE_NOT_ALLOWED = "role_not_allowed"
    ROLE_MISSING = "role_missing"
    REPLAYED = "replayed"
    SAME_PERSON = "same_person"
    SUSPENDED = "suspended"


class OfficerError(Exception):
    """`reason` is stable; `detail` says what was expected and what was got, and names nobody."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
