# SPDX-License-Identifier: Apache-2.0
"""Requirements of section 11 on leaves, notes and proofs, against a second implementation."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.domain import acts
from broker.domain.deliveries import Form, Showing, Withheld, WithheldReason
from broker.domain.logs import LogKind
from keys import merkle
from keys.checkpoint import Checkpoint, log_public, sign_checkpoint, verify_checkpoint
from keys.errors import CheckpointError, LeafError, ProofError, Reason
from keys.framing import sha256
from keys.logleaf import LeafBody, Value, check_leaf, encode_leaf
from tests.simulator.federation import NOW, TOPIC
from tests.unit.protocol import primitives, second
from tests.unit.protocol.material import READER, frame
from tests.unit.protocol.stored import stored_frame

SALT = bytes(range(32))
STATEMENT = sha256(frame().statement)
FIELDS: dict[str, Value] = {"originator": "gr-pol", "sequence": 7, "statement": STATEMENT}


@pytest.mark.must("LOG-1")
def test_fields_are_keyed_hashes() -> None:
    leaf = encode_leaf("publish", NOW, FIELDS, SALT)
    assert leaf == second.log_leaf("publish", NOW, FIELDS, SALT)
    assert check_leaf(leaf, SALT, "publish", FIELDS).time_ms == NOW
    changes: list[tuple[bytes, str, dict[str, Value]]] = [
        (bytes(32), "publish", FIELDS),
        (SALT, "deliver", FIELDS),
        (SALT, "publish", {**FIELDS, "sequence": 8}),
        (SALT, "publish", {**FIELDS, "topic": TOPIC}),
        (SALT, "publish", {"originator": "gr-pol"}),
    ]
    for salt, kind, fields in changes:
        with pytest.raises(LeafError) as caught:
            check_leaf(leaf, salt, kind, fields)
        assert caught.value.reason is Reason.LEAF_MISMATCH
    with pytest.raises(LeafError):
        encode_leaf("publish", NOW, FIELDS, SALT[:-1])


SHOWING = Showing(
    form=Form.PARTIAL,
    shown=(0, 2),
    withheld=(Withheld(index=1, reason=WithheldReason.NOT_YET_VALID),),
)
DELIVERY: dict[str, Value] = {
    "recipient": READER,
    "topic": TOPIC,
    "sequence": 9,
    "statement": STATEMENT,
    "shown": bytes.fromhex("0000000000000002"),
    "withheld": bytes.fromhex("0000000104"),
}


def delivered(form: Form) -> acts.Act:
    showing = Showing(form=form, shown=SHOWING.shown, withheld=SHOWING.withheld)
    return acts.delivery(stored_frame(9), showing, READER, NOW, SALT)


REFUSED = acts.Refusal(act="publish", agency=READER, reason="DENIED", rules=("R1", "R2"))
ACTS: list[tuple[acts.Act, str, dict[str, Value]]] = [
    (
        acts.publication(
            originator="gr-pol",
            topic=TOPIC,
            sequence=9,
            statement=STATEMENT,
            time_ms=NOW,
            salt=SALT,
        ),
        "publish",
        {"originator": "gr-pol", "topic": TOPIC, "sequence": 9, "statement": STATEMENT},
    ),
    (delivered(Form.FULL), "deliver", DELIVERY),
    (delivered(Form.PARTIAL), "deliver", DELIVERY),
    (delivered(Form.STUB), "stub", DELIVERY),
    (delivered(Form.WITHHELD), "withhold", DELIVERY),
    (acts.fetching(stored_frame(9), SHOWING, READER, NOW, SALT), "fetch", DELIVERY),
    (
        acts.refusal(REFUSED, NOW, SALT),
        "refuse",
        {
            "act": "publish",
            "agency": READER,
            "reason": "DENIED",
            "rules": "R1,R2",
            "topic": "",
            "statement": b"",
            "count": 1,
        },
    ),
    (
        acts.directory_change(3, b"entry", "", NOW, SALT),
        "directory",
        {"index": 3, "entry": sha256(b"entry")},
    ),
    (
        acts.directory_change(3, b"entry", READER, NOW, SALT),
        "lock",
        {"index": 3, "entry": sha256(b"entry"), "agency": READER},
    ),
    (
        acts.root_change(2, b"root", NOW, SALT),
        "root",
        {"version": 2, "root": sha256(b"root")},
    ),
    (
        acts.log_reading(READER, LogKind.DIRECTORY, 5, 6, time_ms=NOW, salt=SALT),
        "read-log",
        {"reader": READER, "log": "directory", "start": 5, "count": 6},
    ),
]


@pytest.mark.must("LOG-3")
@pytest.mark.parametrize(
    ("act", "kind", "fields"), ACTS, ids=[f"{at}-{one[1]}" for at, one in enumerate(ACTS)]
)
def test_a_leaf_has_the_fields_of_its_kind(
    act: acts.Act, kind: str, fields: dict[str, Value]
) -> None:
    assert act.leaf() == second.log_leaf(kind, NOW, fields, SALT)
    names = [name for name, _ in LeafBody.decode(act.leaf()).fields]
    assert names == sorted(fields)


SEED = bytes(range(32))
KEY = log_public(SEED)
HEAD = Checkpoint(origin="broker.example/log", size=7, root=bytes(range(32)))
NOTE = sign_checkpoint(HEAD, SEED)


def refused(note: str, origin: str = HEAD.origin, key: bytes = KEY) -> None:
    with pytest.raises(CheckpointError):
        verify_checkpoint(note, origin, key)


def test_a_good_note_is_read_alike_by_both() -> None:
    assert verify_checkpoint(NOTE, HEAD.origin, KEY) == HEAD
    assert second.read_checkpoint(NOTE, HEAD.origin, KEY) == (HEAD.size, HEAD.root)


def resigned(text: str) -> str:
    """Return a note with any text, signed properly by the log's key."""
    signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(text.encode())
    key_id = sha256(HEAD.origin.encode() + b"\n\x01" + KEY)[:4]
    encoded = base64.b64encode(key_id + signature).decode()
    return f"{text}\n\u2014 {HEAD.origin} {encoded}\n"


ROOT = base64.b64encode(HEAD.root).decode()


@pytest.mark.must("LOG-7")
@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD.origin}\n07\n{ROOT}\n",
        f"{HEAD.origin}\n+7\n{ROOT}\n",
        f"{HEAD.origin}\n-7\n{ROOT}\n",
        f"{HEAD.origin}\n\u0667\n{ROOT}\n",
        f"{HEAD.origin}\n{1 << 63}\n{ROOT}\n",
        f"{HEAD.origin}\n7\n{ROOT[:-1]}\n",
        f"{HEAD.origin}\n7\n{ROOT} \n",
        f"{HEAD.origin}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{HEAD.origin}\n7\n{ROOT[:-2]}9=\n",
        f"{HEAD.origin}\n7\n{ROOT}\nextension\n",
        f"{HEAD.origin}\n7\n",
        f"{HEAD.origin}\r\n7\r\n{ROOT}\r\n",
    ],
)
def test_a_note_of_another_form_is_refused(text: str) -> None:
    assert resigned(HEAD.body()) == NOTE
    refused(resigned(text))


@pytest.mark.must("LOG-7")
def test_a_note_with_broken_lines_or_beyond_its_size_is_refused() -> None:
    for bad in (
        "",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\u2014", "-"),
        NOTE.replace("\n\n", "\n"),
        NOTE + "\u2014 witness " + "A" * 70_000 + "\n",
        NOTE + "\u2014 witness AAAAAAAA\n" * 64,
    ):
        refused(bad)


@pytest.mark.must("LOG-8")
def test_only_the_expected_logs_own_signature_counts() -> None:
    refused(NOTE, origin="another.example/log")
    refused(NOTE, key=log_public(bytes(32)))
    other = sign_checkpoint(HEAD, bytes(32))
    refused(other)
    line, own = other.rsplit("\n", 2)[1] + "\n", NOTE.rsplit("\n", 2)[1] + "\n"
    assert verify_checkpoint(NOTE + line, HEAD.origin, KEY) == HEAD
    refused(NOTE + own)
    refused(NOTE.replace("\n7\n", "\n8\n"))


LEAVES = [primitives.leaf_hash(bytes([at])) for at in range(9)]


@pytest.mark.must("LOG-9")
@pytest.mark.parametrize("size", range(1, 10))
def test_proofs_of_another_length_are_refused(size: int) -> None:
    leaves = LEAVES[:size]
    root = primitives.tree_root(leaves)
    for at in range(size):
        path = merkle.inclusion_path(leaves, at)
        assert primitives.root_by_path(leaves[at], at, size, path) == root
        merkle.verify_inclusion(leaves[at], at, path, size, root)
        for bad in ([*path, bytes(32)], path[:-1] if path else [root], [b"", *path[1:]]):
            with pytest.raises(ProofError):
                merkle.verify_inclusion(leaves[at], at, bad, size, root)
    for old in range(1, size + 1):
        before, path = primitives.tree_root(LEAVES[:old]), merkle.consistency_path(leaves, old)
        assert primitives.both_roots(old, size, path, before) == (before, root)
        merkle.verify_consistency(old, size, path, before, root)
        for bad in ([*path, bytes(32)], path[:-1] if path else [root], [b"", *path[1:]]):
            with pytest.raises(ProofError):
                merkle.verify_consistency(old, size, bad, before, root)


@pytest.mark.must("LOG-10")
def test_an_empty_tree_proves_nothing() -> None:
    empty, one = merkle.EMPTY_ROOT, LEAVES[0]
    proofs: list[tuple[Any, tuple[Any, ...]]] = [
        (merkle.verify_inclusion, (one, 0, [], 0, empty)),
        (merkle.verify_inclusion, (empty, 0, [], 0, empty)),
        (merkle.verify_inclusion, (one, 1, [], 1, one)),
        (merkle.verify_consistency, (0, 1, [], empty, one)),
        (merkle.verify_consistency, (0, 0, [], empty, empty)),
        (merkle.verify_consistency, (2, 1, [], one, one)),
    ]
    for verify, arguments in proofs:
        with pytest.raises(ProofError):
            verify(*arguments)
