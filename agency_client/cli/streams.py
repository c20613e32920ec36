# SPDX-License-Identifier: Apache-2.0
"""The three standard streams, whatever state they are in.

A closed one is opened on the null device: otherwise the next file that is opened, a database
perhaps, takes its number, and what is meant for the screen is written into it. Characters that the
terminal's encoding lacks are written as escapes.
"""

import io
import os
import sys


def settle_streams() -> None:
    """Open what is closed, and let no character fail to be written."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_unwritten() -> None:
    """Let go of output that nobody takes: Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
