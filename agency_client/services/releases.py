# SPDX-License-Identifier: Apache-2.0
"""Publishing as an officer: what the rule book asks of the person, and of a second one.

In a profile with officers the rule book is asked whether this officer may publish this marking. If
it forbids that to one person and not to two, the exact notice is kept as an act for a supervisor to
approve, and is published from those bytes or not at all. A profile without officers is a system's,
and publishes what its agency may. Source: design section 6; docs/people.md.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import ActKind, ActState, OfficerRecord, TwoPersonAct
from agency_client.domain.plans import Audience
from agency_client.domain.publishable import Publishable
from agency_client.domain.records import Opening
from agency_client.domain.releases import Release
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.approvals import ApprovalService, check_purpose, name_of, who_acts
from agency_client.services.attachments import digest_of
from agency_client.services.directory import DirectoryService
from agency_client.services.officers import OfficerRegister
from agency_client.services.planning import Planned
from keys.envelope import Marking
from keys.errors import EnvelopeError
from keys.framing import sha256
from officers.people import LIAISON, SUPERVISOR, Officer
from policy.decisions import Decision
from policy.officers import Approval, OfficersNotice

_NOBODY = "somebody"
"""Pseudonym of a supervisor who is only imagined; pseudonyms are drawn from other letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseView:
    """An act with the notice that it would publish."""

    act: TwoPersonAct
    release: Release


class Releases:
    """Decides who of one agency publishes what, and keeps what waits for a second person."""

    def __init__(
        self,
        *,
        store: Store,
        register: OfficerRegister,
        approvals: ApprovalService,
        directory: DirectoryService,
        clock: Clock,
    ) -> None:
        self._store = store
        self._register = register
        self._approvals = approvals
        self._directory = directory
        self._clock = clock

    async def refusals(
        self, planned: Sequence[Planned], drafts: Sequence[Publishable], viewer: Viewer | None
    ) -> dict[int, AgencyError]:
        """Return which drafts a person may not publish now, by position, and why.

        Asks for the second person's approval where that is what lacks.

        Args:
            planned: drafts as they were planned; those that are refused already are passed over.
            drafts: what is to be published; a `Release` where it was asked for before.
            viewer: who publishes; None where nobody said who.
        """
        refused, lacking = await asyncio.to_thread(self._sorted, planned, drafts, viewer)
        for one in lacking:
            try:
                release = await asyncio.to_thread(self._release, drafts[one.position], one)
                refused[one.position] = await self._ask(release, viewer or Viewer(name=""))
            except AgencyError as error:
                refused[one.position] = error
        return refused

    def _sorted(
        self, planned: Sequence[Planned], drafts: Sequence[Publishable], viewer: Viewer | None
    ) -> tuple[dict[int, AgencyError], list[Planned]]:
        """Return what is refused, and what lacks a second person; one answer for each marking."""
        refused: dict[int, AgencyError] = {}
        lacking: list[Planned] = []
        known: dict[tuple[Marking, str], bool | AgencyError] = {}
        system = not self._store.people.officers()
        for one in planned:
            draft = drafts[one.position]
            if one.audience is None or (system and not isinstance(draft, Release)):
                continue
            if isinstance(draft, Release):
                answer = self._judged(draft, one.audience, viewer)
            else:
                about = draft.marking, draft.topic
                if about not in known:
                    known[about] = self._alone(*about, viewer)
                answer = known[about]
            if isinstance(answer, AgencyError):
                refused[one.position] = answer
            elif not answer:
                lacking.append(one)
        return refused, lacking

    def _judged(
        self, release: Release, audience: Audience, viewer: Viewer | None
    ) -> bool | AgencyError:
        try:
            self._check_release(release, audience, viewer)
        except AgencyError as error:
            return error
        return True

    def _alone(self, marking: Marking, topic: str, viewer: Viewer | None) -> bool | AgencyError:
        """Return whether somebody may publish this alone or takes a second; or why not at all."""
        if viewer is None:
            return not self.is_for_two(marking, topic) or AgencyError(
                Reason.OFFICER_NEEDED,
                "it takes two persons to publish this, and nobody said who the first is",
            )
        try:
            record = self._register.acting(viewer)
        except AgencyError as error:
            return error
        if record is None:
            return True
        decision = self._decision(record.officer, marking, topic, None)
        if decision.allow or self._with_a_second(record.officer, marking, topic):
            return decision.allow
        return _denied(record, decision)

    def is_for_two(self, marking: Marking, topic: str) -> bool:
        """Whether some officer here may publish this only with a second person's approval."""
        return any(
            not self._decision(one.officer, marking, topic, None).allow
            and self._with_a_second(one.officer, marking, topic)
            for one in self._store.people.officers()
        )

    def _with_a_second(self, officer: Officer, marking: Marking, topic: str) -> bool:
        """Whether an officer might publish this if a supervisor approved it now."""
        now = self._clock.now_ms()
        second = Officer(
            agency=officer.agency,
            pseudonym=_NOBODY,
            roles=(SUPERVISOR,),
            clearance=officer.clearance,
            vetted_until=officer.vetted_until,
            approval_key=officer.approval_key,
        )
        return self._decision(officer, marking, topic, Approval(by=second, at=now)).allow

    def _decision(
        self, officer: Officer, marking: Marking, topic: str, approval: Approval | None
    ) -> Decision:
        federation = self._directory.current
        about = OfficersNotice(marking=marking, topic=topic, originator=federation.agency)
        return federation.may_publish_as(officer, about, self._clock.now_ms(), approval)

    def _release(self, draft: Publishable, planned: Planned) -> Release:
        audience, notice = planned.audience, planned.notice
        if audience is None or notice is None:
            raise ValueError("the draft was refused")
        federation = self._directory.current
        return Release(
            federation=federation.id,
            originator=federation.agency,
            notice_id=notice.header.notice_id,
            topic=draft.topic,
            marking=draft.marking,
            to=tuple(sorted(audience.named)),
            readers=audience.admitted,
            notice=draft.notice,
            valid_from=draft.valid_from,
            expires_at=draft.expires_at,
            supersedes=tuple(
                f"{one.originator}/{one.notice_id.hex()}" for one in notice.header.supersedes
            ),
            attachments=tuple(path.absolute() for path in draft.attachments),
            digests=tuple(
                digest_of(path, number) for number, path in enumerate(draft.attachments, start=1)
            ),
        )

    async def _ask(self, release: Release, viewer: Viewer) -> AgencyError:
        asked = await self._approvals.ask(
            ActKind.RELEASE,
            release.encode(),
            notice=release.reference,
            summary=release.summary,
            viewer=viewer,
        )
        name = name_of(asked)
        return AgencyError(
            Reason.APPROVAL_NEEDED,
            f"a second person has to approve it: tocsin approve {name}; "
            f"then tocsin publish --act {name}",
            act=asked.digest.hex(),
        )

    def _check_release(self, release: Release, audience: Audience, viewer: Viewer | None) -> None:
        """Refuse to publish what is not exactly what two persons want now."""
        asked = self._approvals.check_act(release.encode())
        if asked.state is ActState.DONE:
            raise AgencyError(Reason.ALREADY_EXISTS, "this release was published already")
        record = self._register.officer(viewer or Viewer(name=""), LIAISON, SUPERVISOR)
        if record.officer.pseudonym != asked.requester:
            raise AgencyError(
                Reason.OFFICER_REFUSED, f"only {asked.requested_by}, who asked for it, publishes it"
            )
        if audience.admitted != release.readers:
            raise AgencyError(
                Reason.APPROVAL_REFUSED,
                "others would read it now than those whom the second person saw; ask for it anew",
            )
        approver = self._register.by_pseudonym(asked.approver)
        approval = Approval(by=approver.officer, at=asked.approved_at)
        decision = self._decision(record.officer, release.marking, release.topic, approval)
        if not decision.allow:
            raise _denied(record, decision)

    def done(self, releases: Iterable[Release]) -> None:
        """Note that releases are in the outbox."""
        for one in releases:
            self._store.people.set_done(sha256(one.encode()), self._clock.now_ms())

    def check_again(self, before: Collection[str], audience: Audience) -> None:
        """Refuse to seal anew, for more readers than before, what needed two persons.

        Args:
            before: the recipients of the frame as it was.
            audience: those of the frame as it would be.

        Raises:
            AgencyError: APPROVAL_NEEDED.
        """
        more = sorted(set(audience.admitted) - set(before))
        if more and self.is_for_two(audience.marking, audience.topic):
            raise AgencyError(
                Reason.APPROVAL_NEEDED,
                f"{more[0]} may read it now too, which takes two persons: publish it anew",
            )

    async def find(self, digits: str) -> Release:
        """Return the release that an act is.

        Args:
            digits: eight or more hex digits of its digest.

        Raises:
            AgencyError: ACT_UNKNOWN; there is none, or it is another kind of act.
        """
        return (await asyncio.to_thread(self._find, digits)).release

    def _find(self, digits: str) -> ReleaseView:
        act = self._approvals.find(digits)
        if act.kind is not ActKind.RELEASE:
            raise AgencyError(Reason.ACT_UNKNOWN, f"act {name_of(act)} publishes nothing")
        try:
            return ReleaseView(act=act, release=Release.decode(act.act))
        except EnvelopeError as error:
            raise AgencyError(Reason.STORE_INVALID, error.detail) from None

    async def read(self, digits: str, viewer: Viewer) -> ReleaseView:
        """Show what a release would publish to one who could ask for it or approve it.

        Raises:
            AgencyError: ACT_UNKNOWN; OFFICER_NEEDED, OFFICER_UNKNOWN, OFFICER_REFUSED;
                PURPOSE_NEEDED.
        """
        return await asyncio.to_thread(self._read, digits, viewer)

    def _read(self, digits: str, viewer: Viewer) -> ReleaseView:
        found = self._find(digits)
        record = self._register.officer(viewer, LIAISON, SUPERVISOR)
        check_purpose(viewer)
        self._store.openings.append(
            Opening(
                kind=OpeningKind.SHOW,
                at_ms=self._clock.now_ms(),
                who=who_acts(record, viewer),
                purpose=viewer.purpose,
                case=viewer.case,
                notices=(found.release.reference,),
            )
        )
        return found


def _denied(record: OfficerRecord, decision: Decision) -> AgencyError:
    return AgencyError(
        Reason.DENIED,
        f"officer {record.name} may not publish this: {' '.join(decision.says)}",
        rules=",".join(decision.determining),
    )
