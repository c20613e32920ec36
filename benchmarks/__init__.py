# SPDX-License-Identifier: Apache-2.0
"""Figures, one script for each: `python -m benchmarks` runs all, `python -m benchmarks.NAME` one.

They say what this machine did in this run and judge nothing; no test asserts a time. Results are
written to `benchmarks/results/`, which git ignores. What each figure means: docs/performance.md.
"""

from agency_client.transport.tls import require_tls_1_3

require_tls_1_3()  # read when gRPC is loaded, which some of the scripts do themselves
