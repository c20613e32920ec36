# SPDX-License-Identifier: Apache-2.0
"""Nobody publishes as their own, word for word, what another agency's restricted notice says."""

from dataclasses import replace

import pytest

from agency_client.domain.views import PublishState
from agency_client.errors import Reason
from keys.envelope import Marking
from tests.simulator.agency import Draft, SimulatedAgency
from tests.simulator.federation import MARKING
from tests.unit.agency_services.controlling import published


async def held(gr: SimulatedAgency, ro: SimulatedAgency, marking: Marking) -> str:
    """Have ro-pol hold, in its index, a notice of gr-pol."""
    reference = await published(gr, ro, draft=Draft(text="a blue van", marking=marking))
    ro.store.search.index(9)
    return reference


@pytest.mark.parametrize("tlp", ["AMBER", "AMBER+STRICT"])
@pytest.mark.parametrize("again", ["CLEAR", "AMBER"])
async def test_a_restricted_notice_is_not_published_anew(
    tlp: str, again: str, gr: SimulatedAgency, ro: SimulatedAgency
) -> None:
    reference = await held(gr, ro, replace(MARKING, tlp=tlp))
    drafts = (
        Draft(text="a blue van", marking=replace(MARKING, tlp=again)),
        Draft(text="a red van"),
    )
    refused, taken = (await ro.publish(*drafts)).notices
    assert (refused.state, refused.reason) == (PublishState.REFUSED, Reason.NOT_ORIGINATOR)
    assert reference in refused.message
    assert taken.state is PublishState.ACCEPTED


async def test_what_is_open_may_be_passed_on(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    await held(gr, ro, replace(MARKING, tlp="GREEN"))
    (taken,) = (await ro.publish(Draft(text="a blue van"))).notices
    assert taken.state is PublishState.ACCEPTED


async def test_our_own_words_are_ours(gr: SimulatedAgency, ro: SimulatedAgency) -> None:
    await held(gr, ro, MARKING)
    gr.store.search.index(9)
    (taken,) = (await gr.publish(Draft(text="a blue van"))).notices
    assert taken.state is PublishState.ACCEPTED
