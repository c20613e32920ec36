# SPDX-License-Identifier: Apache-2.0
"""`tocsin keys`: this agency's keys, and how they follow each other."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

from agency_client.bootstrap import Agency
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import (
    REQUEST_FILE,
    change_keyring,
    open_keyring,
    request_text,
)
from agency_client.bootstrap.renewal import (
    OVERLAP_DAYS,
    rotated,
)
from agency_client.bootstrap.tls_rollover import TLS_OVERLAP_DAYS, Step, take_step
from agency_client.cli.comparing import shown
from agency_client.cli.framework import LazyGroup, command, common
from agency_client.cli.output import columns, instant
from agency_client.cli.runtime import (
    existing_profile,
    opened,
    printer,
    profile_secret,
    run_async,
)
from agency_client.domain.words import member_bytes, spoken
from agency_client.services.steward import fingerprint
from agency_client.services.steward_home import write_whole
from keys.directory import AgencyEntry

_CLI = "agency_client.cli"
MAX_OVERLAP_DAYS = 365


@click.group(
    "keys",
    cls=LazyGroup,
    invoke_without_command=True,
    lazy={
        "list": (f"{_CLI}.keys:list_keys", "our keys with their fingerprints"),
        "rotate": (f"{_CLI}.keys:rotate", "make new signing and encryption keys beside the old"),
        "roll-tls": (f"{_CLI}.keys:roll_tls", "take the next step to another TLS root"),
        "request": (f"{_CLI}.keys:request", "write what the stewards are asked to admit, anew"),
        "split": (f"{_CLI}.keys_recovery:split", "make shares for custodians, on paper"),
        "recover": (f"{_CLI}.keys_recovery:recover", "bring the keys back with custodians' shares"),
        "recovery": (f"{_CLI}.keys_recovery:recovery", "whether custodians could bring them back"),
        "exposure": (f"{_CLI}.keys_care:exposure", "what a stolen key of ours would open"),
        "destroy": (f"{_CLI}.keys_care:destroy", "destroy an encryption key that has ended"),
    },
    examples=(
        "tocsin keys",
        "tocsin keys rotate",
        "tocsin keys split --custodians 3 --needed 2",
        "tocsin keys exposure 2026-11-25-seal",
        "tocsin keys destroy 2026-11-25-seal",
    ),
)
@click.pass_context
def keys(context: click.Context) -> None:
    """List this agency's keys, renew and end them, share their recovery, see what one would open.

    Without a command it lists them.
    """
    if context.invoked_subcommand is None:
        with click.Context(list_keys, parent=context, info_name="list") as listing:
            list_keys.invoke(listing)


@command("list", "tocsin keys list", "tocsin keys list --json")
@click.pass_context
def list_keys(context: click.Context) -> None:
    """List this agency's keys with their fingerprints, and whether the directory has them."""
    found = run_async(_keys(context))
    fields = ("use", "id", "valid_until", "fingerprint")
    printer(context).document(
        "keys",
        {"keys": [dict(zip(fields, row, strict=True)) for row in found]},
        columns(found, head=("USE", "ID", "VALID UNTIL", "FINGERPRINT IN THE DIRECTORY")),
    )


async def _keys(context: click.Context) -> list[tuple[str, str, str, str]]:
    async with opened(common(context)) as agency:
        report = await agency.status()
        entry = agency.directory.agency(agency.agency_id)
    return [
        (one.use, one.key_id, instant(one.valid_until), _published(entry, one.use, one.key_id))
        for one in report.keys
    ]


def _published(entry: AgencyEntry | None, use: str, key_id: str) -> str:
    """Return the fingerprint of what the directory publishes of a key."""
    if entry is None:
        return "not in the directory yet"
    if use == "gateway":
        return entry.tls_key_pin.hex()[:32]
    if use == "assertion":
        asserting = next((one for one in entry.assertion_keys if one.key_id == key_id), None)
        return fingerprint(asserting.encode()) if asserting else "not in the directory"
    if use == "signing":
        keyset = entry.keyset(key_id)
        return fingerprint(keyset.encode()) if keyset else "not in the directory"
    held = next((one for one in entry.encryption if one.key_id == key_id), None)
    return fingerprint(held.encode()) if held else "not in the directory"


@command("rotate", "tocsin keys rotate", "tocsin keys rotate --overlap-days 7")
@click.option(
    "--overlap-days",
    default=OVERLAP_DAYS,
    show_default=True,
    type=click.IntRange(0, MAX_OVERLAP_DAYS),
    help="how long the old keys count beside the new ones, from now",
)
@click.pass_context
def rotate(context: click.Context, *, overlap_days: int) -> None:
    """Make a new signing keyset and a new encryption key, and ask the stewards to admit them.

    The new keys are used from the moment at which stewards have signed the request, in programs
    that run meanwhile too. Nothing that is on its way is lost: the old keys count for the overlap,
    and old notices are read for ever. Where a key was stolen, have a steward revoke it as well.
    """
    entry, now = run_async(_entry(context)), time.time_ns() // 1_000_000
    changed = _change(context, lambda ring: rotated(ring, entry, now, overlap_days))
    newest = changed.request.encryption[-1]
    _asked(
        context,
        changed,
        [
            f"made         {changed.signer.keyset_id} to sign, {newest.key_id} to be sealed to",
            f"the old keys count until {instant(changed.request.signing[-2].valid_until)}",
        ],
    )


_TAKEN = {
    Step.ADDED: (
        "made         a second TLS root; certificates are issued under the first still",
        "once stewards have admitted it, run `tocsin keys roll-tls` again to change over",
    ),
    Step.SWITCHED: (
        "changed      certificates are issued under the second TLS root from now on",
        "run `tocsin keys roll-tls` again after the overlap to leave the first one out",
    ),
    Step.DROPPED: (
        "left out     the first TLS root; its key is destroyed",
        "once stewards have admitted that, nobody is let in under it",
    ),
}
"""What was done, and what follows."""


@command("roll-tls", "tocsin keys roll-tls", "tocsin keys roll-tls --json | jq -r .step")
@click.option(
    "--overlap-days",
    default=TLS_OVERLAP_DAYS,
    show_default=True,
    type=click.IntRange(0, MAX_OVERLAP_DAYS),
    help="how long the second root issues before the first is left out",
)
@click.pass_context
def roll_tls(context: click.Context, *, overlap_days: int) -> None:
    """Take the next of three steps to another root of our TLS certificates.

    First a second root is made, and the stewards are asked to admit both. When they have, the next
    run changes to it, once the broker has let us in under it; running programs follow by
    themselves. After the overlap a third run leaves the first root out, and the stewards are asked
    to admit that. A run that comes too early is refused and changes nothing. The gateway's key
    stays the same.
    """
    step, keyring = run_async(_rolled(context, overlap_days))
    done, follows = _TAKEN[step]
    told = {"step": step.value, "tls_roots": len(keyring.tls_roots), "follows": follows}
    if step is Step.SWITCHED:
        printer(context).document("keys-tls", told, [done, follows])
    else:
        _asked(context, keyring, [done], kind="keys-tls", more=told, then=[follows])


async def _rolled(context: click.Context, overlap_days: int) -> tuple[Step, Keyring]:
    folder = existing_profile(common(context))
    secret = profile_secret(common(context), folder)
    async with Agency.connect(folder, secret) as agency:
        return await take_step(agency, folder, secret, overlap_days)


@command("request", "tocsin keys request", "tocsin keys request --json")
@click.pass_context
def request(context: click.Context) -> None:
    """Write what the stewards are asked to admit of our keys into `enrolment.request`, anew."""
    folder = existing_profile(common(context))
    keyring = open_keyring(folder, profile_secret(common(context), folder))
    write_whole(folder / REQUEST_FILE, request_text(keyring))
    _asked(context, keyring)


async def _entry(context: click.Context) -> AgencyEntry | None:
    """Return our entry in the newest directory that can be had."""
    async with opened(common(context)) as agency:
        await agency.status()
        return agency.directory.agency(agency.agency_id)


def _change(context: click.Context, step: Callable[[Keyring], Keyring]) -> Keyring:
    folder = existing_profile(common(context))
    return change_keyring(folder, profile_secret(common(context), folder), step)


def _asked(
    context: click.Context,
    keyring: Keyring,
    told: Sequence[str] = (),
    *,
    kind: str = "keys-request",
    more: Mapping[str, Any] = MappingProxyType({}),
    then: Sequence[str] = (),
) -> None:
    """Print what the stewards are asked to admit, with the words to read out to them."""
    path = existing_profile(common(context)) / REQUEST_FILE
    named = member_bytes(keyring.request)
    printer(context).document(
        kind,
        {
            **more,
            "agency": keyring.agency,
            "request": str(path),
            "words": spoken(named),
            "fingerprint": fingerprint(named),
            "keysets": [one.keyset_id for one in keyring.request.signing],
            "encryption": [one.key_id for one in keyring.request.encryption],
        },
        [
            *told,
            f"request      {path}",
            *shown(named),
            "give the request to a steward; when they call back, read the six words to them",
            *then,
        ],
    )
