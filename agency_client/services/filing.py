# SPDX-License-Identifier: Apache-2.0
"""Filing what was read: against ids and chains the store holds, into one batch to write.

Enforces at the receiver what the broker should have enforced: (originator, seal id) and
(originator, notice id) occur once, and every frame that was meant for us is accounted for. Source:
design section 4, "Gaps" and "Idempotency".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agency_client.domain.chain import Step, fits, follow
from agency_client.domain.delivery import Cursor, Delivery
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import (
    ChainKey,
    Evidence,
    Head,
    KeptFrame,
    KnownFrame,
    KnownNotice,
    Link,
    Placed,
    ReceivedBatch,
)
from agency_client.ports.store import Inbox
from agency_client.services.reading import SET_ASIDE, Read, SetAside
from keys.envelope import FrameHeader, Recipient
from keys.framing import framed, listed, u64

_EVIDENCE = "tocsin/evidence/v1"
_STEPS = {
    Step.AFTER_GAP: (FindingKind.GAP, "numbers {gap} of the chain have not arrived"),
    Step.LATE: (FindingKind.LATE, "number {seq} arrived behind later ones"),
    Step.FORK: (FindingKind.CHAIN_FORK, "number {seq} does not follow the frame held before it"),
    Step.REPEATED: (FindingKind.CHAIN_FORK, "number {seq} is held with another statement"),
}
_MISFIT = "number {seq} does not fit the frames held beside it"


def file_batch(
    inbox: Inbox,
    subscription: str,
    deliveries: Sequence[Delivery],
    results: Sequence[Read | SetAside],
    *,
    agency: str,
    now: int,
) -> ReceivedBatch:
    """Return what to write for `results`, which were read from `deliveries` in the same order."""
    frames = [one.frame for one in results if one.frame is not None]
    desk = _Filing(
        inbox=inbox,
        now=now,
        agency=agency,
        frames=dict(inbox.known_frames({(one.key.originator, one.seal_id) for one in frames})),
        notices=dict(
            inbox.known_notices(
                {(one.key.originator, notice.notice_id) for one in frames for notice in one.notices}
            )
        ),
        links=dict(inbox.links({one.key for one in frames})),
    )
    for delivery, result in zip(deliveries, results, strict=True):
        desk.file(delivery, result)
    return desk.batch(subscription, deliveries)


@dataclass(kw_only=True)
class _Filing:
    """The state of one batch while it is filed."""

    inbox: Inbox
    now: int
    agency: str
    frames: dict[tuple[str, bytes], KnownFrame]
    notices: dict[tuple[str, bytes], KnownNotice]
    links: dict[ChainKey, Link]
    kept: list[KeptFrame] = field(default_factory=list)
    findings: list[Evidence] = field(default_factory=list)
    missing: list[tuple[ChainKey, int, int]] = field(default_factory=list)
    found: list[tuple[ChainKey, int]] = field(default_factory=list)
    gaps: dict[ChainKey, Sequence[tuple[int, int]]] = field(default_factory=dict)
    moved: set[ChainKey] = field(default_factory=set)
    heads: dict[tuple[str, int, bytes], Head] = field(default_factory=dict)

    def file(self, delivery: Delivery, result: Read | SetAside) -> None:
        """File one result."""
        frame = result.frame
        if frame is None or result.checked is None:
            if isinstance(result, SetAside):
                self._find(result.finding, delivery)
            return
        if isinstance(result, Read):
            for finding in result.broker_findings:
                self._find(finding, delivery)
        known = self.frames.get((frame.key.originator, frame.seal_id))
        if known is not None:
            self._file_again(delivery, result, frame, known)
            return
        if isinstance(result, SetAside):
            self._find(result.finding, delivery)
        else:
            for finding in result.findings:
                self._find(finding, delivery)
        frame = self._without_repeats(delivery, frame)
        self._follow(delivery, frame, result.checked.recipient)
        self._keep(frame)
        self._hear(frame, result.checked.header)

    def _file_again(
        self, delivery: Delivery, result: Read | SetAside, frame: KeptFrame, known: KnownFrame
    ) -> None:
        """Add notices that a held frame lacked, or refuse another statement under its seal id."""
        if frame.statement_hash != known.statement_hash:
            self._find(
                self._finding(
                    FindingKind.REPEATED_SEAL, frame, "another statement under a known seal id"
                ),
                delivery,
            )
            return
        if isinstance(result, SetAside):
            if any(one.index not in known.positions for one in delivery.notices):
                self._find(result.finding, delivery)
            return
        new = tuple(one for one in frame.notices if one.position not in known.positions)
        if new:
            self._keep(self._without_repeats(delivery, replace(frame, notices=new)))

    def _without_repeats(self, delivery: Delivery, frame: KeptFrame) -> KeptFrame:
        originator = frame.key.originator
        for one in frame.notices:
            held = self.notices.get((originator, one.notice_id))
            if held is None or (not held.seal_id and held.leaf_hash == one.leaf_hash):
                continue
            self._find(
                self._finding(
                    FindingKind.REPEATED_NOTICE, frame, "a notice id known from another frame"
                ),
                delivery,
            )
            return replace(frame, notices=(), form=SET_ASIDE)
        return frame

    def _follow(self, delivery: Delivery, frame: KeptFrame, recipient: Recipient) -> None:
        key = frame.key
        missing: list[tuple[int, int]] = []
        if (key, recipient.seq) not in self.found:
            missing += [(low, high) for one, low, high in self.missing if one == key]
            missing += self._stored_gaps(key)
        followed = follow(
            self.links.get(key), missing, recipient.seq, recipient.prev, frame.statement_hash
        )
        self.links[key] = followed.link
        self.moved.add(key)
        if followed.gap is not None:
            self.missing.append((key, *followed.gap))
        if followed.step is Step.LATE:
            self.found.append((key, recipient.seq))
        if followed.step is not Step.NEXT:
            kind, text = _STEPS[followed.step]
            gap = "{}-{}".format(*followed.gap) if followed.gap else ""
            self._find(
                self._finding(kind, frame, text.format(seq=recipient.seq, gap=gap)), delivery
            )
        if followed.step is Step.LATE and not self._fits(frame, recipient):
            misfit = self._finding(FindingKind.CHAIN_FORK, frame, _MISFIT.format(seq=recipient.seq))
            self._find(misfit, delivery)

    def _stored_gaps(self, key: ChainKey) -> Sequence[tuple[int, int]]:
        """Return what the store lacks of a chain; asked for once, as nothing moves meanwhile."""
        if key not in self.gaps:
            self.gaps[key] = self.inbox.missing(key) if key in self.links else ()
        return self.gaps[key]

    def _fits(self, frame: KeptFrame, recipient: Recipient) -> bool:
        """Whether a late frame fits those beside it, in the store or earlier in this batch."""
        beside = [*self.inbox.beside(frame.key, recipient.seq)]
        beside += [
            Placed(
                seq=one.seq,
                statement_hash=one.statement_hash,
                prev=Recipient.decode(one.recipient).prev,
            )
            for one in self.kept
            if one.key == frame.key and abs(one.seq - recipient.seq) == 1
        ]
        return fits(beside, recipient.seq, recipient.prev, frame.statement_hash)

    def _keep(self, frame: KeptFrame) -> None:
        seal = (frame.key.originator, frame.seal_id)
        held = self.frames.get(seal)
        before = held.positions if held is not None else frozenset()
        self.frames[seal] = KnownFrame(
            id=0,
            statement_hash=frame.statement_hash,
            positions=before | {one.position for one in frame.notices},
        )
        for one in frame.notices:
            self.notices[frame.key.originator, one.notice_id] = KnownNotice(
                seal_id=frame.seal_id, leaf_hash=one.leaf_hash
            )
        self.kept.append(frame)

    def _hear(self, frame: KeptFrame, header: FrameHeader) -> None:
        for log, head in (("directory", header.directory), ("acts", header.log)):
            if head.size and frame.key.originator != self.agency:
                self.heads[log, head.size, head.root] = Head(
                    log=log,
                    size=head.size,
                    root=head.root,
                    originator=frame.key.originator,
                    seal_id=frame.seal_id,
                )

    def _finding(self, kind: FindingKind, frame: KeptFrame, detail: str) -> Finding:
        return Finding(
            kind=kind,
            reason=kind.value.replace("-", "_"),
            detail=detail,
            at_ms=self.now,
            originator=frame.key.originator,
            topic=frame.key.topic,
            sequence=frame.sequence,
            seal_id=frame.seal_id,
        )

    def _find(self, finding: Finding, delivery: Delivery) -> None:
        self.findings.append(Evidence(finding=finding, data=_evidence(delivery)))

    def batch(self, subscription: str, deliveries: Sequence[Delivery]) -> ReceivedBatch:
        """Return all that is to be written."""
        cursors: Mapping[str, int] = {
            one.topic: max(other.sequence for other in deliveries if other.topic == one.topic)
            for one in deliveries
        }
        return ReceivedBatch(
            subscription=subscription,
            frames=tuple(self.kept),
            links=tuple((key, self.links[key]) for key in self.moved),
            missing=tuple(self.missing),
            found=tuple(self.found),
            cursors=tuple(Cursor(topic=topic, sequence=at) for topic, at in cursors.items()),
            findings=tuple(self.findings),
            heads=tuple(self.heads.values()),
        )


def _evidence(delivery: Delivery) -> bytes:
    """Return what was delivered as one string, without bodies.

    Statement, signature and records prove who sent what.
    """
    return framed(
        _EVIDENCE,
        delivery.topic.encode(),
        u64(delivery.sequence),
        delivery.header,
        delivery.statement,
        delivery.signature,
        delivery.recipient,
        delivery.wrap,
        listed(one.header for one in delivery.notices),
    )
