# SPDX-License-Identifier: Apache-2.0
"""The end of encryption keys of ours: what is sealed to them is fetched, then they are destroyed.

Afterwards nobody opens what was sealed to such a key, we included: a copy of the broker's database
and all that we have left are not enough. What was received is kept under keys of its own. When a
key is over says `domain.key_endings`; the key file is written by the port. Source: design section
5; docs/membership.md, "The life of keys".
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agency_client.domain.delivery import Filter
from agency_client.domain.key_endings import check_over, over
from agency_client.domain.mail import MailItem
from agency_client.domain.openings import OpeningKind
from agency_client.domain.records import Opening
from agency_client.domain.views import ReceiveReport
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker, LogKind
from agency_client.ports.clock import Clock
from agency_client.ports.own_keys import OwnKeys
from agency_client.ports.store import Store
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from keys import merkle
from keys.errors import TrustError
from keys.grants import Grant, SignedGrant
from keys.letters import Letter, SignedLetter
from keys.logleaf import LeafBody

EVERYTHING = Filter(topics=("#",))
"""All that the broker has for us is received before a key ends, whatever is followed else."""

BY_ITSELF = "by itself"
"""Who destroyed a key, in our own log, where nobody asked for it."""

_MOST_GRANTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEnding:
    """Ends the keys of one profile."""

    keys: OwnKeys
    store: Store
    broker: Broker
    directory: DirectoryService
    checkpoints: CheckpointService
    clock: Clock

    def due(self) -> tuple[str, ...]:
        """Return the keys to which nothing more will be sealed, as far as we know the directory."""
        directory, now = self.directory.current.directory, self.clock.now_ms()
        return over(self.keys.encryption_ids, self.keys.request, directory, now)

    def check(self, key_id: str, *, is_needed: bool = True) -> None:
        """Refuse a key to which something may still be sealed.

        Args:
            key_id: the key.
            is_needed: whether it is kept also for the margin after it ended.

        Raises:
            AgencyError: NOT_FOUND, KEY_COUNTS, KEY_NEEDED.
        """
        try:
            self._check_at(key_id, self.clock.now_ms())
        except AgencyError as error:
            if is_needed or error.reason is not Reason.KEY_NEEDED:
                raise

    def _check_at(self, key_id: str, now: int) -> None:
        directory = self.directory.current.directory
        check_over(key_id, self.keys.encryption_ids, self.keys.request, directory, now)

    async def check_received(self, key_id: str, received: ReceiveReport | None = None) -> None:
        """Refuse a key that something at the broker is sealed to, or may be yet.

        That is so while the broker's own clock, by the last leaf of its log, has not come to the
        end of the key: ours may be ahead. And while there is mail that was not read, or a granted
        notice that was not fetched.

        Args:
            key_id: the key.
            received: what receiving `EVERYTHING` came to.

        Raises:
            AgencyError: KEY_COUNTS, KEY_NEEDED; LOG_INVALID; or the broker cannot be reached, or
                refuses.
        """
        if received is not None and not received.is_complete:
            raise AgencyError(Reason.KEY_NEEDED, "the broker ended the stream before all had come")
        self._check_at(key_id, min(self.clock.now_ms(), await self._broker_time()))
        if await self._has_mail(key_id) or await asyncio.to_thread(self._has_grant, key_id):
            raise AgencyError(
                Reason.KEY_NEEDED, f"mail that was not read yet can be opened with {key_id} alone"
            )

    async def end(self, due: Sequence[str]) -> tuple[str, ...]:
        """Destroy the keys of `due` that nothing needs; return which.

        The caller has received `EVERYTHING` since `due` returned them. What is needed for mail
        stays until the mail is read.

        Raises:
            AgencyError: the broker cannot be reached, or refuses; as `destroy`.
        """
        if not due:
            return ()
        await self.directory.sync()
        ended = []
        for key_id in due:
            try:
                self.check(key_id)
                await self.check_received(key_id)
            except AgencyError as error:
                if error.reason in (Reason.KEY_NEEDED, Reason.KEY_COUNTS):
                    continue
                raise
            await self.destroy(key_id, BY_ITSELF)
            ended.append(key_id)
        return tuple(ended)

    async def destroy(self, key_id: str, who: str) -> None:
        """Destroy a key, which stands in our own log before; whoever calls has checked.

        Raises:
            AgencyError: PROFILE_IN_USE, STORE_FAILED, NOT_FOUND; or of the store.
        """
        await asyncio.to_thread(self._destroy, key_id, who)

    def _destroy(self, key_id: str, who: str) -> None:
        now = self.clock.now_ms()
        self.store.openings.append(
            Opening(
                kind=OpeningKind.KEY_END, at_ms=now, who=who, purpose="", case=key_id, notices=()
            )
        )
        self.keys.destroy(key_id, now)

    async def _broker_time(self) -> int:
        """Return what time the broker's log had come to, by the last leaf of a checkpoint."""
        head = await self.checkpoints.advance()
        path, leaf = await self.broker.inclusion(LogKind.ACTS, head.size - 1, head.size)
        try:
            hashed = merkle.hash_leaf(leaf)
            merkle.verify_inclusion(hashed, head.size - 1, path, head.size, head.root)
            return LeafBody.decode(leaf).time_ms
        except TrustError as error:
            raise AgencyError(Reason.LOG_INVALID, error.detail) from None

    async def _has_mail(self, key_id: str) -> bool:
        """Whether our mailbox holds something sealed to a key behind what was filed."""
        after = await asyncio.to_thread(self.store.post.after)
        mail, head = await self.broker.mail(after, 0)
        while mail:
            if any(_sealed_to(one.item) == key_id for one in mail):
                return True
            if mail[-1].sequence >= head:  # what came meanwhile is sealed to a key that counts
                break
            mail, _ = await self.broker.mail(mail[-1].sequence, 0)
        return False

    def _has_grant(self, key_id: str) -> bool:
        """Whether a grant wrapped to a key is kept whose notice is still to be fetched."""
        grants = self.store.post.grants_to_fetch(self.clock.now_ms(), _MOST_GRANTS)
        return any(Grant.decode(one.signed).key_id == key_id for one in grants)


def _sealed_to(item: MailItem) -> str:
    """Return the id of the key that mail is sealed to; empty where none opens it."""
    try:
        match item:
            case SignedLetter():
                return Letter.decode(item.letter).header.key_id
            case SignedGrant():
                return Grant.decode(item.grant).key_id
            case _:
                return ""
    except TrustError:  # what cannot be read cannot be opened with any key
        return ""
