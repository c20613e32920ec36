# SPDX-License-Identifier: Apache-2.0
"""Checkpoints as signed notes: only the log's own key, only one spelling."""

import base64

import pytest

from keys.checkpoint import (
    MAX_SIGNATURES,
    Checkpoint,
    key_id,
    log_public,
    sign_checkpoint,
    verify_checkpoint,
)
from keys.errors import CheckpointError, Reason

ORIGIN, SEED = "broker.example/log", bytes(range(32))
PUBLIC = log_public(SEED)
HEAD = Checkpoint(origin=ORIGIN, size=7, root=b"r" * 32)
NOTE = sign_checkpoint(HEAD, SEED)
WITNESS = sign_checkpoint(Checkpoint(origin="witness.example", size=7, root=b"r" * 32), b"w" * 32)
WITNESS_LINE = WITNESS.split("\n\n")[1]


def refusal(note: str, origin: str = ORIGIN, public: bytes = PUBLIC) -> CheckpointError:
    with pytest.raises(CheckpointError) as refused:
        verify_checkpoint(note, origin, public)
    return refused.value


def test_a_signed_checkpoint_verifies() -> None:
    assert verify_checkpoint(NOTE, ORIGIN, PUBLIC) == HEAD


def test_a_note_is_three_lines_a_blank_one_and_a_signature() -> None:
    origin, size, root, blank, line, end = NOTE.split("\n")
    assert (origin, size, blank, end) == (ORIGIN, "7", "", "")
    assert base64.b64decode(root) == HEAD.root
    assert line.startswith(f"— {ORIGIN} ")
    signature = base64.b64decode(line.split(" ")[2])
    assert signature[:4] == key_id(ORIGIN, PUBLIC)
    assert len(signature) == 4 + 64


def test_the_empty_log_has_a_checkpoint_too() -> None:
    head = Checkpoint(origin=ORIGIN, size=0, root=bytes(32))
    assert verify_checkpoint(sign_checkpoint(head, SEED), ORIGIN, PUBLIC).size == 0


def test_signatures_of_witnesses_are_passed_over() -> None:
    text, own = NOTE.split("\n\n")
    for lines in (own + WITNESS_LINE, WITNESS_LINE + own):
        assert verify_checkpoint(f"{text}\n\n{lines}", ORIGIN, PUBLIC) == HEAD


def test_a_note_that_only_witnesses_signed_is_refused() -> None:
    note = f"{NOTE.split(chr(10) * 2)[0]}\n\n{WITNESS_LINE}"
    assert "no signature by the log's key" in refusal(note).detail


def test_a_checkpoint_of_another_log_is_refused() -> None:
    refused = refusal(NOTE, origin="other.example/log")
    assert refused.detail == "checkpoint of broker.example/log, expected other.example/log"
    assert refused.reason is Reason.CHECKPOINT_INVALID


@pytest.mark.parametrize("public", [log_public(b"x" * 32), PUBLIC[:31], b""])
def test_a_checkpoint_by_another_key_is_refused(public: bytes) -> None:
    assert refusal(NOTE, public=public).reason is Reason.CHECKPOINT_INVALID


def test_another_key_of_the_same_hint_is_refused_by_its_signature() -> None:
    _, line = NOTE.split("\n\n")
    name, signature = line[2:-1].split(" ")
    forged = base64.b64decode(signature)[:4] + bytes(64)
    encoded = base64.b64encode(forged).decode()
    note = NOTE.replace(line, f"— {name} {encoded}\n")
    assert refusal(note).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("length", [1, 63, 65])
def test_a_signature_of_another_length_is_none_by_the_logs_key(length: int) -> None:
    _, line = NOTE.split("\n\n")
    signature = base64.b64decode(line.split(" ")[2])
    encoded = base64.b64encode((signature + b"\x00")[: 4 + length]).decode()
    refused = refusal(NOTE.replace(line.split(" ")[2], f"{encoded}\n"))
    assert refused.reason is Reason.CHECKPOINT_INVALID


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n8\n"),
        (base64.b64encode(b"r" * 32).decode(), base64.b64encode(b"s" * 32).decode()),
    ],
    ids=["size", "root"],
)
def test_a_changed_head_is_refused_by_its_signature(old: str, new: str) -> None:
    assert refusal(NOTE.replace(old, new, 1)).reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n+7\n"),
        ("\n7\n", "\n 7\n"),
        ("\n7\n", "\n\uff17\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n\n"),
        ("\n7\n", "\n7\r\n"),
        ("\n7\n", "\n9223372036854775808\n"),
        ("\n7\n", "\n99999999999999999999\n"),
        ("\n7\n", "\n7\nextension\n"),
        ("\n\n", "\n"),
        ("—", "-"),
        ("— ", "—"),
        ("broker.example/log\n", "broker example\n"),
        ("broker.example/log\n", "broker+log\n"),
        ("broker.example/log\n", "\n"),
        ("cnJy", "cnJ"),
        ("cnI=\n", "cnJ=\n"),
        ("cnI=\n", "cnI\n"),
        ("cnI=\n", "c nI=\n"),
        ("cnI=\n", "-_I=\n"),
        (NOTE, ""),
        (NOTE, "\n\n"),
        (NOTE, NOTE[:-1]),
        (NOTE, NOTE + "\n"),
        (NOTE, NOTE + "\ntext\n"),
        (NOTE, NOTE.replace("\n", "\r\n")),
        (NOTE, "\ufeff" + NOTE),
        (NOTE, NOTE + "— x\ud800 AAAAAAAA\n"),
        (NOTE, NOTE + "— x AAAA\n"),
        (NOTE, NOTE + "— x AAAAAAAA extra\n"),
    ],
)
def test_another_spelling_is_refused(old: str, new: str) -> None:
    assert old in NOTE
    assert refusal(NOTE.replace(old, new, 1)).reason is Reason.CHECKPOINT_INVALID


def test_two_signatures_by_the_logs_key_are_refused() -> None:
    assert refusal(NOTE + NOTE.split("\n\n")[1]).reason is Reason.CHECKPOINT_INVALID


def test_a_note_is_bounded_in_signatures_and_in_size() -> None:
    many = NOTE + WITNESS_LINE * (MAX_SIGNATURES - 1)
    assert verify_checkpoint(many, ORIGIN, PUBLIC) == HEAD
    for note in (many + WITNESS_LINE, NOTE + "x" * 65536):
        assert refusal(note).reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, bytes(32)),
        ("a b", 1, bytes(32)),
        ("a+b", 1, bytes(32)),
        ("a\nb", 1, bytes(32)),
        ("ключ", 1, bytes(32)),
        ("x" * 256, 1, bytes(32)),
        ("a", -1, bytes(32)),
        ("a", 2**63, bytes(32)),
        ("a", 1, bytes(31)),
    ],
)
def test_a_malformed_checkpoint_does_not_exist(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(CheckpointError) as refused:
        Checkpoint(origin=origin, size=size, root=root)
    assert refused.value.reason is Reason.CHECKPOINT_INVALID
