# SPDX-License-Identifier: Apache-2.0
"""How many leaves of the log one core hashes into the root a second, as an auditor does offline."""

import secrets

from benchmarks.figures import Figure, report, seconds_each
from keys import merkle

LEAVES = 50_000
LEAF_BYTES = 200


def run() -> list[Figure]:
    leaves = [secrets.token_bytes(LEAF_BYTES) for _ in range(LEAVES)]
    each = seconds_each(
        lambda: merkle.root([merkle.hash_leaf(leaf) for leaf in leaves]), budget=2, least=3
    )
    under = f"{LEAVES} leaves of {LEAF_BYTES} bytes, root recomputed"
    return [Figure(what="verify a log offline", value=LEAVES / each, unit="leaves/s", under=under)]


if __name__ == "__main__":
    report("log_verification", run)
