# SPDX-License-Identifier: Apache-2.0
"""The deliveries of tests/vectors are decided as their own rule book and directory say."""

import pytest

from keys.directory import Directory, SignedEntry
from keys.envelope import FrameHeader, Recipient, Statement
from keys.root import SignedRoot
from policy.engine import PolicyEngine
from tests.vectors.form import load
from tests.vectors.reading import raw

DELIVERIES = ["delivery", "delivery-partial", "delivery-stub", "delivery-by-id"]


def directory(size: int) -> Directory:
    """Return the directory of the vectors with its first entries."""
    whole = load("directory")["inputs"]
    roots = [SignedRoot.decode(raw(one)) for one in whole["roots"]]
    start = Directory.start(roots)
    return start.with_entries([SignedEntry.decode(raw(one)) for one in whole["entries"][:size]])


def admitted(name: str, size: int) -> bool:
    inputs = load(name)["inputs"]
    delivery = inputs["delivery"]
    header = FrameHeader.decode(raw(delivery["header"]))
    decision = PolicyEngine.of_directory(directory(size)).may_receive(
        header.marking,
        header.topic,
        Statement.decode(raw(delivery["statement"])).originator,
        inputs["agency"],
        Recipient.decode(raw(delivery["recipient"])).named,
        inputs["now"],
    )
    assert not decision.errors
    return decision.allow


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_delivery_is_admitted_under_the_directory_that_it_names(name: str) -> None:
    size = load(name)["inputs"]["directory_size"]
    header = FrameHeader.decode(raw(load(name)["inputs"]["delivery"]["header"]))
    held = directory(size)
    assert (header.directory.size, header.directory.root) == (held.size, held.root)
    assert held.rule_book is not None
    assert header.rule_book.digest == held.rule_book.digest
    assert header.created_at >= held.issued_at
    assert admitted(name, size)


def test_nothing_is_admitted_once_the_recipient_has_retired() -> None:
    retired = next(size for size in range(10) if directory(size).is_retired("hr-ngo"))
    assert not admitted("delivery", retired)
