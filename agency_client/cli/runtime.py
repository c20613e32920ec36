# SPDX-License-Identifier: Apache-2.0
"""What a command needs to run: printer, profile folder, passphrase, event loop, an open agency."""

import asyncio
import getpass
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from agency_client.bootstrap import Agency
from agency_client.bootstrap.passphrases import passphrase_for
from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import Common, common
from agency_client.cli.output import Printer
from agency_client.config import profile_folder as find_profile
from agency_client.config import settings_of

Result = TypeVar("Result")

PASSPHRASE_FILE = "TOCSIN_PASSPHRASE_FILE"  # noqa: S105 - names a variable that names a file
OFFICER_PASSPHRASE_FILE = "TOCSIN_OFFICER_PASSPHRASE_FILE"  # noqa: S105 - likewise
PROFILE = "TOCSIN_PROFILE"
MAX_PASSPHRASE_BYTES = 4096
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def printer(context: click.Context, *, with_profile: bool = True) -> Printer:
    """Return the printer for a command; documents name the profile they speak of."""
    options = common(context)
    shown = {"profile": str(profile_folder(options))} if with_profile else {}
    return Printer(as_json=options.as_json, context=shown)


def profile_folder(options: Common) -> Path:
    """Return the profile's folder: --profile, else TOCSIN_PROFILE, else the default one."""
    return find_profile(options.profile or os.environ.get(PROFILE) or None)


def existing_profile(options: Common) -> Path:
    """Return the profile's folder; say so where a folder of that name lies here instead.

    Raises:
        CommandError: PROFILE_MISSING.
    """
    folder, name = profile_folder(options), options.profile
    if name and not folder.exists() and Path(name).is_dir():
        raise CommandError(
            f"there is no profile in {folder}",
            advice=f"a plain name is a folder among your own data; for the one here: ./{name}",
            code=Exit.NOT_FOUND,
            reason="PROFILE_MISSING",
        )
    return folder


def passphrase(options: Common, *, new: bool = False) -> str:
    """Return the passphrase from a file, or ask for it; never from the command line.

    Raises:
        CommandError: there is none, or its file can be read by others.
    """
    path = options.passphrase_file or os.environ.get(PASSPHRASE_FILE, "")
    return _secret(path, "passphrase", f"--passphrase-file FILE or set {PASSPHRASE_FILE}", new=new)


def officer_passphrase(path: str, name: str, *, new: bool = False) -> bytes:
    """Return an officer's own passphrase from a file, or ask for it.

    Raises:
        CommandError: there is none, or its file can be read by others.
    """
    given = _secret(
        path or os.environ.get(OFFICER_PASSPHRASE_FILE, ""),
        f"passphrase of officer {name}",
        f"--officer-passphrase-file FILE or set {OFFICER_PASSPHRASE_FILE}",
        new=new,
    )
    return given.encode()


def _secret(path: str, what: str, how: str, *, new: bool) -> str:
    if path:
        return _passphrase_from(Path(path))
    if not sys.stderr.isatty():
        raise CommandError(
            f"a {what} is needed and there is no terminal to ask on",
            advice=f"give {how}",
            code=Exit.CREDENTIAL,
            reason="PASSPHRASE_NEEDED",
        )
    prompt = f"New {what}" if new else f"{what[:1].upper()}{what[1:]}"
    given: str = click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=new)
    return given


def confirm(question: str) -> None:
    """Ask a person, and go on only with a yes.

    Raises:
        CommandError: the answer is no, or there is nobody to ask.
        KeyboardInterrupt: Ctrl-C.
    """
    with _asking("compare first, then say so with --yes"):
        is_confirmed = click.confirm(question, err=True)
    if not is_confirmed:
        raise CommandError(
            "that was not a yes, so nothing was done", code=Exit.FAILED, reason="NOT_CONFIRMED"
        )


def ask(question: str, *, advice: str) -> str:
    """Ask a person for a line of text; `advice` says what to do where there is none to ask.

    Raises:
        CommandError: there is nobody to ask.
        KeyboardInterrupt: Ctrl-C.
    """
    with _asking(advice):
        given: str = click.prompt(question, err=True)
    return given


@contextmanager
def _asking(advice: str) -> Iterator[None]:
    try:
        yield
    except click.Abort as error:
        sys.stderr.write("\n")
        if not isinstance(error.__context__, EOFError):
            raise KeyboardInterrupt from None
        raise CommandError(
            "there is nobody to ask",
            advice=advice,
            code=Exit.USAGE,
            reason="CONFIRMATION_NEEDED",
        ) from None


def _passphrase_from(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_PASSPHRASE_BYTES + 1)
    except OSError as error:
        raise CommandError(
            f"the passphrase file cannot be read: {(error.strerror or 'unknown error').lower()}",
            advice="check the path given with --passphrase-file",
            code=Exit.CREDENTIAL,
            reason="PASSPHRASE_FILE",
        ) from None
    if stat.S_ISREG(mode) and mode & _OPEN_TO_OTHERS:
        raise CommandError(
            "the passphrase file can be read by others",
            advice=f"chmod 600 {path}",
            code=Exit.CREDENTIAL,
            reason="PASSPHRASE_FILE",
        )
    return _decoded(data)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or "\n" in text or len(data) > MAX_PASSPHRASE_BYTES:
        raise CommandError(
            "the passphrase file does not hold one line of text",
            advice="write the passphrase into it as its only line",
            code=Exit.CREDENTIAL,
            reason="PASSPHRASE_FILE",
        )
    return text


def login() -> str:
    """Return the name of whoever runs this; a container may run as a number that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


def profile_secret(options: Common, folder: Path) -> str | bytes:
    """Return a profile's passphrase: as given, else from the file in its settings, else asked for.

    Raises:
        AgencyError: PROFILE_INVALID; its settings name a file that cannot be used.
        CommandError: there is none, or the file given can be read by others.
    """
    is_given = options.passphrase_file or os.environ.get(PASSPHRASE_FILE)
    if not is_given and settings_of(folder).passphrase_file is not None:
        return passphrase_for(folder)
    return passphrase(options)


def run_async(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work`; Ctrl-C and SIGTERM cancel it, so that it ends in order.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        CommandError: SIGTERM.
    """
    return asyncio.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, Result]) -> Result:
    loop, told = asyncio.get_running_loop(), False
    task = asyncio.ensure_future(work)

    def end() -> None:
        nonlocal told
        told = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)
    try:
        return await task
    except asyncio.CancelledError:
        if told:
            raise CommandError("asked to end", code=Exit.TERMINATED, reason="TERMINATED") from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


@asynccontextmanager
async def opened(options: Common) -> AsyncIterator[Agency]:
    """Open the profile; the broker may be away."""
    folder = existing_profile(options)
    async with Agency.connect(folder, profile_secret(options, folder)) as agency:
        yield agency
