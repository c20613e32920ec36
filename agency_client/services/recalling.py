# SPDX-License-Identifier: Apache-2.0
"""Taking a notice of ours back, which takes two persons, and learning who still has it.

One officer asks for the exact bytes, a supervisor approves them, and only then are they signed.
Destroying is `services.ending`'s business. Source: design section 4, "Recall"; docs/protocol.md
section 21.2.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agency_client.domain.onward import HolderView, RecallView
from agency_client.domain.people import ActKind, TwoPersonAct
from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.afterlife import holders, recall_view
from agency_client.services.approvals import ApprovalService
from agency_client.services.directory import DirectoryService
from agency_client.services.officers import OfficerRegister
from agency_client.services.post import Post
from agency_client.services.references import find_one, place_of
from agency_client.services.releasing import PUBLISHED
from agency_client.services.rights import ReadingRights
from agency_client.services.viewing import reference_of
from keys.errors import EnvelopeError, SignatureError
from keys.framing import sha256
from keys.places import NoticePlace
from keys.recalls import Recall, sign_recall
from keys.signers import Signing
from officers.people import LIAISON
from policy.officers import Approval

ANSWER_MS = 72 * 60 * 60_000
"""How long holders have to answer unless said otherwise: over a weekend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallService:
    """Recalls of one profile, and who holds its notices."""

    agency: str
    store: Store
    post: Post
    broker: Broker
    directory: DirectoryService
    signing: Signing
    register: OfficerRegister
    rights: ReadingRights
    approvals: ApprovalService
    clock: Clock

    async def ask(
        self, reference: str, reason: str, viewer: Viewer, *, answer_by: int = 0
    ) -> TwoPersonAct:
        """Ask that a notice of ours be taken back; it waits for its second person.

        Args:
            reference: the notice.
            reason: one of `keys.recalls.RECALL_REASONS`.
            viewer: a liaison officer, with purpose and case.
            answer_by: until when its holders answer, milliseconds since 1970; 0: in three days.

        Raises:
            AgencyError: UNKNOWN_NOTICE, NOT_ORIGINATOR, INVALID_ARGUMENT; ALREADY_EXISTS, it was
                taken back; OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED, PURPOSE_NEEDED.
        """
        await asyncio.to_thread(self.register.officer, viewer, LIAISON)
        row, recall = await asyncio.to_thread(self._asked, reference, reason, answer_by)
        return await self.approvals.ask(
            ActKind.RECALL,
            recall.encode(),
            notice=reference_of(row),
            summary=f"take it back from everybody: {reason}",
            viewer=viewer,
        )

    def _asked(self, reference: str, reason: str, answer_by: int) -> tuple[NoticeRow, Recall]:
        row = find_one(self.store.inbox, reference)
        return row, self._made(self._check_own(row), reason, answer_by)

    async def carry_out(self, act: bytes) -> RecallView:
        """Do a recall that was approved; durable on return.

        Args:
            act: its exact bytes.

        Raises:
            AgencyError: ACT_UNKNOWN, APPROVAL_NEEDED, APPROVAL_REFUSED, OFFICER_REFUSED;
                UNKNOWN_NOTICE; ALREADY_EXISTS, it was taken back.
        """
        asked, row, item = await asyncio.to_thread(self._carried, act)
        (kept,) = await self.post.put([item])
        await asyncio.to_thread(self.approvals.done, asked)
        held = await asyncio.to_thread(self.store.endings.held, row.id)
        return recall_view(row, kept, [kept], held)

    def _carried(self, act: bytes) -> tuple[TwoPersonAct, NoticeRow, PostItem]:
        asked = self.approvals.check_act(act)
        recall = _decoded(asked)
        row = find_one(self.store.inbox, asked.notice)
        if self._check_own(row) != recall.place:
            raise AgencyError(
                Reason.UNKNOWN_NOTICE, "the notice was sealed anew since: ask for it again"
            )
        self._check_rules(asked, row)
        return asked, row, self._signed(row, recall)

    def _check_rules(self, asked: TwoPersonAct, row: NoticeRow) -> None:
        """Ask the rule book about who asked and who approved."""
        requester = self.register.by_pseudonym(asked.requester)
        approver = self.register.by_pseudonym(asked.approver)
        given = Approval(by=approver.officer, at=asked.approved_at)
        decision = self.rights.on_act("withdraw", requester, row, approval=given)
        if not decision.allow:
            raise AgencyError(Reason.OFFICER_REFUSED, " ".join(decision.says))

    def _check_own(self, row: NoticeRow) -> NoticePlace:
        if row.originator != self.agency:
            raise AgencyError(Reason.NOT_ORIGINATOR, "only its originator may take a notice back")
        place = place_of(self.store, row)
        if row.state not in PUBLISHED and not row.destroyed_at:
            raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice is not published")
        if any(_takes_back(one, self.agency) for one in self.store.post.about(place)):
            raise AgencyError(Reason.ALREADY_EXISTS, "the notice was taken back already")
        return place

    def _made(self, place: NoticePlace, reason: str, answer_by: int) -> Recall:
        now = self.clock.now_ms()
        if 0 < answer_by <= now:
            raise AgencyError(
                Reason.INVALID_ARGUMENT, "holders answer by a time to come", field="answer-by"
            )
        try:
            return Recall(
                federation=self.directory.current.id,
                place=place,
                originator=self.agency,
                keyset_id=self.signing().keyset_id,
                reason=reason,
                recalled_at=now,
                answer_by=answer_by or now + ANSWER_MS,
            )
        except EnvelopeError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail, field="reason") from None

    def _signed(self, row: NoticeRow, recall: Recall) -> PostItem:
        try:
            signed = sign_recall(recall, self.signing())
        except SignatureError:
            raise AgencyError(
                Reason.ACT_UNKNOWN, "our signing keys are other ones since: ask for it again"
            ) from None
        return PostItem(
            kind=PostKind.RECALL,
            name=sha256(signed.recall),
            sender=self.agency,
            recipient="",
            originator=self.agency,
            notice_id=row.notice_id,
            place=recall.place,
            created_at=recall.recalled_at,
            until=recall.answer_by,
            signed=signed.recall,
            signature=signed.signature,
            reason=recall.reason,
        )

    async def holders(self, reference: str) -> Sequence[HolderView]:
        """Return who could open a notice of ours and how far each is, by id; the broker is asked.

        Raises:
            AgencyError: UNKNOWN_NOTICE, NOT_ORIGINATOR; or the broker's reason.
        """
        row = await asyncio.to_thread(find_one, self.store.inbox, reference)
        if row.originator != self.agency:
            raise AgencyError(Reason.NOT_ORIGINATOR, "only its originator learns who has a notice")
        states = await self.broker.recipients(row.notice_id)
        place = await asyncio.to_thread(place_of, self.store, row)
        about = await asyncio.to_thread(self.store.post.about, place)
        return holders(states, about, self.clock.now_ms())


def _decoded(asked: TwoPersonAct) -> Recall:
    if asked.kind is not ActKind.RECALL:
        raise AgencyError(Reason.ACT_UNKNOWN, "the act is no recall")
    try:
        return Recall.decode(asked.act)
    except EnvelopeError as error:
        raise AgencyError(Reason.STORE_INVALID, error.detail) from None


def _takes_back(item: PostItem, agency: str) -> bool:
    is_ours = item.kind is PostKind.RECALL and item.sender == agency
    return is_ours and item.state is not PostState.REFUSED
