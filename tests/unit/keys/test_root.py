# SPDX-License-Identifier: Apache-2.0
"""The federation's root: who must sign which version, and every step that is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from keys.errors import Reason, RootError, SignatureError, TrustError
from keys.framing import framed, listed, sha256, u64, unframe
from keys.merkle import EMPTY_ROOT
from keys.root import (
    MAX_STEWARDS,
    NO_PREVIOUS,
    RootDocument,
    SignedRoot,
    Steward,
    federation_id,
    sign_root,
    verified_roots,
    verify_roots,
)
from keys.signers import SeedSigner
from keys.signing import PAYLOAD_ENTRY, PAYLOAD_ROOT
from tests.simulator.federation import DAY, NOW, YEARS


def signer(name: str, year: int = 2026) -> SeedSigner:
    """Return a steward's signer; the same for the same name and year."""
    seed = f"{name} {year}".encode()
    return SeedSigner(
        keyset_id=f"{name}-{year}", ed25519_seed=sha256(seed), mldsa65_seed=sha256(seed + b"m")
    )


def steward(name: str, year: int = 2026) -> Steward:
    keyset = signer(name, year).public(valid_from=NOW - DAY, valid_until=NOW + YEARS)
    return Steward(name=name, keyset=keyset, tls_root=b"certificate")


def document(names: Iterable[str] = "abc", threshold: int = 2, **changes: Any) -> RootDocument:
    """Return version 1 with stewards named by two equal letters each."""
    values: dict[str, Any] = {
        "version": 1,
        "name": "Example federation",
        "threshold": threshold,
        "stewards": tuple(steward(name * 2) for name in sorted(names)),
        "log_origin": "broker.example/log",
        "log_key": bytes(32),
        "broker_tls_root": b"certificate",
        "created_at": NOW,
        "expires_at": NOW + YEARS,
        "previous": NO_PREVIOUS,
    }
    return RootDocument(**{**values, **changes})


def signed(root: RootDocument, by: Iterable[str]) -> SignedRoot:
    """Return a root signed by the stewards named."""
    body = SignedRoot(body=root.encode())
    for name in by:
        body = sign_root(body, signer(name * 2))
    return body


FIRST = signed(document(), "ab")


def second(names: Iterable[str] = "bcd", threshold: int = 2, **changes: Any) -> RootDocument:
    """Return version 2 after `FIRST`."""
    return document(
        names,
        threshold,
        **{"version": 2, "previous": sha256(FIRST.body), "created_at": NOW + 1, **changes},
    )


def refusal(roots: Sequence[SignedRoot]) -> TrustError:
    with pytest.raises(TrustError) as refused:
        verify_roots(roots)
    return refused.value


def test_a_root_signed_by_the_threshold_verifies() -> None:
    assert verify_roots([FIRST]) == document()
    assert federation_id(FIRST) == sha256(document().encode())


def test_signatures_do_not_change_the_federations_name() -> None:
    assert federation_id(signed(document(), "ac")) == federation_id(FIRST)


@pytest.mark.parametrize("by", ["", "a", "d", "ad", "aa"])
def test_a_root_below_its_threshold_is_refused(by: str) -> None:
    refused = refusal([signed(document(), by)])
    assert isinstance(refused, RootError)
    assert refused.reason is Reason.NOT_ENOUGH_SIGNATURES


def test_a_signature_by_nobody_known_counts_for_nothing_and_harms_nothing() -> None:
    assert verify_roots([signed(document(), "abd")]) == document()


def test_one_wrong_signature_refuses_the_root() -> None:
    wrong = FIRST.with_signature("cc-2026", bytes(3373))
    assert refusal([wrong]).reason is Reason.SIGNATURE_INVALID


def test_a_signature_on_something_else_is_none_on_a_root() -> None:
    as_entry = signer("bb").sign(PAYLOAD_ENTRY, FIRST.body)
    other_body = signer("bb").sign(PAYLOAD_ROOT, FIRST.body + b"\x00")
    for signature in (as_entry, other_body):
        assert isinstance(refusal([FIRST.with_signature("bb-2026", signature)]), SignatureError)


def test_a_steward_whose_keys_have_ended_does_not_sign() -> None:
    ended = replace(steward("bb"), keyset=replace(steward("bb").keyset, valid_until=NOW))
    root = document(stewards=(steward("aa"), ended, steward("cc")))
    refused = refusal([signed(root, "ab")])
    assert (type(refused), refused.reason) == (SignatureError, Reason.EXPIRED)
    assert verify_roots([signed(root, "ac")]) == root


# Versions 1 to 2: stewards a, b, c (two must sign), then b, c, d (two must sign).


@pytest.mark.parametrize("by", ["bc", "abd", "acd", "bcd", "abcd"])
def test_a_step_signed_by_both_thresholds_is_taken(by: str) -> None:
    roots = [FIRST, signed(second(), by)]
    assert [root.version for root in verified_roots(roots)] == [1, 2]
    assert federation_id(roots[0]) == federation_id(FIRST)


@pytest.mark.parametrize("by", ["", "b", "ab", "ac", "bd", "cd", "ad"])
def test_a_step_signed_by_one_threshold_only_is_refused(by: str) -> None:
    refused = refusal([FIRST, signed(second(), by)])
    assert isinstance(refused, RootError)
    assert refused.reason is Reason.NOT_ENOUGH_SIGNATURES


@pytest.mark.parametrize(("threshold", "by", "taken"), [(3, "bcd", True), (3, "bc", False)])
def test_a_higher_threshold_holds_from_the_step_that_brings_it(
    threshold: int, by: str, taken: bool
) -> None:
    roots = [FIRST, signed(second(threshold=threshold), by)]
    if taken:
        assert verify_roots(roots).threshold == 3
    else:
        assert refusal(roots).reason is Reason.NOT_ENOUGH_SIGNATURES


def test_a_lower_threshold_does_not_hold_for_the_step_that_brings_it() -> None:
    lower = second("ab", 1)
    assert refusal([FIRST, signed(lower, "b")]).reason is Reason.NOT_ENOUGH_SIGNATURES
    assert verify_roots([FIRST, signed(lower, "ab")]).threshold == 1


def test_a_steward_who_changes_keys_signs_with_the_old_and_the_new() -> None:
    root = second(stewards=(steward("aa", 2027), steward("bb"), steward("cc")))
    old_only = signed(root, "ac")
    both = sign_root(old_only, signer("aa", 2027))
    assert refusal([FIRST, old_only]).reason is Reason.NOT_ENOUGH_SIGNATURES
    assert verify_roots([FIRST, both]).steward("aa") == steward("aa", 2027)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 3},
        {"previous": sha256(b"another")},
        {"created_at": NOW - 1},
    ],
)
def test_a_step_that_does_not_follow_is_refused(changes: dict[str, Any]) -> None:
    refused = refusal([FIRST, signed(second(**changes), "bc")])
    assert (type(refused), refused.reason) == (RootError, Reason.ROOT_INVALID)


def test_a_step_that_forgets_entries_is_refused() -> None:
    ten = second(directory_size=10, directory_root=bytes(32))
    step = signed(ten, "bc")
    third = replace(
        ten,
        version=3,
        previous=sha256(step.body),
        directory_size=9,
    )
    refused = refusal([FIRST, step, signed(third, "bc")])
    assert (type(refused), refused.reason) == (RootError, Reason.ROOT_INVALID)


def test_a_version_left_out_or_in_another_order_is_refused() -> None:
    step = signed(second(), "bc")
    third = signed(replace(second(), version=3, previous=sha256(step.body)), "bc")
    assert len(verified_roots([FIRST, step, third])) == 3
    for roots in ([FIRST, third], [step, FIRST], [step], [FIRST, FIRST], []):
        assert refusal(roots).reason is Reason.ROOT_INVALID


def test_version_1_of_another_federation_is_another_federation() -> None:
    other = signed(document(name="Other federation"), "ab")
    assert federation_id(other) != federation_id(FIRST)
    assert refusal([other, signed(second(), "bc")]).reason is Reason.ROOT_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0, "previous": bytes(31) + b"\x01"},
        {"version": 2},
        {"previous": bytes(31) + b"\x01"},
        {"name": ""},
        {"name": "a\u202eb"},
        {"threshold": 0},
        {"threshold": 4},
        {"stewards": ()},
        {"stewards": (steward("bb"), steward("aa"))},
        {"stewards": (steward("aa"), steward("aa"))},
        {"stewards": tuple(steward(f"s{number:02}") for number in range(MAX_STEWARDS + 1))},
        {"log_origin": "broker+log"},
        {"log_origin": "broker log"},
        {"log_origin": ""},
        {"log_key": bytes(31)},
        {"broker_tls_root": b""},
        {"broker_tls_root": bytes(16 * 1024 + 1)},
        {"created_at": -1},
        {"expires_at": NOW},
        {"expires_at": 2**60},
        {"previous": b""},
        {"directory_size": 1},
        {"directory_root": bytes(32)},
        {"directory_size": 1, "directory_root": bytes(32)},
    ],
)
def test_a_malformed_root_does_not_exist(changes: dict[str, Any]) -> None:
    with pytest.raises(RootError) as refused:
        document(**changes)
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"previous": b"p" * 31},
        {"previous": b"p" * 33},
        {"directory_size": 1, "directory_root": b"d" * 31},
        {"directory_size": 1, "directory_root": b""},
    ],
)
def test_hashes_of_a_later_root_have_32_bytes(changes: dict[str, Any]) -> None:
    with pytest.raises(RootError, match="expected 32"):
        second(**changes)


@pytest.mark.parametrize("share", ["keyset_id", "ed25519", "mldsa65"])
def test_two_stewards_do_not_share_a_key(share: str) -> None:
    one, two = steward("aa"), steward("bb")
    shared = replace(two.keyset, **{share: getattr(one.keyset, share)})
    with pytest.raises(RootError, match="share a key"):
        document(stewards=(one, replace(two, keyset=shared)))


@pytest.mark.parametrize("tls_root", [b"", bytes(16 * 1024 + 1)])
def test_a_steward_has_a_tls_root_of_bounded_size(tls_root: bytes) -> None:
    with pytest.raises(RootError):
        replace(steward("aa"), tls_root=tls_root)
    with pytest.raises(RootError):
        replace(steward("aa"), name="steward-a")


def test_a_root_reads_back() -> None:
    assert RootDocument.decode(document().encode()) == document()
    later = second(directory_size=3, directory_root=b"d" * 32)
    assert RootDocument.decode(later.encode()) == later
    assert SignedRoot.decode(FIRST.encode()) == FIRST
    assert Steward.decode(steward("aa").encode()) == steward("aa")
    assert document().directory_root == EMPTY_ROOT


CERTIFICATE = 6
"""The one item of a root of which only the length is checked."""


@pytest.mark.parametrize("place", [place for place in range(12) if place != CERTIFICATE])
def test_root_bytes_with_a_byte_more_in_any_item_are_refused(place: int) -> None:
    items = unframe("tocsin/root/v1", document().encode(), 12)
    items[place] += b"\x00"
    with pytest.raises(RootError):
        RootDocument.decode(framed("tocsin/root/v1", *items))


def test_truncated_and_extended_root_bytes_are_refused() -> None:
    for data in (b"", FIRST.body[:-1], FIRST.body + b"\x00", FIRST.body[: len(FIRST.body) // 2]):
        assert isinstance(refusal([replace(FIRST, body=data)]), RootError)
    for data in (b"", FIRST.encode()[:-1], FIRST.encode() + b"\x00"):
        with pytest.raises(RootError):
            SignedRoot.decode(data)


def test_a_steward_with_a_malformed_keyset_is_refused_as_a_root() -> None:
    items = unframe("tocsin/root/v1", document().encode(), 12)
    items[3] = listed((framed("tocsin/steward/v1", b"aa", b"keyset", b"certificate"),))
    with pytest.raises(RootError):
        RootDocument.decode(framed("tocsin/root/v1", *items))


SIGNATURE = bytes(3373)


@pytest.mark.parametrize(
    "pairs",
    [
        [(b"b", SIGNATURE), (b"a", SIGNATURE)],
        [(b"a", SIGNATURE), (b"a", SIGNATURE)],
        [(b"a", SIGNATURE[:-1])],
        [(b"a b", SIGNATURE)],
        [(b"\xff", SIGNATURE)],
        [(b"a",)],
        [(b"a", SIGNATURE, b"")],
    ],
    ids=["descending", "twice", "short", "no id", "not text", "half", "three"],
)
def test_signatures_that_encode_would_not_write_are_refused(
    pairs: list[tuple[bytes, ...]],
) -> None:
    data = framed("tocsin/signed-root/v1", b"body", listed(map(listed, pairs)))
    with pytest.raises(RootError):
        SignedRoot.decode(data)


def test_signing_again_replaces_and_keeps_the_order() -> None:
    body = SignedRoot(body=b"body").with_signature("b", b"1").with_signature("a", b"2")
    assert body.with_signature("b", b"3").signatures == (("a", b"2"), ("b", b"3"))


def test_a_steward_is_found_by_name() -> None:
    assert document().steward("bb") == steward("bb")
    assert document().steward("zz") is None


def test_a_version_is_a_number_of_64_bits() -> None:
    items = unframe("tocsin/root/v1", document().encode(), 12)
    items[0] = u64(2**64 - 1)
    with pytest.raises(RootError):
        RootDocument.decode(framed("tocsin/root/v1", *items))
