# SPDX-License-Identifier: Apache-2.0
"""Entry point of `tocsin` and `python -m agency_client`."""

import sys

from agency_client.cli.interrupts import interrupts_end_at_once
from agency_client.cli.streams import drop_unwritten, settle_streams


def main() -> None:
    """Run the command line and exit with its code."""
    interrupts_end_at_once()
    settle_streams()
    from agency_client.cli.app import run  # noqa: PLC0415 - after the lines above

    code = run()
    interrupts_end_at_once()
    drop_unwritten()
    sys.exit(code)


if __name__ == "__main__":
    main()
