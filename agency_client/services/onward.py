# SPDX-License-Identifier: Apache-2.0
"""Passing one notice on, by its originator's leave: asked for, granted, refused.

What is asked and decided is kept durably and sent when the broker is there; both sides keep what
was signed. What a decision says binds by agreement; what admits is the grant. Source: design
section 4, "Grant"; docs/protocol.md section 21.3.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agency_client.domain.letter_contents import OnwardDecision, OnwardRequest
from agency_client.domain.onward import AdmissionView, RequestState, RequestView
from agency_client.domain.openings import OpeningKind
from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.afterlife import admission_view, request_view
from agency_client.services.letters import about
from agency_client.services.post import Post
from agency_client.services.references import find_one, place_of
from agency_client.services.releasing import Releasing
from agency_client.services.rights import ReadingRights
from agency_client.services.viewing import ViewingService
from keys.errors import FramingError
from officers.people import LIAISON

MAX_LISTED = 1000
SHORTEST = 8
"""Hex digits by which a request may be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which an agency is admitted.

    Attributes:
        until: end of it, milliseconds since 1970; 0: as long as the notice is valid.
        purposes: what it may use the notice for; none: those of the marking.
        court_use: whether it may be used as evidence.
        reason: for the other side's people.
    """

    until: int = 0
    purposes: tuple[str, ...] = ()
    court_use: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardService:
    """Asks for and gives leave to pass notices on, for one profile."""

    agency: str
    store: Store
    post: Post
    releasing: Releasing
    rights: ReadingRights
    viewing: ViewingService
    clock: Clock

    async def request(
        self, reference: str, target: str, why: str, purposes: Sequence[str], viewer: Viewer
    ) -> RequestView:
        """Ask a notice's originator to admit one more agency to it; durable on return.

        It is sent at once if the broker is there; so is what the others do.

        Raises:
            AgencyError: UNKNOWN_NOTICE; NOT_ORIGINATOR where the notice is ours; DENIED where its
                marking lets nobody be admitted; UNKNOWN_RECIPIENT, RETIRED_RECIPIENT,
                INVALID_ARGUMENT; as `ViewingService.find`.
        """
        item = await asyncio.to_thread(self._asked, reference, target, why, purposes, viewer)
        (request,) = await self.post.put([item])
        return request_view(request, ())

    def _asked(
        self, reference: str, target: str, why: str, purposes: Sequence[str], viewer: Viewer
    ) -> PostItem:
        row = self.viewing.find(reference, viewer)
        if row.originator == self.agency:
            raise AgencyError(
                Reason.NOT_ORIGINATOR, "the notice is ours: admit somebody with `tocsin grant`"
            )
        if row.is_gone:
            raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice has ended or was taken back")
        self.releasing.check_allowed(row, target)
        try:
            said = OnwardRequest(target=target, why=why, purposes=tuple(sorted(set(purposes))))
        except FramingError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail) from None
        self.viewing.note(OpeningKind.ASK, (row,), viewer)
        letter = self._letter(PostKind.REQUEST, row, row.originator)
        return replace(letter, target=target, content=said.encode())

    async def grant(
        self, reference: str, target: str, terms: Terms, viewer: Viewer
    ) -> AdmissionView:
        """Admit an agency to a notice of ours that nobody asked for; durable on return.

        Raises:
            AgencyError: as `Releasing.grant`; INVALID_ARGUMENT; OFFICER_NEEDED, OFFICER_UNKNOWN,
                OFFICER_REFUSED.
        """
        items = await asyncio.to_thread(self._unasked, reference, target, terms, viewer)
        grant, *decisions = await self.post.put(items)
        return admission_view(grant, decisions)

    def _unasked(
        self, reference: str, target: str, terms: Terms, viewer: Viewer
    ) -> Sequence[PostItem]:
        row = self.viewing.kept(reference)
        grant = self._granted(row, target, terms, viewer)
        return grant, self._decision(row, target, target, terms, grant)

    async def answer(self, request_id: str, terms: Terms, viewer: Viewer) -> RequestView:
        """Grant what was asked for; durable on return.

        Args:
            request_id: eight or more hex digits of the request.
            terms: what it is granted under.
            viewer: who decides.

        Raises:
            AgencyError: as `grant`; NOT_FOUND, there is no such request of another agency;
                ALREADY_EXISTS, it was decided.
        """
        request = await asyncio.to_thread(self._open_request, request_id)
        items = await asyncio.to_thread(self._answers, request, terms, viewer)
        return request_view(request, (await self.post.put(items))[1:])

    def _answers(self, request: PostItem, terms: Terms, viewer: Viewer) -> Sequence[PostItem]:
        row = self._row(request)
        grant = self._granted(row, request.target, terms, viewer)
        told = dict.fromkeys((request.sender, request.target))
        decisions = [
            replace(self._decision(row, request.target, agency, terms, grant), answers=request.name)
            for agency in told
        ]
        return grant, *decisions

    async def refuse(self, request_id: str, reason: str, viewer: Viewer) -> RequestView:
        """Refuse what was asked for, and say why; durable on return.

        Raises:
            AgencyError: as `answer`.
        """
        request = await asyncio.to_thread(self._open_request, request_id)
        refusal = await asyncio.to_thread(self._refusal, request, reason, viewer)
        return request_view(request, await self.post.put([refusal]))

    def _refusal(self, request: PostItem, reason: str, viewer: Viewer) -> PostItem:
        row = self._row(request)
        self._check_officer(row, request.target, viewer)
        try:
            said = OnwardDecision(granted=False, target=request.target, reason=reason)
        except FramingError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail, field="reason") from None
        self.viewing.note(OpeningKind.DECLINE, (row,), viewer)
        return replace(
            self._letter(PostKind.DECISION, row, request.sender),
            target=request.target,
            content=said.encode(),
            answers=request.name,
        )

    async def requests(self, *, waiting: bool = False) -> Sequence[RequestView]:
        """Return requests of ours and of others, newest first; only undecided ones if so asked."""
        return await asyncio.to_thread(self._requests, waiting)

    def _requests(self, waiting: bool) -> Sequence[RequestView]:
        post = self.store.post
        decisions = post.of_kinds([PostKind.DECISION], MAX_LISTED)
        asked = post.of_kinds([PostKind.REQUEST], MAX_LISTED)
        found = [request_view(one, decisions) for one in asked]
        return [one for one in found if not waiting or one.state is RequestState.WAITING]

    def _granted(self, row: NoticeRow, target: str, terms: Terms, viewer: Viewer) -> PostItem:
        grant = self.releasing.grant(row, target, terms.until or row.expires_at)
        self._check_officer(row, target, viewer)
        self.viewing.note(OpeningKind.GRANT, (row,), viewer)
        return grant

    def _check_officer(self, row: NoticeRow, target: str, viewer: Viewer) -> None:
        """Ask the rule book about the officer who decides; a profile without any is a system's."""
        record = self.rights.decider(viewer, LIAISON).record
        if record is None:
            return
        decision = self.rights.on_act("grantOnward", record, row, target=target)
        if not decision.allow:
            raise AgencyError(Reason.OFFICER_REFUSED, " ".join(decision.says))

    def _decision(
        self, row: NoticeRow, target: str, to: str, terms: Terms, grant: PostItem
    ) -> PostItem:
        try:
            said = OnwardDecision(
                granted=True,
                target=target,
                purposes=tuple(sorted(set(terms.purposes))),
                until=grant.until,
                court_use=terms.court_use,
                reason=terms.reason,
            )
        except FramingError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail) from None
        letter = self._letter(PostKind.DECISION, row, to)
        return replace(letter, target=target, until=grant.until, content=said.encode())

    def _letter(self, kind: PostKind, row: NoticeRow, to: str) -> PostItem:
        place, now = place_of(self.store, row), self.clock.now_ms()
        return about(row, place, kind, sender=self.agency, to=to, now=now)

    def _open_request(self, digits: str) -> PostItem:
        request = self._find_request(digits)
        about_it = self.store.post.about(request.place)
        if any(one.kind is PostKind.DECISION and one.answers == request.name for one in about_it):
            raise AgencyError(Reason.ALREADY_EXISTS, "the request was decided already")
        return request

    def _find_request(self, digits: str) -> PostItem:
        wanted = digits.strip().lower().replace("-", "")
        try:
            begun = bytes.fromhex(wanted[: len(wanted) // 2 * 2])
        except ValueError:
            begun = b""
        found = self.store.post.letter(begun) if len(wanted) >= SHORTEST and begun else ()
        ours = [
            one
            for one in found
            if one.name.hex().startswith(wanted) and one.state is PostState.RECEIVED
        ]
        if len(ours) != 1:
            raise AgencyError(Reason.NOT_FOUND, f"no one request to us is called {digits}")
        return ours[0]

    def _row(self, request: PostItem) -> NoticeRow:
        return find_one(self.store.inbox, f"{request.originator}/{request.notice_id.hex()}")
