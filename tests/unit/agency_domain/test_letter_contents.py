# SPDX-License-Identifier: Apache-2.0
"""What letters say: written in one form, and read only where it is whole."""

import json
from typing import Any

import pytest

from agency_client.domain.letter_contents import (
    MAX_TEXT,
    Attestation,
    BreakGlass,
    LetterContent,
    OnwardDecision,
    OnwardRequest,
    decode_letter,
)
from keys.errors import FramingError
from keys.letters import LETTER_KINDS, MAX_CONTENT_BYTES
from tests.simulator.federation import NOW
from tests.vectors.form import parts

REQUEST = OnwardRequest(target="it-lab", why="It reads number plates.", purposes=("INVESTIGATION",))
GRANTED = OnwardDecision(granted=True, target="it-lab", until=NOW, court_use=True)
REFUSED = OnwardDecision(granted=False, target="it-lab", reason="The source is at risk.")
DESTROYED = Attestation(destroyed=True, had_opened=True, at=NOW)
HELD = Attestation(
    destroyed=False, had_opened=True, at=NOW, legal_basis="Code of criminal procedure", review=NOW
)
OPENED = BreakGlass(officer="o-17", reason="A child is locked in.", ticket="2026/114", at=NOW)
CONTENTS: list[tuple[str, LetterContent]] = [
    ("request_onward", REQUEST),
    ("decision", GRANTED),
    ("decision", REFUSED),
    ("attestation", DESTROYED),
    ("attestation", HELD),
    ("break_glass", OPENED),
]


@pytest.mark.parametrize(("kind", "content"), CONTENTS)
def test_what_is_written_is_read(kind: str, content: LetterContent) -> None:
    assert decode_letter(kind, content.encode()) == content


def test_every_kind_of_letter_has_a_content() -> None:
    assert {kind for kind, _ in CONTENTS} == set(LETTER_KINDS)


@pytest.mark.must("CONTENT-1")
@pytest.mark.parametrize(("kind", "content"), CONTENTS)
def test_a_content_has_one_form(kind: str, content: LetterContent) -> None:
    assert kind
    data = content.encode()
    again = json.dumps(json.loads(data), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert data == again.encode()


def test_the_vectors_say_what_their_headers_say() -> None:
    inputs, _, output = parts("letter")
    content = decode_letter(inputs["header"]["kind"], bytes.fromhex(output["content"]))
    assert isinstance(content, OnwardRequest)
    inputs, _, output = parts("letter-decision")
    decision = decode_letter(inputs["header"]["kind"], bytes.fromhex(output["content"]))
    assert isinstance(decision, OnwardDecision)
    assert decision.granted
    assert content.target == decision.target == "it-lab"
    assert decision.encode().hex() == output["content"]


def test_members_that_are_not_known_are_passed_over() -> None:
    later = json.dumps({**json.loads(REQUEST.encode()), "later": [1]}).encode()
    assert decode_letter("request_onward", later) == REQUEST


def changed(content: LetterContent, **members: object) -> bytes:
    return json.dumps(json.loads(content.encode()) | members).encode()


def without(content: LetterContent, member: str) -> bytes:
    document = json.loads(content.encode())
    del document[member]
    return json.dumps(document).encode()


BAD: dict[str, tuple[str, bytes]] = {
    "no-json": ("decision", b"granted"),
    "an-array": ("decision", b"[]"),
    "a-member-twice": ("decision", b'{"target":"it-lab","target":"it-lab"}'),
    "another-kind": ("decision", REQUEST.encode()),
    "no-target": ("request_onward", without(REQUEST, "target")),
    "no-why": ("request_onward", changed(REQUEST, why="")),
    "a-why-that-turns-direction": ("request_onward", changed(REQUEST, why="a\u202eb")),
    "a-why-too-long": ("request_onward", changed(REQUEST, why="x" * (MAX_TEXT + 1))),
    "a-target-that-is-none": ("request_onward", changed(REQUEST, target="IT lab")),
    "purposes-that-are-text": ("request_onward", changed(REQUEST, purposes="INVESTIGATION")),
    "a-purpose-that-is-a-number": ("request_onward", changed(REQUEST, purposes=[1])),
    "too-many-purposes": (
        "request_onward",
        changed(REQUEST, purposes=[f"P{at}" for at in range(65)]),
    ),
    "perhaps": ("decision", changed(GRANTED, decision="perhaps")),
    "a-time-that-is-text": ("decision", changed(GRANTED, until="tomorrow")),
    "a-time-that-is-true": ("decision", changed(GRANTED, until=True)),
    "a-time-before-1970": ("decision", changed(GRANTED, until=-1)),
    "a-flag-that-is-a-number": ("decision", changed(GRANTED, court_use=1)),
    "refused-without-a-reason": ("decision", changed(REFUSED, reason="")),
    "held-without-a-law": ("attestation", changed(HELD, legal_basis="")),
    "destroyed-perhaps": ("attestation", changed(DESTROYED, outcome="lost")),
    "no-time": ("attestation", changed(DESTROYED, at=None)),
    "an-officer-without-a-name": ("break_glass", changed(OPENED, officer="")),
    "no-ticket": ("break_glass", without(OPENED, "ticket")),
    "an-unknown-kind": ("gossip", b"{}"),
}


@pytest.mark.must("CONTENT-2", "LETTER-9")
@pytest.mark.parametrize(("kind", "data"), BAD.values(), ids=BAD)
def test_what_is_not_whole_is_refused(kind: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode_letter(kind, data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: OnwardRequest(target="it-lab", why="", purposes=()),
        lambda: OnwardDecision(granted=False, target="it-lab"),
        lambda: Attestation(destroyed=False, had_opened=True, at=NOW),
        lambda: BreakGlass(officer="o-17", reason="x", ticket="", at=NOW),
    ],
    ids=["request", "decision", "attestation", "break-glass"],
)
def test_nothing_half_said_is_made(make: Any) -> None:
    with pytest.raises(FramingError):
        make()


def test_the_longest_content_fits_a_letter() -> None:
    longest = OnwardRequest(
        target="a" * 32, why="丽" * MAX_TEXT, purposes=tuple(f"{at:064}" for at in range(64))
    )
    assert len(longest.encode()) <= MAX_CONTENT_BYTES
