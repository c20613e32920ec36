# SPDX-License-Identifier: Apache-2.0
"""Whether a further agency may be admitted to a notice, and the grant that admits it.

Asked of the notice's own marking and of the rule book; decided again by the broker and by the
grantee. Source: design section 4, "Grant"; docs/protocol.md section 21.1.
"""

from dataclasses import dataclass, replace

from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.domain.records import NoticeRow
from agency_client.domain.views import NoticeState
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.letters import about
from agency_client.services.references import place_of
from agency_client.services.rights import damaged
from keys.envelope import Marking
from keys.errors import TrustError
from keys.grants import REGRANT_ORIGINATOR

PUBLISHED = frozenset({NoticeState.CURRENT, NoticeState.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """Makes the grants of one agency."""

    agency: str
    store: Store
    directory: DirectoryService
    clock: Clock

    def grant(self, row: NoticeRow, target: str, until: int) -> PostItem:
        """Return the grant that admits an agency to a notice of ours until a time.

        Raises:
            AgencyError: NOT_ORIGINATOR; UNKNOWN_NOTICE; DENIED by the marking or the rule book;
                UNKNOWN_RECIPIENT, RETIRED_RECIPIENT, INVALID_ARGUMENT, ALREADY_EXISTS.
        """
        self._check_ours(row)
        self.check_allowed(row, target)
        now = self.clock.now_ms()
        if not now < until <= row.expires_at:
            raise AgencyError(
                Reason.INVALID_ARGUMENT,
                "a grant ends later than now, and with the notice at last",
                field="until",
            )
        place = place_of(self.store, row)
        for one in self.store.post.about(place):
            if _admits(one, target, now):
                raise AgencyError(Reason.ALREADY_EXISTS, f"{target} is admitted already")
        item = about(row, place, PostKind.GRANT, sender=self.agency, to=target, now=now)
        return replace(item, target=target, until=until)

    def _check_ours(self, row: NoticeRow) -> None:
        if row.originator != self.agency:
            raise AgencyError(
                Reason.NOT_ORIGINATOR,
                f"only {row.originator} may admit somebody to its notice: "
                "ask it with `tocsin request-onward`",
            )
        if row.is_gone or row.state not in PUBLISHED:
            raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice is not published, or not any more")
        if not row.content_key:
            raise AgencyError(
                Reason.UNKNOWN_NOTICE,
                "our own notice has to come back from the broker first: `tocsin watch` its topic",
            )

    def check_allowed(self, row: NoticeRow, target: str) -> None:
        """Refuse an agency that the marking or the rule book lets nobody admit.

        Raises:
            AgencyError: DENIED; UNKNOWN_RECIPIENT, RETIRED_RECIPIENT, INVALID_ARGUMENT.
        """
        marking = self.check_open(row)
        self.check_target(target, row)
        decision = self.directory.current.may_receive_granted(
            marking, row.topic, row.originator, target, self.clock.now_ms()
        )
        if not decision.allow:
            raise AgencyError(
                Reason.DENIED,
                f"{target} may not have it: {' '.join(decision.says)}",
                agency=target,
                rules=",".join(decision.determining),
            )

    def check_open(self, row: NoticeRow) -> Marking:
        """Return the marking of a notice that lets its originator admit others.

        Raises:
            AgencyError: DENIED; it does not.
        """
        try:
            marking = Marking.decode(row.marking)
        except TrustError:
            raise damaged(row) from None
        if marking.regrant != REGRANT_ORIGINATOR:
            raise AgencyError(
                Reason.DENIED, "nobody can be admitted later: its marking says regrant none"
            )
        return marking

    def check_target(self, target: str, row: NoticeRow) -> None:
        """Refuse an agency that has the notice anyway, or is none of the federation.

        Raises:
            AgencyError: INVALID_ARGUMENT; UNKNOWN_RECIPIENT, RETIRED_RECIPIENT.
        """
        self.check_member(target)
        if target in {self.agency, row.originator}:
            raise AgencyError(Reason.INVALID_ARGUMENT, f"{target} has the notice", field="target")

    def check_member(self, target: str) -> None:
        """Refuse an agency that is none of the federation, or left it.

        Raises:
            AgencyError: UNKNOWN_RECIPIENT, RETIRED_RECIPIENT.
        """
        directory = self.directory.current.directory
        if directory.agency(target) is None:
            raise AgencyError(
                Reason.UNKNOWN_RECIPIENT,
                f"there is no agency {target} in the federation",
                agency=target,
            )
        if directory.is_retired(target):
            raise AgencyError(
                Reason.RETIRED_RECIPIENT, f"agency {target} has left the federation", agency=target
            )


def _admits(item: PostItem, target: str, now: int) -> bool:
    """Whether an item is a grant that admits `target` now."""
    is_live = item.until > now and item.state is not PostState.REFUSED
    return item.kind is PostKind.GRANT and item.recipient == target and is_live
