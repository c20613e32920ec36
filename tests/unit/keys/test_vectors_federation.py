# SPDX-License-Identifier: Apache-2.0
"""The files of tests/vectors about federation, log and key file, replayed in both directions."""

from collections.abc import Mapping
from typing import Any

import pytest

from keys import merkle
from keys.checkpoint import Checkpoint, key_id, log_public, sign_checkpoint, verify_checkpoint
from keys.directory import Directory, SignedEntry, decode_entry, encode_entry
from keys.entries import decode_content, encode_content, rule_book_digest
from keys.framing import framed, listed, sha256, unframe
from keys.identities import decryption_keys_from
from keys.keyfile import open_secrets, seal_secrets
from keys.logleaf import LeafBody, Value, check_leaf, encode_leaf, field_bytes, field_hash
from keys.root import RootDocument, SignedRoot, federation_id, verified_roots
from keys.signers import signer_from
from keys.signing import (
    PAYLOAD_CARD,
    PAYLOAD_ENTRY,
    PAYLOAD_ROOT,
    ed25519_input,
    pae,
)
from keys.tls import peer_name, spki_pin, verify_peer
from tests.vectors import reading
from tests.vectors.form import load, parts
from tests.vectors.reading import raw, raws


def _entries() -> tuple[bytes, ...]:
    return raws(load("directory")["inputs"]["entries"])


def test_certificate() -> None:
    inputs, steps, output = parts("certificate")
    root, leaf = raw(inputs["root"]), raw(inputs["leaf"])
    assert peer_name(leaf).spiffe_id == output["spiffe_id"]
    assert sha256(raw(steps["leaf_spki"])) == spki_pin(leaf) == raw(output["tls_key_pin"])
    assert verify_peer(leaf, b"", [root], inputs["valid_at"]) == output["spiffe_id"]


@pytest.mark.parametrize("name", ["root", "root-rotation"])
def test_root(name: str) -> None:
    inputs, steps, output = parts(name)
    document = reading.root_document(inputs["document"])
    signed = SignedRoot.decode(raw(output["signed_root"]))
    assert document.encode() == signed.body == raw(steps["body"])
    assert RootDocument.decode(signed.body) == document
    assert signed.encode().hex() == output["signed_root"]
    assert [one.encode().hex() for one in document.stewards] == steps["stewards"]
    assert steps["payload_type"] == PAYLOAD_ROOT
    _assert_signed(steps, signed)
    before = [SignedRoot.decode(raw(inputs["previous"]))] if "previous" in inputs else []
    roots = [*before, signed]
    assert verified_roots(roots)[-1] == document
    assert federation_id(roots[0]).hex() == output["federation"]


ENTRIES = {f"entry-{kind}": read for kind, read in reading.ENTRIES.items()}
ENTRIES["entry-under-root-2"] = reading.ENTRIES["topic"]


@pytest.mark.parametrize("name", ENTRIES)
def test_entry(name: str) -> None:
    inputs, steps, output = parts(name)
    entry = ENTRIES[name](inputs["entry"])
    assert encode_content(entry).hex() == steps["content"]
    assert decode_content(raw(steps["content"])) == entry
    place = (raw(inputs["federation"]), inputs["index"], inputs["issued_at"])
    signed = SignedEntry.decode(raw(output["signed_entry"]))
    assert encode_entry(*place, entry) == signed.body == raw(steps["body"])
    decoded = decode_entry(signed.body)
    assert (decoded.federation, decoded.index, decoded.issued_at) == place
    assert decoded.content == entry
    payload_type = PAYLOAD_CARD if name.endswith("-card") else PAYLOAD_ENTRY
    assert steps["payload_type"] == payload_type
    _assert_signed(steps, signed)
    assert signed.encode().hex() == output["signed_entry"]
    assert merkle.hash_leaf(signed.encode()).hex() == output["leaf_hash"]
    assert raw(output["signed_entry"]) == _entries()[inputs["index"]]


def _assert_signed(steps: Mapping[str, Any], signed: SignedRoot | SignedEntry) -> None:
    encoded = pae(steps["payload_type"], signed.body)
    assert encoded.hex() == steps["pae"]
    assert ed25519_input(encoded).hex() == steps["ed25519_input"]
    listed_here = [(one["keyset_id"], raw(one["signature"])) for one in steps["signatures"]]
    assert list(signed.signatures) == listed_here


def test_directory() -> None:
    inputs, steps, output = parts("directory")
    roots = [SignedRoot.decode(raw(one)) for one in inputs["roots"]]
    directory = Directory.start(roots)
    assert directory.is_behind_root
    tree_roots = [directory.root]
    for one in inputs["entries"]:
        directory = directory.with_entry(SignedEntry.decode(raw(one)))
        tree_roots.append(directory.root)
    assert list(directory.leaf_hashes) == list(raws(steps["leaf_hashes"]))
    assert tree_roots == list(raws(steps["directory_roots"]))
    assert not directory.is_behind_root
    assert (directory.size, directory.root) == (output["size"], raw(output["root"]))
    assert directory.federation.hex() == output["federation"]
    assert directory.rule_book is not None
    assert directory.rule_book.version == output["rule_book"]["version"]
    assert sha256(raw(steps["rule_book_framed"])).hex() == output["rule_book"]["digest"]
    book = directory.rule_book
    assert rule_book_digest(book.schema, book.policies).hex() == output["rule_book"]["digest"]
    agencies = [one.agency for one in directory.agencies()]
    assert [one for one in agencies if directory.active(one)] == output["active"]
    assert [one for one in agencies if directory.is_retired(one)] == output["retired"]


LEAVES = {
    "log-leaf": "publish",
    "log-leaf-of-delivery": "deliver",
    "log-leaf-of-delivery-partial": "deliver",
    "log-leaf-of-delivery-stub": "stub",
    "log-leaf-of-delivery-withheld": "withhold",
    "log-leaf-of-delivery-by-id": "fetch",
    "log-leaf-refuse": "refuse",
}
BYTES = {"statement", "shown", "withheld"}


@pytest.mark.parametrize("name", LEAVES)
def test_log_leaf(name: str) -> None:
    inputs, steps, output = parts(name)
    assert inputs["kind"] == LEAVES[name]
    salt = raw(inputs["salt"])
    fields: dict[str, Value] = {
        field: raw(value) if field in BYTES else value for field, value in inputs["fields"].items()
    }
    hashes = {field: field_hash(salt, field, value).hex() for field, value in fields.items()}
    assert hashes == steps["field_hashes"]
    for field, value in fields.items():
        message = framed("tocsin/leaf/v1", field.encode(), field_bytes(value))
        assert message.hex() == steps["hmac_inputs"][field]
    leaf = encode_leaf(inputs["kind"], inputs["time_ms"], fields, salt)
    assert leaf.hex() == output["log_leaf"]
    assert LeafBody.decode(leaf).encode() == leaf
    assert check_leaf(leaf, salt, inputs["kind"], fields).time_ms == inputs["time_ms"]
    assert merkle.hash_leaf(leaf).hex() == output["leaf_hash"]


def test_log_tree() -> None:
    inputs, steps, output = parts("log-tree")
    hashes = [merkle.hash_leaf(raw(leaf)) for leaf in inputs["leaves"]]
    roots = raws(output["roots"])
    assert hashes == list(raws(steps["leaf_hashes"]))
    assert [merkle.root(hashes[:size]) for size in range(8)] == list(roots)
    for one in output["inclusion"]:
        proof = list(raws(one["proof"]))
        assert merkle.inclusion_path(hashes, one["index"]) == proof
        merkle.verify_inclusion(hashes[one["index"]], one["index"], proof, one["size"], roots[-1])
    for one in output["consistency"]:
        proof = list(raws(one["proof"]))
        assert merkle.consistency_path(hashes, one["old"]) == proof
        merkle.verify_consistency(one["old"], one["new"], proof, roots[one["old"]], roots[-1])


def test_checkpoint() -> None:
    inputs, steps, output = parts("checkpoint")
    given, seed = inputs["checkpoint"], raw(inputs["ed25519_seed"])
    value = Checkpoint(origin=given["origin"], size=given["size"], root=raw(given["root"]))
    public = log_public(seed)
    assert public.hex() == steps["ed25519"]
    assert key_id(value.origin, public).hex() == steps["key_id"]
    assert value.body() == steps["signed_text"]
    assert sign_checkpoint(value, seed) == output["note"]
    assert verify_checkpoint(output["note"], value.origin, public) == value


def test_key_file() -> None:
    inputs, steps, output = parts("key-file")
    held = {name: raw(secret) for name, secret in inputs["secrets"].items()}
    purpose, passphrase = inputs["purpose"], raw(inputs["passphrase"])
    sealed = raw(output["key_file"])
    assert unframe("tocsin/key-file/v1", sealed, 6)[5].hex() == steps["body"]
    assert open_secrets(sealed, purpose, passphrase) == held
    pairs = listed(part for name in sorted(held) for part in (name.encode(), held[name]))
    assert pairs.hex() == steps["secrets"]
    again = seal_secrets(purpose, held, passphrase, salt=raw(inputs["salt"]))
    assert again[: -len(raw(steps["body"]))] == sealed[: -len(raw(steps["body"]))]
    assert open_secrets(again, purpose, passphrase) == held
    assert signer_from(held, "gateway").keyset_id == "2026-11-sign"
    assert [key.key_id for key in decryption_keys_from(held)] == ["2026-11-seal"]
