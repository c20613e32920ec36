# SPDX-License-Identifier: Apache-2.0
"""The three outcomes of a check of the log, as a script sees them."""

from pathlib import Path

import pytest

from agency_client.cli.app import run
from agency_client.cli.exits import Exit
from agency_client.domain.views import AuditCheck, AuditReport, Verdict


@pytest.mark.must("LOG-15")
@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.VERIFIED, Verdict.VERIFIED], Exit.DONE),
        ([Verdict.VERIFIED, Verdict.FAILED, Verdict.UNCHECKED], Exit.BAD),
        ([Verdict.VERIFIED, Verdict.UNCHECKED], Exit.UNCHECKED),
        ([], Exit.UNCHECKED),
    ],
    ids=["verified", "failed", "unchecked", "nothing checked"],
)
def test_only_a_verified_log_ends_with_nought(
    verdicts: list[Verdict], code: Exit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = tuple(AuditCheck(name="log", verdict=one, detail="") for one in verdicts)

    async def audited(_: object) -> AuditReport:
        return AuditReport(checks=checks)

    monkeypatch.setattr("agency_client.cli.audit._verify", audited)
    assert run(["audit", "verify", "--profile", str(tmp_path)]) == code
    assert (code == 0) == (code is Exit.DONE)
