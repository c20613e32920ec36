# SPDX-License-Identifier: Apache-2.0
"""The demonstration says which of its processes went wrong, and leaves none behind."""

from pathlib import Path

import pytest

from agency_client.demo.checks import DemoError
from agency_client.demo.processes import AgencyProcess, BrokerProcess, stop_all


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("an invented passphrase\n")
    return path


async def test_an_agency_that_is_killed_is_named(tmp_path: Path, passphrase: Path) -> None:
    agency = AgencyProcess("gr-pol", tmp_path / "gr-pol")
    await agency.start(passphrase)
    process = agency._process
    assert process is not None
    process.kill()
    await process.wait()
    for _ in range(2):
        with pytest.raises(DemoError, match="gr-pol ended"):
            await agency.order("search", words="x")
    await agency.stop()


async def test_what_an_agency_cannot_do_is_told_with_its_reason(
    tmp_path: Path, passphrase: Path
) -> None:
    agency = AgencyProcess("gr-pol", tmp_path / "gr-pol")
    await agency.start(passphrase)
    with pytest.raises(DemoError, match="gr-pol could not enrol: INVALID_ARGUMENT"):
        await agency.order("enrol", bundle=str(passphrase), broker="127.0.0.1:1")
    await agency.stop()
    assert agency._process is not None
    assert agency._process.returncode is not None


async def test_an_order_before_the_start_is_an_error_of_the_demonstration(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="is not running"):
        await AgencyProcess("gr-pol", tmp_path).order("audit")


async def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    broker = BrokerProcess(tmp_path)
    with pytest.raises(DemoError, match="the broker does not start"):
        await broker.start()
    await stop_all((), broker)


async def test_a_command_of_the_broker_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"tocsin-broker status: .*no broker in"):
        await BrokerProcess(tmp_path).administer("status", str(tmp_path / "none"))
