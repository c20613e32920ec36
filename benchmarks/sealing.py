# SPDX-License-Identifier: Apache-2.0
"""How many notices one core seals and signs a second, for 50 agencies."""

from functools import partial

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import Agencies, random_drafts


def run() -> list[Figure]:
    agencies = Agencies(count=50)
    figures = []
    for size in (256, 1):
        drafts = random_drafts(size)
        each = seconds_each(partial(agencies.outlet().seal, drafts))
        under = f"2 KiB notices, 50 agencies, frames of {size}"
        figures.append(
            Figure(what="seal and sign", value=size / each, unit="notices/s", under=under)
        )
    return figures


if __name__ == "__main__":
    report("sealing", run)
