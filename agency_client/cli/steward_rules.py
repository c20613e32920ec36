# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward rules`: the rule book as a folder, checked, compared, signed, shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from agency_client.cli.book_changes import print_differences
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import Printer, columns, counted, instant, safe
from agency_client.cli.steward_common import (
    enter,
    home_option,
    level_with,
    opened_keys,
    signing_options,
    steward_home,
)
from agency_client.errors import AgencyError, Reason
from agency_client.services.book_page import page
from agency_client.services.rule_books import (
    CheckedBook,
    checked,
    files_of,
    history,
    read_folder,
    version_of,
    write_folder,
)
from agency_client.services.steward import Bundle
from agency_client.services.steward_home import write_whole
from keys.directory import RuleBookEntry
from keys.entries import rule_book_digest
from policy.scenarios import Verdict
from policy.sources import SCENARIOS, Sources
from policy.standard import standard_sources

_HERE = "agency_client.cli.steward_rules"
FOLDER = click.Path(path_type=Path)


@click.group(
    "rules",
    cls=LazyGroup,
    lazy={
        "new": (f"{_HERE}:new", "write the standard rule book into a folder"),
        "check": (f"{_HERE}:check", "check a folder, its overlays and its scenarios"),
        "diff": (f"{_HERE}:diff", "who gains and who loses what"),
        "publish": (f"{_HERE}:publish", "check a folder and sign it as the next version"),
        "show": (f"{_HERE}:show", "show a version, as a page or as its folder"),
        "history": (f"{_HERE}:list_versions", "every version, and who signed it"),
    },
    examples=(
        "tocsin steward rules new book && tocsin steward rules check book",
        "tocsin steward rules diff 1 book",
        "tocsin steward rules publish book --broker broker.example:7443",
    ),
)
def rules() -> None:
    """Work on the federation's rule book: Cedar rules in a folder, signed as a whole.

    schema.cedarschema holds the words; core/ rules for everybody; topics/TOPIC/ rules about one
    topic; agencies/AGENCY/ what an agency forbids for itself; scenarios.json the cases that the
    book must decide as they say.
    """


@command("new", "tocsin steward rules new book")
@click.argument("folder", type=FOLDER)
@click.pass_context
def new(context: click.Context, *, folder: Path) -> None:
    """Write the standard rule book into a new folder, to be changed there."""
    files = standard_sources()
    write_folder(folder, files)
    Printer(as_json=common(context).as_json).document(
        "rules-folder",
        {"folder": str(folder), "files": sorted(files)},
        [f"{folder}/{name}" for name in sorted(files)],
    )


@command("check", "tocsin steward rules check book", "tocsin steward rules check book --json")
@click.argument("folder", type=FOLDER)
@click.pass_context
def check(context: click.Context, *, folder: Path) -> None:
    """Check a folder: syntax, schema, ids, sentences, overlays, what a broker sees, scenarios.

    Ends 10 where a scenario is decided otherwise than it says.
    """
    book = _checked_folder(folder)
    lines = [
        f"rules        {len(book.book.rules)}",
        f"digest       {rule_book_digest(*book.texts).hex()}",
        f"scenarios    {_told(book)}",
        *(_failure(one) for one in book.failed),
        *(f"UNPROVEN     {one}: no permit or no refusal hangs on it" for one in book.unproven),
    ]
    Printer(as_json=common(context).as_json).document("rules-check", _document(book), lines)
    if book.failed:
        context.exit(Exit.BAD)


def _checked_folder(folder: Path) -> CheckedBook:
    with _judging():
        return checked(read_folder(folder))


@contextmanager
def _judging() -> Iterator[None]:
    """Tell a book that is refused as one that was checked and is bad."""
    try:
        yield
    except AgencyError as error:
        if error.reason is not Reason.INVALID_ARGUMENT:
            raise
        raise CommandError(
            error.message,
            advice="correct the file; nothing was signed",
            code=Exit.BAD,
            reason="BOOK_INVALID",
        ) from None


def _told(book: CheckedBook) -> str:
    if SCENARIOS not in book.files:
        return f"NONE: add {SCENARIOS}, so that a change that breaks something shows"
    held = len(book.verdicts) - len(book.failed)
    return f"{held} of {len(book.verdicts)} decided as they say"


def _failure(verdict: Verdict) -> str:
    wanted = "allowed" if verdict.scenario.allow else "refused"
    got = "allowed" if verdict.allow else "refused"
    by = ", ".join(verdict.rules) or "no rule"
    asked = ", ".join(verdict.scenario.rules) or "no rule"
    error = f"; {safe(verdict.errors[0])}" if verdict.errors else ""
    return (
        f"WRONG        {safe(verdict.scenario.case)}: {wanted} by {asked}, is {got} by {by}{error}"
    )


def _document(book: CheckedBook) -> dict[str, object]:
    return {
        "rules": sorted(book.book.rules),
        "digest": rule_book_digest(*book.texts).hex(),
        "scenarios": len(book.verdicts),
        "unproven": list(book.unproven),
        "failed": [
            {
                "case": one.scenario.case,
                "expected": one.scenario.allow,
                "expected_rules": list(one.scenario.rules),
                "allowed": one.allow,
                "rules": list(one.rules),
                "errors": list(one.errors),
            }
            for one in book.failed
        ],
    }


@command(
    "diff",
    "tocsin steward rules diff 1 book        the first version and a folder",
    "tocsin steward rules diff 1 2 --topic victims/referrals",
)
@click.argument("old")
@click.argument("new")
@click.option("--topic", "topics", multiple=True, help="ask about this one alone (repeatable)")
@home_option
@click.pass_context
def diff(context: click.Context, *, old: str, new: str, topics: tuple[str, ...], home: str) -> None:
    """Say who gains and who loses what when NEW follows OLD.

    Each is a folder or the number of a version. Both are asked about all agencies, topics and joint
    operations of the federation, for every TLP and class of notice; what officers may do is
    compared by the scenarios of both.
    """
    bundle = steward_home(home).bundle()
    unknown = [one for one in topics if bundle.directory.topic(one) is None]
    if unknown:
        raise AgencyError(Reason.NOT_FOUND, f"there is no topic {unknown[0]}")
    with _judging():
        before, after = (checked(_files(one, bundle)) for one in (old, new))
    print_differences(context, before, after, bundle.directory, topics)


def _files(name: str, bundle: Bundle) -> Sources:
    return files_of(version_of(bundle, int(name))) if name.isdecimal() else read_folder(Path(name))


@command(
    "publish",
    "tocsin steward rules publish             the standard book",
    "tocsin steward rules publish book --broker broker.example:7443",
)
@click.argument("folder", type=FOLDER, required=False)
@signing_options
@click.pass_context
def publish(
    context: click.Context,
    *,
    folder: Path | None,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Check a folder and sign it as the next version; two stewards have to, or as many as decide.

    Without FOLDER it is the standard book. A book that decides a scenario otherwise than it says
    is not signed.
    """
    book = _checked_folder(folder) if folder else checked(standard_sources())
    if book.failed:
        raise CommandError(
            f"the rule book decides {counted(len(book.failed), 'scenario')} otherwise than they "
            f"say; the first: {book.failed[0].scenario.case}",
            advice="see `tocsin steward rules check`; nothing was signed",
            code=Exit.BAD,
            reason="BOOK_INVALID",
        )
    steward = steward_home(home)
    keys = opened_keys(context, steward, names)
    current = level_with(steward, keys[0], address).rule_book
    schema, policies = book.texts
    entry = RuleBookEntry(
        version=current.version + 1 if current else 1, schema=schema, policies=policies
    )
    enter(context, entry, home=steward, keys=keys, address=address)


@command(
    "show",
    "tocsin steward rules show                            the rules in force, a line each",
    "tocsin steward rules show --html rules.html          one page for lawyers",
    "tocsin steward rules show --version 1 --folder old   the files it was made of",
)
@click.option("--version", type=click.IntRange(1), help="which [default: in force]")
@click.option("--html", "html", type=FOLDER, metavar="FILE", help="write it as a page")
@click.option("--folder", type=FOLDER, metavar="DIR", help="write its files into a new folder")
@home_option
@click.pass_context
def show(
    context: click.Context,
    *,
    version: int | None,
    html: Path | None,
    folder: Path | None,
    home: str,
) -> None:
    """Show a rule book that the stewards signed: its rules, a page to print, or its files."""
    bundle = steward_home(home).bundle()
    found = version_of(bundle, version or 0)
    with _judging():
        book = checked(files_of(found))
    if folder is not None:
        write_folder(folder, book.files)
    if html is not None:
        facts = [
            ("Version", str(found.version)),
            ("In force from", instant(found.issued_at)),
            ("Signed by", ", ".join(found.signed_by)),
            ("Digest", found.digest.hex()),
            ("Scenarios", _told(book)),
        ]
        title = f"Rule book {found.version} of {bundle.directory.root_document.name}"
        write_whole(html, page(book, title, facts))
    rows = [(one.id, one.tree["effect"], one.says) for one in book.book.rules.values()]
    Printer(as_json=common(context).as_json).document(
        "rule-book",
        {
            "version": found.version,
            "digest": found.digest.hex(),
            "issued_at": instant(found.issued_at),
            "signed_by": list(found.signed_by),
            "rules": [{"id": rule, "effect": effect, "says": says} for rule, effect, says in rows],
        },
        columns(rows, head=("RULE", "EFFECT", "SAYS")),
    )


@command("history", "tocsin steward rules history")
@home_option
@click.pass_context
def list_versions(context: click.Context, *, home: str) -> None:
    """List every rule book that was signed, with when and by whom."""
    known = history(steward_home(home).bundle())
    rows = [
        (
            str(one.version),
            instant(one.issued_at),
            ", ".join(one.signed_by),
            str(one.index),
            one.digest.hex(),
        )
        for one in known
    ]
    Printer(as_json=common(context).as_json).document(
        "rule-books",
        {
            "versions": [
                {
                    "version": one.version,
                    "issued_at": instant(one.issued_at),
                    "signed_by": list(one.signed_by),
                    "index": one.index,
                    "digest": one.digest.hex(),
                }
                for one in known
            ]
        },
        columns(rows, head=("VERSION", "SINCE", "SIGNED BY", "ENTRY", "DIGEST")),
    )
