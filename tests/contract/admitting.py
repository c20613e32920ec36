# SPDX-License-Identifier: Apache-2.0
"""Frames ready for a store, and acts for its log: real seals and signatures, numbered in order."""

import secrets
from dataclasses import replace

from broker.domain.acts import Act, log_reading
from broker.domain.admissions import Admission
from broker.domain.logs import LogKind
from keys.checking import check_frame
from keys.envelope import Frame, Statement
from keys.signing import PAYLOAD_FRAME
from tests.simulator.federation import NOW, Federation, build_federation

AGENCIES = ("gr-pol", "hr-ngo", "ro-pol")


def fresh_federation() -> Federation:
    """Return a federation of three agencies none of which has published."""
    return build_federation(AGENCIES)


def admitted(federation: Federation, frame: Frame, *, time_ms: int = NOW) -> Admission:
    """Return a frame as the publishing service hands it to a store."""
    statement = Statement.decode(frame.statement)
    keyset = federation.directory.keyset(statement.originator, statement.keyset_id)
    assert keyset is not None
    checked = check_frame(frame, keyset, federation.id)
    return Admission(checked=checked, time_ms=time_ms, salt=secrets.token_bytes(32))


def signed_again(federation: Federation, frame: Frame) -> Frame:
    """Return the same frame as signed another time: same STATEMENT, other signature."""
    signer = federation.agencies[Statement.decode(frame.statement).originator].signer
    return replace(frame, signature=signer.sign(PAYLOAD_FRAME, frame.statement))


def act(number: int = 0) -> Act:
    """Return some act."""
    return log_reading(
        "eu-aud",
        LogKind.ACTS,
        start=number,
        count=1,
        time_ms=NOW,
        salt=secrets.token_bytes(32),
    )


def acts(count: int) -> list[Act]:
    """Return some acts."""
    return [act(number) for number in range(count)]
