# SPDX-License-Identifier: Apache-2.0
"""An agency's keys as `tocsin init` makes them, two days before the simulator's time begins."""

from agency_client.bootstrap.keyring import Keyring
from keys.entries import AgencyEntry
from tests.simulator.federation import DAY, NOW


def fresh_keyring() -> Keyring:
    about = AgencyEntry(
        agency="gr-pol",
        name="Police",
        country="GR",
        kind="POLICE",
        agreement_until=NOW + 365 * DAY,
        tls_roots=(),
        tls_key_pin=bytes(32),
        signing=(),
        encryption=(),
    )
    return Keyring.generate(about, NOW - 2 * DAY)
