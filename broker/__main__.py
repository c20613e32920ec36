# SPDX-License-Identifier: Apache-2.0
"""Entry point of `tocsin-broker` and `python -m broker`."""

import sys

from broker.cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
