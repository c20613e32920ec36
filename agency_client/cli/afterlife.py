# SPDX-License-Identifier: Apache-2.0
"""How it looks what became of a notice: who asked, who was admitted, that it was taken back.

Lines for people and documents for programs. What other agencies wrote is escaped.
"""

from collections.abc import Sequence
from typing import Any

from agency_client.cli.output import columns, instant, safe
from agency_client.domain.onward import (
    AdmissionView,
    Afterlife,
    BrokenGlassView,
    HolderView,
    RecallView,
    RequestState,
    RequestView,
    StandingView,
)
from agency_client.domain.post import PostItem, PostKind
from agency_client.domain.views import NoticeState

_UNSENT = "  (waits to be sent)"
_REQUESTS = ("ASKED", "STATE", "BY", "FOR", "UNTIL", "REQUEST", "NOTICE")
_STANDING = ("NUMBER", "CASE", "AGENCY", "UNTIL", "ADMITTED TO", "MADE BY")
_HOLDERS = ("AGENCY", "STATE", "HOW", "ANSWERED", "UNTIL", "LEGAL BASIS")


def warnings(state: NoticeState, afterlife: Afterlife) -> list[str]:
    """Return the lines that stand over a notice that is not what it was."""
    if afterlife.recall is not None:
        return [f"!!! RECALLED: {recalled(afterlife.recall)}"]
    if state is NoticeState.EXPIRED:
        return ["!!! EXPIRED: the content was destroyed here when its time was over"]
    if state is NoticeState.ENDED:
        return ["!!! ENDED: the content was destroyed here when the grant to us was over"]
    return []


def recalled(recall: RecallView) -> str:
    """Return what a recall says and what was done about it here, in one line."""
    told = f"{safe(recall.reason)}, taken back {instant(recall.recalled_at)}"
    if recall.legal_basis:
        return f"{told}; held here: {safe(recall.legal_basis)}"
    if recall.destroyed_at:
        return f"{told}; the content was destroyed here {instant(recall.destroyed_at)}"
    return told


def history(afterlife: Afterlife) -> list[str]:
    """Return the lines below a notice: who asked, and who was admitted."""
    return [
        *(f"asked         {asked(one)}" for one in afterlife.requests),
        *(f"admitted      {admitted(one)}" for one in afterlife.admitted),
        *(f"danger        {broken(one)}" for one in afterlife.broken),
    ]


def asked(request: RequestView) -> str:
    """Return a request in one line."""
    told = f"{safe(request.asked_by)} for {safe(request.target)}, {instant(request.asked_at)}"
    if request.state is not RequestState.WAITING:
        told += f", {request.state.value} {instant(request.decided_at)}"
    told += f": {safe(request.reason)}" if request.reason else ""
    return told + ("" if request.sent else _UNSENT)


def admitted(admission: AdmissionView) -> str:
    """Return an admission in one line."""
    told = f"{safe(admission.agency)} until {instant(admission.until)}"
    told += f", by {safe(admission.admitted_by)} {instant(admission.granted_at)}"
    if admission.purposes:
        told += f", for {', '.join(map(safe, admission.purposes))}"
    told += ", also as evidence" if admission.court_use else ""
    told += f": {safe(admission.reason)}" if admission.reason else ""
    return told + ("" if admission.sent else _UNSENT)


def broken(glass: BrokenGlassView) -> str:
    """Return in one line that another agency broke the glass."""
    told = f"opened for danger to life at {safe(glass.agency)} by {safe(glass.officer)}"
    return f"{told}, {instant(glass.at)}: {safe(glass.reason)} (ticket {safe(glass.ticket)})"


def came(item: PostItem) -> str:
    """Return in one line what another agency sent us."""
    originator = safe(item.originator)
    notice = f"{originator}/{item.notice_id.hex()}" if item.notice_id else f"one of {originator}"
    who, target = safe(item.sender), safe(item.target)
    told = {
        PostKind.REQUEST: f"{who} asks that {target} be admitted to {notice}: `tocsin requests`",
        PostKind.DECISION: f"{who} decided about {target} and {notice}: `tocsin requests --all`",
        PostKind.ATTESTATION: f"{who} answered the recall of {notice}: `tocsin holders`",
        PostKind.BREAK_GLASS: f"{who} opened {notice} for danger to life: `tocsin show` says why",
        PostKind.GRANT: f"{who} admitted us to {notice} until {instant(item.until)}",
        PostKind.RECALL: f"{who} took {notice} back: {safe(item.reason)}",
    }
    return told[item.kind]


def request_rows(requests: Sequence[RequestView]) -> list[str]:
    """Return a list of requests as lines."""
    return columns(
        [
            (
                instant(one.asked_at),
                one.state.value,
                one.asked_by,
                one.target,
                instant(one.until),
                one.request_id.hex(),
                one.notice,
            )
            for one in requests
        ],
        head=_REQUESTS,
    )


def request_page(request: RequestView) -> list[str]:
    """Return a request to read."""
    facts = [
        ("request", request.request_id.hex()),
        ("notice", safe(request.notice)),
        ("asked by", safe(request.asked_by)),
        ("for", safe(request.target)),
        ("why", safe(request.why)),
        ("purposes", ", ".join(map(safe, request.purposes))),
        ("asked", instant(request.asked_at)),
        ("state", request.state.value + ("" if request.sent else _UNSENT)),
        ("decided", instant(request.decided_at)),
        ("until", instant(request.until)),
        ("court use", "yes" if request.court_use else ""),
        ("reason", safe(request.reason)),
    ]
    return [f"{name:<10} {value}" for name, value in facts if value]


def standing_rows(grants: Sequence[StandingView]) -> list[str]:
    """Return a list of standing grants as lines."""
    return columns(
        [
            (
                str(one.number),
                one.case,
                one.agency,
                instant(one.until),
                str(one.admitted),
                one.made_by,
            )
            for one in grants
        ],
        head=_STANDING,
    )


def holder_rows(holders: Sequence[HolderView]) -> list[str]:
    """Return a list of holders as lines."""
    return columns(
        [
            (
                one.agency,
                one.state.value,
                "grant" if one.grantee else "sealed",
                instant(one.answered_at),
                instant(one.review or one.until),
                one.legal_basis,
            )
            for one in holders
        ],
        head=_HOLDERS,
    )


def document(afterlife: Afterlife) -> dict[str, Any]:
    """Return all of it for programs."""
    recall = afterlife.recall
    return {
        "requests": [request_document(one) for one in afterlife.requests],
        "admitted": [admission_document(one) for one in afterlife.admitted],
        "recall": None if recall is None else recall_document(recall),
        "break_glass": [_broken_document(one) for one in afterlife.broken],
    }


def _broken_document(glass: BrokenGlassView) -> dict[str, Any]:
    return {
        "agency": glass.agency,
        "officer": glass.officer,
        "reason": glass.reason,
        "ticket": glass.ticket,
        "at": instant(glass.at),
    }


def request_document(request: RequestView) -> dict[str, Any]:
    """Return a request for programs."""
    return {
        "request": request.request_id.hex(),
        "notice": request.notice,
        "asked_by": request.asked_by,
        "target": request.target,
        "why": request.why,
        "purposes": list(request.purposes),
        "asked_at": instant(request.asked_at),
        "state": request.state.value,
        "decided_at": instant(request.decided_at),
        "until": instant(request.until),
        "court_use": request.court_use,
        "reason": request.reason,
        "sent": request.sent,
    }


def admission_document(admission: AdmissionView) -> dict[str, Any]:
    """Return an admission for programs."""
    return {
        "notice": admission.notice,
        "agency": admission.agency,
        "admitted_by": admission.admitted_by,
        "granted_at": instant(admission.granted_at),
        "until": instant(admission.until),
        "purposes": list(admission.purposes),
        "court_use": admission.court_use,
        "reason": admission.reason,
        "sent": admission.sent,
    }


def standing_document(grant: StandingView) -> dict[str, Any]:
    """Return a standing grant for programs."""
    return {
        "number": grant.number,
        "case": grant.case,
        "agency": grant.agency,
        "until": instant(grant.until),
        "made_at": instant(grant.made_at),
        "made_by": grant.made_by,
        "admitted": grant.admitted,
    }


def recall_document(recall: RecallView) -> dict[str, Any]:
    """Return a recall for programs."""
    return {
        "notice": recall.notice,
        "reason": recall.reason,
        "recalled_at": instant(recall.recalled_at),
        "answer_by": instant(recall.answer_by),
        "destroyed_at": instant(recall.destroyed_at),
        "legal_basis": recall.legal_basis,
        "sent": recall.sent,
    }


def holder_document(holder: HolderView) -> dict[str, Any]:
    """Return a holder for programs."""
    return {
        "agency": holder.agency,
        "state": holder.state.value,
        "grantee": holder.grantee,
        "until": instant(holder.until),
        "answered_at": instant(holder.answered_at),
        "legal_basis": holder.legal_basis,
        "review": instant(holder.review),
    }
