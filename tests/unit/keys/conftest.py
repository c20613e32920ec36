# SPDX-License-Identifier: Apache-2.0
"""A federation that the tests of this folder share; who changes it makes one of their own."""

import pytest

from keys.envelope import NO_PREVIOUS, Frame
from keys.signing import Keyset
from tests.simulator.federation import KEYSET, Federation, build_federation


@pytest.fixture(scope="session")
def federation() -> Federation:
    """Police of two countries and an NGO; never extended."""
    return build_federation()


@pytest.fixture(scope="session")
def frame(federation: Federation) -> Frame:
    """Three notices of gr-pol for all three, the first that it ever sent."""
    first = dict.fromkeys(federation.agencies, (1, NO_PREVIOUS))
    return federation.seal("gr-pol", [b"first", b"second", b"third"], chain=first)


@pytest.fixture(scope="session")
def keyset(federation: Federation) -> Keyset:
    """The keyset that signed the frame."""
    found = federation.directory.keyset("gr-pol", KEYSET)
    assert found is not None
    return found
