# SPDX-License-Identifier: Apache-2.0
"""What a decision of the rule book costs: kept, taken afresh, and for 200 agencies at once."""

import itertools
from dataclasses import replace

from benchmarks.figures import Figure, report, seconds_each
from benchmarks.material import MARKING, TOPIC, Agencies
from policy.engine import PolicyEngine

KEPT_RUNS = 10_000


def run() -> list[Figure]:
    agencies = Agencies(count=200)
    engine = PolicyEngine.of_directory(agencies.directory())
    sender, reader, now = agencies.names[0], agencies.names[1], agencies.now
    fresh = (replace(MARKING, operation=f"operation-{number}") for number in itertools.count())

    def kept() -> None:
        for _ in range(KEPT_RUNS):
            engine.may_receive(MARKING, TOPIC, sender, reader, False, now)

    def one() -> None:
        engine.may_receive(next(fresh), TOPIC, sender, reader, False, now)

    def audience() -> None:
        engine.audience(next(fresh), TOPIC, sender, (), now)

    under = "standard book, 200 agencies"
    return [
        Figure(
            what="decide, kept", value=seconds_each(kept) / KEPT_RUNS * 1e6, unit="us", under=under
        ),
        Figure(what="decide, afresh", value=seconds_each(one) * 1e6, unit="us", under=under),
        Figure(
            what="whole audience, afresh",
            value=seconds_each(audience) * 1e3,
            unit="ms",
            under=under,
        ),
    ]


if __name__ == "__main__":
    report("policy_decision", run)
