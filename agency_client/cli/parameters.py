# SPDX-License-Identifier: Apache-2.0
"""What arguments may hold: a code of a table, a number of seconds, a file that can be read.

A wrong one is told with the nearest right one before anything else is done.
"""

import difflib
import errno
import math
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from agency_client.domain.moments import read_instant

MAX_SECONDS = 86_400
_LISTED = 8
"""A table of so many codes is listed in the help; of a longer one only the name stands there."""


class Code(click.ParamType[str]):
    """A code of a table, typed in capitals or not."""

    def __init__(self, codes: Iterable[str], *, name: str) -> None:
        self.codes = tuple(codes)
        self.name = name

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return what stands for it in the help."""
        del param, ctx
        return self.name.upper() if self._is_long else f"[{'|'.join(self.codes)}]"

    @property
    def _is_long(self) -> bool:
        return len(self.codes) > _LISTED

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the code; for an unknown one say what was probably meant."""
        code = str(value).upper()
        if code in self.codes:
            return code
        close = difflib.get_close_matches(code, self.codes, n=1)
        listed = "" if self._is_long else f"; expected one of {', '.join(self.codes)}"
        hint = f"; did you mean {close[0]}?" if close else listed
        raise click.BadParameter(f"there is no {self.name} {value!r}{hint}", ctx, param)


class Seconds(click.FloatRange):
    """A number of seconds, at most a day."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(0, MAX_SECONDS)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; what is none (`nan`) is in no range."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return found


class Instant(click.ParamType[int]):
    """A day, whose end in UTC is meant, or an instant; milliseconds since 1970."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the instant."""
        if isinstance(value, int):
            return value
        try:
            return read_instant(str(value), end_of_day=True)
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is no date such as 2027-01-31 or 2027-01-31T18:00Z", ctx, param
            ) from None


class InputFile(click.ParamType[Path]):
    """A file that is there and is no folder."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path.

        Raises:
            OSError: there is none, or it is a folder.
        """
        del param, ctx
        path = Path(value)
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return path
