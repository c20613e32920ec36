# SPDX-License-Identifier: Apache-2.0
"""The federation as this agency verified it: directory, rule book, and who we are in it.

An immutable view; `services.directory` makes a new one where the directory moves. Decisions are
taken under a lock, because the policy engine serves one thread at a time.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from agency_client.domain.delivery import LogReference
from agency_client.errors import AgencyError, Reason
from keys.directory import Directory
from keys.envelope import Marking, RuleBookRef, TreeHead
from keys.errors import Reason as TrustReason
from keys.errors import SignatureError
from keys.signing import Keyset
from policy.decisions import Audience, Decision
from policy.engine import PolicyEngine
from policy.near_misses import Explanation
from policy.officers import Approval, BreakGlass, Officer, OfficersNotice

Alarm = Callable[[tuple[str, ...]], None]
"""Is told why a decision could not be taken; the decision is a denial."""

_NO_RULE_BOOK = "the federation has no rule book in force yet; ask a steward to sign one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """A verified directory and its rule book, as `agency` sees them."""

    agency: str
    directory: Directory
    engine: PolicyEngine | None
    alarm: Alarm | None = field(default=None, repr=False, compare=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def id(self) -> bytes:
        """The federation's 32-byte id."""
        return self.directory.federation

    @property
    def head(self) -> TreeHead:
        """Size and root of the directory."""
        return TreeHead(size=self.directory.size, root=self.directory.root)

    @property
    def rule_book(self) -> RuleBookRef:
        """Version and digest of the rule book in force.

        Raises:
            AgencyError: NOT_ENROLLED; there is none.
        """
        entry = self.directory.rule_book
        if entry is None:
            raise AgencyError(Reason.NOT_ENROLLED, _NO_RULE_BOOK)
        return RuleBookRef(version=entry.version, digest=entry.digest)

    def keyset(self, agency: str, keyset_id: str, log: LogReference | None) -> Keyset:
        """Return the keyset by which something says that it was signed, whatever its validity.

        Args:
            agency: who says that it signed.
            keyset_id: with which of its keysets.
            log: the broker's leaf about what was signed; None where none is known.

        Raises:
            SignatureError: UNKNOWN_KEYSET; EXPIRED, it is revoked from that place in the log on, or
                from an earlier one.
        """
        keyset = self.directory.keyset(agency, keyset_id)
        if keyset is None:
            raise SignatureError(
                TrustReason.UNKNOWN_KEYSET, f"the directory has no keyset {keyset_id} of {agency}"
            )
        revoked = self.directory.revoked_from(agency, "keyset", keyset_id)
        if revoked is not None and (log is None or log.index >= revoked):
            raise SignatureError(
                TrustReason.EXPIRED,
                f"keyset {keyset_id} of {agency} is revoked from log entry {revoked} on",
            )
        return keyset

    def may_publish(self, marking: Marking, topic: str, now: int) -> Decision:
        """Decide whether we may publish."""
        with self._asking:
            decision = self._engine().may_publish(marking, topic, self.agency, now)
        return self._heard(decision)

    def may_receive(
        self, marking: Marking, topic: str, originator: str, named: bool, now: int
    ) -> Decision:
        """Decide whether we may have a frame of `originator`; who asks keeps the finding."""
        with self._asking:
            return self._engine().may_receive(marking, topic, originator, self.agency, named, now)

    def may_receive_granted(
        self, marking: Marking, topic: str, originator: str, grantee: str, now: int
    ) -> Decision:
        """Decide whether an agency may have a notice that its originator released to it."""
        with self._asking:
            decision = self._engine().may_receive_granted(marking, topic, originator, grantee, now)
        return self._heard(decision)

    def explain(
        self, marking: Marking, topic: str, originator: str, recipient: tuple[str, bool], now: int
    ) -> Explanation:
        """Decide whether an agency, given with whether it is named, may have a notice, and why."""
        agency, named = recipient
        with self._asking:
            found = self._engine().explain(marking, topic, originator, agency, named, now)
        self._heard(found.decision)
        return found

    def audience(self, marking: Marking, topic: str, named: Collection[str], now: int) -> Audience:
        """Decide who may receive what we publish."""
        with self._asking:
            audience = self._engine().audience(marking, topic, self.agency, named, now)
        for decision in audience.refused.values():
            self._heard(decision)
        return audience

    def may_read(
        self,
        officer: Officer,
        notice: OfficersNotice,
        *,
        purpose: str,
        now: int,
        break_glass: BreakGlass | None = None,
    ) -> Decision:
        """Decide whether one of our officers may read a notice that we keep."""
        with self._asking:
            decision = self._engine().may_read(
                officer, notice, purpose=purpose, now=now, break_glass=break_glass
            )
        return self._heard(decision)

    def may_publish_as(
        self, officer: Officer, notice: OfficersNotice, now: int, approval: Approval | None = None
    ) -> Decision:
        """Decide whether one of our officers may publish what we may publish."""
        with self._asking:
            decision = self._engine().may_publish_as(officer, notice, now=now, approval=approval)
        return self._heard(decision)

    def may_act(
        self,
        action: str,
        officer: Officer,
        notice: OfficersNotice,
        *,
        now: int,
        target: str = "",
        approval: Approval | None = None,
    ) -> Decision:
        """Decide whether one of our officers may do something with a notice that we keep."""
        with self._asking:
            decision = self._engine().may_act(
                action, officer, notice, now=now, target=target, approval=approval
            )
        return self._heard(decision)

    def _heard(self, decision: Decision) -> Decision:
        """Return a decision, and sound the alarm where it could not be taken."""
        if decision.errors and self.alarm is not None:
            self.alarm(decision.errors)
        return decision

    def _engine(self) -> PolicyEngine:
        if self.engine is None:
            raise AgencyError(Reason.NOT_ENROLLED, _NO_RULE_BOOK)
        return self.engine
