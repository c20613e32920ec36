# SPDX-License-Identifier: Apache-2.0
"""Exit codes. Scripts and service managers depend on them: they are only ever added to."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with; the same numbers as those of `tocsin`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CREDENTIAL = 4
    CONFLICT = 6
    UNREACHABLE = 7
    BAD = 10
    UNCHECKED = 11
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "failed for a reason that no other code names; a service manager may restart",
    Exit.USAGE: "the command, its input or the configuration is not right; nothing was done",
    Exit.NOT_FOUND: "there is no such broker or file",
    Exit.CREDENTIAL: "passphrase or key file does not let you in",
    Exit.CONFLICT: "it exists already, or another process is using it",
    Exit.UNREACHABLE: "the broker is not serving",
    Exit.BAD: "checked, and the answer is bad",
    Exit.UNCHECKED: "could not be checked",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}
