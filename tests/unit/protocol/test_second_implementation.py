# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md is enough: what was written from it alone reads every vector.

The files are those of tests/vectors; those under refused/ must be refused.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys import checking
from keys.envelope import Frame, SealedNotice
from keys.identities import DecryptionKey
from keys.opening import open_delivery, verify_delivery
from keys.signing import Keyset
from tests.simulator.federation import delivery_of
from tests.unit.protocol import primitives, second, second_sealing
from tests.unit.protocol.primitives import Refused, need

VECTORS = Path(__file__).resolve().parents[2] / "vectors"

Case = dict[str, Any]


def case(name: str) -> Case:
    loaded: Case = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def unhex(value: Any) -> Any:
    """Return the same with every string of hex as bytes; for values that hold nothing else."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    if isinstance(value, dict):
        return {name: unhex(held) for name, held in value.items()}
    return [unhex(held) for held in value] if isinstance(value, list) else value


def received(delivery: Case) -> second.Received:
    given = unhex(delivery)
    return second.Received(
        frame_header=given["header"],
        statement=given["statement"],
        signature=given["signature"],
        recipient=given["recipient"],
        recipient_index=given["recipient_index"],
        recipient_path=given["recipient_path"],
        wrap=given["wrap"],
        notices=[
            (one["index"], one["header"], one["body"], one["path"]) for one in given["notices"]
        ],
        withheld=given["withheld"],
    )


def opened(inputs: Case) -> list[tuple[int, bytes, bytes]]:
    return second.open_delivery(
        received(inputs["delivery"]),
        keyset=unhex(inputs["keyset"]),
        federation=unhex(inputs["federation"]),
        agency=inputs["agency"],
        topic=inputs["topic"],
        seed=unhex(inputs["decryption_seed"]),
    )


@pytest.mark.parametrize("name", ["delivery", "delivery-partial"])
def test_it_opens_a_delivery(name: str) -> None:
    one = case(name)
    wanted = [
        (found["index"], unhex(found["content_key"]), unhex(found["content"]))
        for found in one["output"]["opened"]
    ]
    assert opened(one["inputs"]) == wanted


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


def test_it_opens_a_wrap_and_a_body() -> None:
    wrap = unhex({**case("wrap")["inputs"], "agency": "", "key_id": ""})
    names = case("wrap")["inputs"]
    info = primitives.wrap_info(wrap["frame_header"], names["agency"], names["key_id"])
    private = primitives.private_key(wrap["decryption_seed"])
    seal_key = primitives.unwrap(private, info, wrap["wrap"])
    assert seal_key == unhex(case("wrap")["output"]["seal_key"])
    body = unhex(case("body")["inputs"])
    context = primitives.body_context(body["frame_header"], body["notice_header"])
    padded = primitives.chunked_open(body["content_key"], context, body["body"])
    assert primitives.unpadded(padded) == unhex(case("body")["output"]["content"])


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
    federation, root = second.read_directory(
        unhex(one["inputs"]["roots"]), unhex(one["inputs"]["entries"])
    )
    assert federation.hex() == one["output"]["federation"]
    assert root.hex() == one["output"]["root"]


def test_it_recomputes_a_leaf_and_reads_a_checkpoint() -> None:
    one = case("log-leaf")
    given = one["inputs"]
    fields = {**given["fields"], "statement": unhex(given["fields"]["statement"])}
    leaf = second.log_leaf(given["kind"], given["time_ms"], fields, unhex(given["salt"]))
    assert leaf.hex() == one["output"]["log_leaf"]
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
    second.read_directory(unhex(inputs["roots"]), unhex(inputs.get("entries", [])))


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


def _marking(inputs: Case) -> None:
    data = unhex(inputs["marking_bytes"])
    for listed in primitives.read("tocsin/marking/v1", data, 10)[2:5]:
        items = primitives.items_of(listed)
        need(items == sorted(set(items)))


REFUSING: dict[str, Callable[[Case], object]] = {
    "checkpoint": _checkpoint,
    "consistency": _consistency,
    "delivery": opened,
    "directory": _directory,
    "frame": check_frame,
    "framing": _framing,
    "inclusion": _inclusion,
    "key-file": _key_file,
    "marking": _marking,
    "root": _directory,
}
REFUSED = sorted(path.stem for path in (VECTORS / "refused").glob("*.json"))


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_what_must_be_refused(name: str) -> None:
    kind = next(kind for kind in REFUSING if name.startswith(f"{kind}-"))
    with pytest.raises(Refused):
        REFUSING[kind](case(f"refused/{name}")["inputs"])
