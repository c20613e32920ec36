# SPDX-License-Identifier: Apache-2.0
"""An agency with an assertion key, an officer of it, and what the broker expects of both."""

from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys.framing import sha256
from officers.assertions import LIFETIME_MS, Assertion
from officers.people import Officer
from officers.tokens import Expected

NOW = 1_790_000_000_000
DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class DirectoryKey:
    """An assertion key as a directory has it."""

    key_id: str
    public: bytes
    valid_from: int = NOW - DAY_MS
    valid_until: int = NOW + DAY_MS

    def is_valid_at(self, time_ms: int) -> bool:
        return self.valid_from <= time_ms < self.valid_until


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def directory_key(key: Ed25519PrivateKey) -> DirectoryKey:
    return DirectoryKey(key_id="2026-assert", public=key.public_key().public_bytes_raw())


@pytest.fixture
def assertion() -> Assertion:
    return Assertion(
        agency="gr-pol",
        subject="officer-1",
        roles=("ANALYST", "LIAISON"),
        clearance=2,
        vetted_until=NOW + DAY_MS,
        purpose="INVESTIGATION",
        case="2026/114 Θ",
        federation=sha256(b"federation"),
        certificate=sha256(b"leaf"),
        issued_at=NOW,
        expires_at=NOW + LIFETIME_MS,
        assertion_id="0f" * 16,
        act=sha256(b"the act"),
    )


@pytest.fixture
def expected(assertion: Assertion, directory_key: DirectoryKey) -> Expected:
    return Expected(
        agency="gr-pol",
        keys=(directory_key,),
        roles=("ANALYST", "LIAISON", "SUPERVISOR"),
        federation=assertion.federation,
        certificate=assertion.certificate,
        act=assertion.act,
    )


def officer_with(key: Ed25519PrivateKey, pseudonym: str, *roles: str) -> Officer:
    return Officer(
        agency="gr-pol",
        pseudonym=pseudonym,
        roles=tuple(sorted(roles)),
        clearance=2,
        vetted_until=NOW + 30 * DAY_MS,
        approval_key=key.public_key().public_bytes_raw(),
    )


@pytest.fixture
def supervisor(key: Ed25519PrivateKey) -> Officer:
    return officer_with(key, "officer-2", "SUPERVISOR")


@pytest.fixture
def requester() -> Officer:
    return replace(officer_with(Ed25519PrivateKey.generate(), "officer-1", "LIAISON"))
