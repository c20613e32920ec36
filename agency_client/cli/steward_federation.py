# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward new-key | create-federation | sign | push`."""

import base64
from collections.abc import Sequence
from pathlib import Path

import click

from agency_client.cli.comparing import compare, shown, words_options
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, safe
from agency_client.cli.parameters import InputFile
from agency_client.cli.runtime import confirm, passphrase, run_async
from agency_client.cli.steward_common import (
    broker_as,
    home_option,
    level_with,
    now_ms,
    online,
    opened_keys,
    print_outcome,
    signing_options,
    steward_home,
    warn,
)
from agency_client.domain.words import member_bytes, spoken
from agency_client.services.admission import admitted, read_request
from agency_client.services.memberships import brings_keys, differences
from agency_client.services.rule_books import check_signed
from agency_client.services.steward import (
    BrokerDescriptor,
    Proposal,
    StewardKey,
    check_steward,
    describe,
    fingerprint,
    proposing,
)
from agency_client.services.steward_home import Outcome, StewardHome, read_text
from keys.directory import (
    AgencyEntry,
    Entry,
    RuleBookEntry,
    TopicEntry,
    decode_entry,
)
from keys.errors import TrustError
from keys.root import RootDocument, SignedRoot, Steward
from policy.standard import standard_book

MEMBERS = "members"
"""Circle of a federation that is not divided into circles yet."""


@command(
    "new-key",
    "tocsin steward new-key alpha",
    "tocsin steward new-key alpha --home /media/safe-stick/steward",
)
@click.argument("name")
@home_option
@click.pass_context
def new_key(context: click.Context, *, name: str, home: str) -> None:
    """Make a steward's keys: HOME/NAME.key (sealed) and HOME/NAME.steward (public)."""
    folder = steward_home(home)
    key = folder.new_key(name, passphrase(common(context), new=True), now_ms())
    public = folder.path / f"{name}.steward"
    made = key.steward.encode()
    Printer(as_json=common(context).as_json).document(
        "steward-key",
        {
            "name": name,
            "public_file": str(public),
            "words": spoken(made),
            "fingerprint": fingerprint(made),
        },
        [f"made keys of steward {name}", f"public file  {public}", *shown(made)],
    )


@command(
    "create-federation",
    "tocsin steward create-federation --name 'Black Sea' --as alpha --as beta --broker broker.json",
    "tocsin steward create-federation --name X --as alpha --with beta.steward --threshold 2 \\",
    "    --broker broker.json                 beta signs HOME/pending/root.json elsewhere",
)
@click.option("--name", required=True, help="what people call the federation")
@click.option(
    "--as",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help="steward on this machine (repeatable); keys are made where missing",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="FILE",
    type=InputFile(),
    help="NAME.steward of a steward elsewhere (repeatable)",
)
@click.option(
    "--threshold", type=click.IntRange(1), help="how many must sign [default: all, at most 2]"
)
@click.option(
    "--broker",
    "descriptor",
    required=True,
    metavar="FILE",
    type=InputFile(),
    help="broker.json from `tocsin-broker init`",
)
@click.option(
    "--topic", "topics", multiple=True, help=f"topic for the circle {MEMBERS} (repeatable)"
)
@click.option(
    "--admit",
    "requests",
    multiple=True,
    metavar="FILE",
    type=InputFile(),
    help=f"admit this agency into the circle {MEMBERS} (repeatable)",
)
@home_option
@click.pass_context
def create(
    context: click.Context,
    *,
    name: str,
    names: tuple[str, ...],
    others: tuple[Path, ...],
    threshold: int | None,
    descriptor: Path,
    topics: tuple[str, ...],
    requests: tuple[Path, ...],
    home: str,
) -> None:
    """Make a federation: its root, signed by the stewards, and the standard rule book.

    With --topic and --admit it is ready for use; both can be added later. --admit shows words and
    compares none: it is for a federation that is made in one room.
    """
    folder = steward_home(home)
    broker = BrokerDescriptor.parse(read_text(descriptor))
    elsewhere = [_read_steward(path) for path in others]
    if elsewhere:
        click.echo("\n".join(_stewards_told(elsewhere)), err=True)
    names = tuple(dict.fromkeys(names))
    needed = threshold or min(2, len(names) + len(elsewhere))
    if needed > len(names) and (topics or requests):
        raise CommandError(
            "topics and agencies are added when all stewards have signed the root",
            advice="leave out --topic and --admit; then `tocsin steward topic` and `admit`",
            code=Exit.USAGE,
            reason="NOT_ENOUGH_SIGNATURES",
        )
    entries = _entries(topics, requests)
    outcome = folder.create(
        name=name,
        keys=_keys(context, folder, names),
        others=elsewhere,
        threshold=needed,
        broker=broker,
        now=now_ms(),
        entries=entries,
    )
    if outcome.is_applied:
        _announce(context, folder)
        return
    print_outcome(context, folder, outcome, in_force=False)


def _entries(topics: tuple[str, ...], requests: tuple[Path, ...]) -> list[Entry]:
    schema, policies = standard_book()
    with proposing():
        return [
            RuleBookEntry(version=1, schema=schema, policies=policies),
            *map(_members_topic, topics),
            *map(_member, requests),
        ]


def _keys(context: click.Context, home: StewardHome, names: tuple[str, ...]) -> list[StewardKey]:
    missing = [name for name in names if not home.has_key(name)]
    secret = passphrase(common(context), new=len(missing) == len(names))
    return [
        home.new_key(name, secret, now_ms()) if name in missing else home.key(name, secret)
        for name in names
    ]


def _read_steward(path: Path) -> Steward:
    try:
        return Steward.decode(base64.b64decode(read_text(path).strip(), validate=True))
    except (ValueError, TrustError):
        raise CommandError(
            f"{path} is not a steward's public file",
            advice="ask for the NAME.steward that `tocsin steward new-key` wrote",
            code=Exit.USAGE,
        ) from None


def _members_topic(topic: str) -> TopicEntry:
    return TopicEntry(topic=topic, title=topic, readers=(MEMBERS,), publishers=(MEMBERS,))


def _member(path: Path) -> AgencyEntry:
    entry = admitted(read_request(read_text(path)), circles=(MEMBERS,))
    click.echo("\n".join([safe(describe(entry)), *shown(member_bytes(entry))]), err=True)
    return entry


def _announce(context: click.Context, home: StewardHome) -> None:
    bundle = home.bundle()
    root = bundle.directory.root_document
    first = bundle.roots[0].body
    names = ", ".join(steward.name for steward in root.stewards)
    Printer(as_json=common(context).as_json).document(
        "federation",
        {
            "name": root.name,
            "federation": bundle.directory.federation.hex(),
            "words": spoken(first),
            "fingerprint": fingerprint(first),
            "stewards": [steward.name for steward in root.stewards],
            "threshold": root.threshold,
            "federation_file": str(home.bundle_path),
        },
        [
            f"federation   {safe(root.name)}: {root.threshold} of {names} sign",
            f"file         {home.bundle_path}",
            *shown(first),
            "read the words to every agency that joins, by telephone",
        ],
    )


@command(
    "sign",
    "tocsin steward sign pending/entry-7.json --as beta",
    "tocsin steward sign entry-7.json --broker broker.example:7443 --words 'fossil ribbon ...'",
    "tocsin steward sign entry-8.json --yes                 do not ask",
)
@click.argument("file", type=InputFile())
@words_options
@signing_options
@click.pass_context
def sign(
    context: click.Context,
    *,
    file: Path,
    words: str,
    yes: bool,
    names: tuple[str, ...],
    address: str,
    home: str,
) -> None:
    """Sign what another steward proposed; with enough signatures it is put into the federation.

    What it changes is told first. Where it brings an agency's keys, call the agency as the first
    steward did: it reads out six words, you type what you hear.
    """
    folder, proposal = steward_home(home), Proposal.parse(read_text(file))
    keys = opened_keys(context, folder, names)
    _judge(folder, proposal, keys[0], address=address, words=words, yes=yes)
    for key in keys:
        proposal = proposal.signed_by(key)
    outcome = _applied(folder, proposal, keys[0], address)
    if outcome.is_applied:
        file.unlink(missing_ok=True)
    print_outcome(context, folder, outcome, in_force=bool(address))
    if outcome.is_applied and proposal.kind == "root":
        click.echo("the other stewards put a copy of that file into their folders", err=True)
        rules = folder.publish_rules(keys, *standard_book(), now_ms())
        if rules.pending is not None:
            click.echo(f"next, the standard rule book: others sign {rules.pending}", err=True)


def _judge(
    home: StewardHome, proposal: Proposal, key: StewardKey, *, address: str, words: str, yes: bool
) -> None:
    """Let the steward who is asked to sign see what it is, and refuse it."""
    if isinstance(proposal.signed, SignedRoot):
        _judge_root(RootDocument.decode(proposal.signed.body), key)
    else:
        entry = decode_entry(proposal.signed.body).content
        directory = level_with(home, key, address)
        if isinstance(entry, AgencyEntry):
            known = directory.agency(entry.agency)
            warn(directory, entry)
            for line in (proposal.says, *differences(known, entry)):
                click.echo(safe(line), err=True)
            if brings_keys(known, entry):
                named = member_bytes(entry)
                compare(named, what="this entry", whose=entry.name, given=words, yes=yes)
                return
        _judge_rules(entry)
    if not yes:
        confirm(f"Sign {safe(proposal.says)}?")


def _judge_root(root: RootDocument, key: StewardKey) -> None:
    """Tell whom a first root makes stewards; refuse one in which we are none with our own keys."""
    check_steward(root, key)
    click.echo("\n".join(_stewards_told(root.stewards)), err=True)


def _stewards_told(stewards: Sequence[Steward]) -> list[str]:
    told = [f"steward {safe(one.name)}: {spoken(one.encode())}" for one in stewards]
    return [*told, "call each of the others: these are the words that `new-key` told them"]


def _judge_rules(entry: Entry) -> None:
    """Refuse a rule book that `tocsin steward rules check` would."""
    if isinstance(entry, RuleBookEntry):
        book = check_signed(entry)
        held = f"{len(book.book.rules)} rules, {len(book.verdicts)} scenarios as they say"
        click.echo(f"{describe(entry)}: {held}; {entry.digest.hex()}", err=True)


def _applied(home: StewardHome, proposal: Proposal, key: StewardKey, address: str) -> Outcome:
    if not address:
        return home.apply(proposal)
    return online(home, key, address, lambda broker: home.apply_online(proposal, broker))


@command("push", "tocsin steward push --broker broker.example:7443")
@signing_options
@click.pass_context
def push(context: click.Context, *, names: tuple[str, ...], address: str, home: str) -> None:
    """Bring the broker and this folder level: entries that only one of them has go to the other."""
    if not address:
        raise click.UsageError("--broker HOST:PORT is needed", ctx=context)
    folder = steward_home(home)
    key = opened_keys(context, folder, names, at_most=1)[0]

    async def work() -> None:
        async with broker_as(folder, key, address) as broker:
            await folder.bring_level(broker)

    run_async(work())
    size = folder.bundle().directory.size
    Printer(as_json=common(context).as_json).document(
        "steward-push", {"entries": size}, [f"both hold {size} entries"]
    )
