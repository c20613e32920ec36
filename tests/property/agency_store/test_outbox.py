# SPDX-License-Identifier: Apache-2.0
"""The outbox through any story of publishing, losing answers, refusals, crashes and resealing.

The sending and resealing here follow the rules of `services.sending` and `services.publishing`;
store and disk are real, the broker is a model that keeps count.
"""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agency_client.domain.outbox import FrameState, PublishReceipt, Refusal, Remedy, remedy
from agency_client.domain.records import FIRST_LINK, OutboxFrame
from agency_client.domain.views import NoticeState
from agency_client.errors import Reason
from agency_client.store.profile_store import ProfileStore
from tests.property.agency_store.broker_model import ModelBroker
from tests.unit.agency_store.samples import AGENCY, KEY, own_notice, sealed

TOPICS = ("trafficking/cases", "missing/children")
OTHERS = ("hr-ngo", "it-pro", "ro-pol")
ANSWER_LOST, NEVER_ARRIVED = "answer lost", "never arrived"
"""Both end the stream, with the outcome of this frame and those behind it unknown."""

fates = st.sampled_from(
    [
        None,
        None,
        None,
        ANSWER_LOST,
        NEVER_ARRIVED,
        Reason.RESEAL_REQUIRED,
        Reason.CLOCK_SKEW,
        Reason.DENIED,
        Reason.STORAGE_FULL,
    ]
)
"""What becomes of a frame: accepted if its number follows, lost on the way, or refused."""


class OutboxStory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = self._opened()
        self.broker = ModelBroker()
        self.names = 0
        self.seals = 0
        self.frames: dict[int, tuple[bytes, ...]] = {}
        self.refused: set[int] = set()

    def _opened(self) -> ProfileStore:
        return ProfileStore(Path(self.folder.name) / "profile", KEY, AGENCY)

    def teardown(self) -> None:
        self._drain_with_an_honest_broker()
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        self.store.outbox.outlet()

    @rule(
        topic=st.sampled_from(TOPICS),
        audiences=st.lists(st.sets(st.sampled_from(OTHERS)), min_size=1, max_size=4),
        count=st.integers(min_value=1, max_value=3),
    )
    def publish(self, topic: str, audiences: list[set[str]], count: int) -> None:
        for to in audiences:
            own = [own_notice(f"notice {self.names + at}", position=at) for at in range(count)]
            self.names += count
            frame = self._sealed(0, topic, sorted({AGENCY, *to}))
            frame_id = self.store.outbox.append(frame, own)
            self.frames[frame_id] = tuple(one.notice_id for one in own)

    def _sealed(self, frame_id: int, topic: str, to: list[str]) -> OutboxFrame:
        """Seal as the services do: numbers and the hashes before them are inside what is signed."""
        self.seals += 1
        links = self.store.outbox.links(self.store.outbox.outlet(), topic, to)
        frame = sealed(
            self.store.outbox, f"seal {self.seals}", frame_id=frame_id, topic=topic, to=to
        )
        self.broker.follows[frame.seal_id] = links
        return frame

    @precondition(lambda self: self.store.outbox.count()[0])
    @rule(fate=st.lists(fates, min_size=2, max_size=6), crash=st.booleans())
    def send(self, fate: list[str | Reason | None], crash: bool) -> None:
        """Send a window of frames, which meet `fate`; `crash` comes before the clearing up."""
        chosen = self._sendable()[: len(fate)]
        self.store.outbox.set_sent([frame.id for frame in chosen])
        given_up = []
        for frame, what in zip(chosen, fate, strict=False):
            if what == NEVER_ARRIVED:
                break
            whole = self.store.outbox.frame(frame.id)
            forced = what if isinstance(what, Reason) else None
            outcome = self.broker.publish(whole, self.frames[frame.id], forced)
            if what == ANSWER_LOST:
                break
            given_up += self._settle(whole, outcome)
        if crash:
            self._reopen()
            return
        for frame in given_up:
            self.store.outbox.rewind(frame.outlet, frame.topic)

    def _sendable(self) -> list[OutboxFrame]:
        waiting = self.store.outbox.waiting()
        stale = {frame.topic for frame in waiting if frame.state is FrameState.STALE}
        sent = [frame for frame in waiting if frame.state is FrameState.SENT]
        queued = [frame for frame in waiting if frame.state is FrameState.QUEUED]
        return sent + [frame for frame in queued if frame.topic not in stale]

    def _settle(self, frame: OutboxFrame, outcome: PublishReceipt | Refusal) -> list[OutboxFrame]:
        """Note an outcome; return the frame where it was given up."""
        if isinstance(outcome, PublishReceipt):
            self.store.outbox.set_accepted([(frame.id, outcome)])
            return []
        match remedy(outcome.reason, 0):
            case Remedy.RESEAL | Remedy.RESEAL_LATER:
                self.store.outbox.set_stale(frame.id, outcome)
            case Remedy.GIVE_UP:
                self.store.outbox.set_refused(frame.id, outcome)
                self.refused.add(frame.id)
                return [frame]
            case Remedy.RETRY | Remedy.HOLD:
                pass
        return []

    @precondition(lambda self: self._has_stale())
    @rule()
    def reseal(self) -> None:
        waiting = self.store.outbox.waiting()
        unknown = {frame.topic for frame in waiting if frame.state is FrameState.SENT}
        stale = {frame.topic for frame in waiting if frame.state is FrameState.STALE} - unknown
        for topic in sorted(stale):
            self.store.outbox.rewind(self.store.outbox.outlet(), topic)
            for frame in self.store.outbox.waiting():
                if frame.topic == topic and frame.state is FrameState.STALE:
                    to = [agency for agency, _ in frame.recipients]
                    anew = self._sealed(frame.id, topic, to)
                    self.store.outbox.resealed(anew, self.store.outbox.notices(frame.id))

    def _has_stale(self) -> bool:
        return any(frame.state is FrameState.STALE for frame in self.store.outbox.waiting())

    @rule(what=st.sampled_from(["reopen", "begin a new outlet", "restore a copy"]))
    def interrupt(self, what: str) -> None:
        before = self.store.outbox.outlet()
        if what == "begin a new outlet":
            self.store.outbox.new_outlet()
        if what == "restore a copy":
            self._copy_marker()
        self._reopen()
        assert (self.store.outbox.outlet() == before) == (what == "reopen")

    def _reopen(self) -> None:
        self.store.close()
        self.store = self._opened()

    def _copy_marker(self) -> None:
        """Do to the marker what a copy of the whole profile would do."""
        marker = Path(self.folder.name) / "profile" / "locks" / "outlet-marker"
        copy = marker.with_suffix(".copy")
        copy.write_bytes(marker.read_bytes())
        copy.replace(marker)

    @invariant()
    def no_frame_contradicts_another(self) -> None:
        assert self.broker.contradictions == []

    @invariant()
    def no_notice_is_accepted_twice(self) -> None:
        counts = Counter(one for _, _, ids in self.broker.accepted for one in ids)
        assert not counts or max(counts.values()) == 1

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = {frame.id for frame in self.store.outbox.waiting()}
        accepted = {frame_id for _, frame_id, _ in self.broker.accepted}
        assert set(self.frames) == waiting | accepted | self.refused
        assert not waiting & self.refused
        assert not accepted & self.refused
        for frame_id in waiting:
            kept = self.store.outbox.notices(frame_id)
            assert tuple(one.notice_id for one in kept) == self.frames[frame_id]
            assert self.store.outbox.frame(frame_id).frame

    @invariant()
    def the_chain_held_is_the_brokers_but_for_what_is_unknown(self) -> None:
        waiting = self.store.outbox.waiting()
        outlet = self.store.outbox.outlet()
        for topic in TOPICS:
            if any(frame.topic == topic for frame in waiting) or not self._is_unwound(topic):
                continue
            for agency, link in self.store.outbox.links(outlet, topic, (AGENCY, *OTHERS)).items():
                assert link == self.broker.chains.get((outlet, topic, agency), FIRST_LINK)

    def _is_unwound(self, topic: str) -> bool:
        """Tell whether the last refusal on a topic was followed by a rewind, as after no crash."""
        return not any(self.store.outbox.frame(one).topic == topic for one in self.refused)

    @invariant()
    def frames_of_a_topic_are_accepted_in_the_order_they_were_queued(self) -> None:
        for topic in TOPICS:
            order = [frame_id for one, frame_id, _ in self.broker.accepted if one == topic]
            assert order == sorted(order)

    def _drain_with_an_honest_broker(self) -> None:
        rounds = 0
        while self.store.outbox.count()[0]:
            rounds += 1
            assert rounds < 100, "the outbox does not come to an end"
            self.reseal()
            self.send([None] * 4, crash=False)
        accepted = {one for _, _, ids in self.broker.accepted for one in ids}
        wanted = {one for at, ids in self.frames.items() if at not in self.refused for one in ids}
        assert accepted == wanted
        states = Counter(
            row.state
            for ids in self.frames.values()
            for one in ids
            for row in self.store.inbox.find(one.hex())
        )
        assert states[NoticeState.QUEUED] == 0
        assert states[NoticeState.CURRENT] == len(wanted)
        assert self.broker.contradictions == []


OutboxStory.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestOutbox = pytest.mark.slow(OutboxStory.TestCase)
