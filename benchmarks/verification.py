# SPDX-License-Identifier: Apache-2.0
"""How many notices one core checks a second as the broker does: signature, roots, limits."""

from functools import partial

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import Agencies, random_drafts
from keys.checking import check_frame


def run() -> list[Figure]:
    agencies = Agencies(count=50)
    figures = []
    for size in (256, 1):
        frame = agencies.outlet().seal(random_drafts(size))
        check = partial(check_frame, frame, agencies.keyset, agencies.federation)
        under = f"2 KiB notices, 50 agencies, frames of {size}"
        figures.append(
            Figure(
                what="check a frame",
                value=size / seconds_each(check),
                unit="notices/s",
                under=under,
            )
        )
    return figures


if __name__ == "__main__":
    report("verification", run)
