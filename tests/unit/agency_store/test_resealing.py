# SPDX-License-Identifier: Apache-2.0
"""A store that fails while a frame is sealed anew is no refusal of the frame."""

from pathlib import Path

import pytest

from agency_client.domain.outbox import FrameState
from agency_client.errors import AgencyError, Reason
from tests.simulator.agency import Draft, ManualClock, open_agency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import TOPIC


@pytest.mark.parametrize("reason", [Reason.STORE_FAILED, Reason.STORE_INVALID])
async def test_a_frame_is_not_given_up_because_our_own_store_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    federation, clock = working_federation(), ManualClock()
    agency = open_agency(federation, MemoryBroker(federation, clock), "gr-pol", tmp_path, clock)
    ((frame_id, _),) = (await agency.publisher.queue([Draft()])).frames
    agency.store.outbox.rewind(agency.store.outbox.outlet(), TOPIC)

    def _failing(_: str) -> None:
        raise AgencyError(reason, "the disk failed")

    monkeypatch.setattr(agency.store.trust, "checkpoint", _failing)
    with pytest.raises(AgencyError, match="the disk failed"):
        await agency.publisher.reseal_stale()
    assert agency.store.outbox.frame(frame_id).state is FrameState.STALE
    monkeypatch.undo()
    assert await agency.publisher.reseal_stale() == 1
    agency.store.close()
