# SPDX-License-Identifier: Apache-2.0
"""Officer assertions as values: what an agency vouches for of one officer, for a few minutes.

Reads and writes the claims of a JWT; `officers.tokens` signs and checks it. Source: RFC 7519, RFC
8705 (x5t#S256); docs/protocol.md section 22.
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from keys.fields import check_agency, check_bytes, check_code, check_key_id, check_label, check_time
from keys.framing import HASH_BYTES
from officers.errors import OfficerError, Reason
from officers.people import check_clearance, check_roles, refusing

LIFETIME_MS = 5 * 60_000
ID_BYTES = 16

_CLAIMS = {
    "iss": str,
    "sub": str,
    "aud": str,
    "iat": int,
    "exp": int,
    "jti": str,
    "agency": str,
    "roles": list,
    "clearance": int,
    "vetted_until": int,
    "purpose": str,
    "case": str,
    "cnf": dict,
}
"""Every claim but `act`, which stands only where there is an act."""
_THUMBPRINT = "x5t#S256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an assertion says. Times are whole seconds, given in milliseconds since 1970.

    Attributes:
        agency: whose officer it is.
        subject: the officer's pseudonym.
        roles: the officer's; sorted.
        clearance: how far the officer is vetted.
        vetted_until: first instant at which the vetting no longer counts.
        purpose: code of what it is done for.
        case: the agency's own reference of the case it is done for; may be empty.
        federation: 32 bytes.
        certificate: SHA-256 of the gateway's TLS certificate (DER), 32 bytes.
        issued_at: when it was made.
        expires_at: first instant at which it no longer counts.
        assertion_id: names it within the agency; never used twice.
        act: SHA-256 of the exact act, or empty where it is for none in particular.
    """

    agency: str
    subject: str
    roles: tuple[str, ...]
    clearance: int
    vetted_until: int
    purpose: str
    case: str
    federation: bytes
    certificate: bytes
    issued_at: int
    expires_at: int
    assertion_id: str
    act: bytes = b""

    @refusing
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_key_id(self.subject)
        check_key_id(self.assertion_id)
        check_roles(self.roles)
        check_clearance(self.clearance)
        check_code(self.purpose)
        if self.case:
            check_label(self.case)
        for time_ms in (self.vetted_until, self.issued_at, self.expires_at):
            _check_second(time_ms)
        check_bytes(self.federation, HASH_BYTES, "federation")
        check_bytes(self.certificate, HASH_BYTES, "certificate digest")
        if self.act:
            check_bytes(self.act, HASH_BYTES, "digest of the act")

    def claims(self) -> dict[str, Any]:
        """Return the claims of the JWT."""
        act = {"act": self.act.hex()} if self.act else {}
        return {
            "iss": self.agency,
            "sub": self.subject,
            "aud": self.federation.hex(),
            "iat": self.issued_at // 1000,
            "exp": self.expires_at // 1000,
            "jti": self.assertion_id,
            "agency": self.agency,
            "roles": list(self.roles),
            "clearance": self.clearance,
            "vetted_until": self.vetted_until // 1000,
            "purpose": self.purpose,
            "case": self.case,
            "cnf": {_THUMBPRINT: _encoded(self.certificate)},
            **act,
        }

    @classmethod
    def read(cls, claims: Mapping[str, Any]) -> Self:
        """Return what claims say.

        Raises:
            OfficerError: MALFORMED; a claim is missing, unknown, of another type or not written as
                `claims` would; OTHER_AGENCY where it names two.
        """
        _check_shape(claims)
        if claims["iss"] != claims["agency"]:
            raise OfficerError(Reason.OTHER_AGENCY, "issued by one agency for another's officer")
        found = cls(
            agency=claims["agency"],
            subject=claims["sub"],
            roles=tuple(claims["roles"]),
            clearance=claims["clearance"],
            vetted_until=claims["vetted_until"] * 1000,
            purpose=claims["purpose"],
            case=claims["case"],
            federation=_from_hex(claims["aud"]),
            certificate=_decoded(claims["cnf"]),
            issued_at=claims["iat"] * 1000,
            expires_at=claims["exp"] * 1000,
            assertion_id=claims["jti"],
            act=_from_hex(claims.get("act", "")),
        )
        if found.claims() != claims:
            raise OfficerError(Reason.MALFORMED, "claims are not in the one form they have")
        return found


def new_assertion_id() -> str:
    """Return a fresh name for an assertion."""
    return secrets.token_hex(ID_BYTES)


def whole_second(time_ms: int) -> int:
    """Return the beginning of the second that `time_ms` lies in, in milliseconds."""
    return time_ms // 1000 * 1000


def _check_second(time_ms: int) -> None:
    check_time(time_ms)
    if time_ms % 1000:
        raise OfficerError(Reason.MALFORMED, f"time {time_ms} is no whole second")


def _check_shape(claims: Mapping[str, Any]) -> None:
    if claims.keys() - {"act"} != _CLAIMS.keys():
        raise OfficerError(Reason.MALFORMED, "a claim is missing, or one is unknown")
    for name, kind in _CLAIMS.items():
        if type(claims[name]) is not kind:
            raise OfficerError(Reason.MALFORMED, f"claim {name} is not of its type")
    texts = (claims.get("act", ""), *claims["roles"], *claims["cnf"].values())
    if any(type(value) is not str for value in texts):
        raise OfficerError(Reason.MALFORMED, "claim act, roles or cnf holds what is no text")


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _decoded(confirmation: Mapping[str, str]) -> bytes:
    try:
        return base64.urlsafe_b64decode(confirmation[_THUMBPRINT] + "=")
    except (KeyError, binascii.Error, ValueError):
        raise OfficerError(Reason.MALFORMED, f"cnf holds no {_THUMBPRINT}") from None


def _from_hex(value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise OfficerError(Reason.MALFORMED, "a digest is not in hex") from None
