# SPDX-License-Identifier: Apache-2.0
"""The end of notices at this agency: destroyed when their time is over, or they are taken back.

Done before anything is shown, after mail came, and again and again while a subscription is open;
nobody has to ask. A recall by another is answered once what it is about is gone, or held: the
answer follows from what is kept here, so that one which a crash prevented is made the next time.
Source: design section 4, "Recall".
"""

import asyncio
from dataclasses import replace

from agency_client.domain.letter_contents import Attestation
from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.domain.records import NoticeRow
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.references import place_of, row_at
from keys.fields import new_uuid7

AT_ONCE = 64
"""Notices destroyed in one transaction: others wait for it as long as the index is merged."""


class EndingService:
    """Ends notices of one profile."""

    def __init__(self, *, agency: str, store: Store, clock: Clock) -> None:
        self._agency = agency
        self._store = store
        self._clock = clock

    async def sweep(self) -> int:
        """Destroy what is due and answer recalls; return how many notices were destroyed.

        Raises:
            AgencyError: of the store; what is not destroyed then is due still.
        """
        return await asyncio.to_thread(self.do)

    def do(self) -> int:
        """Do what `sweep` does."""
        count = 0
        while due := self._store.endings.due(self._clock.now_ms(), AT_ONCE):
            self._store.endings.destroy(due, self._clock.now_ms())
            count += len(due)
        self._store.endings.settle()
        while recalls := self._store.post.unanswered(AT_ONCE):
            self._store.post.answer([self._answer(recall) for recall in recalls])
        return count

    def _answer(self, recall: PostItem) -> PostItem:
        return self._attestation(recall, self._outcome(row_at(self._store, recall.place)))

    def _outcome(self, row: NoticeRow | None) -> Attestation:
        """Return what we say of a notice that was taken back; None: it never came here."""
        now = self._clock.now_ms()
        if row is None:
            return Attestation(destroyed=True, had_opened=False, at=now)
        had_opened = self._store.openings.has_shown(f"{row.originator}/{row.notice_id.hex()}")
        hold = self._store.endings.held(row.id)
        if hold is None or row.destroyed_at:
            return Attestation(destroyed=True, had_opened=had_opened, at=row.destroyed_at or now)
        return Attestation(
            destroyed=False,
            had_opened=had_opened,
            at=now,
            legal_basis=hold.legal_basis,
            review=hold.review,
        )

    def release(self, row: NoticeRow) -> bool:
        """Let a held notice go; where it was taken back, say that it is destroyed now.

        Returns:
            Whether it was destroyed.
        """
        self._store.endings.release(row.id)
        self.do()
        (left,) = self._store.inbox.rows((row.id,))
        if not left.destroyed_at:
            return False
        recalls = [
            one
            for one in self._store.post.about(place_of(self._store, row))
            if one.kind is PostKind.RECALL and one.state is PostState.RECEIVED
        ]
        said = self._outcome(left)
        self._store.post.add([self._attestation(one, said) for one in recalls[-1:]])
        return True

    def _attestation(self, recall: PostItem, said: Attestation) -> PostItem:
        """Return our answer to a recall, as it is kept until it is sent."""
        now = self._clock.now_ms()
        return replace(
            recall,
            number=0,
            kind=PostKind.ATTESTATION,
            name=new_uuid7(now),
            sender=self._agency,
            recipient=recall.originator,
            created_at=now,
            until=said.review,
            content=said.encode(),
            signed=b"",
            signature=b"",
            state=PostState.WAITING,
            settled_at=0,
            reason="",
            log=None,
        )
