# SPDX-License-Identifier: Apache-2.0
"""Signs and checks officer assertions: a JWT under the agency's assertion key, for one gateway.

Whose assertion it has to be comes from the connection; nothing in a token chooses an algorithm, an
agency or a certificate. A token counts once. What the officer may do is for the rule book.
Source: RFC 7515, 7519, 8037, 9864; docs/protocol.md section 22.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from officers.assertions import Assertion
from officers.errors import OfficerError, Reason

ALGORITHM = "Ed25519"
"""RFC 9864's name for EdDSA with this curve, so that the name alone says everything."""
TYPE = "tocsin-officer+jwt"
MAX_LIFETIME_MS = 10 * 60_000
CLOCK_LEEWAY_MS = 60_000
"""How far ahead of ours the clock of a gateway may run."""
MAX_TOKEN_BYTES = 4096

_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError)
"""What hostile tokens make the libraries below raise; they have no common base."""


class AssertionKey(Protocol):
    """A key that the directory has for the assertions of an agency."""

    @property
    def key_id(self) -> str:
        """Names the key within the agency."""

    @property
    def public(self) -> bytes:
        """Ed25519, 32 bytes."""

    def is_valid_at(self, time_ms: int) -> bool:
        """Whether the key signs at `time_ms`."""


class Replays(Protocol):
    """Remembers which assertions were used."""

    def is_first(self, agency: str, assertion_id: str, until: int, now: int) -> bool:
        """Note that an assertion is used; return whether it surely was not used before.

        Args:
            agency: whose.
            assertion_id: names it within the agency.
            until: how long it has to be remembered, in milliseconds since 1970.
            now: milliseconds since 1970.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an assertion has to be about; all of it is known from elsewhere than the token.

    Attributes:
        agency: the peer, as its certificate was verified.
        keys: the assertion keys that the directory has for it.
        roles: those that the directory lets it assert.
        federation: 32 bytes.
        certificate: SHA-256 of the peer's TLS certificate (DER).
        act: SHA-256 of the act that is asked for, or empty.
    """

    agency: str
    keys: Sequence[AssertionKey]
    roles: Collection[str]
    federation: bytes
    certificate: bytes
    act: bytes = b""


def issue(assertion: Assertion, key_id: str, key: Ed25519PrivateKey) -> str:
    """Return the assertion as a compact JWT, signed with the agency's assertion key."""
    header = {"alg": ALGORITHM, "kid": key_id, "typ": TYPE}
    payload = json.dumps(assertion.claims(), ensure_ascii=False, separators=(",", ":"))
    signed = jws.serialize_compact(header, payload, OKPKey.import_key(key), registry=_REGISTRY)
    if len(signed) > MAX_TOKEN_BYTES:
        raise OfficerError(
            Reason.MALFORMED, f"token of {len(signed)} bytes, at most {MAX_TOKEN_BYTES}"
        )
    return signed


def verify(token: str, expected: Expected, replays: Replays, now: int) -> Assertion:
    """Return what an assertion says, if it counts now; the next time it does not.

    Raises:
        OfficerError: MALFORMED, UNKNOWN_KEY, SIGNATURE_INVALID; OTHER_AGENCY, OTHER_AUDIENCE,
            OTHER_CERTIFICATE or OTHER_ACT where it was made for something else; TOO_LONG,
            NOT_YET, EXPIRED, NOT_VETTED; ROLE_NOT_ALLOWED; REPLAYED. It is not used up then.
    """
    assertion = Assertion.read(_signed_claims(token, expected.keys, now))
    _check_made_for(assertion, expected)
    _check_times(assertion, now)
    if not set(assertion.roles) <= set(expected.roles):
        raise OfficerError(Reason.ROLE_NOT_ALLOWED, "a role that the agency may not assert")
    used = assertion.agency, assertion.assertion_id
    if not replays.is_first(*used, assertion.expires_at, now):
        raise OfficerError(Reason.REPLAYED, "an assertion counts once")
    return assertion


def _signed_claims(token: str, keys: Sequence[AssertionKey], now: int) -> dict[str, Any]:
    """Return the claims of a token that one of `keys` signed."""
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise OfficerError(Reason.MALFORMED, f"not ASCII, or beyond {MAX_TOKEN_BYTES} bytes")
    try:
        found = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY)
    except _UNREADABLE:
        raise OfficerError(Reason.MALFORMED, "not a compact JWS") from None
    key = _key(found.headers(), keys, now)
    try:
        is_signed = jws.validate_compact(found, key, registry=_REGISTRY)
    except _UNREADABLE:
        is_signed = False
    if not is_signed:
        raise OfficerError(Reason.SIGNATURE_INVALID, "not signed by the key that it names")
    return _claims(found.payload)


def _key(header: dict[str, Any], keys: Sequence[AssertionKey], now: int) -> OKPKey:
    """Return the key that a header names; the header is exactly what `issue` writes."""
    key_id = header.get("kid")
    if header != {"alg": ALGORITHM, "kid": key_id, "typ": TYPE}:
        raise OfficerError(Reason.MALFORMED, f"header is not {TYPE} under {ALGORITHM}")
    held = next((key for key in keys if key.key_id == key_id), None)
    if held is None or not held.is_valid_at(now):
        raise OfficerError(Reason.UNKNOWN_KEY, "no assertion key of that id is valid now")
    try:
        return OKPKey.import_key(Ed25519PublicKey.from_public_bytes(held.public))
    except ValueError:
        raise OfficerError(Reason.UNKNOWN_KEY, "the directory's key is no Ed25519 key") from None


def _claims(payload: bytes | None) -> dict[str, Any]:
    try:
        claims = json.loads(payload or b"", object_pairs_hook=_once)
    except _UNREADABLE:
        claims = None
    if not isinstance(claims, dict):
        raise OfficerError(Reason.MALFORMED, "claims are not one JSON object")
    return claims


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a member that stands twice: two readers would see two different claims."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _check_made_for(assertion: Assertion, expected: Expected) -> None:
    if assertion.agency != expected.agency:
        raise OfficerError(Reason.OTHER_AGENCY, "it speaks of another agency than the peer")
    if assertion.federation != expected.federation:
        raise OfficerError(Reason.OTHER_AUDIENCE, "it is for another federation")
    if assertion.certificate != expected.certificate:
        raise OfficerError(Reason.OTHER_CERTIFICATE, "it is bound to another TLS certificate")
    if assertion.act != expected.act:
        raise OfficerError(Reason.OTHER_ACT, "it is for another act")


def _check_times(assertion: Assertion, now: int) -> None:
    if not 0 < assertion.expires_at - assertion.issued_at <= MAX_LIFETIME_MS:
        raise OfficerError(Reason.TOO_LONG, f"it is to count for more than {MAX_LIFETIME_MS} ms")
    if assertion.issued_at > now + CLOCK_LEEWAY_MS:
        raise OfficerError(Reason.NOT_YET, f"made at {assertion.issued_at}, it is {now}")
    if assertion.expires_at <= now:
        raise OfficerError(Reason.EXPIRED, f"it ended at {assertion.expires_at}, it is {now}")
    if assertion.vetted_until <= now:
        raise OfficerError(Reason.NOT_VETTED, "the officer's vetting has ended")
