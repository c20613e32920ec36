# SPDX-License-Identifier: Apache-2.0
"""How many notices one core verifies and opens a second, as one of 50 recipients."""

from functools import partial

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import TOPIC, Agencies, delivered, random_drafts
from keys.opening import DeliveredFrame, open_delivery, verify_delivery


def run() -> list[Figure]:
    agencies = Agencies(count=50)
    agency, key = agencies.names[7], agencies.keys[7]

    def receive(frame: DeliveredFrame) -> None:
        checked = verify_delivery(frame, agencies.keyset, agencies.federation, agency, TOPIC)
        open_delivery(checked, frame, key)

    figures = []
    for size in (256, 1):
        frame = delivered(agencies.outlet().seal(random_drafts(size)), agency)
        each = seconds_each(partial(receive, frame))
        under = f"2 KiB notices, frames of {size}"
        figures.append(
            Figure(what="verify and open", value=size / each, unit="notices/s", under=under)
        )
    return figures


if __name__ == "__main__":
    report("opening", run)
