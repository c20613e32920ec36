# SPDX-License-Identifier: Apache-2.0
"""Deciding about drafts: may it be published, by whom would it be read, what does its header say.

A draft that may not go is refused on its own; the others go. Source: design section 6; the same
rule book decides again at the broker and at each receiver.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agency_client.domain.content import Content, SealedAttachment
from agency_client.domain.plans import Audience, PlannedNotice
from agency_client.domain.publishable import Addressed, Publishable
from agency_client.domain.releases import Release
from agency_client.domain.views import AudienceView
from agency_client.errors import AgencyError, Reason
from agency_client.services.federation import Federation
from keys.envelope import MAX_NOTICE_BYTES, AttachmentRef, NoticeHeader, NoticeRef
from keys.errors import TrustError
from keys.fields import new_uuid7
from policy.decisions import Decision

Resolve = Callable[[str], NoticeRef]
"""Finds one of our own notices by its reference, for `supersedes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A draft that may be published, or why it may not."""

    position: int
    audience: Audience | None = None
    notice: PlannedNotice | None = None
    refusal: AgencyError | None = None


def audience_of(draft: Addressed, federation: Federation, now: int) -> Audience:
    """Decide who would get a draft.

    Raises:
        AgencyError: TOPIC_UNKNOWN, UNKNOWN_RECIPIENT, RETIRED_RECIPIENT, RECIPIENT_REFUSED, DENIED,
        EMPTY_AUDIENCE.
    """
    directory = federation.directory
    if directory.topic(draft.topic) is None:
        raise AgencyError(
            Reason.TOPIC_UNKNOWN, f"there is no topic {draft.topic}", topic=draft.topic
        )
    for agency in draft.to:
        _check_named(agency, federation)
    decision = federation.may_publish(draft.marking, draft.topic, now)
    if not decision.allow:
        raise AgencyError(
            Reason.DENIED,
            f"we may not publish this on {draft.topic}: {_says(decision)}",
            rules=",".join(decision.determining),
        )
    named = frozenset(draft.to)
    found = federation.audience(draft.marking, draft.topic, named, now)
    refused = sorted(named - set(found.admitted))
    if refused:
        agency = refused[0]
        raise AgencyError(
            Reason.RECIPIENT_REFUSED,
            f"{agency} is named and may not receive it: {_says(found.refused[agency])}",
            agency=agency,
        )
    if not set(found.admitted) - {federation.agency}:
        raise AgencyError(
            Reason.EMPTY_AUDIENCE,
            "nobody but ourselves may receive it; name an agency or change the marking",
        )
    return Audience(topic=draft.topic, marking=draft.marking, named=named, admitted=found.admitted)


def preview(draft: Addressed, federation: Federation, now: int) -> AudienceView:
    """Return who would get a draft, and the rule book's sentences why the others would not."""
    found = federation.audience(draft.marking, draft.topic, frozenset(draft.to), now)
    return AudienceView(
        admitted=tuple(one for one in found.admitted if one != federation.agency),
        refused={agency: _says(decision) for agency, decision in found.refused.items()},
    )


def plan(
    drafts: Sequence[Publishable],
    federation: Federation,
    resolve: Resolve,
    sealed: Mapping[int, Sequence[tuple[AttachmentRef, SealedAttachment]]],
    now: int,
) -> list[Planned]:
    """Decide about each draft.

    Args:
        drafts: what is to be published.
        federation: as verified here.
        resolve: finds what a draft supersedes.
        sealed: the attachments of drafts by position, already encrypted.
        now: milliseconds since 1970.
    """
    planned = []
    for position, draft in enumerate(drafts):
        try:
            audience = audience_of(draft, federation, now)
            notice = _notice(position, draft, resolve, sealed.get(position, ()), now)
        except AgencyError as error:
            planned.append(Planned(position=position, refusal=error))
        except TrustError as error:
            refusal = AgencyError(Reason.MALFORMED, error.detail)
            planned.append(Planned(position=position, refusal=refusal))
        else:
            planned.append(Planned(position=position, audience=audience, notice=notice))
    return planned


def refusing(planned: Sequence[Planned], refusals: Mapping[int, AgencyError]) -> list[Planned]:
    """Return plans of which those at some positions are refused, whatever was decided before."""
    return [
        Planned(position=one.position, refusal=refusals[one.position])
        if one.position in refusals
        else one
        for one in planned
    ]


def _notice(
    position: int,
    draft: Publishable,
    resolve: Resolve,
    attachments: Sequence[tuple[AttachmentRef, SealedAttachment]],
    now: int,
) -> PlannedNotice:
    header = NoticeHeader(
        notice_id=draft.notice_id if isinstance(draft, Release) else new_uuid7(now),
        valid_from=draft.valid_from,
        expires_at=draft.expires_at,
        supersedes=tuple(resolve(reference) for reference in draft.supersedes),
        attachments=tuple(ref for ref, _ in attachments),
    )
    content = Content(notice=draft.notice, attachments=tuple(sealed for _, sealed in attachments))
    notice = PlannedNotice(position=position, header=header, content=content.encode())
    if notice.sealed_size > MAX_NOTICE_BYTES:
        raise AgencyError(
            Reason.LIMIT_EXCEEDED,
            f"the notice takes {notice.sealed_size} bytes, at most {MAX_NOTICE_BYTES}; "
            "attach large parts",
            limit="notice_bytes",
        )
    return notice


def _check_named(agency: str, federation: Federation) -> None:
    directory = federation.directory
    if directory.agency(agency) is None:
        raise AgencyError(
            Reason.UNKNOWN_RECIPIENT,
            f"there is no agency {agency} in the federation",
            agency=agency,
        )
    if directory.is_retired(agency):
        raise AgencyError(
            Reason.RETIRED_RECIPIENT, f"agency {agency} has left the federation", agency=agency
        )


def _says(decision: Decision) -> str:
    return " ".join(decision.says) or "no rule permits it"
