# SPDX-License-Identifier: Apache-2.0
"""From an error to what the operator reads and the exit code.

The text of exceptions that are not ours is never shown: it could hold anything.
"""

from broker.bootstrap.faults import Kind, SetupError
from broker.cli.exits import Exit
from broker.config import ConfigError

_CODES = {
    Kind.USAGE: Exit.USAGE,
    Kind.NOT_FOUND: Exit.NOT_FOUND,
    Kind.CREDENTIAL: Exit.CREDENTIAL,
    Kind.CONFLICT: Exit.CONFLICT,
    Kind.BAD: Exit.BAD,
    Kind.FAILED: Exit.FAILED,
}


def explain(error: Exception) -> tuple[Exit, str, str]:
    """Return exit code, what happened, and what to do."""
    if isinstance(error, SetupError):
        return _CODES[error.kind], error.message, error.advice
    if isinstance(error, ConfigError):
        return Exit.USAGE, str(error), "correct broker.toml or the TOCSIN_BROKER_ variable"
    if isinstance(error, OSError):
        what = (error.strerror or "cannot be used").lower()
        return (
            Exit.FAILED,
            f"{error.filename or 'a file'}: {what}",
            "check the path, its owner and whether the disk is full",
        )
    return (
        Exit.FAILED,
        f"something went wrong inside the broker ({type(error).__name__})",
        "run it again with --debug and report what that prints",
    )
