# SPDX-License-Identifier: Apache-2.0
"""An assertion counts once, for one gateway and act, and only as its agency's directory entry says.

Every refusal leaves the assertion unused.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from keys.framing import sha256
from officers.assertions import LIFETIME_MS, Assertion
from officers.errors import OfficerError, Reason
from officers.replays import SeenAssertions
from officers.tokens import CLOCK_LEEWAY_MS, MAX_LIFETIME_MS, Expected, issue, verify
from tests.unit.officers.conftest import DAY_MS, NOW, DirectoryKey

HOUR_MS = 3_600_000
KEY_ID = "2026-assert"


@pytest.fixture
def seen() -> SeenAssertions:
    return SeenAssertions()


def refusal(token: str, expected: Expected, now: int = NOW) -> Reason:
    """Return why a token is refused, and see that the refusal did not use it up."""
    seen = SeenAssertions()
    with pytest.raises(OfficerError) as refused:
        verify(token, expected, seen, now)
    assert not seen._seen
    return refused.value.reason


def signed(claims: Any, key: Ed25519PrivateKey, **header: Any) -> str:
    """Return a token of any claims and header under an agency's real key."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    given = {"alg": "Ed25519", "kid": KEY_ID, "typ": "tocsin-officer+jwt", **header}
    return jws.serialize_compact(given, text, OKPKey.import_key(key), algorithms=["Ed25519"])


@pytest.mark.must("OFFICER-1")
def test_what_was_asserted_is_what_is_verified(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected, seen: SeenAssertions
) -> None:
    assert verify(issue(assertion, KEY_ID, key), expected, seen, NOW + 1) == assertion


def test_an_assertion_for_no_act_in_particular_says_none(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected, seen: SeenAssertions
) -> None:
    reading = replace(assertion, act=b"")
    token = issue(reading, KEY_ID, key)
    assert verify(token, replace(expected, act=b""), seen, NOW).act == b""
    assert refusal(issue(replace(reading, assertion_id="a1"), KEY_ID, key), expected) is (
        Reason.OTHER_ACT
    )


@pytest.mark.must("OFFICER-7")
def test_a_replayed_assertion_is_refused(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected, seen: SeenAssertions
) -> None:
    token = issue(assertion, KEY_ID, key)
    verify(token, expected, seen, NOW)
    with pytest.raises(OfficerError, match="counts once") as refused:
        verify(token, expected, seen, NOW + 1)
    assert refused.value.reason is Reason.REPLAYED


def test_an_assertion_signed_anew_under_its_old_id_is_a_replay(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected, seen: SeenAssertions
) -> None:
    verify(issue(assertion, KEY_ID, key), expected, seen, NOW)
    other = issue(replace(assertion, subject="officer-9"), KEY_ID, key)
    with pytest.raises(OfficerError) as refused:
        verify(other, expected, seen, NOW)
    assert refused.value.reason is Reason.REPLAYED


MADE_FOR_ELSE: dict[str, tuple[Callable[[Assertion], Assertion], Reason]] = {
    "agency": (lambda one: replace(one, agency="hr-ngo"), Reason.OTHER_AGENCY),
    "federation": (lambda one: replace(one, federation=sha256(b"other")), Reason.OTHER_AUDIENCE),
    "TLS key": (lambda one: replace(one, certificate=sha256(b"other")), Reason.OTHER_CERTIFICATE),
    "act": (lambda one: replace(one, act=sha256(b"the act.")), Reason.OTHER_ACT),
    "no act": (lambda one: replace(one, act=b""), Reason.OTHER_ACT),
    "role": (lambda one: replace(one, roles=("ADMIN", "LIAISON")), Reason.ROLE_NOT_ALLOWED),
    "vetting": (lambda one: replace(one, vetted_until=NOW), Reason.NOT_VETTED),
    "too long": (
        lambda one: replace(one, expires_at=NOW + MAX_LIFETIME_MS + 1000),
        Reason.TOO_LONG,
    ),
    "no time": (lambda one: replace(one, expires_at=one.issued_at), Reason.TOO_LONG),
}


@pytest.mark.must("OFFICER-4", "OFFICER-5", "OFFICER-6")
@pytest.mark.parametrize(("change", "reason"), MADE_FOR_ELSE.values(), ids=MADE_FOR_ELSE)
def test_an_assertion_made_for_something_else_is_refused(
    change: Callable[[Assertion], Assertion],
    reason: Reason,
    assertion: Assertion,
    key: Ed25519PrivateKey,
    expected: Expected,
) -> None:
    assert refusal(issue(change(assertion), KEY_ID, key), expected) is reason


@pytest.mark.must("OFFICER-5")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + LIFETIME_MS, Reason.EXPIRED),
        (NOW + HOUR_MS, Reason.EXPIRED),
        (NOW - HOUR_MS, Reason.NOT_YET),
        (NOW - CLOCK_LEEWAY_MS - 1, Reason.NOT_YET),
    ],
)
def test_a_clock_that_is_off_refuses(
    now: int, reason: Reason, assertion: Assertion, key: Ed25519PrivateKey, expected: Expected
) -> None:
    assert refusal(issue(assertion, KEY_ID, key), expected, now) is reason


def test_a_clock_that_runs_a_minute_ahead_is_borne_with(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected, seen: SeenAssertions
) -> None:
    token = issue(assertion, KEY_ID, key)
    assert verify(token, expected, seen, NOW - CLOCK_LEEWAY_MS) == assertion


@pytest.mark.must("OFFICER-3")
def test_another_agencys_signature_is_refused(assertion: Assertion, expected: Expected) -> None:
    theirs = Ed25519PrivateKey.generate()
    assert refusal(issue(assertion, KEY_ID, theirs), expected) is Reason.SIGNATURE_INVALID


@pytest.mark.must("OFFICER-3")
def test_a_key_that_the_directory_does_not_have_or_that_ended_is_refused(
    assertion: Assertion,
    key: Ed25519PrivateKey,
    expected: Expected,
    directory_key: DirectoryKey,
) -> None:
    ended = replace(expected, keys=(replace(directory_key, valid_until=NOW),))
    broken = replace(expected, keys=(replace(directory_key, public=b"short"),))
    assert refusal(issue(assertion, "another", key), expected) is Reason.UNKNOWN_KEY
    assert refusal(issue(assertion, KEY_ID, key), ended) is Reason.UNKNOWN_KEY
    assert refusal(issue(assertion, KEY_ID, key), broken) is Reason.UNKNOWN_KEY


@pytest.mark.must("OFFICER-2")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "EdDSA"},
        {"typ": "JWT"},
        {"cty": "JWT"},
        {"jku": "https://keys.example"},
        {"crit": ["exp"]},
    ],
)
def test_a_header_that_is_not_exactly_ours_is_refused(
    header: dict[str, Any], assertion: Assertion, key: Ed25519PrivateKey, expected: Expected
) -> None:
    whole = {"alg": "Ed25519", "kid": KEY_ID, "typ": "tocsin-officer+jwt", **header}
    _, body, signature = issue(assertion, KEY_ID, key).split(".")
    head = base64.urlsafe_b64encode(json.dumps(whole).encode()).rstrip(b"=").decode()
    assert refusal(f"{head}.{body}.{signature}", expected) is Reason.MALFORMED


def test_neither_no_algorithm_nor_a_secret_made_of_the_public_key_signs(
    assertion: Assertion, directory_key: DirectoryKey, key: Ed25519PrivateKey, expected: Expected
) -> None:
    _, body, _ = issue(assertion, KEY_ID, key).split(".")
    none = base64.urlsafe_b64encode(
        b'{"alg":"none","kid":"2026-assert","typ":"tocsin-officer+jwt"}'
    )
    secret = OctKey.import_key(directory_key.public)
    header = {"alg": "HS256", "kid": KEY_ID, "typ": "tocsin-officer+jwt"}
    confused = jws.serialize_compact(header, json.dumps(assertion.claims()), secret)
    assert refusal(f"{none.rstrip(b'=').decode()}.{body}.", expected) is Reason.MALFORMED
    assert refusal(confused, expected) is Reason.MALFORMED


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda claims: {**claims, "iss": "hr-ngo"},
    lambda claims: {**claims, "admin": True},
    lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    lambda claims: {**claims, "iat": float(claims["iat"])},
    lambda claims: {**claims, "clearance": True},
    lambda claims: {**claims, "clearance": -1},
    lambda claims: {**claims, "iat": str(claims["iat"])},
    lambda claims: {**claims, "exp": 10**30},
    lambda claims: {**claims, "roles": ["LIAISON", "ANALYST"]},
    lambda claims: {**claims, "roles": ["LIAISON", "LIAISON"]},
    lambda claims: {**claims, "roles": ["CHIEF"]},
    lambda claims: {**claims, "roles": [1]},
    lambda claims: {**claims, "roles": "LIAISON"},
    lambda claims: {**claims, "aud": [claims["aud"]]},
    lambda claims: {**claims, "aud": claims["aud"].upper()},
    lambda claims: {**claims, "act": ""},
    lambda claims: {**claims, "act": claims["act"][:-2]},
    lambda claims: {**claims, "case": "line\nfeed"},
    lambda claims: {**claims, "case": "\ud800"},
    lambda claims: {**claims, "cnf": {}},
    lambda claims: {**claims, "cnf": {"x5t#S256": claims["cnf"]["x5t#S256"] + "!"}},
    lambda claims: {**claims, "cnf": {**claims["cnf"], "jkt": "x"}},
    lambda claims: [claims],
    lambda claims: "{",
    lambda claims: "[" * 4000 if claims else "",
    lambda claims: json.dumps(claims).replace('"sub":', '"sub": "officer-9", "sub":'),
]


@pytest.mark.must("OFFICER-1")
@pytest.mark.parametrize("change", CHANGES, ids=map(str, range(len(CHANGES))))
def test_claims_that_are_not_exactly_ours_are_refused(
    change: Callable[[dict[str, Any]], Any],
    assertion: Assertion,
    key: Ed25519PrivateKey,
    expected: Expected,
) -> None:
    token = signed(change(assertion.claims()), key)
    assert refusal(token, expected) in {Reason.MALFORMED, Reason.OTHER_AGENCY}


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "ä.b.c", "e30.e30.", "x" * 5000]
)
def test_what_is_no_token_is_refused(token: str, expected: Expected) -> None:
    assert refusal(token, expected) is Reason.MALFORMED


def test_every_flipped_character_is_refused(
    assertion: Assertion, key: Ed25519PrivateKey, expected: Expected
) -> None:
    token = issue(assertion, KEY_ID, key)
    for place in range(0, len(token) - 1, 7):
        other = "A" if token[place] != "A" else "B"
        refusal(token[:place] + other + token[place + 1 :], expected)


def test_a_case_reference_that_makes_the_token_too_long_is_refused_when_it_is_made(
    assertion: Assertion, key: Ed25519PrivateKey
) -> None:
    with pytest.raises(OfficerError) as refused:
        replace(assertion, case="x" * 201)
    assert refused.value.reason is Reason.MALFORMED
    assert len(issue(replace(assertion, case="\U0001f600" * 200), KEY_ID, key)) < 4096


def test_memory_of_used_assertions_fails_closed_when_it_is_full() -> None:
    seen = SeenAssertions(most=2)
    assert seen.is_first("gr-pol", "a", NOW + 1, NOW)
    assert seen.is_first("gr-pol", "b", NOW + DAY_MS, NOW)
    assert not seen.is_first("gr-pol", "c", NOW + 1, NOW)
    assert seen.is_first("hr-ngo", "c", NOW + 1, NOW)
    assert seen.is_first("gr-pol", "c", NOW + DAY_MS, NOW + 2)
    assert not seen.is_first("gr-pol", "b", NOW + DAY_MS, NOW + 2)
