# SPDX-License-Identifier: Apache-2.0
"""The decision function over a directory that stewards signed, with its own rule book."""

import dataclasses

import pytest

from keys import root as roots
from keys.directory import (
    AgencyEntry,
    Directory,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    SignedEntry,
    TopicEntry,
    encode_entry,
    sign_entry,
)
from keys.identities import generate_decryption_key
from keys.marking import Marking
from keys.signers import SeedSigner, generate_signer
from policy import standard_book
from policy.book import RuleBook
from policy.engine import PolicyEngine
from policy.errors import BookError
from policy.facts import specimens
from tests.unit.policy.worlds import DAY, FAR, NOW

STEWARD = generate_signer("steward-key")
SCHEMA, POLICIES = standard_book()
NOTICE = Marking(type="YELLOW", tlp="AMBER", handling=("H0",), purposes=("INVESTIGATION",))


def federation(signer: SeedSigner) -> Directory:
    keyset = signer.public(valid_from=0, valid_until=FAR)
    document = roots.RootDocument(
        version=1,
        name="Test",
        threshold=1,
        stewards=(roots.Steward(name="steward", keyset=keyset, tls_root=b"der"),),
        log_origin="log.example",
        log_key=bytes(32),
        broker_tls_root=b"der",
        created_at=0,
        expires_at=FAR,
        previous=roots.NO_PREVIOUS,
    )
    return Directory.start([roots.sign_root(roots.SignedRoot(body=document.encode()), signer)])


def extended(directory: Directory, *entries: Entry) -> Directory:
    for entry in entries:
        body = encode_entry(directory.federation, directory.size, NOW, entry)
        directory = directory.with_entry(sign_entry(SignedEntry(body=body), STEWARD))
    return directory


def agency(name: str, *circles: str) -> AgencyEntry:
    key = generate_decryption_key("key").public(valid_from=0, valid_until=FAR)
    return AgencyEntry(
        agency=name,
        name=name,
        country="GR",
        kind="POLICE",
        circles=circles,
        agreement_until=FAR,
        tls_roots=(b"der",),
        tls_key_pin=bytes(32),
        signing=(),
        encryption=(key,),
    )


@pytest.fixture(scope="module")
def directory() -> Directory:
    return extended(
        federation(STEWARD),
        TopicEntry(topic="t", title="T", readers=("eu", "asia"), publishers=("eu",)),
        agency("athens", "eu"),
        agency("manila", "asia"),
        agency("lima", "america"),
        RuleBookEntry(version=1, schema=SCHEMA, policies=POLICIES),
    )


def test_the_signed_book_decides_over_signed_entries(directory: Directory) -> None:
    engine = PolicyEngine.of_directory(directory)
    assert directory.rule_book is not None
    assert engine.book.digest == directory.rule_book.digest
    assert engine.may_publish(NOTICE, "t", "athens", NOW).allow
    assert not engine.may_publish(NOTICE, "t", "manila", NOW).allow
    assert engine.audience(NOTICE, "t", "athens", (), NOW).admitted == ("athens", "manila")
    assert engine.may_receive(NOTICE, "t", "athens", "lima", True, NOW).allow


def test_a_lock_and_a_retirement_reach_the_next_engine(directory: Directory) -> None:
    later = extended(
        directory,
        LockEntry(agency="manila", reason="stolen key"),
        RetireEntry(agency="lima", reason="left"),
    )
    engine = PolicyEngine.of_directory(directory).with_directory(later)
    audience = engine.audience(NOTICE, "t", "athens", (), NOW)
    assert audience.admitted == ("athens",)
    assert audience.refused["manila"].determining == ("code:inactive",)
    assert "lima" not in audience.refused


def test_a_signed_book_that_does_not_load_is_refused(directory: Directory) -> None:
    later = extended(directory, RuleBookEntry(version=2, schema=SCHEMA, policies="permit"))
    with pytest.raises(BookError, match="do not parse"):
        PolicyEngine.of_directory(directory).with_directory(later)


def test_an_agreement_of_the_directory_ends(directory: Directory) -> None:
    ending = dataclasses.replace(agency("paris", "eu"), agreement_until=NOW + DAY)
    engine = PolicyEngine(RuleBook.load(SCHEMA, POLICIES), extended(directory, ending))
    assert engine.may_receive(NOTICE, "t", "athens", "paris", False, NOW).allow
    assert not engine.may_receive(NOTICE, "t", "athens", "paris", False, NOW + DAY).allow


def test_what_a_schema_is_tried_with_is_what_a_directory_gives() -> None:
    kinds = [entity["uid"]["type"].split("::")[1] for entity in specimens()]
    assert kinds == ["Agency", "Topic", "Notice", "Notice", "Operation"]
