# SPDX-License-Identifier: Apache-2.0
"""Every single-bit flip of a grant, its fetch, a recall and a letter is refused: all of them.

Of signatures every eleventh bit is flipped: what verifies them is flipped whole for frames.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from keys.envelope import Frame
from keys.errors import TrustError
from keys.grants import SignedGrant, verify_grant
from keys.letters import SignedLetter, verify_letter
from keys.opening_letters import open_grant, open_granted, open_letter, verify_granted
from keys.recalls import verify_recall
from keys.signing import Keyset
from tests.property.keys.test_bit_flips import flips
from tests.simulator.federation import KEYSET, Federation, build_federation
from tests.simulator.mail import (
    OPEN_MARKING,
    grant_of,
    granted_delivery,
    letter_header,
    letter_of,
    recall_of,
)

STEP = 11


@pytest.fixture(scope="module")
def federation() -> Federation:
    return build_federation(["gr-pol", "it-lab", "ro-pol"])


@pytest.fixture(scope="module")
def frame(federation: Federation) -> Frame:
    return federation.seal("gr-pol", [b"one", b"two"], to=["ro-pol"], marking=OPEN_MARKING)


def keyset_of(federation: Federation, agency: str) -> Keyset:
    found = federation.directory.keyset(agency, KEYSET)
    assert found is not None
    return found


def refused_flips(item: Any, accept: Callable[[Any], object]) -> int:
    """Count refused flips of every attribute; fail on the first that is accepted."""
    accept(item)
    counted = 0
    for name in (one.name for one in fields(item)):
        held = getattr(item, name)
        for number, changed in enumerate(flips(held) if isinstance(held, bytes) else ()):
            if name == "signature" and number % STEP:
                continue
            with pytest.raises(TrustError):
                accept(replace(item, **{name: changed}))
            counted += 1
    return counted


@pytest.mark.slow
@pytest.mark.must("GRANT-4", "GRANT-5")
def test_every_flipped_bit_of_a_grant_is_refused(federation: Federation, frame: Frame) -> None:
    signed = grant_of(federation, frame, "it-lab", index=1)
    keyset, key = keyset_of(federation, "gr-pol"), federation.agencies["it-lab"].decryption

    def accept(flipped: SignedGrant) -> None:
        open_grant(verify_grant(flipped, keyset, federation.id), flipped.wrap, key)

    assert refused_flips(signed, accept) > 8 * (len(signed.grant) + len(signed.wrap))


@pytest.mark.slow
@pytest.mark.must("GRANT-9", "GRANT-10")
def test_every_flipped_bit_of_a_fetch_is_refused(federation: Federation, frame: Frame) -> None:
    signed, delivered = grant_of(federation, frame, "it-lab"), granted_delivery(frame)
    keyset, key = keyset_of(federation, "gr-pol"), federation.agencies["it-lab"].decryption
    grant = verify_grant(signed, keyset, federation.id)
    content_key = open_grant(grant, signed.wrap, key)

    def accept(flipped: Any) -> object:
        return open_granted(verify_granted(grant, flipped, keyset), flipped, content_key)

    assert refused_flips(delivered, accept) > 8 * (len(frame.header) + len(frame.statement))
    (notice,) = delivered.notices

    def accept_notice(flipped: Any) -> object:
        return accept(replace(delivered, notices=(flipped,)))

    assert refused_flips(notice, accept_notice) == 8 * (len(notice.header) + len(notice.body))


@pytest.mark.slow
@pytest.mark.must("RECALL-3")
def test_every_flipped_bit_of_a_recall_is_refused(federation: Federation, frame: Frame) -> None:
    signed, keyset = recall_of(federation, frame), keyset_of(federation, "gr-pol")
    counted = refused_flips(signed, lambda flipped: verify_recall(flipped, keyset, federation.id))
    assert counted > 8 * len(signed.recall)


@pytest.mark.slow
@pytest.mark.must("LETTER-4", "LETTER-5")
def test_every_flipped_bit_of_a_letter_is_refused(federation: Federation, frame: Frame) -> None:
    header = letter_header(federation, frame, "request_onward", "ro-pol", "gr-pol")
    signed, keyset = letter_of(federation, header), keyset_of(federation, "ro-pol")
    key = federation.agencies["gr-pol"].decryption

    def accept(flipped: SignedLetter) -> None:
        open_letter(verify_letter(flipped, keyset, federation.id), flipped.sealed, key)

    assert refused_flips(signed, accept) > 8 * (len(signed.letter) + len(signed.sealed))
