# SPDX-License-Identifier: Apache-2.0
"""Events that a peer can cause without end are let through sparingly, and counted."""

from broker.telemetry import Sparing


def test_a_burst_is_let_through_and_no_more() -> None:
    sparing = Sparing(burst=3, per_second=1)
    assert [sparing.admit(100.0) for _ in range(5)] == [0, 0, 0, None, None]


def test_after_a_while_one_more_says_how_many_were_left_out() -> None:
    sparing = Sparing(burst=1, per_second=1)
    assert [sparing.admit(100.0), sparing.admit(100.5), sparing.admit(101.5)] == [0, None, 1]
    assert sparing.admit(103.0) == 0


def test_a_long_silence_earns_no_more_than_a_burst() -> None:
    sparing = Sparing(burst=2, per_second=1)
    sparing.admit(0.0)
    assert [sparing.admit(1e9) for _ in range(3)] == [0, 0, None]
