# SPDX-License-Identifier: Apache-2.0
"""Entry point of `tocsin` and `python -m agency_client`."""

import sys

from agency_client.cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
