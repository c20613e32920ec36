# SPDX-License-Identifier: Apache-2.0
"""An officer as others know one: a pseudonym of one agency, roles, clearance and vetting.

No name and no login: those stay in the agency's own register. Source: design section 5.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from keys.errors import FramingError
from keys.fields import check_agency, check_bytes, check_choice, check_key_id, check_time
from officers.errors import OfficerError, Reason

_P = ParamSpec("_P")
_R = TypeVar("_R")

ANALYST, LIAISON, SUPERVISOR = "ANALYST", "LIAISON", "SUPERVISOR"
DUTY_247, AUDITOR, ADMIN = "DUTY_247", "AUDITOR", "ADMIN"
ROLES = (ANALYST, LIAISON, SUPERVISOR, DUTY_247, AUDITOR, ADMIN)
"""The roles that the rule book's words know."""
MAX_CLEARANCE = 99
KEY_BYTES = 32


def refusing(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn what the trust library says of a malformed value into this library's error."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except FramingError as error:
            raise OfficerError(Reason.MALFORMED, error.detail) from None

    return call


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """What an agency vouches for.

    Attributes:
        agency: whose officer it is.
        pseudonym: names the officer within the agency and nowhere else.
        roles: what the officer is there for; sorted.
        clearance: how far the officer is vetted.
        vetted_until: milliseconds since 1970; first instant at which the vetting no longer counts.
        approval_key: Ed25519, 32 bytes; verifies what this officer approves.
        is_suspended: whether the officer may do nothing for now.
    """

    agency: str
    pseudonym: str
    roles: tuple[str, ...]
    clearance: int
    vetted_until: int
    approval_key: bytes
    is_suspended: bool = False

    @refusing
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_key_id(self.pseudonym)
        check_time(self.vetted_until)
        check_bytes(self.approval_key, KEY_BYTES, "approval key")
        check_roles(self.roles)
        check_clearance(self.clearance)

    def may_act_as(self, role: str, now: int) -> bool:
        """Whether the officer has `role` and may do anything at `now`."""
        return role in self.roles and not self.is_suspended and now < self.vetted_until


def new_pseudonym() -> str:
    """Return a fresh pseudonym; whoever knows it learns nothing about the person."""
    return f"officer-{secrets.token_hex(8)}"


def check_roles(roles: tuple[str, ...]) -> None:
    """Refuse roles that the rule book has no word for, or that are not sorted and each once."""
    for role in roles:
        check_choice(role, ROLES, "role")
    if list(roles) != sorted(set(roles)):
        raise OfficerError(Reason.MALFORMED, "roles do not ascend, or one occurs twice")


def check_clearance(clearance: int) -> None:
    """Refuse a clearance that is none."""
    if not 0 <= clearance <= MAX_CLEARANCE:
        raise OfficerError(
            Reason.MALFORMED, f"clearance {clearance}, expected 0 to {MAX_CLEARANCE}"
        )
