# SPDX-License-Identifier: Apache-2.0
"""The vectors of grants, recalls and letters, replayed."""

import json

import pytest

from agency_client.domain.content import Content
from keys.framing import sha256
from keys.grants import Grant, grant_wrap_info, verify_grant
from keys.identities import DecryptionKey
from keys.letters import LetterHeader, letter_info, verify_letter
from keys.opening_letters import open_grant, open_granted, open_letter, verify_granted
from keys.recalls import Recall, SignedRecall, verify_recall
from keys.signing import Keyset
from tests.vectors import reading
from tests.vectors.form import Json, load, parts
from tests.vectors.reading import raw


def decryption_key(inputs: Json, key_id: str) -> DecryptionKey:
    return DecryptionKey(key_id=key_id, seed=raw(inputs["decryption_seed"]))


def test_grant() -> None:
    inputs, steps, output = parts("grant")
    value = reading.grant(inputs["grant"])
    assert value.encode().hex() == output["bytes"]
    assert Grant.decode(raw(output["bytes"])) == value
    assert value.wrap_digest == sha256(raw(inputs["wrap"]))
    assert value.place.statement.hex() == steps["statement_sha256"]
    info = grant_wrap_info(value.place, value.grantor, value.grantee, value.key_id)
    assert info.hex() == steps["info"]
    key = decryption_key(inputs, value.key_id)
    assert open_grant(value, raw(inputs["wrap"]), key).hex() == steps["content_key"]


def test_delivery_granted() -> None:
    inputs, steps, output = parts("delivery-granted")
    keyset, federation = Keyset.decode(raw(inputs["keyset"])), raw(inputs["federation"])
    signed, delivered = (
        reading.signed_grant(inputs["granted"]),
        reading.delivered_frame(inputs["delivery"]),
    )
    grant = verify_grant(signed, keyset, federation)
    assert grant.grantee == inputs["agency"]
    checked = verify_granted(grant, delivered, keyset)
    assert checked.notice.leaf_hash.hex() == steps["leaf_hash"]
    content_key = open_grant(grant, signed.wrap, decryption_key(inputs, inputs["key_id"]))
    opened = open_granted(checked, delivered, content_key)
    assert (opened.index, opened.content_key.hex()) == (output["index"], output["content_key"])
    assert opened.content.hex() == output["content"]
    assert Content.decode(opened.content).attachments == ()


def test_the_grant_of_the_fetch_is_the_one_of_its_own_file() -> None:
    granted = load("delivery-granted")["inputs"]["granted"]
    inputs, _, output = parts("grant")
    assert granted == {
        "grant": output["bytes"],
        "wrap": inputs["wrap"],
        "signature": output["signature"],
    }


def test_recall() -> None:
    inputs, _, output = parts("recall")
    value = reading.recall(inputs["recall"])
    assert value.encode().hex() == output["bytes"]
    assert Recall.decode(raw(output["bytes"])) == value
    signed = SignedRecall(recall=raw(output["bytes"]), signature=raw(output["signature"]))
    keyset = Keyset.decode(raw(inputs["keyset"]))
    assert verify_recall(signed, keyset, raw(inputs["federation"])) == value


@pytest.mark.parametrize("name", ["letter", "letter-decision"])
def test_letter(name: str) -> None:
    inputs, steps, output = parts(name)
    header = reading.letter_header(inputs["header"])
    assert header.encode().hex() == steps["letter_header"]
    assert LetterHeader.decode(raw(steps["letter_header"])) == header
    assert letter_info(header).hex() == steps["info"]
    signed = reading.signed_letter(inputs["signed"])
    assert sha256(signed.sealed).hex() == steps["sealed_sha256"]
    assert len(signed.sealed) == steps["padded_length"] + 1136
    keyset = Keyset.decode(raw(inputs["keyset"]))
    letter = verify_letter(signed, keyset, raw(inputs["federation"]))
    assert letter.header == header
    content = open_letter(letter, signed.sealed, decryption_key(inputs, inputs["key_id"]))
    assert content.hex() == output["content"]
    assert json.loads(content)["target"] == "it-lab"


def test_the_decision_answers_the_request() -> None:
    request, decision = (load(name)["inputs"]["header"] for name in ("letter", "letter-decision"))
    assert decision["answers"] == request["letter_id"]
    assert request["place"] == decision["place"] == parts("grant")[0]["grant"]["place"]
