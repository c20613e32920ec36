# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md is enough: what was written from it alone reads every vector.

The files are those of tests/vectors; those under refused/ must be refused.
"""

from collections.abc import Callable
from typing import Any

import pytest

from keys import checking
from keys.envelope import Frame, SealedNotice
from keys.identities import DecryptionKey
from keys.opening import open_delivery, verify_delivery
from keys.signing import Keyset
from tests.simulator.federation import delivery_of
from tests.unit.protocol import (
    primitives,
    second,
    second_federation,
    second_mail,
    second_sealing,
)
from tests.unit.protocol import second_formats as formats
from tests.unit.protocol.cases import VECTORS, Case, case, received, unhex
from tests.unit.protocol.mail_cases import granted, posted, recalled
from tests.unit.protocol.primitives import Refused, need


def opened(inputs: Case) -> second.Opened:
    return second.open_delivery(
        received(inputs["delivery"]),
        keyset=unhex(inputs["keyset"]),
        federation=unhex(inputs["federation"]),
        agency=inputs["agency"],
        topic=inputs["topic"],
        seed=unhex(inputs["decryption_seed"]),
    )


@pytest.mark.parametrize(
    "name",
    ["delivery", "delivery-partial", "delivery-stub", "delivery-withheld", "delivery-by-id"],
)
def test_it_opens_a_delivery_and_finds_what_it_does_not_account_for(name: str) -> None:
    one = case(name)
    wanted = [
        (found["index"], unhex(found["content_key"]), unhex(found["content"]))
        for found in one["output"]["opened"]
    ]
    found = opened(one["inputs"])
    assert list(found.notices) == wanted
    assert list(found.unaccounted) == one["output"]["unaccounted"]


def frame(given: Case) -> second.Published:
    found = unhex({name: given[name] for name in ("recipients", "wraps", "notices")})
    return second.Published(
        frame_header=unhex(given["header"]),
        recipients=found["recipients"],
        wraps=found["wraps"],
        notices=[(one["header"], one["body"]) for one in found["notices"]],
        statement=unhex(given["statement"]),
        signature=unhex(given["signature"]),
    )


def check_frame(inputs: Case) -> None:
    keyset, federation = unhex(inputs["keyset"]), unhex(inputs["federation"])
    second.check_frame(frame(inputs["frame"]), keyset, federation)


def named(value: Any) -> Any:
    """Return objects by item name with the items that are bytes as bytes."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    if isinstance(value, dict):
        return {name: held if name in AS_THEY_ARE else named(held) for name, held in value.items()}
    return [named(held) for held in value] if isinstance(value, list) else value


AS_THEY_ARE = frozenset({"agency", "key_id", "keyset_id", "marking", "originator", "topic"})
WRITTEN: list[tuple[str, str, Callable[[Case], bytes]]] = [
    ("marking", "bytes", lambda one: second_sealing.marking(one["marking"])),
    ("frame-header", "bytes", lambda one: second_sealing.frame_header(one["frame_header"])),
    ("notice-header", "bytes", lambda one: second_sealing.header(one["notice_header"])),
    ("recipient", "bytes", lambda one: second_sealing.recipient(one["recipient"])),
    ("keyset", "keyset", second_sealing.keyset),
    ("encryption-key", "encryption_key", second_sealing.encryption_key),
]


@pytest.mark.parametrize(("name", "output", "write"), WRITTEN, ids=[one[0] for one in WRITTEN])
def test_it_writes_the_values_of_a_frame(
    name: str, output: str, write: Callable[[Case], bytes]
) -> None:
    vector = case(name)
    assert write(named(vector["inputs"])).hex() == vector["output"][output]


def test_ours_opens_what_it_seals() -> None:
    vector = case("frame")["inputs"]
    keys = {agency: private_key_of(agency) for agency in ("gr-pol", "hr-ngo", "ro-pol")}
    recipients = [
        (
            {"agency": agency, "key_id": "k", "named": False, "seq": 1, "prev": bytes(32)},
            DecryptionKey(key_id="k", seed=seed).public(valid_from=0, valid_until=1).public,
        )
        for agency, seed in keys.items()
    ]
    notices = [(named(one["header"]), bytes.fromhex(one["content"])) for one in vector["notices"]]
    signature = case("signature")["inputs"]
    originator = second_sealing.Originator(
        agency="gr-pol",
        keyset_id="2026-11-sign",
        ed25519_seed=unhex(signature["ed25519_seed"]),
        mldsa65_seed=unhex(signature["mldsa65_seed"]),
    )
    sealed = second_sealing.seal(originator, named(vector["header"]), recipients, notices)
    ours = Frame(
        header=sealed.frame_header,
        recipients=tuple(sealed.recipients),
        wraps=tuple(sealed.wraps),
        notices=tuple(SealedNotice(header=one, body=body) for one, body in sealed.notices),
        statement=sealed.statement,
        signature=sealed.signature,
    )
    keyset, federation = Keyset.decode(unhex(vector["keyset"])), unhex(vector["federation"])
    checked_frame = checking.check_frame(ours, keyset, federation)
    for agency, seed in keys.items():
        delivered = delivery_of(ours, agency)
        topic = checked_frame.header.topic
        checked = verify_delivery(delivered, keyset, federation, agency, topic)
        found = open_delivery(checked, delivered, DecryptionKey(key_id="k", seed=seed))
        assert [one.content for one in found] == [content for _, content in notices]


def private_key_of(agency: str) -> bytes:
    return primitives.sha(f"tocsin test vectors: {agency} decryption".encode())


def test_it_checks_a_whole_frame() -> None:
    one = case("frame")
    check_frame({**one["inputs"], "frame": one["output"]["frame"]})


def test_it_opens_a_wrap_through_every_value_of_the_file() -> None:
    one = case("wrap")
    given, steps = one["inputs"], unhex(one["steps"])
    private = primitives.private_key(unhex(given["decryption_seed"]))
    info = primitives.wrap_info(unhex(given["frame_header"]), given["agency"], given["key_id"])
    shared = primitives.combined(
        steps["ss_mlkem"], steps["ss_x25519"], steps["x25519_ephemeral"], steps["public"][1184:]
    )
    assert shared == steps["shared_secret"]
    assert primitives.hpke_keys(shared, info) == (steps["key"], steps["base_nonce"])
    assert primitives.unwrap(private, info, unhex(given["wrap"])).hex() == one["output"]["seal_key"]


@pytest.mark.parametrize("name", ["body", "body-of-five-chunks"])
def test_it_opens_a_body_with_the_keys_of_the_file(name: str) -> None:
    one = case(name)
    given, steps = unhex(one["inputs"]), unhex({"key": one["steps"]["derived_key"]})
    context = primitives.body_context(given["frame_header"], given["notice_header"])
    key, base, _ = primitives.chunk_keys(given["content_key"], given["body"][:24], context)
    assert (key, base.to_bytes(12, "big").hex()) == (steps["key"], one["steps"]["derived_base"])
    padded = primitives.chunked_open(given["content_key"], context, given["body"])
    assert len(padded) == one["steps"]["padded_length"]
    assert primitives.unpadded(padded) == unhex(one["output"]["content"])


def test_it_reads_a_content_document() -> None:
    one = case("content")
    header = formats.notice_header(unhex(one["inputs"]["notice_header"]))
    read = formats.content(unhex(one["output"]["content"]), header)
    assert read["notice"] == one["inputs"]["notice"]
    assert read["attachments"][0]["name"] == one["inputs"]["attachments"][0]["name"]


def test_it_pads_as_the_vectors_do() -> None:
    padding = case("padding")
    sizes = [primitives.padded_size(4 + length) for length in padding["inputs"]["content_lengths"]]
    assert sizes == padding["output"]["padded_lengths"]


def test_it_opens_an_attachment() -> None:
    one = case("attachment")
    given = one["inputs"]
    context = primitives.attachment_context(
        unhex(given["federation"]), given["originator"], unhex(given["attachment"]["id"])
    )
    plain = primitives.chunked_open(
        unhex(given["attachment_key"]), context, unhex(given["ciphertext"])
    )
    assert len(plain) == one["output"]["plaintext_length"]
    assert primitives.sha(plain).hex() == one["output"]["plaintext_sha256"]


def test_it_verifies_a_directory_under_rotated_roots() -> None:
    one = case("directory")
    roots, entries = unhex(one["inputs"]["roots"]), unhex(one["inputs"]["entries"])
    found = second_federation.read_directory(roots, entries)
    assert found.federation.hex() == one["output"]["federation"]
    assert found.root.hex() == one["output"]["root"]
    assert found.state.active == one["output"]["active"]
    assert sorted(found.state.retired) == one["output"]["retired"]


LEAVES = sorted(path.stem for path in VECTORS.glob("log-leaf*.json"))
BYTES = {"statement", "shown", "withheld"}


@pytest.mark.parametrize("name", LEAVES)
def test_it_recomputes_a_leaf(name: str) -> None:
    one = case(name)
    given = one["inputs"]
    fields = {
        field: unhex(value) if field in BYTES else value for field, value in given["fields"].items()
    }
    leaf = second.log_leaf(given["kind"], given["time_ms"], fields, unhex(given["salt"]))
    assert leaf.hex() == one["output"]["log_leaf"]


def test_it_reads_a_checkpoint() -> None:
    head = case("checkpoint")
    size, root = second.read_checkpoint(
        head["output"]["note"],
        head["inputs"]["checkpoint"]["origin"],
        unhex(head["steps"]["ed25519"]),
    )
    stated = head["inputs"]["checkpoint"]
    assert (size, root.hex()) == (stated["size"], stated["root"])


def test_it_follows_every_proof_of_the_log() -> None:
    tree = case("log-tree")
    hashes, roots = unhex(tree["steps"]["leaf_hashes"]), unhex(tree["output"]["roots"])
    assert [primitives.tree_root(hashes[:size]) for size in range(len(roots))] == roots
    for proof in tree["output"]["inclusion"]:
        at, size, path = proof["index"], proof["size"], unhex(proof["proof"])
        assert primitives.root_by_path(hashes[at], at, size, path) == roots[size]
    for proof in tree["output"]["consistency"]:
        old, new, path = proof["old"], proof["new"], unhex(proof["proof"])
        assert primitives.both_roots(old, new, path, roots[old]) == (roots[old], roots[new])


def test_it_opens_a_key_file() -> None:
    one = case("key-file")
    given, data = one["inputs"], unhex(one["output"]["key_file"])
    held = second.open_key_file(data, given["purpose"], unhex(given["passphrase"]))
    assert held == unhex(given["secrets"])


def _directory(inputs: Case) -> None:
    whole = case("directory")["inputs"]
    roots = whole["roots"][: inputs["roots_before"]] + inputs.get("roots", [])
    entries = whole["entries"][: inputs.get("entries_before", 0)] + inputs.get("entries", [])
    if "roots" in inputs:
        second_federation.read_roots(unhex(roots))
    else:
        second_federation.read_directory(unhex(roots), unhex(entries))


def _body(inputs: Case) -> None:
    given = unhex(inputs)
    second.open_body(
        given["content_key"], given["frame_header"], given["notice_header"], given["body"]
    )


def _attachment(inputs: Case) -> None:
    ref, sealed = inputs["attachment"], unhex(inputs["ciphertext"])
    need(len(sealed) == ref["length"] and primitives.sha(sealed).hex() == ref["digest"])
    context = primitives.attachment_context(
        unhex(inputs["federation"]), inputs["originator"], unhex(ref["id"])
    )
    primitives.chunked_open(unhex(inputs["attachment_key"]), context, sealed)


def _content(inputs: Case) -> None:
    header = formats.notice_header(unhex(inputs["notice_header"]))
    formats.content(unhex(inputs["content"]), header)


FORMATS = {
    "MARKING": formats.marking,
    "FRAME_HEADER": formats.frame_header,
    "HEADER": formats.notice_header,
    "RECIPIENT": formats.recipient,
    "STATEMENT": formats.statement,
    "KEYSET": formats.keyset,
    "AGENCY": formats.AGENCY,
    "GRANT": second_mail.grant,
    "RECALL": second_mail.recall,
    "LETTER_HEADER": second_mail.letter_header,
    "LETTER": second_mail.letter,
}


def _format(inputs: Case) -> None:
    FORMATS[inputs["format"]](unhex(inputs["bytes"]))


def _key_file(inputs: Case) -> None:
    data, passphrase = unhex(inputs["key_file"]), unhex(inputs["passphrase"])
    second.open_key_file(data, inputs["purpose"], passphrase)


def _inclusion(inputs: Case) -> None:
    path = unhex(inputs["proof"])
    leaf, root = unhex(inputs["leaf_hash"]), unhex(inputs["root"])
    need(primitives.root_by_path(leaf, inputs["index"], inputs["size"], path) == root)


def _consistency(inputs: Case) -> None:
    old, new = unhex(inputs["old_root"]), unhex(inputs["new_root"])
    path = unhex(inputs["proof"])
    need(primitives.both_roots(inputs["old"], inputs["new"], path, old) == (old, new))


def _checkpoint(inputs: Case) -> None:
    second.read_checkpoint(inputs["note"], inputs["origin"], unhex(inputs["ed25519"]))


def _framing(inputs: Case) -> None:
    primitives.read(inputs["label"], unhex(inputs["bytes"]), inputs["count"])


REFUSING: dict[str, Callable[[Case], object]] = {
    "attachment": _attachment,
    "body": _body,
    "content": _content,
    "format": _format,
    "checkpoint": _checkpoint,
    "consistency": _consistency,
    "delivery": opened,
    "directory": _directory,
    "frame": check_frame,
    "framing": _framing,
    "grant": granted,
    "inclusion": _inclusion,
    "key-file": _key_file,
    "letter": posted,
    "recall": recalled,
    "root": _directory,
}
REFUSED = sorted(path.stem for path in (VECTORS / "refused").glob("*.json"))


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_what_must_be_refused(name: str) -> None:
    kind = max((kind for kind in REFUSING if name.startswith(f"{kind}-")), key=len)
    with pytest.raises(Refused):
        REFUSING[kind](case(f"refused/{name}")["inputs"])
