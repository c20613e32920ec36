# SPDX-License-Identifier: Apache-2.0
"""A broker as the outbox knows it, in forty lines: what it accepts, and what it refuses and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agency_client.domain.delivery import LogReference
from agency_client.domain.outbox import PublishReceipt, Refusal
from agency_client.domain.records import FIRST_LINK, Link, OutboxFrame
from agency_client.errors import Reason


@dataclass(kw_only=True)
class ModelBroker:
    """Accepts each seal once, each notice once, and numbers without gaps only.

    `accepted` holds (topic, outbox id, notice ids) in order of acceptance; `follows` says what the
    sealed bytes would say, for each seal: the link before its own to each recipient.
    """

    receipts: dict[bytes, PublishReceipt] = field(default_factory=dict)
    statements: dict[bytes, bytes] = field(default_factory=dict)
    follows: dict[bytes, Mapping[str, Link]] = field(default_factory=dict)
    chains: dict[tuple[bytes, str, str], Link] = field(default_factory=dict)
    accepted: list[tuple[str, int, tuple[bytes, ...]]] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def publish(
        self, frame: OutboxFrame, notices: tuple[bytes, ...], forced: Reason | None
    ) -> PublishReceipt | Refusal:
        """Store a frame, or refuse it; `forced` is a refusal that policy or clock would make."""
        if frame.seal_id in self.receipts:
            if self.statements[frame.seal_id] != frame.statement_hash:
                self.contradictions.append("other bytes under a known seal id")
            return self.receipts[frame.seal_id]
        known = {one for _, _, ids in self.accepted for one in ids}
        if known & set(notices):
            self.contradictions.append("a notice was offered in a second seal")
            return Refusal(reason=Reason.ALREADY_EXISTS, message="known")
        if forced is not None:
            return Refusal(reason=forced, message="forced")
        for agency, seq in frame.recipients:
            held = self.chains.get((frame.outlet, frame.topic, agency), FIRST_LINK)
            if seq != held.seq + 1 or self.follows[frame.seal_id][agency] != held:
                return Refusal(reason=Reason.CHAIN_BROKEN, message="does not follow")
        return self._store(frame, notices)

    def _store(self, frame: OutboxFrame, notices: tuple[bytes, ...]) -> PublishReceipt:
        for agency, seq in frame.recipients:
            link = Link(seq=seq, statement_hash=frame.statement_hash)
            self.chains[frame.outlet, frame.topic, agency] = link
        self.accepted.append((frame.topic, frame.id, notices))
        sequence = sum(topic == frame.topic for topic, _, _ in self.accepted)
        log = LogReference(index=len(self.accepted), salt=bytes(32), time_ms=frame.created_at)
        receipt = PublishReceipt(topic=frame.topic, sequence=sequence, log=log, duplicate=False)
        self.receipts[frame.seal_id] = receipt
        self.statements[frame.seal_id] = frame.statement_hash
        return receipt
