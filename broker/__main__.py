# SPDX-License-Identifier: Apache-2.0
"""Entry point of `tocsin-broker` and `python -m broker`."""

import sys

from broker.cli.interrupts import interrupts_end_at_once


def main() -> None:
    """Run the command line and exit with its code."""
    interrupts_end_at_once()
    from broker.cli.app import run  # noqa: PLC0415 - after the line above

    code = run()
    interrupts_end_at_once()
    sys.exit(code)


if __name__ == "__main__":
    main()
