# SPDX-License-Identifier: Apache-2.0
"""Takes every figure, one script after the other, in under two minutes."""

import sys
from importlib import import_module

from benchmarks.figures import RESULTS, machine, report

SCRIPTS = ("sealing", "verification", "opening", "policy_decision", "log_verification")


def main() -> None:
    about = machine()
    sys.stdout.write(
        f"{about['processor']}, {about['cores']} cores, load {about['load'][0]:.1f}\n\n"
    )
    for name in SCRIPTS:
        report(name, import_module(f"benchmarks.{name}").run)
    sys.stdout.write(f"\nkept in {RESULTS.relative_to(RESULTS.parents[1])}/\n")


if __name__ == "__main__":
    main()
