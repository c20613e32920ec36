# SPDX-License-Identifier: Apache-2.0
"""`tocsin publish` and `tocsin preview`: from files or stdin to the outbox and the broker.

Good records are not held up by bad ones; each bad one is told with file, line, field and reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError, of_refusal
from agency_client.cli.framework import Callback, command, common
from agency_client.cli.gathering import Gathered, Record, Refused, gather
from agency_client.cli.looking import Looking, reasons_to_act, reasons_to_look
from agency_client.cli.output import Printer, counted, safe
from agency_client.cli.parameters import Seconds
from agency_client.cli.progress import progress_of
from agency_client.cli.render import marking_document, mode_banner
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import (
    AudienceView,
    PublishedNotice,
    PublishReport,
    PublishState,
    Viewer,
)
from agency_client.domain.warnings import PreviewWarning

_HANDFUL = 10
"""Fewer notices than these are published without a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of every record: refused before sealing, or as the report says."""

    gathered: Gathered
    report: PublishReport
    agency: str = ""

    @property
    def refused(self) -> list[Refused]:
        """Every refused record, whoever refused it, in the order of the files."""
        later = [
            self._as_refused(one)
            for one in self.report.notices
            if one.state is PublishState.REFUSED
        ]
        records: list[Record | Refused] = [*self.gathered.drafts, *self.gathered.refused]
        files = list(dict.fromkeys(record.source for record in records))
        return sorted(
            [*self.gathered.refused, *later],
            key=lambda one: (files.index(one.source), one.line),
        )

    def _as_refused(self, one: PublishedNotice) -> Refused:
        record = self.gathered.drafts[one.position]
        return Refused(
            source=record.source,
            line=record.line,
            field="",
            reason=one.reason,
            message=one.message,
            advice=one.advice or of_refusal(one.reason)[1],
        )

    def count(self, state: PublishState) -> int:
        """Return how many ended so."""
        return len(self.refused) if state is PublishState.REFUSED else self.report.count(state)

    def judge(self, *, waited: bool) -> None:
        """End with the code that fits.

        Raises:
            CommandError: not everything was accepted.
        """
        accepted, queued, refused = (self.count(state) for state in PublishState)
        if refused and not accepted and not queued:
            raise CommandError(
                self._refused_of_all(refused),
                advice="correct what is named above; nothing was published",
                code=_code_of({one.reason for one in self.refused}),
                reason="RECORDS_REFUSED",
            )
        if refused:
            raise CommandError(
                f"{refused} of {refused + accepted + queued} records were refused",
                advice="correct what is named above; the others are not held up",
                code=Exit.PARTIAL,
                reason="RECORDS_REFUSED",
            )
        if queued and waited:
            raise CommandError(
                f"{counted(queued, 'notice')} left in the outbox: {self._problem()}",
                advice="`tocsin outbox send` or a running `tocsin watch` sends them, once",
                code=Exit.PARTIAL,
                reason="QUEUED",
            )

    def _refused_of_all(self, refused: int) -> str:
        given = len(self.gathered.drafts) + len(self.gathered.refused)
        if refused < given:
            return f"{refused} of {given} records were refused, so none was published"
        return "the record was refused" if given == 1 else f"all {given} records were refused"

    def _problem(self) -> str:
        told = {one.message for one in self.report.notices if one.message}
        return min(told, default="the broker has not answered yet")


def addressing_options(function: Callback) -> Callback:
    """Add --topic and --to."""
    function = click.option(
        "--to",
        "named",
        multiple=True,
        metavar="AGENCY",
        help="name a recipient (repeatable); TLP:RED goes to named ones only",
    )(function)
    return click.option("--topic", default="", help="topic of records that name none themselves")(
        function
    )


def wait_option(seconds: float = 30.0) -> Callable[[Callback], Callback]:
    """Return the option --wait."""

    def decorate(function: Callback) -> Callback:
        return click.option(
            "--wait",
            default=seconds,
            show_default=True,
            help="seconds to wait for the broker; 0 only queues",
            type=Seconds(),
        )(function)

    return decorate


@command(
    "publish",
    "tocsin publish notices.jsonl --topic trafficking/cases",
    "tocsin publish red.json --topic trafficking/cases --to ro-pol",
    "tocsin publish --act 3f9a1c0d77b2 --as maria",
    "some-system | tocsin publish - --topic trafficking/cases --json",
)
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.option(
    "--act", default="", metavar="ACT", help="publish what a second person approved: `tocsin acts`"
)
@addressing_options
@click.option("--all-or-nothing", is_flag=True, help="publish nothing if one record is refused")
@wait_option()
@reasons_to_act
@click.pass_context
def publish(
    context: click.Context,
    *,
    files: tuple[str, ...],
    act: str,
    topic: str,
    named: tuple[str, ...],
    all_or_nothing: bool,
    wait: float,
    acting_as: Looking,
) -> None:
    """Check, seal, sign and send notices: JSON, JSON Lines or YAML; FILE may be - for stdin.

    What is sealed is durable at once: with the broker away it waits in the outbox. In a profile
    with officers the rule book may ask for a second person: then the record is refused with the
    name of an act, and --act publishes exactly that once a supervisor approved it.
    """
    if bool(files) == bool(act):
        raise click.UsageError("give the files to publish, or --act with an act that was approved")
    if act:
        finish(context, run_async(_publish_act(context, act, wait, acting_as())), waited=wait > 0)
        return
    gathered = gather(files, topic=topic, to=named)
    outcome = publish_gathered(
        context, gathered, all_or_nothing=all_or_nothing, wait=wait, viewer=acting_as()
    )
    finish(context, outcome, waited=wait > 0)


def publish_gathered(
    context: click.Context,
    gathered: Gathered,
    *,
    all_or_nothing: bool,
    wait: float,
    viewer: Viewer | None = None,
) -> Outcome:
    """Publish what was gathered; nothing at all where nothing is left to publish."""
    if not gathered.drafts or (gathered.refused and all_or_nothing):
        return Outcome(gathered=gathered, report=PublishReport(notices=()))
    return run_async(
        _publish(context, gathered, all_or_nothing=all_or_nothing, wait=wait, viewer=viewer)
    )


def finish(context: click.Context, outcome: Outcome, *, waited: bool) -> None:
    """Print what became of every record and end with the code that fits.

    Raises:
        CommandError: not everything was accepted.
    """
    _print(printer(context), outcome)
    outcome.judge(waited=waited)


async def _publish_act(context: click.Context, act: str, wait: float, viewer: Viewer) -> Outcome:
    async with opened(common(context)) as agency:
        release = await agency.people.releases.find(act)
        report = await agency.publish(release, wait_s=wait, viewer=viewer)
        record = Record(source=f"act {act}", line=1, draft=release.draft)
        gathered = Gathered(drafts=(record,), refused=())
        return Outcome(gathered=gathered, report=report, agency=agency.agency_id)


async def _publish(
    context: click.Context,
    gathered: Gathered,
    *,
    all_or_nothing: bool,
    wait: float,
    viewer: Viewer | None,
) -> Outcome:
    async with opened(common(context)) as agency:
        with progress_of("publishing", least=_HANDFUL) as progress:
            if progress is not None:
                progress(0, len(gathered.drafts))
            report = await agency.publish(
                [record.draft for record in gathered.drafts],
                all_or_nothing=all_or_nothing,
                wait_s=wait,
                progress=progress,
                viewer=viewer,
            )
        return Outcome(gathered=gathered, report=report, agency=agency.agency_id)


def _code_of(reasons: set[str]) -> Exit:
    """Return the code that all reasons have; with several the input as a whole is not right."""
    codes = {of_refusal(reason)[0] for reason in reasons}
    return codes.pop() if len(codes) == 1 else Exit.USAGE


def _print(out: Printer, outcome: Outcome) -> None:
    _say_refused(out, outcome.refused)
    notices = [_notice(outcome, one) for one in outcome.report.notices]
    lines = [
        f"{state.value:<9} {outcome.count(state)}" for state in PublishState if outcome.count(state)
    ]
    out.document(
        "published",
        {
            **{state.value: outcome.count(state) for state in PublishState},
            "notices": [one for one in notices if one["state"] != PublishState.REFUSED.value],
            "refusals": [_refusal(one) for one in outcome.refused],
        },
        [*lines, *_single(notices)],
    )


def _single(notices: Sequence[dict[str, object]]) -> list[str]:
    """Name the notice where there is only one."""
    sent = [one for one in notices if one["state"] != PublishState.REFUSED.value]
    return [f"notice    {sent[0]['reference']}"] if len(sent) == 1 else []


def _notice(outcome: Outcome, one: PublishedNotice) -> dict[str, object]:
    record = outcome.gathered.drafts[one.position]
    return {
        "source": record.source,
        "line": record.line,
        "state": one.state.value,
        "reference": f"{outcome.agency}/{one.notice_id.hex()}",
        "notice_id": one.notice_id.hex(),
        "topic": one.topic,
        "recipients": list(one.recipients),
        "sequence": one.sequence,
        "log_index": one.log_index,
    }


def _refusal(one: Refused) -> dict[str, object]:
    return {
        "source": one.source,
        "line": one.line,
        "field": one.field,
        "reason": one.reason,
        "message": one.message,
        "advice": one.advice,
    }


def _say_refused(out: Printer, refused: Sequence[Refused]) -> None:
    """Say which record is refused and why, and once for each kind of mistake what to do."""
    told: set[str] = set()
    for one in refused if not out.is_json else ():
        out.say(_refusal_line(one))
        if one.advice and one.advice not in told:
            told.add(one.advice)
            out.say(f"  what to do: {safe(one.advice)}")


def _refusal_line(one: Refused) -> str:
    field = f" {safe(one.field)}:" if one.field else ""
    return f"{safe(one.source)}:{one.line}:{field} {safe(one.message)} [{one.reason}]"


@command(
    "preview",
    "tocsin preview notice.json --topic trafficking/cases",
    "tocsin preview red.json --topic trafficking/cases --to ro-pol --json",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@addressing_options
@reasons_to_look
@click.pass_context
def preview(
    context: click.Context,
    *,
    files: tuple[str, ...],
    topic: str,
    named: tuple[str, ...],
    looking: Looking,
) -> None:
    """Say who would get a notice, why not the others, and what to mind; nothing is sent.

    Warns of what identifies a victim to everybody, of a marking lower than a cited notice's, and of
    notices held here that say the same; looking for those is written into your own log.
    """
    gathered = gather(files, topic=topic, to=named)
    views = run_async(_preview(context, gathered, looking()))
    out = printer(context)
    _say_refused(out, gathered.refused)
    out.document(
        "preview",
        {
            "notices": [
                {
                    "source": record.source,
                    "line": record.line,
                    "topic": record.draft.topic,
                    "mode": record.draft.marking.mode,
                    "marking": marking_document(record.draft.marking),
                    "readers": list(view.admitted),
                    "not": dict(view.refused),
                    "warnings": [_warning(one) for one in view.warnings],
                }
                for record, view in zip(gathered.drafts, views, strict=True)
            ],
            "refusals": [_refusal(one) for one in gathered.refused],
        },
        [
            line
            for record, view in zip(gathered.drafts, views, strict=True)
            for line in _audience(record, view)
        ],
    )
    if gathered.refused:
        raise CommandError(
            f"{counted(len(gathered.refused), 'record')} cannot be published",
            advice="correct them; `tocsin schema TYPE` prints what a record may hold",
            code=Exit.USAGE,
            reason="RECORDS_REFUSED",
        )


def _audience(record: Record, view: AudienceView) -> list[str]:
    place = f"{safe(record.source)}:{record.line}"
    readers = ", ".join(map(safe, view.admitted)) or "nobody"
    return [
        f"{place}  {mode_banner(record.draft.marking)}",
        f"{place}  readable by {readers}",
        *(f"{place}  not {safe(agency)}: {safe(why)}" for agency, why in view.refused.items()),
        *(line for one in view.warnings for line in _warning_lines(place, one)),
    ]


def _warning(one: PreviewWarning) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "message": one.message,
        "advice": one.advice,
        "notice": one.notice,
    }


def _warning_lines(place: str, one: PreviewWarning) -> list[str]:
    advice = [f"{place}    what to do: {safe(one.advice)}"] if one.advice else []
    return [f"{place}  warning: {safe(one.message)} [{one.kind.value}]", *advice]


async def _preview(
    context: click.Context, gathered: Gathered, looking: Viewer
) -> list[AudienceView]:
    async with opened(common(context)) as agency:
        return [await agency.preview(record.draft, looking) for record in gathered.drafts]
