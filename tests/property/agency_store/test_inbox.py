# SPDX-License-Identifier: Apache-2.0
"""The inbox through any story of deliveries: gaps, repeats, late ones, forks, parts and crashes.

`services.filing` decides and the real store keeps; the model is a set of numbers for each chain.
Nothing is sealed: verified deliveries are made up, as `services.reading` would hand them over.
"""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agency_client.domain.delivery import Delivery
from agency_client.domain.records import FIRST_LINK, ChainKey, KeptFrame, Link
from agency_client.services.filing import file_batch
from agency_client.services.reading import Read
from agency_client.store.profile_store import ProfileStore
from keys.envelope import FrameHeader, Marking, Recipient, RuleBookRef, Statement, TreeHead
from keys.merkle import EMPTY_ROOT
from keys.opening import CheckedDelivery
from tests.unit.agency_store.samples import (
    AGENCY,
    KEY,
    NOW,
    OTHER,
    digest,
    ident,
    kept_frame,
    kept_notice,
)

SUBSCRIPTION = "inbox-1"
TOPICS = ("trafficking/cases", "missing/children")
OUTLETS = (ident("outlet one"), ident("outlet two"))
CHAINS = tuple(
    ChainKey(originator=OTHER, outlet=outlet, topic=topic) for outlet in OUTLETS for topic in TOPICS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One frame of two notices as its originator numbered it and the broker stored it."""

    key: ChainKey
    name: str
    seq: int
    prev: bytes
    sequence: int

    @property
    def statement_hash(self) -> bytes:
        return digest(f"statement {self.name}")


@dataclass(kw_only=True)
class Model:
    """What a receiver knows of one chain."""

    last: Link | None = None
    missing: set[int] = field(default_factory=set)
    held: list[Published] = field(default_factory=list)

    def take(self, frame: Published) -> list[str]:
        """Take a frame that is not held; return the findings it makes."""
        found = self._follow(frame)
        if found.startswith("late") and not self._fits(frame):
            found += f" chain-fork {frame.seq}"
        self.held.append(frame)
        words = found.split()
        return [f"{kind} {number}" for kind, number in zip(words[::2], words[1::2], strict=True)]

    def _fits(self, frame: Published) -> bool:
        before = {one.statement_hash for one in self.held if one.seq == frame.seq - 1}
        behind = {one.prev for one in self.held if one.seq == frame.seq + 1}
        return (not before or frame.prev in before) and (
            not behind or frame.statement_hash in behind
        )

    def _follow(self, frame: Published) -> str:
        last = self.last or FIRST_LINK
        link = Link(seq=frame.seq, statement_hash=frame.statement_hash)
        if frame.seq > last.seq:
            gap = range(last.seq + 1, frame.seq)
            self.missing.update(gap)
            self.last = link
            if gap:
                return f"gap {gap[0]}-{gap[-1]}"
            return "" if frame.prev == last.statement_hash else f"chain-fork {frame.seq}"
        self.last = last
        if frame.seq in self.missing:
            self.missing.discard(frame.seq)
            return f"late {frame.seq}"
        return f"chain-fork {frame.seq}"


class InboxStory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self._opened()
        self.published: list[Published] = []
        self.ends: dict[ChainKey, Link] = {}
        self.models: dict[ChainKey, Model] = defaultdict(Model)
        self.held: dict[str, set[int]] = {}
        self.findings: list[str] = []
        self.cursors: dict[str, int] = {}
        self.next = 0

    def _opened(self) -> ProfileStore:
        return ProfileStore(Path(self.folder.name) / "profile", KEY, AGENCY)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(key=st.sampled_from(CHAINS), count=st.integers(min_value=1, max_value=5))
    def publish(self, key: ChainKey, count: int) -> None:
        for _ in range(count):
            end = self.ends.get(key, FIRST_LINK)
            frame = self._published(key, end.seq + 1, end.statement_hash)
            self.ends[key] = Link(seq=frame.seq, statement_hash=frame.statement_hash)

    @rule(key=st.sampled_from(CHAINS), seq=st.integers(min_value=1, max_value=4))
    def publish_a_second_frame_under_one_number(self, key: ChainKey, seq: int) -> None:
        """Fork a chain, as no honest outlet does."""
        self._published(key, seq, FIRST_LINK.statement_hash if seq == 1 else digest("elsewhere"))

    def _published(self, key: ChainKey, seq: int, prev: bytes) -> Published:
        frame = Published(
            key=key,
            name=f"frame {len(self.published)}",
            seq=seq,
            prev=prev,
            sequence=len(self.published) + 1,
        )
        self.published.append(frame)
        return frame

    @rule(
        skipped=st.integers(min_value=0, max_value=3),
        taken=st.integers(min_value=1, max_value=6),
        shown=st.sampled_from([(0, 1), (0, 1), (0,), (1,), ()]),
        committed=st.sampled_from([True, True, False]),
    )
    def deliver_what_comes_next(
        self, skipped: int, taken: int, shown: tuple[int, ...], committed: bool
    ) -> None:
        """Deliver in order, having swallowed some."""
        start = self.next + skipped
        chosen = self.published[start : start + taken]
        self._deliver(chosen, shown, committed=committed)
        if chosen and committed:
            self.next = start + len(chosen)

    @rule(
        picks=st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=5),
        shown=st.sampled_from([(0, 1), (0,), (1,), ()]),
        committed=st.booleans(),
    )
    def deliver_any(self, picks: list[int], shown: tuple[int, ...], committed: bool) -> None:
        """Deliver in any order, again, late or early."""
        known = [self.published[pick] for pick in picks if pick < len(self.published)]
        self._deliver(known, shown, committed=committed)

    def _deliver(
        self, frames: Sequence[Published], shown: tuple[int, ...], *, committed: bool
    ) -> None:
        """File and write a batch; where it is not committed, the process dies before the write."""
        if not frames:
            return
        batch = file_batch(
            self.store.inbox,
            SUBSCRIPTION,
            [_delivery(frame) for frame in frames],
            [_read(frame, shown) for frame in frames],
            agency=AGENCY,
            now=NOW,
        )
        if not committed:
            self.reopen()
            return
        self.store.inbox.record(batch, NOW)
        for frame in frames:
            if frame.name not in self.held:
                self.findings += self.models[frame.key].take(frame)
            self.held.setdefault(frame.name, set()).update(shown)
            at = self.cursors.get(frame.key.topic, 0)
            self.cursors[frame.key.topic] = max(at, frame.sequence)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self._opened()

    @invariant()
    def every_frame_and_notice_that_was_committed_is_held(self) -> None:
        seals = {(OTHER, ident(f"seal {frame.name}")): frame.name for frame in self.published}
        known = self.store.inbox.known_frames(seals)
        held = {seals[seal]: set(frame.positions) for seal, frame in known.items()}
        assert held == self.held

    @invariant()
    def each_notice_is_held_once(self) -> None:
        assert self.store.inbox.count() == sum(map(len, self.held.values()))

    @invariant()
    def links_and_missing_numbers_are_the_models(self) -> None:
        links = self.store.inbox.links(CHAINS)
        assert links == {key: one.last for key, one in self.models.items() if one.last is not None}
        for key in CHAINS:
            parts = self.store.inbox.missing(key)
            numbers = [seq for first, last in parts for seq in range(first, last + 1)]
            assert len(numbers) == len(set(numbers))
            assert set(numbers) == self.models[key].missing

    @invariant()
    def findings_are_exactly_what_nothing_explains(self) -> None:
        kept = reversed(self.store.inbox.findings(1000))
        assert [_told(one.kind, one.detail) for one in kept] == self.findings

    @invariant()
    def no_cursor_is_ahead_of_what_is_stored(self) -> None:
        cursors = self.store.inbox.cursors(SUBSCRIPTION)
        assert cursors == self.cursors
        for topic, at in cursors.items():
            stored = [
                frame.sequence
                for frame in self.published
                if frame.name in self.held and frame.key.topic == topic
            ]
            assert at == max(stored)


def _told(kind: str, detail: str) -> str:
    """Return a finding's kind and number, as the model writes it."""
    words = detail.split()
    number = next(word for word in words if word[0].isdigit())
    return f"{kind} {number}"


def _delivery(frame: Published) -> Delivery:
    return Delivery(
        header=b"",
        statement=b"",
        signature=b"",
        notices=(),
        topic=frame.key.topic,
        sequence=frame.sequence,
        publish_log=None,
        recipient=b"",
        wrap=b"",
        recipient_index=0,
        recipient_path=(),
        delivery_log=None,
    )


def _read(frame: Published, shown: tuple[int, ...]) -> Read:
    """Return what reading a delivery gives; a delivery that shows nothing is a stub."""
    header = FrameHeader(
        federation=bytes(32),
        seal_id=ident(f"seal {frame.name}"),
        outlet=frame.key.outlet,
        topic=frame.key.topic,
        created_at=NOW,
        marking=Marking(type="BLUE", tlp="AMBER", purposes=("INVESTIGATION",)),
        key_commitment=bytes(32),
        rule_book=RuleBookRef(version=1, digest=bytes(32)),
        directory=TreeHead(size=0, root=EMPTY_ROOT),
        log=TreeHead(size=0, root=EMPTY_ROOT),
        originator=OTHER,
    )
    checked = CheckedDelivery(
        header=header,
        header_digest=bytes(32),
        statement=Statement(
            originator=OTHER,
            keyset_id="2026-11",
            header_digest=bytes(32),
            recipient_count=1,
            recipient_root=bytes(32),
            notice_count=2,
            notice_root=bytes(32),
        ),
        statement_digest=frame.statement_hash,
        recipient=_recipient(frame),
        notices=(),
        unaccounted=(),
    )
    return Read(checked=checked, frame=_kept(frame, shown))


def _kept(frame: Published, shown: tuple[int, ...]) -> KeptFrame:
    notices = [kept_notice(f"{frame.name} notice {at}", position=at) for at in shown]
    form = {0: "stub", 1: "partial", 2: "full"}[len(shown)]
    kept = kept_frame(
        frame.name, notices, topic=frame.key.topic, sequence=frame.sequence, form=form
    )
    return replace(kept, key=frame.key, seq=frame.seq, recipient=_recipient(frame).encode())


def _recipient(frame: Published) -> Recipient:
    return Recipient(
        agency=AGENCY,
        key_id="2026-11",
        named=False,
        seq=frame.seq,
        prev=frame.prev,
        wrap_digest=bytes(32),
    )


InboxStory.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestInbox = pytest.mark.slow(InboxStory.TestCase)
