# SPDX-License-Identifier: Apache-2.0
"""Two-person acts: one officer asks for the exact act, a supervisor approves it, it is done.

An act is kept as the bytes that will be sent, so that what was approved is what happens; changing
one voids the approval. Checked again when the act is done, against the register as it is then.
What an act does is for those who make it. Source: design section 6; docs/protocol.md section 22.
"""

import asyncio
from collections.abc import Sequence

from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import ActKind, ActState, OfficerRecord, TwoPersonAct
from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.officers import OfficerRegister, approval_key
from keys.framing import sha256
from officers.approvals import Approval, approve, check_approval
from officers.errors import OfficerError
from officers.people import LIAISON, SUPERVISOR

MAX_LISTED = 1000
SHORTEST = 8
"""Hex digits of a digest by which an act may be named."""


class ApprovalService:
    """The two-person acts of one agency."""

    def __init__(self, *, store: Store, register: OfficerRegister, clock: Clock) -> None:
        self._store = store
        self._register = register
        self._clock = clock

    async def ask(
        self, kind: ActKind, act: bytes, *, notice: str, summary: str, viewer: Viewer
    ) -> TwoPersonAct:
        """Keep an act until somebody approves it.

        Args:
            kind: what it is.
            act: the exact bytes.
            notice: the notice it is about, as ORIGINATOR/HEX.
            summary: what it does, for who approves it.
            viewer: who asks: a liaison officer or supervisor, with purpose and case.

        Raises:
            AgencyError: OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED, PURPOSE_NEEDED;
                ALREADY_EXISTS for the very same act.
        """
        return await asyncio.to_thread(self._ask, kind, act, notice, summary, viewer)

    def _ask(
        self, kind: ActKind, act: bytes, notice: str, summary: str, viewer: Viewer
    ) -> TwoPersonAct:
        record = self._register.officer(viewer, LIAISON, SUPERVISOR)
        check_purpose(viewer)
        asked = TwoPersonAct(
            kind=kind,
            act=act,
            notice=notice,
            summary=summary,
            requester=record.officer.pseudonym,
            requested_by=record.name,
            requested_at=self._clock.now_ms(),
            purpose=viewer.purpose,
            case=viewer.case,
        )
        self._write_down(OpeningKind.ACT, asked, record, viewer)
        self._store.people.add_act(asked)
        return asked

    async def acts(self) -> Sequence[TwoPersonAct]:
        """Return acts, newest first."""
        return await asyncio.to_thread(self._store.people.acts, MAX_LISTED)

    async def approve(self, digits: str, viewer: Viewer, passphrase: bytes) -> TwoPersonAct:
        """Approve an act as its second person. Slow: derives a key.

        Args:
            digits: eight or more hex digits of its digest.
            viewer: a supervisor who did not ask for it.
            passphrase: the supervisor's own.

        Raises:
            AgencyError: ACT_UNKNOWN, APPROVAL_REFUSED, OFFICER_NEEDED, OFFICER_UNKNOWN,
                OFFICER_REFUSED.
            KeyFileError: the passphrase does not open the supervisor's key.
        """
        return await asyncio.to_thread(self._approve, digits, viewer, passphrase)

    def _approve(self, digits: str, viewer: Viewer, passphrase: bytes) -> TwoPersonAct:
        asked = self.find(digits)
        record = self._register.officer(viewer, SUPERVISOR)
        if asked.state is ActState.DONE:
            raise AgencyError(Reason.APPROVAL_REFUSED, "the act is done already")
        key = approval_key(record, passphrase)
        given = approve(asked.act, officer=record.officer, key=key, now=self._clock.now_ms())
        self._check(asked, given)
        self._write_down(OpeningKind.APPROVAL, asked, record, viewer)
        self._store.people.add_approval(given)
        return self.find(digits)

    def find(self, digits: str) -> TwoPersonAct:
        """Return the one act whose digest begins with `digits`.

        Raises:
            AgencyError: ACT_UNKNOWN; there is none, or more than one.
        """
        wanted = digits.strip().lower()
        found = [
            one
            for one in self._store.people.acts(MAX_LISTED)
            if one.digest.hex().startswith(wanted)
        ]
        if len(wanted) < SHORTEST or len(found) != 1:
            raise AgencyError(Reason.ACT_UNKNOWN, f"no one act here is called {digits}")
        return found[0]

    def check_act(self, act: bytes) -> TwoPersonAct:
        """Return the kept act of exactly these bytes, if a second person's approval carries it now.

        Raises:
            AgencyError: ACT_UNKNOWN where nobody asked for it; APPROVAL_NEEDED; APPROVAL_REFUSED
                where the approval no longer counts; OFFICER_UNKNOWN.
        """
        asked = self._store.people.act(sha256(act))
        if asked is None:
            raise AgencyError(Reason.ACT_UNKNOWN, "nobody asked for this act")
        given = self._store.people.approvals(asked.digest)
        if not given:
            raise AgencyError(
                Reason.APPROVAL_NEEDED,
                f"a second person has to approve it first: tocsin approve {name_of(asked)}",
                act=asked.digest.hex(),
            )
        self._check(asked, given[-1])
        return asked

    def _check(self, asked: TwoPersonAct, given: Approval) -> None:
        requester = self._register.by_pseudonym(asked.requester)
        approver = self._register.by_pseudonym(given.officer)
        if requester.suspended_at:
            raise AgencyError(
                Reason.APPROVAL_REFUSED, "the officer who asked for the act is suspended"
            )
        try:
            check_approval(
                given,
                asked.act,
                requester=requester.officer,
                approver=approver.officer,
                now=self._clock.now_ms(),
            )
        except OfficerError as error:
            raise AgencyError(
                Reason.APPROVAL_REFUSED, f"the approval does not count: {error.detail}"
            ) from None

    def done(self, act: TwoPersonAct) -> None:
        """Note that an act was done."""
        self._store.people.set_done(act.digest, self._clock.now_ms())

    def _write_down(
        self, kind: OpeningKind, act: TwoPersonAct, record: OfficerRecord, viewer: Viewer
    ) -> None:
        self._store.openings.append(
            Opening(
                kind=kind,
                at_ms=self._clock.now_ms(),
                who=who_acts(record, viewer),
                purpose=act.kind,
                case=act.digest.hex(),
                notices=(act.notice,),
            )
        )


def name_of(act: TwoPersonAct) -> str:
    """Return what people call an act."""
    return act.digest.hex()[:12]


def who_acts(record: OfficerRecord | None, viewer: Viewer) -> str:
    """Return who somebody is for our own log: the officer, and the login where it is another."""
    if record is None or record.name == viewer.name:
        return viewer.name
    return f"{record.name} (login {viewer.name})"


def check_purpose(viewer: Viewer) -> None:
    """Refuse to do anything for no purpose or no case.

    Raises:
        AgencyError: PURPOSE_NEEDED.
    """
    missing = [name for name in ("purpose", "case") if not getattr(viewer, name).strip()]
    if missing:
        raise AgencyError(
            Reason.PURPOSE_NEEDED,
            f"the {' and the '.join(missing)} of it have to be said",
            missing=",".join(missing),
        )
