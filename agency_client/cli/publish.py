# SPDX-License-Identifier: Apache-2.0
"""`tocsin publish` and `tocsin preview`: from files or stdin to the outbox and the broker.

Good records are not held up by bad ones; each bad one is told with file, line, field and reason.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import Callback, command, common
from agency_client.cli.gathering import Gathered, Refused, gather
from agency_client.cli.output import Printer, safe
from agency_client.cli.runtime import opened, printer, run_async
from agency_client.domain.views import AudienceView, PublishedNotice, PublishReport, PublishState
from agency_client.errors import Reason

Progress = Callable[[int, int], None]

_POLICY = {
    Reason.DENIED,
    Reason.EMPTY_AUDIENCE,
    Reason.RECIPIENT_REFUSED,
    Reason.RETIRED_RECIPIENT,
    Reason.AGENCY_LOCKED,
    Reason.NOT_ORIGINATOR,
}
_ABSENT = {Reason.TOPIC_UNKNOWN, Reason.UNKNOWN_RECIPIENT, Reason.UNKNOWN_NOTICE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of every record: refused before sealing, or as the report says."""

    gathered: Gathered
    report: PublishReport

    @property
    def refused(self) -> list[Refused]:
        """Every refused record, whoever refused it."""
        later = [
            self._as_refused(one)
            for one in self.report.notices
            if one.state is PublishState.REFUSED
        ]
        return [*self.gathered.refused, *later]

    def _as_refused(self, one: PublishedNotice) -> Refused:
        record = self.gathered.drafts[one.position]
        return Refused(
            source=record.source,
            line=record.line,
            field="",
            reason=one.reason,
            message=one.message,
            advice=one.advice,
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
                f"all {refused} records were refused",
                advice="see the lines above",
                code=_code_of({one.reason for one in self.refused}),
                reason="RECORDS_REFUSED",
            )
        if refused:
            raise CommandError(
                f"{refused} of {refused + accepted + queued} records were refused",
                advice="see the lines above; the others are not held up",
                code=Exit.PARTIAL,
                reason="RECORDS_REFUSED",
            )
        if queued and waited:
            raise CommandError(
                f"{queued} notices wait in the outbox: {self._problem()}",
                advice="`tocsin outbox send` or a running `tocsin watch` sends them, once",
                code=Exit.PARTIAL,
                reason="QUEUED",
            )

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


@command(
    "publish",
    "tocsin publish notices.jsonl --topic trafficking/cases",
    "tocsin publish red.json --topic trafficking/cases --to ro-pol",
    "some-system | tocsin publish - --topic trafficking/cases --json",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@addressing_options
@click.option("--all-or-nothing", is_flag=True, help="publish nothing if one record is refused")
@click.option(
    "--wait",
    default=30.0,
    show_default=True,
    help="seconds to wait for the broker; 0 only queues",
    type=click.FloatRange(0),
)
@click.pass_context
def publish(
    context: click.Context,
    *,
    files: tuple[str, ...],
    topic: str,
    named: tuple[str, ...],
    all_or_nothing: bool,
    wait: float,
) -> None:
    """Check, seal, sign and send notices: JSON, JSON Lines or YAML; FILE may be - for stdin.

    What is sealed is durable at once: with the broker away it waits in the outbox.
    """
    gathered = gather(files, topic=topic, to=named)
    outcome = publish_gathered(context, gathered, all_or_nothing=all_or_nothing, wait=wait)
    finish(context, outcome, waited=wait > 0)


def publish_gathered(
    context: click.Context, gathered: Gathered, *, all_or_nothing: bool, wait: float
) -> Outcome:
    """Publish what was gathered; nothing at all where nothing is left to publish."""
    report = PublishReport(notices=())
    if gathered.drafts and not (gathered.refused and all_or_nothing):
        work = _publish(context, gathered, all_or_nothing=all_or_nothing, wait=wait)
        report = run_async(work)
    return Outcome(gathered=gathered, report=report)


def finish(context: click.Context, outcome: Outcome, *, waited: bool) -> None:
    """Print what became of every record and end with the code that fits.

    Raises:
        CommandError: not everything was accepted.
    """
    _print(printer(context), outcome)
    outcome.judge(waited=waited)


async def _publish(
    context: click.Context, gathered: Gathered, *, all_or_nothing: bool, wait: float
) -> PublishReport:
    async with opened(common(context)) as agency:
        with _progress(len(gathered.drafts)) as progress:
            return await agency.publish(
                [record.draft for record in gathered.drafts],
                all_or_nothing=all_or_nothing,
                wait_s=wait,
                progress=progress,
            )


@contextmanager
def _progress(total: int) -> Iterator[Progress | None]:
    """Show a bar on a terminal, for more than a handful."""
    if total < 10 or not sys.stderr.isatty():  # noqa: PLR2004 - a handful
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - 44 ms that only a terminal pays
    from rich.progress import Progress as Bar  # noqa: PLC0415

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("publishing", total=total)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _code_of(reasons: set[str]) -> Exit:
    if reasons <= _POLICY:
        return Exit.REFUSED
    return Exit.NOT_FOUND if reasons <= _ABSENT else Exit.USAGE


def _print(out: Printer, outcome: Outcome) -> None:
    for one in outcome.refused if not out.is_json else ():
        out.say(_refusal_line(one))
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
    return [f"notice    {sent[0]['notice_id']}"] if len(sent) == 1 else []


def _notice(outcome: Outcome, one: PublishedNotice) -> dict[str, object]:
    record = outcome.gathered.drafts[one.position]
    return {
        "source": record.source,
        "line": record.line,
        "state": one.state.value,
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
@click.pass_context
def preview(
    context: click.Context, *, files: tuple[str, ...], topic: str, named: tuple[str, ...]
) -> None:
    """Say who would get a notice, and why not the others; nothing is sent."""
    gathered = gather(files, topic=topic, to=named)
    views = run_async(_preview(context, gathered))
    out = printer(context)
    for one in gathered.refused:
        out.say(_refusal_line(one))
    out.document(
        "preview",
        {
            "notices": [
                {
                    "source": record.source,
                    "line": record.line,
                    "readers": list(view.admitted),
                    "not": dict(view.refused),
                }
                for record, view in zip(gathered.drafts, views, strict=True)
            ],
            "refusals": [_refusal(one) for one in gathered.refused],
        },
        [
            line
            for record, view in zip(gathered.drafts, views, strict=True)
            for line in _audience(f"{safe(record.source)}:{record.line}", view)
        ],
    )
    if gathered.refused:
        raise CommandError(
            f"{len(gathered.refused)} records are not right",
            advice="correct them; `tocsin schema TYPE` prints what a record may hold",
            code=Exit.USAGE,
            reason="RECORDS_REFUSED",
        )


def _audience(place: str, view: AudienceView) -> list[str]:
    readers = ", ".join(map(safe, view.admitted)) or "nobody"
    return [
        f"{place}  readable by {readers}",
        *(f"{place}  not {safe(agency)}: {safe(why)}" for agency, why in view.refused.items()),
    ]


async def _preview(context: click.Context, gathered: Gathered) -> list[AudienceView]:
    async with opened(common(context)) as agency:
        return [agency.preview(record.draft) for record in gathered.drafts]
