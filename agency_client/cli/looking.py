# SPDX-License-Identifier: Apache-2.0
"""Who looks, what for and in which case: options over environment over the profile's settings.

Nothing that was written by others is shown without them. Whether they fit a notice is decided where
it is opened (`services.rights`).
"""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import click

from agency_client.cli.exits import Exit
from agency_client.cli.failures import CommandError
from agency_client.cli.framework import Callback, common
from agency_client.cli.parameters import Code
from agency_client.cli.runtime import login, profile_folder
from agency_client.config import settings_of
from agency_client.domain.codes import PURPOSES
from agency_client.domain.views import Viewer

Looking: TypeAlias = Callable[[], Viewer]
"""Returns who looks; refuses where that, or why, was not said."""

PURPOSE = Code(PURPOSES, name="purpose")
_SET = {
    "purpose": "--purpose (or TOCSIN_PURPOSE, or purpose in config.toml)",
    "case": "--case (or TOCSIN_CASE, or case in config.toml)",
}


def as_officer(function: Callback) -> Callback:
    """Add the option that says which officer it is; the command is given `officer`."""
    return click.option(
        "--as",
        "officer",
        default="",
        metavar="NAME",
        help="officer, as `tocsin officers ls` names one [default: of your login, or the only one]",
    )(function)


def reasons_to_look(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who looks and why; the command is given `looking`."""

    @functools.wraps(function)
    def call(*args: Any, purpose: str | None, case: str, officer: str, **given: Any) -> Any:
        def looking() -> Viewer:
            context = click.get_current_context()
            return viewer(context, purpose=purpose or "", case=case, officer=officer)

        return function(*args, looking=looking, **given)

    case = click.option("--case", default="", help="your reference of the case that needs it")
    purpose = click.option("--purpose", type=PURPOSE, help="why you look")
    return as_officer(purpose(case(call)))


def reasons_to_act(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who acts and why; the command is given `acting_as`.

    They are asked for only where somebody acts as an officer.
    """

    @functools.wraps(function)
    def call(*args: Any, purpose: str | None, case: str, officer: str, **given: Any) -> Any:
        def acting_as() -> Viewer:
            context = click.get_current_context()
            return acting(context, officer, purpose=purpose or "", case=case)

        return function(*args, acting_as=acting_as, **given)

    case = click.option("--case", default="", help="your reference of the case")
    purpose = click.option("--purpose", type=PURPOSE, help="what it is done for")
    return as_officer(purpose(case(call)))


def viewer(context: click.Context, *, purpose: str, case: str, officer: str) -> Viewer:
    """Return who looks and why: what was said on the line, else what is set.

    Raises:
        CommandError: PURPOSE_NEEDED; neither says what for, or in which case.
    """
    found = settings_of(profile_folder(common(context)))
    given = {"purpose": purpose or found.purpose, "case": case or found.case}
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise CommandError(
            f"nothing is shown before it is said {_asked(missing)}",
            advice=f"give {' and '.join(_SET[name] for name in missing)}",
            code=Exit.USAGE,
            reason="PURPOSE_NEEDED",
        )
    return Viewer(name=login(), officer=officer or found.officer, **given)


def _asked(missing: list[str]) -> str:
    words = {"purpose": "what for", "case": "in which case"}
    return " and ".join(words[name] for name in missing)


def acting(context: click.Context, officer: str, **reasons: str) -> Viewer:
    """Return which officer acts, where nothing is read; reasons are those that were given."""
    found = settings_of(profile_folder(common(context)))
    return Viewer(
        name=login(),
        officer=officer or found.officer,
        purpose=reasons.get("purpose", "") or found.purpose,
        case=reasons.get("case", "") or found.case,
    )
