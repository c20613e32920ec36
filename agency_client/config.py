# SPDX-License-Identifier: Apache-2.0
"""Where a profile is, and its settings: `config.toml` in the profile, `TOCSIN_*` over it.

Option over environment over file over default. Keys that are not known are errors, so a misspelt
one never passes for a set one. No secret is a setting; a passphrase's file is. Reads files and
environment at each call and keeps nothing.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from agency_client.domain.codes import PURPOSES
from agency_client.errors import AgencyError, Reason

FILE_NAME = "config.toml"
MAX_FILE_BYTES = 64 << 10
DEFAULT_PROFILE = "default"
PROFILE_VARIABLE = "TOCSIN_PROFILE"
MAX_PORT = 65_535
MAX_CERTIFICATE_HOURS = 24 * 7

_HOST = re.compile(r"[A-Za-z0-9._:%-]{1,253}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_BROKER_LINE = re.compile(r"^broker[ \t]*=.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force for one profile.

    Attributes:
        broker: HOST:PORT; empty where the agency is not enrolled yet.
        passphrase_file: holds the passphrase of the key file, for programs that run unattended.
            In the file it is relative to the profile, in the environment to the working folder.
        certificate_hours: validity of the gateway's TLS certificate, issued anew in good time.
        purpose: code of what notices are looked at for, where nobody says; empty for none.
        case: reference of the case that they are looked at for, where nobody says.
        officer: who looks, where nobody says.
    """

    broker: str
    passphrase_file: Path | None
    certificate_hours: int
    purpose: str
    case: str
    officer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it is shown: what it is, and where that comes from."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """A setting that may be given: its default, its variable, and what refuses a value."""

    default: Any
    variable: str
    read: Callable[[Any], Any]


def _address(value: Any) -> str:
    if value == "":
        return ""
    if not isinstance(value, str):
        raise TypeError("expected a text")
    host_port(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected a text")
    return value


def _purpose(value: Any) -> str:
    code = _text(value).upper()
    if code and code not in PURPOSES:
        raise ValueError(f"expected one of {', '.join(PURPOSES)}")
    return code


def _hours(value: Any) -> int:
    is_digits = isinstance(value, str) and value.isascii() and value.isdecimal()
    number = int(value) if is_digits else value
    if type(number) is not int or not 1 <= number <= MAX_CERTIFICATE_HOURS:
        raise ValueError(f"expected a whole number from 1 to {MAX_CERTIFICATE_HOURS}")
    return number


_KEYS: Mapping[str, _Key] = {
    "broker": _Key(default="", variable="TOCSIN_BROKER", read=_address),
    "passphrase_file": _Key(default="", variable="TOCSIN_PASSPHRASE_FILE", read=_text),
    "certificate_hours": _Key(default=24, variable="TOCSIN_CERTIFICATE_HOURS", read=_hours),
    "purpose": _Key(default="", variable="TOCSIN_PURPOSE", read=_purpose),
    "case": _Key(default="", variable="TOCSIN_CASE", read=_text),
    "officer": _Key(default="", variable="TOCSIN_OFFICER", read=_text),
}


def host_port(value: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; an IPv6 address stands in brackets.

    Raises:
        ValueError: it is not that.
    """
    host, colon, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not _HOST.fullmatch(bare) or (":" in bare and not bracketed):
        raise ValueError("expected HOST:PORT")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise ValueError(f"the port is not a number from 1 to {MAX_PORT}")
    return bare, int(port)


def profile_folder(name_or_path: str | None = None) -> Path:
    """Return a profile's folder: a path as it is, a plain name in the user's own data folder.

    Raises:
        AgencyError: INVALID_ARGUMENT; it can be neither.
    """
    given = name_or_path or DEFAULT_PROFILE
    if _NAME.fullmatch(given):
        return user_data_path("tocsin") / "profiles" / given
    if "\0" in given:
        raise AgencyError(Reason.INVALID_ARGUMENT, "a profile's path holds no NUL", field="profile")
    return _expanded(given).absolute()


def _expanded(path: str) -> Path:
    """Return a path with the home folder for a leading `~`; that of an unknown user stays."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def settings_of(folder: Path) -> Settings:
    """Return the settings in force for the profile in `folder`.

    Raises:
        AgencyError: PROFILE_INVALID; an unknown key, a value that is not right, or not TOML.
    """
    resolved = _resolved(folder)
    secret, origin = resolved["passphrase_file"]
    beside = Path.cwd() if origin == "environment" else folder
    return Settings(
        broker=resolved["broker"][0],
        passphrase_file=beside / _expanded(secret) if secret else None,
        certificate_hours=resolved["certificate_hours"][0],
        purpose=resolved["purpose"][0],
        case=resolved["case"][0],
        officer=resolved["officer"][0],
    )


def describe(folder: Path) -> tuple[Setting, ...]:
    """Return every setting of the profile in `folder` with its value and origin.

    Raises:
        AgencyError: as `settings_of`.
    """
    settings = [
        Setting(name=name, value=str(value), origin=origin)
        for name, (value, origin) in _resolved(folder).items()
    ]
    profile = Setting(name="profile", value=str(folder), origin=_profile_origin(folder))
    return (profile, *settings)


def _profile_origin(folder: Path) -> str:
    chosen = os.environ.get(PROFILE_VARIABLE)
    if chosen and profile_folder(chosen) == folder:
        return "environment"
    return "default" if folder == profile_folder() else "option"


def _resolved(folder: Path) -> dict[str, tuple[Any, str]]:
    """Return value and origin of every key."""
    held = _from_file(folder / FILE_NAME)
    found: dict[str, tuple[Any, str]] = {}
    for name, key in _KEYS.items():
        variable = os.environ.get(key.variable)
        if variable:
            found[name] = _checked(key, variable, key.variable), "environment"
        elif name in held:
            found[name] = _checked(key, held[name], f"{FILE_NAME}: {name}"), FILE_NAME
        else:
            found[name] = key.default, "default"
    return found


def _checked(key: _Key, value: Any, where: str) -> Any:
    try:
        return key.read(value)
    except (ValueError, TypeError) as error:
        raise AgencyError(Reason.PROFILE_INVALID, f"{where} is not right: {error}") from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise AgencyError(Reason.PROFILE_INVALID, f"{FILE_NAME} cannot be read: {why}") from None
    if len(data) > MAX_FILE_BYTES:
        raise AgencyError(
            Reason.PROFILE_INVALID, f"{FILE_NAME} is larger than {MAX_FILE_BYTES} bytes"
        )
    held = parse(data)
    for name in held.keys() - _KEYS.keys():
        raise AgencyError(
            Reason.PROFILE_INVALID, f"{FILE_NAME}: unknown setting {name!r:.60}{_meant(name)}"
        )
    return held


def parse(data: bytes) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        AgencyError: PROFILE_INVALID; not TOML.
    """
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise AgencyError(Reason.PROFILE_INVALID, f"{FILE_NAME} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise AgencyError(Reason.PROFILE_INVALID, f"{FILE_NAME} is not TOML: {error}") from None
    except (RecursionError, ValueError):
        raise AgencyError(Reason.PROFILE_INVALID, f"{FILE_NAME} cannot be read") from None


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, _KEYS, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def with_broker(text: str, address: str) -> str:
    """Return the text of a configuration with another broker in it, and all else as it was."""
    line = f'broker = "{address}"'
    if _BROKER_LINE.search(text):
        return _BROKER_LINE.sub(lambda _: line, text, count=1)
    head = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{head}{line}\n"
