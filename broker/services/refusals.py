# SPDX-License-Identifier: Apache-2.0
"""Writes what was refused into the log: one leaf each, or a count where they come in a flood.

A flood of refused acts must not fill the disk that honest acts need, so each agency has a bucket
of leaves; what is beyond it is counted by act and reason, and the counts are written now and then.
What the store could not do is no decision and not written here.
"""

from collections import Counter
from dataclasses import replace

from broker.domain.acts import Act, Refusal, refusal
from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.buckets import Buckets
from broker.telemetry import log_for
from keys.logleaf import SALT_BYTES

_STATES = frozenset(
    {
        Reason.OUTCOME_UNKNOWN,
        Reason.STORAGE_FULL,
        Reason.READ_ONLY,
        Reason.INTERNAL,
        Reason.DRAINING,
        Reason.SUBSCRIPTION_BUSY,
    }
)
"""Reasons that say how the broker is and not what somebody may do."""

_Key = tuple[str, str, str]

_log = log_for("refusals")


class Refusals:
    """The refusals of one broker."""

    def __init__(self, store: Store, clock: Clock, entropy: Entropy, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._buckets = Buckets(settings.refusals_burst, settings.refusals_refill_ms)
        self._counted: Counter[_Key] = Counter()

    async def note(self, refused: Refusal, error: BrokerError) -> None:
        """Write that an act was refused with `error`; returns when the leaf is stored or counted.

        A store that cannot take the leaf changes nothing for the act, which does not happen: it is
        counted, and written when the store takes writes again.
        """
        if error.reason in _STATES:
            return
        rules = tuple(filter(None, error.metadata.get("rules", "").split(",")))
        refused = replace(refused, reason=error.reason.value, rules=refused.rules or rules)
        if not self._has_leaf(refused.agency):
            self._count(refused)
            return
        try:
            await self._store.record([self._act(refused)])
        except BrokerError as failure:
            _log.warning("refusal_not_written", reason=failure.reason.value)
            self._count(refused)

    def count(self, refused: Refusal) -> None:
        """Count a refusal that has no leaf of its own, because nobody can wait for one."""
        self._count(refused)

    async def flush(self) -> None:
        """Write the counts.

        Raises:
            BrokerError: of the store; the counts are kept then.
        """
        counted, self._counted = self._counted, Counter()
        acts = [
            self._act(Refusal(act=act, agency=agency, reason=reason, count=count))
            for (act, agency, reason), count in sorted(counted.items())
        ]
        if not acts:
            return
        try:
            await self._store.record(acts)
        except BrokerError:
            self._counted.update(counted)
            raise

    def _count(self, refused: Refusal) -> None:
        self._counted[refused.act, refused.agency, refused.reason] += refused.count

    def _act(self, refused: Refusal) -> Act:
        return refusal(refused, self._clock.now(), self._entropy.random(SALT_BYTES))

    def _has_leaf(self, agency: str) -> bool:
        """Take a leaf out of the agency's bucket, if there is one."""
        return self._buckets.take(agency, self._clock.now())
