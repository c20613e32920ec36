# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to a store in whatever order, it answers as a model of a few dictionaries does.

Also after it was closed and opened again, or its process died (the files as they are on the disk).
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broker.domain.cursors import Cursor, Place
from broker.domain.logs import LogKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Head
from broker.storage.sqlite import SqliteStore
from keys import merkle
from tests.contract.admitting import act
from tests.property.storage.frames import admission, notice_id

AGENCIES = ("gr-pol", "hr-ngo", "ro-pol")
TOPICS = ("trafficking/cases", "trafficking/labour")
ORIGINATORS, OUTLETS = st.sampled_from(AGENCIES[:2]), st.sampled_from([b"o" * 16, b"p" * 16])
SUBSCRIPTIONS = st.sampled_from(["desk", "archive"])
SMALL = st.integers(0, 6)
IDS = st.one_of(st.integers(0, 9), *[st.integers(10, 99_999)] * 9)
"""Mostly fresh, so that most frames get past the check for known ids."""

T = TypeVar("T")


class StoreModel(RuleBasedStateMachine):
    """A store on a disk beside what it should hold."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        self.store = self.run(SqliteStore.open(self.folder / "broker.db"))
        self.chains: dict[tuple[str, bytes, str, str], tuple[int, bytes]] = {}
        self.seals: dict[tuple[str, bytes], tuple[bytes, int]] = {}
        self.notices: set[tuple[str, bytes]] = set()
        self.frames: dict[str, list[tuple[bytes, frozenset[str]]]] = {one: [] for one in TOPICS}
        self.places: dict[tuple[str, str, str], tuple[int, int]] = {}
        self.leaves: list[bytes] = []
        self.signed = 0

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asked)

    def refused(self, asked: Coroutine[Any, Any, object]) -> Reason | None:
        try:
            self.run(asked)
        except BrokerError as error:
            return error.reason
        return None

    # Frames.

    @rule(
        originator=ORIGINATORS,
        outlet=OUTLETS,
        topic=st.sampled_from(TOPICS),
        to=st.sets(st.sampled_from(AGENCIES), min_size=1),
        skip=st.sampled_from([0, 0, 0, 1, -1]),
        ids=st.tuples(IDS, st.sets(IDS, min_size=1, max_size=3)),
    )
    def publish(
        self,
        *,
        originator: str,
        outlet: bytes,
        topic: str,
        to: set[str],
        skip: int,
        ids: tuple[int, set[int]],
    ) -> None:
        to = to | {originator}
        links = {one: self.next_link(originator, outlet, topic, one) for one in to}
        seq, prev = links[originator]
        if skip and seq + skip > 0:
            links[originator] = (seq + skip, bytes(32) if seq + skip == 1 else max(prev, b"x" * 32))
        wrong = links[originator] != (seq, prev)
        seal_id = ids[0].to_bytes(16, "big")
        admitted = admission(
            originator=originator,
            outlet=outlet,
            topic=topic,
            links=links,
            seal_id=seal_id,
            notice_ids=[notice_id(number) for number in sorted(ids[1])],
        )
        known = {(originator, notice_id(number)) for number in ids[1]}
        reason = self.refused(self.store.append_frame(admitted))
        if (originator, seal_id) in self.seals or known & self.notices:
            assert reason is Reason.ALREADY_EXISTS
            return
        if wrong:
            assert reason is Reason.CHAIN_BROKEN
            return
        assert reason is None
        digest = admitted.statement_digest
        self.frames[topic].append((digest, frozenset(to)))
        sequence = len(self.frames[topic])
        self.seals[originator, seal_id] = digest, sequence
        self.notices |= known
        for one in to:
            self.chains[originator, outlet, topic, one] = links[one][0], digest
        self.leaves.append(admitted.act(sequence).leaf())
        again = self.run(self.store.append_frame(admitted))
        assert (again.sequence, again.duplicate) == (sequence, True)

    def next_link(self, *key: Any) -> tuple[int, bytes]:
        seq, prev = self.chains.get(key, (0, bytes(32)))
        return seq + 1, prev

    # Cursors.

    @rule(name=SUBSCRIPTIONS, topic=st.sampled_from(TOPICS), sequences=st.lists(SMALL, max_size=4))
    def deliver(self, name: str, topic: str, sequences: list[int]) -> None:
        made = [(Cursor(topic=topic, sequence=one), act()) for one in sequences]
        logs = self.run(self.store.record_deliveries("ro-pol", name, made))
        assert [log.index for log in logs] == [len(self.leaves) + n for n in range(len(made))]
        self.leaves += [one.leaf() for _, one in made]
        acknowledged, delivered = self.places.get(("ro-pol", name, topic), (0, 0))
        if max(sequences, default=0) > delivered:
            self.places["ro-pol", name, topic] = acknowledged, max(sequences)

    @rule(name=SUBSCRIPTIONS, wanted=st.lists(st.tuples(st.sampled_from(TOPICS), SMALL)))
    def acknowledge(self, name: str, wanted: list[tuple[str, int]]) -> None:
        cursors = [Cursor(topic=topic, sequence=sequence) for topic, sequence in wanted]
        places = dict(self.places)
        expected = []
        for topic, sequence in wanted:
            acknowledged, delivered = places.get(("ro-pol", name, topic), (0, 0))
            if sequence > max(acknowledged, delivered):
                asked = self.store.acknowledge("ro-pol", name, cursors)
                assert self.refused(asked) is Reason.INVALID_ARGUMENT
                return
            reached = max(acknowledged, sequence)
            if reached:
                places["ro-pol", name, topic] = reached, delivered
            expected.append(Cursor(topic=topic, sequence=reached))
        assert self.run(self.store.acknowledge("ro-pol", name, cursors)) == tuple(expected)
        self.places = places

    @rule(name=SUBSCRIPTIONS, topic=st.sampled_from(TOPICS), sequence=SMALL)
    def seek(self, name: str, topic: str, sequence: int) -> None:
        cursor = Cursor(topic=topic, sequence=sequence)
        assert self.run(self.store.seek("ro-pol", name, cursor)) == cursor
        _, delivered = self.places.get(("ro-pol", name, topic), (0, 0))
        self.places["ro-pol", name, topic] = sequence, delivered

    # The log, and the end of the process.

    @rule(count=st.integers(0, 20))
    def record(self, count: int) -> None:
        made = [act() for _ in range(count)]
        self.run(self.store.record(made))
        self.leaves += [one.leaf() for one in made]

    @rule(size=st.integers(0, 60))
    def checkpoint(self, size: int) -> None:
        hashes = [merkle.hash_leaf(leaf) for leaf in self.leaves[:size]]
        head = Head(size=size, root=merkle.root(hashes), note="note")
        reason = self.refused(self.store.save_checkpoint(LogKind.ACTS, head))
        if self.signed <= size <= len(self.leaves):
            assert reason is None
            self.signed = size
        else:
            assert reason is Reason.INTERNAL

    @rule(died=st.booleans())
    def open_again(self, died: bool) -> None:
        if died:
            fresh = Path(tempfile.mkdtemp(prefix="store-"))
            shutil.copytree(self.folder, fresh, dirs_exist_ok=True)
            self.run(self.store.close())
            shutil.rmtree(self.folder)
            self.folder = fresh
        else:
            self.run(self.store.close())
        self.store = self.run(SqliteStore.open(self.folder / "broker.db"))

    @invariant()
    def all_answers_agree(self) -> None:
        for topic, frames in self.frames.items():
            for agency in AGENCIES:
                found = self.run(self.store.read(agency, topic, 0, 1000, 1 << 30))
                assert [(one.frame.sequence, one.frame.statement_digest) for one in found] == [
                    (sequence, digest)
                    for sequence, (digest, to) in enumerate(frames, 1)
                    if agency in to
                ]
        for name in ("desk", "archive"):
            assert dict(self.run(self.store.places("ro-pol", name))) == {
                topic: Place(acknowledged=acknowledged, delivered=delivered)
                for (_, one, topic), (acknowledged, delivered) in self.places.items()
                if one == name
            }
        size = self.run(self.store.tree_size(LogKind.ACTS))
        assert self.run(self.store.leaves(LogKind.ACTS, 0, size + 1)) == self.leaves
        hashes = [merkle.hash_leaf(leaf) for leaf in self.leaves]
        assert self.run(self.store.tree_root(LogKind.ACTS, size)) == merkle.root(hashes)


TestStoreModel = pytest.mark.slow(StoreModel.TestCase)
TestStoreModel.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
