# SPDX-License-Identifier: Apache-2.0
"""How an agency stands: enrolment, broker, queue, lag, findings, keys. Shows no content.

The directory and the log's checkpoint are brought up to date on the way, and verified. An
unreachable broker is part of the answer and no error.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agency_client.domain.delivery import TopicView
from agency_client.domain.people import ActState, PeopleStatus
from agency_client.domain.recovery import RecoveryStatus
from agency_client.domain.views import KeyStatus, StatusReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.store import Store
from agency_client.services.approvals import MAX_LISTED
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from agency_client.services.partners import PartnerService

_AWAY = (Reason.BROKER_UNREACHABLE, Reason.DEADLINE_EXCEEDED)
"""Reasons that mean there was no answer; any other is the answer of a broker that was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """What the broker said, if anything."""

    topics: Sequence[TopicView] = ()
    refusal: AgencyError | None = None

    @property
    def reachable(self) -> bool:
        """Whether there was an answer, whatever it says."""
        return self.refusal is None or self.refusal.reason not in _AWAY

    @property
    def says_locked(self) -> bool:
        """Whether we are locked: the broker says only this to an agency that is."""
        return self.refusal is not None and self.refusal.reason is Reason.AGENCY_LOCKED


class StatusService:
    """Says how one profile stands; `keys` are its own."""

    def __init__(
        self,
        *,
        store: Store,
        broker: Broker,
        directory: DirectoryService,
        checkpoints: CheckpointService,
        keys: Sequence[KeyStatus],
        recovery: Callable[[], RecoveryStatus],
        partners: PartnerService,
    ) -> None:
        self._store = store
        self._broker = broker
        self._directory = directory
        self._checkpoints = checkpoints
        self._keys = tuple(keys)
        self._recovery = recovery
        self._partners = partners

    async def status(self) -> StatusReport:
        """Ask the broker once, and the store."""
        reached = await self._reach()
        return await asyncio.to_thread(self._report, reached)

    async def _reach(self) -> _Reached:
        try:
            await self._directory.sync()
            await self._checkpoints.advance()
            return _Reached(topics=await self._broker.topics())
        except AgencyError as error:
            return _Reached(refusal=error)

    def _report(self, reached: _Reached) -> StatusReport:
        current, store = self._directory.current, self._store
        directory, agency = current.directory, current.agency
        pinned = store.trust.checkpoint(LogKind.ACTS)
        frames, notices = store.outbox.count()
        own_log_size, _ = store.openings.head()
        return StatusReport(
            agency=agency,
            federation=current.id,
            broker=self._broker.address,
            broker_reachable=reached.reachable,
            broker_problem=reached.refusal.message if reached.refusal else "",
            broker_reason=reached.refusal.reason if reached.refusal else None,
            enrolled=directory.agency(agency) is not None,
            locked=reached.says_locked or directory.is_locked(agency),
            directory_size=directory.size,
            rule_book_version=directory.rule_book.version if directory.rule_book else 0,
            checkpoint_size=pinned.size if pinned else 0,
            queued_frames=frames,
            queued_notices=notices,
            kept_notices=store.inbox.count(),
            index_waiting=store.search.waiting(),
            lag=self._lag(reached.topics),
            findings=store.inbox.finding_count(),
            keys=self._keys,
            recovery=self._recovery(),
            own_log_size=own_log_size,
            membership=self._partners.membership(),
            people=self._people(),
        )

    def _people(self) -> PeopleStatus:
        people = self._store.people
        waiting = [one for one in people.acts(MAX_LISTED) if one.state is ActState.WAITING]
        to_review = people.break_glass_uses(unreviewed=True)
        return PeopleStatus(
            officers=len(people.officers()),
            to_approve=len(waiting),
            to_review=len(to_review),
            review_by=to_review[0].review_by if to_review else 0,
        )

    def _lag(self, topics: Sequence[TopicView]) -> Mapping[str, int]:
        """Return how far behind each topic is that was received from; others are not followed."""
        held = self._store.inbox.cursors(self._store.inbox.subscription())
        return {
            topic.name: max(0, topic.head - held[topic.name])
            for topic in topics
            if topic.name in held
        }
