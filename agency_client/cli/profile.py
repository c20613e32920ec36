# SPDX-License-Identifier: Apache-2.0
"""`tocsin init | enrol | status`: an agency's profile and how it stands."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from agency_client.bootstrap import create_profile, enrol_profile
from agency_client.bootstrap.enrolment import invitation_of
from agency_client.bootstrap.profile import KEY_FILE
from agency_client.cli.comparing import compare, shown, words_options
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.output import counted, instant, safe
from agency_client.cli.parameters import Code, InputFile
from agency_client.cli.partners import news_document, news_line
from agency_client.cli.recovering import recovery_document, recovery_line
from agency_client.cli.reviews import people_document, people_lines
from agency_client.cli.runtime import (
    existing_profile,
    opened,
    passphrase,
    printer,
    profile_folder,
    run_async,
)
from agency_client.domain.countries import COUNTRIES
from agency_client.domain.partners import Agreed, MembershipStatus, PartnerNews
from agency_client.domain.views import KeyStatus, StatusReport
from agency_client.domain.words import member_bytes, spoken
from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import read_request
from agency_client.services.invitations import check_invited, read_invitation
from agency_client.services.steward import Bundle, fingerprint
from agency_client.services.steward_home import read_text
from keys.framing import sha256

KINDS = ("POLICE", "BORDER", "PROSECUTOR", "LABOUR", "FIU", "NGO", "HOTLINE", "IGO")
_AGREEMENT = timedelta(days=3 * 365)
_SOON_SECONDS = 30 * 86_400
"""A month: what has to be signed by several people takes weeks."""


@command(
    "init",
    "tocsin init gr-pol --name 'Hellenic Police' --country GR --kind POLICE",
    "tocsin init hr-ngo --profile ./hr-ngo --name 'Safe House' --country HR --kind NGO \\",
    "    --passphrase-file pass.txt",
    "tocsin init gr-pol --invitation gr-pol.invitation --country GR --kind POLICE",
)
@click.argument("agency")
@click.option("--name", default="", help="name of the agency, for people [default: as invited]")
@click.option(
    "--invitation", metavar="FILE", type=InputFile(), help="from a steward: what the agency joins"
)
@words_options
@click.option(
    "--country",
    required=True,
    metavar="CC",
    type=Code(COUNTRIES, name="country"),
    help="ISO 3166-1 alpha-2",
)
@click.option(
    "--kind", required=True, type=Code(KINDS, name="kind"), help="what sort of body it is"
)
@click.option("--contact", default="", help="for people: telephone or mail address")
@click.option("--round-the-clock", is_flag=True, help="reachable day and night")
@click.option(
    "--agreement-until",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="end of the sharing agreement [default: in three years]",
)
@click.pass_context
def init(
    context: click.Context,
    *,
    agency: str,
    name: str,
    invitation: Path | None,
    words: str,
    yes: bool,
    country: str,
    kind: str,
    contact: str,
    round_the_clock: bool,
    agreement_until: datetime | None,
) -> None:
    """Make this agency's keys and its enrolment request.

    AGENCY is its id: small letters, digits and hyphens. The keys are sealed under a passphrase and
    never leave this machine; the request goes to a steward. With an invitation, a steward reads the
    federation's six words to you, you type them, and nothing but that federation is joined.
    """
    text = read_text(invitation) if invitation else ""
    name = _invited_name(text, agency, words=words, yes=yes) if text else name
    if not name:
        raise click.UsageError("--name is needed where there is no invitation", ctx=context)
    until = _end_of_agreement(agreement_until)
    folder = profile_folder(common(context))
    if (folder / KEY_FILE).exists():
        raise AgencyError(Reason.PROFILE_EXISTS, f"{folder} holds a profile already")
    request = create_profile(
        folder,
        agency=agency,
        name=name,
        country=country,
        kind=kind,
        contact=contact,
        contact247=round_the_clock,
        agreement_until=int(until.timestamp() * 1000),
        passphrase=passphrase(common(context), new=True),
        invitation=text,
    )
    named = member_bytes(read_request(read_text(request)))
    printer(context).document(
        "init",
        {
            "agency": agency,
            "request": str(request),
            "words": spoken(named),
            "fingerprint": fingerprint(named),
        },
        [
            f"made the keys of {agency} in {folder}",
            f"request      {request}",
            *shown(named),
            "give the request to a steward; when they call back, read the six words to them",
        ],
    )


def _invited_name(text: str, agency: str, *, words: str, yes: bool) -> str:
    """Return the agency's name as invited, after its federation's words were compared."""
    invited = read_invitation(text, time.time_ns() // 1_000_000)
    check_invited(invited, agency)
    told = f"{safe(invited.invitation.name)} is invited to {safe(invited.federation_name)}"
    click.echo(told, err=True)
    compare(invited.first_root, what="this invitation", whose="a steward", given=words, yes=yes)
    return invited.invitation.name


def _end_of_agreement(given: datetime | None) -> datetime:
    now = datetime.now(UTC)
    until = given.replace(tzinfo=UTC) if given else now + _AGREEMENT
    if until <= now:
        raise CommandError(
            f"an agreement that ended on {until:%Y-%m-%d} admits nobody",
            advice="give a day to come with --agreement-until, or leave it out",
            code=Exit.USAGE,
            reason="AGREEMENT_ENDED",
        )
    return until


@command(
    "enrol",
    "tocsin enrol federation.json                        by invitation: the broker is known",
    "tocsin enrol federation.json --broker broker.example:7443",
    "tocsin enrol federation.json --broker broker.example:7443 --words 'fossil ribbon ...'",
)
@click.argument("bundle", metavar="FILE", type=InputFile())
@click.option("--broker", metavar="HOST:PORT", default="", help="where the broker listens")
@click.option("--fingerprint", "expected", default="", help="as a steward gave it to you")
@words_options
@click.pass_context
def enrol(
    context: click.Context, *, bundle: Path, broker: str, expected: str, words: str, yes: bool
) -> None:
    """Join the federation in FILE: verify it, pin it, remember the broker.

    Everything else is verified against what is pinned here, so a steward reads six words to you on
    the telephone and you type them; after an invitation that was done before.
    """
    folder = existing_profile(common(context))
    invited = invitation_of(folder)
    if not (broker or invited):
        raise click.UsageError("--broker is needed where there was no invitation", ctx=context)
    first = Bundle.parse(read_text(bundle)).roots[0].body
    if expected:
        _check_fingerprint(fingerprint(first), expected)
    elif invited is None:
        compare(first, what="this file", whose="a steward", given=words, yes=yes)
    view = enrol_profile(
        folder,
        passphrase(common(context)),
        bundle=bundle,
        broker_address=broker or (invited.invitation.broker if invited else ""),
        expected_federation=sha256(first),
    )
    out = printer(context)
    out.document(
        "enrolment",
        {
            "federation": view.federation.hex(),
            "words": spoken(first),
            "fingerprint": fingerprint(first),
            "directory_size": view.directory_size,
            "active": view.agency_active,
        },
        [
            f"enrolled in the federation of the words {spoken(first)}",
            f"the directory has {view.directory_size} entries",
        ],
    )
    if not view.agency_active:
        out.say("the stewards have not admitted this agency yet; enrol again with a newer file")


def _check_fingerprint(found: str, expected: str) -> None:
    if "".join(expected.split()).lower() != found.replace(" ", ""):
        raise CommandError(
            "the federation file has another fingerprint than you were told",
            advice="do not use it: ask a steward for the right file",
            code=Exit.CREDENTIAL,
            reason="FEDERATION_MISMATCH",
        )


@command("status", "tocsin status", "tocsin status --json | jq .queued_notices")
@click.pass_context
def status(context: click.Context) -> None:
    """Say how this agency stands: federation, broker, queue, keys, findings."""
    out = printer(context)
    report, news = run_async(_status(context, told=not out.is_json))
    body = {**_document(report), "news": [news_document(one) for one in news]}
    out.document("status", body, [*_lines(report), *(f"news        {news_line(n)}" for n in news)])
    if not report.broker_reachable:
        raise CommandError(
            f"the broker at {report.broker} cannot be reached: {report.broker_problem}",
            advice="reading, searching and publishing into the outbox work meanwhile",
            code=Exit.UNREACHABLE,
            reason="BROKER_UNREACHABLE",
        )
    if report.broker_reason is not None:
        raise AgencyError(report.broker_reason, report.broker_problem)


def _document(report: StatusReport) -> dict[str, object]:
    return {
        "agency": report.agency,
        "federation": report.federation.hex(),
        "broker": report.broker,
        "broker_reachable": report.broker_reachable,
        "broker_problem": report.broker_problem,
        "broker_reason": report.broker_reason or "",
        "enrolled": report.enrolled,
        "locked": report.locked,
        "directory_size": report.directory_size,
        "rule_book_version": report.rule_book_version,
        "checkpoint_size": report.checkpoint_size,
        "queued_frames": report.queued_frames,
        "queued_notices": report.queued_notices,
        "kept_notices": report.kept_notices,
        "not_indexed_yet": report.index_waiting,
        "lag": dict(report.lag),
        "findings": report.findings,
        "own_log_size": report.own_log_size,
        "people": people_document(report.people),
        "membership": {
            "entry": report.membership.agreed.name if report.membership.agreed else "",
            "not_ours": report.membership.foreign,
            "agreement_until": instant(report.membership.agreement_until),
            "operations": [
                {"code": code, "until": instant(until)}
                for code, until in report.membership.operations
            ],
            "partners_not_compared": report.membership.not_compared,
            "partners_with_changed_keys": list(report.membership.changed),
        },
        "recovery": recovery_document(report.recovery),
        "keys": [
            {"use": one.use, "id": one.key_id, "valid_until": instant(one.valid_until)}
            for one in report.keys
        ],
    }


def _lines(report: StatusReport) -> list[str]:
    standing = "LOCKED" if report.locked else "admitted" if report.enrolled else "not admitted yet"
    reached = "reachable" if report.broker_reachable else "CANNOT BE REACHED"
    soonest = _first_to_end(report.keys)
    kept = counted(report.kept_notices, "notice")
    return [
        f"agency      {safe(report.agency)}: {standing}",
        f"broker      {safe(report.broker)}: {reached}",
        f"directory   {report.directory_size} entries, rule book {report.rule_book_version}",
        f"log         {report.checkpoint_size} leaves pinned, {report.own_log_size} in our own",
        f"outbox      {waiting(report)}",
        f"kept        {kept}, {report.index_waiting} not indexed yet",
        f"keys        first to end on {instant(soonest)}{_soon(soonest)}",
        f"recovery    {recovery_line(report.recovery)}",
        f"findings    {report.findings}"
        + ("; see `tocsin audit findings`" * bool(report.findings)),
        *people_lines(report.people),
        *_member_lines(report.membership),
        *(f"behind      {safe(topic)}: {lag}" for topic, lag in report.lag.items() if lag),
    ]


def _first_to_end(keys: Iterable[KeyStatus]) -> int:
    """Return when the first use of our keys ends; one that a newer key goes on with does not."""
    last: dict[str, int] = {}
    for one in keys:
        last[one.use] = max(one.valid_until, last.get(one.use, 0))
    return min(last.values(), default=0)


def _member_lines(member: MembershipStatus) -> Iterator[str]:
    """Return how we stand as a member, and what an officer has to do about it."""
    if member.foreign:
        yield f"ENTRY       HAS {safe(member.foreign).upper()}: unless you renewed keys and the"
        yield "            stewards have yet to sign, call a steward at once"
    if member.agreed is not None:
        unsigned = "" if member.agreed is Agreed.YES else "; confirm it: `tocsin card set`"
        yield f"entry       {member.agreed.value}{unsigned}"
        yield f"agreement   until {instant(member.agreement_until)}{_ends(member.agreement_until)}"
    for code, until in member.operations:
        yield f"operation   {safe(code)} until {instant(until)}{_ends(until)}"
    if member.not_compared:
        yield f"partners    {member.not_compared} not compared; see `tocsin partners ls`"
    for agency in member.changed:
        again = f"`tocsin partners verify {safe(agency)}`"
        yield f"partner     the keys of {safe(agency)} CHANGED: call them, {again}"


def _ends(until: int) -> str:
    left = until / 1000 - time.time()
    if left <= 0:
        return "  ENDED: ask a steward"
    return "  SOON: ask a steward" if left < _SOON_SECONDS else ""


def waiting(report: StatusReport) -> str:
    """Return how much waits in the outbox, in words."""
    notices = counted(report.queued_notices, "notice")
    verb = "waits" if report.queued_notices == 1 else "wait"
    return f"{notices} in {counted(report.queued_frames, 'frame')} {verb}"


def _soon(valid_until: int) -> str:
    return (
        "  SOON: `tocsin keys rotate`" if valid_until / 1000 < time.time() + _SOON_SECONDS else ""
    )


async def _status(
    context: click.Context, *, told: bool
) -> tuple[StatusReport, tuple[PartnerNews, ...]]:
    async with opened(common(context)) as agency:
        report = await agency.status()
        return report, await agency.membership.services.news(told=told)
