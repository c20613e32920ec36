# SPDX-License-Identifier: Apache-2.0
"""The federation in force: a verified directory and the policy engine of its rule book.

An immutable view; `directory_keeping` puts another in its place when the directory moves, so an act
that holds on to one view decides everything by the same rules. Decisions are taken under a lock,
because the policy engine serves one thread at a time.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from broker.errors import BrokerError, Reason
from broker.telemetry import UNDECIDED, Sparing, log_for
from keys import merkle
from keys.directory import Directory
from keys.envelope import FrameHeader, Marking, TreeHead
from policy.decisions import Decision
from policy.engine import PolicyEngine

PORTION = 32
"""Recipients decided about under one hold of the lock: some milliseconds where nothing is kept."""
MAX_HEADS = 64
"""Earlier directories whose roots are kept; outboxes lag behind by a few entries."""

NO_RULE_BOOK = Decision(
    allow=False,
    determining=("code:no-rule-book",),
    says=("The federation has no rule book, so nothing is allowed.",),
    valid_until=0,
)


_log = log_for("federation")
_sparing = Sparing()


def heard(act: str, decision: Decision) -> Decision:
    """Return a decision, and sound the alarm where the rule book could not take it."""
    if decision.errors:
        UNDECIDED.labels(act).inc()
        unshown = _sparing.admit(time.monotonic())
        if unshown is not None:
            more = {"unshown": unshown} if unshown else {}
            _log.error("undecided", act=act, errors=decision.errors, **more)
    return decision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Federation:
    """One state of the federation.

    Attributes:
        directory: verified.
        engine: of the directory's rule book; None where there is none, and then all is denied.
    """

    directory: Directory
    engine: PolicyEngine | None
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _heads: dict[int, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, directory: Directory, before: "Federation | None" = None) -> Self:
        """Return the federation of `directory`, sparing what has not changed since `before`.

        Raises:
            BookError: the rule book is one that this program refuses.
        """
        if before is not None and before.engine is not None:
            return cls(directory=directory, engine=before.engine.with_directory(directory))
        if directory.rule_book is None:
            return cls(directory=directory, engine=None)
        return cls(directory=directory, engine=PolicyEngine.of_directory(directory))

    @property
    def id(self) -> bytes:
        """The federation's 32-byte id."""
        return self.directory.federation

    @property
    def rule_book_version(self) -> int:
        """Version of the rule book in force; 0 where there is none."""
        return self.directory.rule_book.version if self.directory.rule_book else 0

    def check_active(self, agency: str) -> None:
        """Refuse an agency that may do nothing.

        Raises:
            BrokerError: AGENCY_LOCKED; UNAUTHENTICATED for one that retired or is not enrolled.
        """
        if self.directory.active(agency):
            return
        if self.directory.is_locked(agency) and not self.directory.is_retired(agency):
            raise BrokerError(Reason.AGENCY_LOCKED)
        raise BrokerError(Reason.UNAUTHENTICATED, detail=f"{agency} is not enrolled")

    def is_current(self, header: FrameHeader) -> bool:
        """Whether a frame was sealed under this directory and rule book, or under newer ones."""
        book = self.directory.rule_book
        held = book is not None and book.digest == header.rule_book.digest
        return held and header.directory.size >= self.directory.size

    def had_directory(self, head: TreeHead) -> bool:
        """Whether the directory had this root at that size; what is beyond ours cannot be told."""
        if head.size >= self.directory.size:
            return head.size > self.directory.size or head.root == self.directory.root
        root = self._heads.get(head.size)
        if root is None:
            root = merkle.root(self.directory.leaf_hashes[: head.size])
            if len(self._heads) < MAX_HEADS:
                self._heads[head.size] = root
        return root == head.root

    def may_publish(self, marking: Marking, topic: str, agency: str, now: int) -> Decision:
        """Decide whether an agency may publish."""
        if self.engine is None:
            return NO_RULE_BOOK
        with self._asking:
            decision = self.engine.may_publish(marking, topic, agency, now)
        return heard("publish", decision)

    def may_subscribe(self, topic: str, agency: str, now: int) -> Decision:
        """Decide whether an agency may subscribe to a topic."""
        if self.engine is None:
            return NO_RULE_BOOK
        with self._asking:
            decision = self.engine.may_subscribe(topic, agency, now)
        return heard("subscribe", decision)

    def may_receive(
        self, header: FrameHeader, originator: str, recipient: tuple[str, bool], now: int
    ) -> Decision:
        """Decide whether a recipient, given with whether it is named, may have a frame."""
        if self.engine is None:
            return NO_RULE_BOOK
        agency, named = recipient
        with self._asking:
            decision = self.engine.may_receive(
                header.marking, header.topic, originator, agency, named, now
            )
        return heard("deliver", decision)

    def may_receive_granted(
        self, header: FrameHeader, originator: str, grantee: str, now: int
    ) -> Decision:
        """Decide whether an agency may have a notice to which its originator admits it."""
        if self.engine is None:
            return NO_RULE_BOOK
        with self._asking:
            decision = self.engine.may_receive_granted(
                header.marking, header.topic, originator, grantee, now
            )
        return heard("deliver", decision)

    def refused_recipients(
        self, header: FrameHeader, originator: str, recipients: Sequence[tuple[str, bool]], now: int
    ) -> Iterator[tuple[str, Decision]]:
        """Yield those of `recipients`, given with whether they are named, that may not have it."""
        rest = iter(recipients)
        while portion := list(islice(rest, PORTION)):
            decisions = self._each(header, originator, portion, now)
            for name, decision in decisions.items():
                if not heard("deliver", decision).allow:
                    yield name, decision

    def _each(
        self, header: FrameHeader, originator: str, portion: list[tuple[str, bool]], now: int
    ) -> dict[str, Decision]:
        if self.engine is None:
            return {name: NO_RULE_BOOK for name, _ in portion}
        with self._asking:
            return self.engine.may_each_receive(
                header.marking, header.topic, originator, portion, now
            )
