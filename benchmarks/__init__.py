# SPDX-License-Identifier: Apache-2.0
"""Figures, one script for each: `python -m benchmarks` runs all, `python -m benchmarks.NAME` one.

They say what this machine did in this run and judge nothing; no test asserts a time. Results are
written to `benchmarks/results/`, which git ignores.
"""
