# SPDX-License-Identifier: Apache-2.0
"""What keeps a broker from being set up or started, said to its operator."""

from enum import StrEnum


class Kind(StrEnum):
    """What sort of fault it is; the command line has an exit code for each."""

    USAGE = "usage"
    NOT_FOUND = "not_found"
    CREDENTIAL = "credential"
    CONFLICT = "conflict"
    BAD = "bad"
    FAILED = "failed"


class SetupError(Exception):
    """A fault with its remedy.

    Attributes:
        kind: what sort.
        message: what is wrong, one sentence without its full stop.
        advice: what to do.
    """

    def __init__(self, kind: Kind, message: str, advice: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.advice = advice
