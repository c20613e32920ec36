# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md is enough for grants, recalls and letters: each reads what the other made."""

import pytest

from keys.errors import OpenError, Reason
from keys.grants import SignedGrant, verify_grant
from keys.identities import DecryptionKey
from keys.letters import SignedLetter, verify_letter
from keys.opening_letters import open_grant, open_letter
from keys.signing import Keyset
from tests.unit.protocol import second_mail
from tests.unit.protocol.cases import Case, case, unhex
from tests.unit.protocol.mail_cases import granted, posted, recalled
from tests.unit.protocol.primitives import Refused, private_key, sha
from tests.unit.protocol.second_sealing import Originator

TEXTS = {
    "agency",
    "grantee",
    "grantor",
    "key_id",
    "keyset_id",
    "kind",
    "originator",
    "reason",
    "recipient",
    "sender",
}


def named(value: Case) -> Case:
    """Return the items of a value, those that are bytes as bytes."""
    return {
        name: held if name in TEXTS else named(held) if isinstance(held, dict) else _item(held)
        for name, held in value.items()
    }


def _item(held: object) -> object:
    return bytes.fromhex(held) if isinstance(held, str) else held


def originator(agency: str) -> Originator:
    return Originator(
        agency=agency,
        keyset_id="2026-11-sign",
        ed25519_seed=secret(f"{agency} ed25519"),
        mldsa65_seed=secret(f"{agency} mldsa65"),
    )


def secret(name: str) -> bytes:
    return sha(f"tocsin test vectors: {name}".encode())


def test_it_opens_a_notice_under_a_grant() -> None:
    one = case("delivery-granted")
    wanted = one["output"]
    assert granted(one["inputs"]) == (
        wanted["index"],
        unhex(wanted["content_key"]),
        unhex(wanted["content"]),
    )


def test_it_writes_a_grant_and_its_info() -> None:
    one = case("grant")
    value = named(one["inputs"]["grant"])
    assert second_mail.written_grant(value).hex() == one["output"]["bytes"]
    assert second_mail.grant_info({**value, **value["place"]}).hex() == one["steps"]["info"]


def test_it_writes_and_checks_a_recall() -> None:
    one = case("recall")
    inputs, output = one["inputs"], one["output"]
    assert second_mail.written_recall(named(inputs["recall"])).hex() == output["bytes"]
    recalled({**inputs, "signed": {"recall": output["bytes"], "signature": output["signature"]}})


@pytest.mark.parametrize("name", ["letter", "letter-decision"])
def test_it_writes_the_header_of_a_letter_and_opens_it(name: str) -> None:
    one = case(name)
    header = second_mail.written_header(named(one["inputs"]["header"]))
    assert header.hex() == one["steps"]["letter_header"]
    assert second_mail.letter_info(header).hex() == one["steps"]["info"]
    assert posted(one["inputs"]).hex() == one["output"]["content"]


def test_ours_opens_the_letter_that_it_seals() -> None:
    inputs = case("letter")["inputs"]
    seed = unhex(inputs["decryption_seed"])
    made = second_mail.post(
        originator("ro-pol"), named(inputs["header"]), private_key(seed).public, b"{}"
    )
    signed = SignedLetter(letter=made.letter, sealed=made.sealed, signature=made.signature)
    keyset = Keyset.decode(unhex(inputs["keyset"]))
    letter = verify_letter(signed, keyset, unhex(inputs["federation"]))
    key = DecryptionKey(key_id=inputs["key_id"], seed=seed)
    assert open_letter(letter, signed.sealed, key) == b"{}"
    with pytest.raises(OpenError) as refused:
        open_letter(letter, signed.sealed, DecryptionKey(key_id=key.key_id, seed=bytes(32)))
    assert refused.value.reason is Reason.BODY_INVALID


def test_ours_opens_the_grant_that_it_makes() -> None:
    inputs = case("grant")["inputs"]
    whole = case("delivery-granted")["inputs"]
    seed = unhex(inputs["decryption_seed"])
    made = second_mail.admit(
        originator("gr-pol"), named(inputs["grant"]), private_key(seed).public, b"k" * 32
    )
    signed = SignedGrant(grant=made.grant, wrap=made.wrap, signature=made.signature)
    keyset = Keyset.decode(unhex(whole["keyset"]))
    grant = verify_grant(signed, keyset, unhex(whole["federation"]))
    assert (
        open_grant(grant, made.wrap, DecryptionKey(key_id=whole["key_id"], seed=seed)) == b"k" * 32
    )


def test_it_refuses_a_grant_to_another_agency() -> None:
    with pytest.raises(Refused):
        granted({**case("delivery-granted")["inputs"], "agency": "ro-pol"})
