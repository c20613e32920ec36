# SPDX-License-Identifier: Apache-2.0
"""What became of a notice, as the letters, grants and recalls about it tell. Looks nothing up."""

from collections.abc import Sequence
from dataclasses import replace

from agency_client.domain.letter_contents import (
    Attestation,
    BreakGlass,
    OnwardDecision,
    OnwardRequest,
    decode_letter,
)
from agency_client.domain.mail import RecipientState
from agency_client.domain.onward import (
    AdmissionView,
    Afterlife,
    BrokenGlassView,
    HolderState,
    HolderView,
    RecallView,
    RequestState,
    RequestView,
    StandingView,
)
from agency_client.domain.post import Hold, PostItem, PostKind, PostState, StandingGrant
from agency_client.domain.records import NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.services.rights import damaged


def afterlife(row: NoticeRow, about: Sequence[PostItem], hold: Hold | None) -> Afterlife:
    """Return what became of a kept notice.

    Args:
        row: the notice.
        about: everything about it, oldest first.
        hold: why it is kept all the same.
    """
    decisions = [one for one in about if one.kind is PostKind.DECISION]
    recalls = [
        one
        for one in about
        if one.kind is PostKind.RECALL
        and one.originator == row.originator
        and one.state is not PostState.REFUSED
    ]
    return Afterlife(
        requests=tuple(
            request_view(one, decisions) for one in about if one.kind is PostKind.REQUEST
        ),
        admitted=tuple(
            admission_view(one, decisions)
            for one in about
            if one.kind is PostKind.GRANT and one.state is not PostState.REFUSED
        ),
        recall=recall_view(row, recalls[-1], about, hold) if recalls else None,
        broken=tuple(_broken(one, row) for one in about if _tells_of_danger(one, row)),
    )


def _tells_of_danger(item: PostItem, row: NoticeRow) -> bool:
    """Whether an item is another agency's word that it broke the glass, and still says why."""
    is_told = item.kind is PostKind.BREAK_GLASS and item.state is PostState.RECEIVED
    return is_told and item.recipient == row.originator and bool(item.content)


def _broken(item: PostItem, row: NoticeRow) -> BrokenGlassView:
    said = decode_letter(item.kind, item.content)
    if not isinstance(said, BreakGlass):
        raise damaged(row)
    return BrokenGlassView(
        agency=item.sender,
        officer=said.officer,
        reason=said.reason,
        ticket=said.ticket,
        at=said.at,
    )


def admission_view(grant: PostItem, decisions: Sequence[PostItem] = ()) -> AdmissionView:
    """Return a grant as people see it, with the terms in the decision that came with it."""
    view = AdmissionView(
        notice=f"{grant.originator}/{grant.notice_id.hex()}",
        agency=grant.recipient,
        admitted_by=grant.sender,
        granted_at=grant.created_at,
        until=grant.until,
        sent=grant.state is not PostState.WAITING,
    )
    for one in decisions:
        said = decode_letter(one.kind, one.content)
        is_of_it = one.target == grant.recipient and one.until == grant.until
        if is_of_it and isinstance(said, OnwardDecision) and said.granted:
            return replace(
                view, purposes=said.purposes, court_use=said.court_use, reason=said.reason
            )
    return view


def recall_view(
    row: NoticeRow, recall: PostItem, about: Sequence[PostItem], hold: Hold | None
) -> RecallView:
    """Return a recall, and what was done about it here."""
    unsent = any(
        one.state is PostState.WAITING and one.kind in (PostKind.RECALL, PostKind.ATTESTATION)
        for one in about
    )
    return RecallView(
        notice=f"{row.originator}/{row.notice_id.hex()}",
        reason=recall.reason,
        recalled_at=recall.created_at,
        answer_by=recall.until,
        destroyed_at=row.destroyed_at,
        legal_basis=hold.legal_basis if hold is not None and not row.destroyed_at else "",
        sent=not unsent,
    )


def request_view(request: PostItem, decisions: Sequence[PostItem]) -> RequestView:
    """Return a request with what was decided about it, as far as both still say something."""
    asked = decode_letter(request.kind, request.content) if request.content else None
    view = RequestView(
        request_id=request.name,
        notice=f"{request.originator}/{request.notice_id.hex()}",
        asked_by=request.sender,
        target=request.target,
        why=asked.why if isinstance(asked, OnwardRequest) else "",
        purposes=asked.purposes if isinstance(asked, OnwardRequest) else (),
        asked_at=request.created_at,
        sent=request.state is not PostState.WAITING,
    )
    for one in decisions:
        said = decode_letter(one.kind, one.content) if one.answers == request.name else None
        if isinstance(said, OnwardDecision):
            return replace(
                view,
                state=RequestState.GRANTED if said.granted else RequestState.REFUSED,
                decided_at=one.created_at,
                until=said.until,
                court_use=said.court_use,
                reason=said.reason,
                sent=one.state is not PostState.WAITING,
            )
    return view


def standing_view(grant: StandingGrant) -> StandingView:
    """Return a standing grant as people see it."""
    return StandingView(
        number=grant.number,
        case=grant.case,
        agency=grant.agency,
        until=grant.until,
        made_at=grant.made_at,
        made_by=grant.made_by,
        admitted=grant.admitted,
    )


def holders(
    states: Sequence[RecipientState], about: Sequence[PostItem], now: int
) -> tuple[HolderView, ...]:
    """Return how far each holder is, from the broker's word, their letters and our grants."""
    recalls = [one for one in about if one.kind is PostKind.RECALL and _is_ours(one)]
    grants = {one.recipient: one for one in about if one.kind is PostKind.GRANT and _is_ours(one)}
    answers = {one.sender: one for one in about if one.kind is PostKind.ATTESTATION}
    told = {one.agency: one for one in states}
    found = []
    for agency in sorted({*told, *grants}):
        grant, state = grants.get(agency), told.get(agency)
        is_grantee = state.grantee if state is not None else True
        view = HolderView(
            agency=agency,
            state=_state(state, recalls[-1] if recalls else None, now),
            grantee=is_grantee,
            until=grant.until if grant is not None and is_grantee else 0,
        )
        found.append(_answered(view, answers[agency]) if agency in answers else view)
    return tuple(found)


def _state(state: RecipientState | None, recall: PostItem | None, now: int) -> HolderState:
    """Return how far an agency is that has not answered; None: the broker says nothing of it."""
    if state is not None and not state.delivered:
        return HolderState.NEVER_FETCHED
    if recall is None:
        return HolderState.FETCHED if state is not None else HolderState.NEVER_FETCHED
    return HolderState.OVERDUE if now > recall.until else HolderState.NO_ANSWER


def _answered(view: HolderView, letter: PostItem) -> HolderView:
    said = decode_letter(letter.kind, letter.content)
    if not isinstance(said, Attestation):
        raise AgencyError(Reason.STORE_INVALID, "the store holds a damaged letter")
    state = HolderState.HELD
    if said.destroyed:
        state = HolderState.DESTROYED if said.had_opened else HolderState.DESTROYED_UNOPENED
    return HolderView(
        agency=view.agency,
        state=state,
        grantee=view.grantee,
        until=view.until,
        answered_at=said.at,
        legal_basis=said.legal_basis,
        review=said.review,
    )


def _is_ours(item: PostItem) -> bool:
    return item.state in {PostState.WAITING, PostState.ACCEPTED}
