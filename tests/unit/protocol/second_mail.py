# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: grants, recalls and letters.

Section 21. Imports nothing of ours. Values are written as the vectors give them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.protocol.primitives import (
    framed,
    hpke_open,
    need,
    padded,
    private_key,
    read,
    root_by_path,
    sha,
    unpadded,
    unwrap,
    verify,
    wrap,
)
from tests.unit.protocol.second import Received, check_signed, notice_leaf, open_body
from tests.unit.protocol.second_formats import (
    agency,
    ending,
    form,
    hash32,
    key_id,
    keyset,
    notice_header,
    notice_id,
    number,
    record,
    time,
)
from tests.unit.protocol.second_sealing import Originator, u

GRANT = "application/vnd.tocsin.grant.v1"
RECALL = "application/vnd.tocsin.recall.v1"
LETTER = "application/vnd.tocsin.letter.v1"
PLACE = {"statement": hash32, "index": number(4, 0, 255), "leaf_hash": hash32}
KINDS = "request_onward|decision|attestation|break_glass"
REASONS = "ERROR|CONSENT_WITHDRAWN|SOURCE_AT_RISK|COURT_ORDER|NO_LONGER_NEEDED|UNLAWFUL"
SIZES = {1136 + kib * 1024 for kib in (1, 2, 4, 8, 16)}

_grant = ending(
    record(
        "tocsin/grant/v1",
        federation=hash32,
        **PLACE,
        grantor=agency,
        keyset_id=key_id,
        grantee=agency,
        key_id=key_id,
        wrap_digest=hash32,
        rule_book=hash32,
        granted_at=time,
        expires_at=time,
        notice_id=notice_id,
    ),
    "granted_at",
    "expires_at",
)
_recall = record(
    "tocsin/recall/v1",
    federation=hash32,
    **PLACE,
    originator=agency,
    keyset_id=key_id,
    reason=form(REASONS),
    recalled_at=time,
    answer_by=time,
)
_letter_header = record(
    "tocsin/letter-header/v1",
    kind=form(KINDS),
    federation=hash32,
    letter_id=notice_id,
    sender=agency,
    keyset_id=key_id,
    recipient=agency,
    key_id=key_id,
    created_at=time,
    originator=agency,
    **PLACE,
    answers=lambda data: notice_id(data) if data else b"",
)


def grant(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = _grant(data)
    need(value["grantor"] != value["grantee"])
    return value


def recall(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = _recall(data)
    need(value["recalled_at"] <= value["answer_by"])
    return value


def letter_header(data: bytes) -> dict[str, Any]:
    value: dict[str, Any] = _letter_header(data)
    decides = value["kind"] == "decision"
    home, away = ("sender", "recipient") if decides else ("recipient", "sender")
    need(value[home] == value["originator"] != value[away])
    need(decides or not value["answers"])
    return value


letter = record("tocsin/letter/v1", header=letter_header, digest=hash32)


def named_by(stated: Mapping[str, Any], keys: bytes) -> bytes:
    """Return a keyset, if it is the one that a value names."""
    need(keyset(keys)["keyset_id"] == stated["keyset_id"])
    return keys


def grant_info(value: Mapping[str, Any]) -> bytes:
    names = (value["grantor"], value["grantee"], value["key_id"])
    return framed(
        "tocsin/grant-wrap/v1",
        value["statement"],
        value["leaf_hash"],
        *(name.encode() for name in names),
    )


@dataclass(frozen=True, kw_only=True)
class Granted:
    """A grant as it comes."""

    grant: bytes
    wrap: bytes
    signature: bytes


def open_granted(
    granted: Granted,
    got: Received,
    *,
    grantor: bytes,
    originator: bytes,
    federation: bytes,
    agency: str,
    seed: bytes,
) -> tuple[int, bytes, bytes]:
    """Return index, content key and content of a notice fetched under a grant: 21.1."""
    value = grant(granted.grant)
    verify(named_by(value, grantor), GRANT, granted.grant, granted.signature, value["granted_at"])
    need(value["federation"] == federation and value["grantee"] == agency)
    need(value["wrap_digest"] == sha(granted.wrap))
    need(value["statement"] == sha(got.statement))
    signed, header = check_signed(
        got.statement, got.signature, got.frame_header, originator, federation
    )
    need(header["marking"]["regrant"] == "originator" and value["grantor"] == header["originator"])
    need(len(got.notices) == 1 and not (got.withheld or got.stub))
    need(not (got.recipient or got.recipient_path or got.wrap))
    index, notice, body, path = got.notices[0]
    leaf = notice_leaf(notice, body)
    need((index, leaf) == (value["index"], value["leaf_hash"]))
    need(root_by_path(leaf, index, signed["n"], path) == signed["notice_root"])
    need(notice_header(notice)["notice_id"] == value["notice_id"])
    key = unwrap(private_key(seed), grant_info(value), granted.wrap)
    return index, key, open_body(key, got.frame_header, notice, body)


def check_recall(data: bytes, signature: bytes, keys: bytes, federation: bytes) -> dict[str, Any]:
    value = recall(data)
    verify(named_by(value, keys), RECALL, data, signature, value["recalled_at"])
    need(value["federation"] == federation)
    return value


def letter_info(header: bytes) -> bytes:
    return framed("tocsin/letter-body/v1", header)


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A letter as it comes."""

    letter: bytes
    sealed: bytes
    signature: bytes


def open_letter(got: Posted, *, keys: bytes, federation: bytes, seed: bytes) -> bytes:
    """Return the content of a letter: 21.3."""
    need(len(got.sealed) in SIZES)
    value = letter(got.letter)
    header = value["header"]
    verify(named_by(header, keys), LETTER, got.letter, got.signature, header["created_at"])
    need(header["federation"] == federation and value["digest"] == sha(got.sealed))
    written, _ = read("tocsin/letter/v1", got.letter, 2)
    return unpadded(hpke_open(private_key(seed), letter_info(written), got.sealed))


def _place(value: Mapping[str, Any]) -> tuple[bytes, bytes, bytes]:
    return value["statement"], u(value["index"], 4), value["leaf_hash"]


def written_grant(value: Mapping[str, Any]) -> bytes:
    return framed(
        "tocsin/grant/v1",
        value["federation"],
        *_place(value["place"]),
        value["grantor"].encode(),
        value["keyset_id"].encode(),
        value["grantee"].encode(),
        value["key_id"].encode(),
        value["wrap_digest"],
        value["rule_book"],
        u(value["granted_at"], 8),
        u(value["expires_at"], 8),
        value["notice_id"],
    )


def written_recall(value: Mapping[str, Any]) -> bytes:
    return framed(
        "tocsin/recall/v1",
        value["federation"],
        *_place(value["place"]),
        value["originator"].encode(),
        value["keyset_id"].encode(),
        value["reason"].encode(),
        u(value["recalled_at"], 8),
        u(value["answer_by"], 8),
    )


def written_header(value: Mapping[str, Any]) -> bytes:
    return framed(
        "tocsin/letter-header/v1",
        value["kind"].encode(),
        value["federation"],
        value["letter_id"],
        value["sender"].encode(),
        value["keyset_id"].encode(),
        value["recipient"].encode(),
        value["key_id"].encode(),
        u(value["created_at"], 8),
        value["originator"].encode(),
        *_place(value["place"]),
        value["answers"],
    )


def post(sender: Originator, value: Mapping[str, Any], public: bytes, content: bytes) -> Posted:
    """Seal a content under the header with these items, and sign it."""
    header = written_header(value)
    sealed = wrap(public, letter_info(header), padded(content))
    data = framed("tocsin/letter/v1", header, sha(sealed))
    return Posted(letter=data, sealed=sealed, signature=sender.sign(LETTER, data))


def admit(
    grantor: Originator, value: Mapping[str, Any], public: bytes, content_key: bytes
) -> Granted:
    """Wrap a content key to the grantee of the grant with these items, and sign that."""
    wrapped = wrap(public, grant_info({**value, **value["place"]}), content_key)
    data = written_grant({**value, "wrap_digest": sha(wrapped)})
    return Granted(grant=data, wrap=wrapped, signature=grantor.sign(GRANT, data))
