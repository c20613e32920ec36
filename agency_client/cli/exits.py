# SPDX-License-Identifier: Apache-2.0
"""Exit codes. Scripts depend on them: they are only ever added to.

Source: research on exit codes of gh, rpk and chainloop; `tocsin help exit-codes` prints this table.
"""

from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CREDENTIAL = 4
    REFUSED = 5
    CONFLICT = 6
    UNREACHABLE = 7
    PARTIAL = 8
    BAD = 10
    UNCHECKED = 11
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.FAILED: "failed for a reason that no other code names",
    Exit.USAGE: "the command or its input is not right; nothing was done",
    Exit.NOT_FOUND: "there is no such notice, topic, agency or file",
    Exit.CREDENTIAL: "passphrase, key file, certificate or enrolment does not let you in",
    Exit.REFUSED: "refused by policy: the rule book, a marking, a lock",
    Exit.CONFLICT: "it exists already, or another process is using it",
    Exit.UNREACHABLE: "the broker cannot be reached",
    Exit.PARTIAL: "done in part, or queued; what was done is on stdout",
    Exit.BAD: "checked, and the answer is bad: verification failed",
    Exit.UNCHECKED: "could not be checked",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.TERMINATED: "asked to end (SIGTERM)",
}
