# SPDX-License-Identifier: Apache-2.0
"""`tocsin keys split | recover | recovery`: an agency's keys in the hands of several custodians."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import change_keyring, open_keyring
from agency_client.bootstrap.recovery import (
    Recovered,
    check_place,
    opened_copy,
    recover_profile,
    split_keys,
)
from agency_client.bootstrap.recovery_copy import COPY_FILE, read_copy, recovery_status
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import command, common
from agency_client.cli.output import Printer, counted, instant
from agency_client.cli.parameters import InputFile
from agency_client.cli.recovering import (
    ask_share,
    check_terminal,
    hand_out,
    recovery_document,
    recovery_line,
)
from agency_client.cli.runtime import (
    existing_profile,
    login,
    passphrase,
    printer,
    profile_folder,
    profile_secret,
)
from agency_client.errors import AgencyError, Reason
from agency_client.services.recovery_shares import Gathering, RecoveryShare, read_share
from agency_client.services.recovery_sheet import sheet
from keys.recovery import MAX_SHARES, MIN_NEEDED, RecoveryCopy, ShareSet

MAX_SHARES_BYTES = 64 << 10
"""Far above sixteen shares."""


@command(
    "split",
    "tocsin keys split",
    "tocsin keys split --custodians 5 --needed 3",
    "tocsin keys split --sheets /media/usb/sheets       one page to print for each custodian",
)
@click.option(
    "--custodians",
    default=3,
    show_default=True,
    type=click.IntRange(MIN_NEEDED, MAX_SHARES),
    help="how many shares to make",
)
@click.option(
    "--needed",
    default=MIN_NEEDED,
    show_default=True,
    type=click.IntRange(MIN_NEEDED, MAX_SHARES),
    help="how many of them are enough",
)
@click.option(
    "--sheets",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="write a page to print for each custodian into a new folder, and show no share",
)
@click.pass_context
def split(context: click.Context, *, custodians: int, needed: int, sheets: Path | None) -> None:
    """Make shares with which custodians bring this agency's keys back, together.

    Each share is 33 words. They are shown once, one custodian at a time, and written nowhere but by
    --sheets. Enough custodians with the file `recovery.key` can read and sign everything in the
    agency's name: choose people who would have to agree on that. New shares replace earlier ones
    for all copies of the keys from now on; older copies open with the older shares.
    """
    if sheets is None:
        check_terminal()
    folder, made = existing_profile(common(context)), list[Path]()

    def show(keyring: Keyring, share_set: ShareSet, shares: tuple[RecoveryShare, ...]) -> None:
        if sheets is not None:
            made.extend(_written(sheets, keyring, share_set, shares))
            return
        for one in shares:
            hand_out(one.place, len(shares), one.words)

    share_set = split_keys(
        folder,
        profile_secret(common(context), folder),
        needed=needed,
        shares=custodians,
        who=login(),
        now=time.time_ns() // 1_000_000,
        show=show,
    )
    printer(context).document(
        "keys-split",
        {
            "set": share_set.number,
            "custodians": custodians,
            "needed": needed,
            "copy": str(folder / COPY_FILE),
            "sheets": [str(path) for path in made],
        },
        [
            f"made         {custodians} shares, set {share_set.number}; any {needed} are enough",
            *(f"sheet        {path}" for path in made),
            f"copy         {folder / COPY_FILE}, for your backup: shares open nothing without it",
            *["print the sheets, hand them out, and destroy the files"] * bool(made),
            "try it now, and once a year: `tocsin keys recover --check`",
        ],
    )


def _written(
    folder: Path, keyring: Keyring, share_set: ShareSet, shares: tuple[RecoveryShare, ...]
) -> Iterator[Path]:
    """Write the sheets into a folder that is not there yet, or is empty."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CommandError(
            f"{folder} is not empty",
            advice="choose a new folder for the sheets; no share was made",
            code=Exit.CONFLICT,
            reason="FILE",
        )
    folder.chmod(0o700)
    for share in shares:
        path = folder / f"share-{share.place}-of-{len(shares)}.html"
        text = sheet(keyring.agency, keyring.request.name, share_set, share)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        yield path


@command(
    "recover",
    "tocsin keys recover",
    "tocsin keys recover --copy /media/backup/recovery.key --profile ./gr-pol",
    "tocsin keys recover --check                         write nothing: an exercise",
    "tocsin keys recover --shares-from - < /run/shares   one share a line",
)
@click.option(
    "--copy",
    "copied",
    metavar="FILE",
    type=InputFile(),
    help="the recovery copy, from a backup [default: recovery.key in the profile]",
)
@click.option(
    "--shares-from",
    metavar="FILE|-",
    type=click.File("r", encoding="utf-8"),
    help="read shares from a file, one a line, and not from a terminal",
)
@click.option("--check", is_flag=True, help="try whether the shares open the copy; write nothing")
@click.pass_context
def recover(
    context: click.Context, *, copied: Path | None, shares_from: IO[str] | None, check: bool
) -> None:
    """Bring this agency's keys back with the shares of enough custodians.

    Each custodian types a share; what does not fit is refused and asked for again. Then the key
    file is written under a new passphrase; one that is there is put aside. With the profile's own
    folder the store opens again; without it the keys come back, and what was kept does not.
    """
    folder = profile_folder(common(context))
    copy = read_copy(copied or folder / COPY_FILE)
    if not check:
        check_place(folder, copy.agency)
    out = printer(context)
    gathered = Gathering(copy.share_set)
    out.say(_told(copy))
    if shares_from is None:
        _ask_for(gathered, out)
    else:
        _read_from(shares_from, gathered, out)
    keyring = opened_copy(copy, gathered)
    if check:
        out.document(
            "keys-recover",
            {**_document(copy, gathered), "written": False},
            ["the shares open the copy; nothing was written"],
        )
        return
    recovered = recover_profile(
        folder,
        copy,
        keyring,
        passphrase=passphrase(common(context), new=True),
        places=gathered.places,
        who=login(),
        now=time.time_ns() // 1_000_000,
    )
    body = {
        **_document(copy, gathered),
        "written": True,
        "replaced": str(recovered.replaced or ""),
        "older_than_request": recovered.is_older,
    }
    out.document("keys-recover", body, _lines(folder, copy, recovered))


def _told(copy: RecoveryCopy) -> str:
    wanted = copy.share_set
    return (
        f"the keys of {copy.agency} as of {instant(copy.copied_at)}; "
        f"{wanted.needed} of {wanted.shares} shares of set {wanted.number} are needed"
    )


def _ask_for(gathered: Gathering, out: Printer) -> None:
    """Ask custodians until there are enough; a refused share is asked for again."""
    while gathered.missing:
        given = ask_share(gathered.missing)
        try:
            _take(given, gathered, out)
        except AgencyError as error:
            out.say(f"refused: {error.message}")


def _read_from(file: IO[str], gathered: Gathering, out: Printer) -> None:
    try:
        text = file.read(MAX_SHARES_BYTES)
    except UnicodeDecodeError:
        raise AgencyError(Reason.SHARE_REFUSED, "what was given is not text") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or not gathered.missing:
            continue
        try:
            _take(line, gathered, out)
        except AgencyError as error:
            raise AgencyError(error.reason, f"line {number}: {error.message}") from None


def _take(given: str, gathered: Gathering, out: Printer) -> None:
    share = read_share(given)
    gathered.add(share)
    missing = gathered.missing
    more = f"{counted(missing, 'more share')} needed" if missing else "that is enough"
    out.say(f"share {share.place} fits; {more}")


def _document(copy: RecoveryCopy, gathered: Gathering) -> dict[str, object]:
    return {
        "agency": copy.agency,
        "set": copy.share_set.number,
        "shares": list(gathered.places),
        "copied_at": instant(copy.copied_at),
    }


def _lines(folder: Path, copy: RecoveryCopy, recovered: Recovered) -> list[str]:
    lines = [f"the keys of {copy.agency} are back in {folder}"]
    if recovered.replaced:
        lines.append(f"replaced     {recovered.replaced}; destroy it when all works")
    if recovered.is_older:
        lines.append("older        the request here asked for other keys than those that came back")
    return [
        *lines,
        "the shares were typed here: make new ones (`tocsin keys split`), and new keys",
        "(`tocsin keys rotate`) where anybody may have seen them or had the old passphrase",
    ]


@command(
    "recovery",
    "tocsin keys recovery",
    "tocsin keys recovery --refresh",
    "tocsin keys recovery --json",
)
@click.option("--refresh", is_flag=True, help="make the copy of the keys anew; shares stay")
@click.pass_context
def recovery(context: click.Context, *, refresh: bool) -> None:
    """Say whether custodians could bring this agency's keys back, and with how many shares."""
    folder = existing_profile(common(context))
    secret = profile_secret(common(context), folder)
    keyring = open_keyring(folder, secret)
    if refresh:
        _check_split(keyring)
        keyring = change_keyring(folder, secret, lambda ring: ring)
    status = recovery_status(folder, keyring)
    printer(context).document(
        "keys-recovery", recovery_document(status), [f"recovery     {recovery_line(status)}"]
    )


def _check_split(keyring: Keyring) -> None:
    if keyring.recovery is None:
        raise CommandError(
            "no shares of these keys were ever made",
            advice="make them with `tocsin keys split`",
            code=Exit.FAILED,
            reason="RECOVERY_MISSING",
        )
