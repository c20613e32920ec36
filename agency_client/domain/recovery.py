# SPDX-License-Identifier: Apache-2.0
"""How an agency stands that wants its keys back one day: whether custodians could open a copy."""

from dataclasses import dataclass
from enum import StrEnum


class RecoveryState(StrEnum):
    """Whether custodians could bring the keys back."""

    NONE = "none"
    """No shares were ever made: a forgotten passphrase is the end of the keys."""

    READY = "ready"
    """The copy beside the keys holds the keys of today."""

    OLDER = "older"
    """The copy holds other keys than those of today, or other shares open it."""

    MISSING = "missing"
    """There is no copy beside the keys, or none that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryStatus:
    """How recovery stands; all but `state` says of which shares, and is 0 where there are none."""

    state: RecoveryState
    number: int = 0
    needed: int = 0
    shares: int = 0
    made_at: int = 0
    copied_at: int = 0
