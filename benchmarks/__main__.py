# SPDX-License-Identifier: Apache-2.0
"""Takes every figure, one script after the other, in about four minutes.

`python -m benchmarks NAME...` takes those of the named scripts only.
"""

import sys
from importlib import import_module

from benchmarks.figures import RESULTS, machine_line, report

SCRIPTS = (
    "sealing",
    "verification",
    "opening",
    "policy_decision",
    "preview",
    "book_changes",
    "log_verification",
    "store_ingest",
    "ingest",
    "catch_up",
    "live",
)


def main(names: list[str]) -> None:
    sys.stdout.write(machine_line() + "\n\n")
    for name in names or SCRIPTS:
        if name not in SCRIPTS:
            sys.exit(f"there is no {name}; there are {', '.join(SCRIPTS)}")
        report(name, import_module(f"benchmarks.{name}").run)
    sys.stdout.write(f"\n{machine_line()}\nkept in {RESULTS.relative_to(RESULTS.parents[1])}/\n")


if __name__ == "__main__":
    main(sys.argv[1:])
