# SPDX-License-Identifier: Apache-2.0
"""Sealing: what goes into a frame, and drafts that are never sealed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from keys import merkle
from keys.checking import check_frame
from keys.envelope import (
    MAX_NOTICES,
    NO_PREVIOUS,
    Frame,
    FrameHeader,
    NoticeHeader,
    Recipient,
    RuleBookRef,
    Statement,
    TreeHead,
)
from keys.errors import EnvelopeError, Reason
from keys.framing import sha256
from keys.sealing import NoticeDraft, SealRecipient, seal_frame
from keys.signers import SeedSigner
from keys.signing import PAYLOAD_FRAME, Keyset
from tests.simulator.federation import (
    DAY,
    MARKING,
    NOW,
    TOPIC,
    YEARS,
    Federation,
    notice_draft,
)


class CountingSigner(SeedSigner):
    """A signer that remembers how often it signed."""

    signed = 0

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        self.signed += 1
        return super().sign(payload_type, payload)


def to(world: Federation, name: str, **changes: Any) -> SealRecipient:
    """Return an agency as recipient of its first frame."""
    recipient = SealRecipient(
        agency=name,
        key=world.agencies[name].entry.encryption[0],
        named=False,
        seq=1,
        prev=NO_PREVIOUS,
    )
    return replace(recipient, **changes)


def seal(world: Federation, **changes: Any) -> Frame:
    """Seal one notice of gr-pol for itself and ro-pol, with the changes given."""
    arguments: dict[str, Any] = {
        "federation": world.id,
        "topic": TOPIC,
        "marking": MARKING,
        "outlet": bytes(16),
        "created_at": NOW,
        "rule_book": RuleBookRef(version=1, digest=bytes(32)),
        "directory": TreeHead(size=1, root=bytes(32)),
        "log": TreeHead(size=0, root=merkle.EMPTY_ROOT),
        "recipients": [to(world, "ro-pol"), to(world, "gr-pol")],
        "notices": [notice_draft(b"content")],
        "originator": "gr-pol",
        "signer": world.agencies["gr-pol"].signer,
    }
    return seal_frame(**{**arguments, **changes})


def test_a_sealed_frame_passes_the_brokers_check(federation: Federation, keyset: Keyset) -> None:
    checked = check_frame(seal(federation), keyset, federation.id)
    assert [recipient.agency for recipient in checked.recipients] == ["gr-pol", "ro-pol"]
    assert (checked.header.topic, checked.header.created_at) == (TOPIC, NOW)


def test_every_recipient_can_open_it(federation: Federation) -> None:
    frame = federation.seal("gr-pol", [b"one", b"two"])
    for agency in federation.agencies:
        assert [notice.content for notice in federation.open(frame, agency)] == [b"one", b"two"]


def test_notices_keep_their_order_and_recipients_are_put_in_theirs(federation: Federation) -> None:
    drafts = [notice_draft(b"%d" % number) for number in range(5)]
    frame = seal(federation, notices=drafts)
    headers = [NoticeHeader.decode(notice.header) for notice in frame.notices]
    assert headers == [draft.header for draft in drafts]
    agencies = [Recipient.decode(recipient).agency for recipient in frame.recipients]
    assert agencies == ["gr-pol", "ro-pol"]


def test_the_statement_names_every_part_by_hash(federation: Federation) -> None:
    frame = seal(federation)
    statement = Statement.decode(frame.statement)
    assert statement.header_digest == sha256(frame.header)
    leaves = [merkle.hash_leaf(one) for one in frame.recipients]
    assert (statement.recipient_count, statement.recipient_root) == (2, merkle.root(leaves))
    assert (statement.notice_count, statement.notice_root) == (1, frame.notices[0].leaf_hash)
    wraps = [Recipient.decode(one).wrap_digest for one in frame.recipients]
    assert wraps == [sha256(wrap) for wrap in frame.wraps]


def test_a_frame_says_what_the_caller_decided(federation: Federation) -> None:
    named = to(federation, "ro-pol", named=True, seq=7, prev=b"p" * 32)
    frame = seal(federation, recipients=[to(federation, "gr-pol"), named], seal_id=b"i" * 16)
    recipient = Recipient.decode(frame.recipients[1])
    assert (recipient.named, recipient.seq, recipient.prev) == (True, 7, b"p" * 32)
    assert FrameHeader.decode(frame.header).seal_id == b"i" * 16


def test_each_sealing_has_a_seal_id_and_key_of_its_own(federation: Federation) -> None:
    one, other = (FrameHeader.decode(seal(federation).header) for _ in range(2))
    assert one.seal_id != other.seal_id
    assert one.key_commitment != other.key_commitment


def test_content_is_nowhere_in_the_frame(federation: Federation) -> None:
    frame = seal(federation, notices=[notice_draft(b"Olena Example")])
    everything = b"".join(
        [frame.header, frame.statement, *frame.recipients, *frame.wraps]
        + [part for notice in frame.notices for part in (notice.header, notice.body)]
    )
    assert b"Olena" not in everything


def drafts(count: int) -> Sequence[NoticeDraft]:
    return [notice_draft(b"") for _ in range(count)]


def test_a_frame_of_256_notices_is_sealed(federation: Federation, keyset: Keyset) -> None:
    frame = seal(federation, notices=drafts(MAX_NOTICES))
    assert len(check_frame(frame, keyset, federation.id).notices) == MAX_NOTICES


@pytest.mark.parametrize("count", [0, 257])
def test_a_frame_of_0_or_257_notices_is_not_sealed(federation: Federation, count: int) -> None:
    with pytest.raises(EnvelopeError, match=f"{count} notices") as refused:
        seal(federation, notices=drafts(count))
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_frame_to_nobody_is_not_sealed(federation: Federation) -> None:
    with pytest.raises(EnvelopeError, match="0 recipients") as refused:
        seal(federation, recipients=[])
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_a_frame_to_1001_agencies_is_not_sealed(federation: Federation) -> None:
    recipients = [to(federation, "gr-pol", agency=f"agency-{number}") for number in range(1001)]
    with pytest.raises(EnvelopeError, match="1001 recipients"):
        seal(federation, recipients=recipients)


def test_notices_of_more_than_2_mib_are_not_sealed(federation: Federation) -> None:
    big = notice_draft(bytes(1 << 20))
    with pytest.raises(EnvelopeError) as refused:
        seal(federation, notices=[big, replace(big, header=notice_draft().header)])
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


def test_the_originator_is_always_a_recipient(federation: Federation) -> None:
    with pytest.raises(EnvelopeError, match="originator is not a recipient") as refused:
        seal(federation, recipients=[to(federation, "ro-pol")])
    assert refused.value.reason is Reason.RECIPIENTS_INVALID


def test_no_agency_is_a_recipient_twice(federation: Federation) -> None:
    twice = [to(federation, "gr-pol"), to(federation, "gr-pol", named=True)]
    with pytest.raises(EnvelopeError, match="recipient twice") as refused:
        seal(federation, recipients=twice)
    assert refused.value.reason is Reason.RECIPIENTS_INVALID


def test_no_notice_id_occurs_twice(federation: Federation) -> None:
    draft = notice_draft(b"one")
    with pytest.raises(EnvelopeError) as refused:
        seal(federation, notices=[draft, replace(draft, content=b"two")])
    assert refused.value.reason is Reason.REPEATED_ID


@pytest.mark.parametrize("created_at", [NOW - DAY - 1, NOW + YEARS])
def test_nothing_is_sealed_to_a_key_outside_its_time(
    federation: Federation, created_at: int
) -> None:
    with pytest.raises(EnvelopeError, match="is not valid at") as refused:
        seal(federation, created_at=created_at)
    assert refused.value.reason is Reason.EXPIRED


def test_nothing_is_sealed_to_what_is_no_key(federation: Federation) -> None:
    broken = to(federation, "ro-pol")
    broken = replace(broken, key=replace(broken.key, public=b"\xff" * 1216))
    with pytest.raises(EnvelopeError) as refused:
        seal(federation, recipients=[to(federation, "gr-pol"), broken])
    assert refused.value.reason is Reason.KEY_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"federation": b"short"},
        {"topic": "Not A Topic"},
        {"outlet": bytes(15)},
        {"seal_id": bytes(17)},
        {"seal_key": bytes(31)},
        {"created_at": -1},
        {"notices": []},
        {"recipients": []},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_refused_is_refused_before_anything_is_signed(
    federation: Federation, changes: dict[str, Any]
) -> None:
    signer = CountingSigner(keyset_id="k", ed25519_seed=bytes(32), mldsa65_seed=bytes(32))
    with pytest.raises(EnvelopeError):
        seal(federation, signer=signer, **changes)
    assert signer.signed == 0


def test_a_chain_that_contradicts_itself_is_not_sealed(federation: Federation) -> None:
    for changes in ({"seq": 0}, {"seq": 2}, {"seq": 1, "prev": b"p" * 32}):
        broken = to(federation, "ro-pol", **changes)
        with pytest.raises(EnvelopeError):
            seal(federation, recipients=[to(federation, "gr-pol"), broken])


def test_the_signature_is_one_on_a_frame(federation: Federation) -> None:
    signer = CountingSigner(keyset_id="k", ed25519_seed=bytes(32), mldsa65_seed=bytes(32))
    frame = seal(federation, signer=signer)
    assert signer.signed == 1
    keyset = signer.public(valid_from=NOW, valid_until=NOW + 1)
    assert check_frame(frame, keyset, federation.id).statement.keyset_id == "k"
    assert PAYLOAD_FRAME == "application/vnd.tocsin.frame.v1"
