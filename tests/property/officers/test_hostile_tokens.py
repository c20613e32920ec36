# SPDX-License-Identifier: Apache-2.0
"""Whatever comes as an assertion is an assertion or refused with our error, and nothing else."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from keys.framing import sha256
from officers.assertions import Assertion
from officers.errors import OfficerError
from officers.replays import SeenAssertions
from officers.tokens import ALGORITHM, TYPE, Expected, issue, verify
from tests.unit.officers.conftest import NOW, DirectoryKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY_ID = "2026-assert"
GOOD = Assertion(
    agency="gr-pol",
    subject="officer-1",
    roles=("LIAISON",),
    clearance=2,
    vetted_until=NOW + 86_400_000,
    purpose="INVESTIGATION",
    case="2026/114",
    federation=sha256(b"federation"),
    certificate=sha256(b"leaf"),
    issued_at=NOW,
    expires_at=NOW + 300_000,
    assertion_id="a1",
)
EXPECTED = Expected(
    agency="gr-pol",
    keys=(DirectoryKey(key_id=KEY_ID, public=KEY.public_key().public_bytes_raw()),),
    roles=("LIAISON",),
    federation=GOOD.federation,
    certificate=GOOD.certificate,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def accepted(token: str) -> Assertion | None:
    try:
        return verify(token, EXPECTED, SeenAssertions(), NOW)
    except OfficerError:
        return None


def signed(payload: str) -> str:
    header = {"alg": ALGORITHM, "kid": KEY_ID, "typ": TYPE}
    return jws.serialize_compact(header, payload, OKPKey.import_key(KEY), algorithms=[ALGORITHM])


@given(st.text(max_size=200) | st.text(alphabet='aA0-_.{}"', max_size=200))
def test_any_text_is_refused(token: str) -> None:
    assert accepted(token) is None


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=70))
def test_any_three_parts_are_refused(header: bytes, payload: bytes, signature: bytes) -> None:
    parts = (
        base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in (header, payload, signature)
    )
    assert accepted(".".join(parts)) is None


@given(VALUES)
def test_any_signed_json_is_refused(value: Any) -> None:
    assert accepted(signed(json.dumps(value))) is None


@given(st.sampled_from(sorted(GOOD.claims())), VALUES)
def test_any_other_value_of_a_claim_is_refused_or_says_what_it_says(name: str, value: Any) -> None:
    claims = {**GOOD.claims(), name: value}
    found = accepted(signed(json.dumps(claims)))
    assert found is None or found.claims() == claims


@given(st.integers(0, 2**12), st.integers(1, 255))
def test_a_changed_byte_is_refused(place: int, change: int) -> None:
    token = bytearray(issue(GOOD, KEY_ID, KEY), "ascii")
    last = len(token) - 1
    token[place % last] ^= change
    text = token.decode("latin-1")
    found = accepted(text)
    assert found is None
