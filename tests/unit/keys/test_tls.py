# SPDX-License-Identifier: Apache-2.0
"""Transport identities: each name is proved by its own roots and by no others."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keys.errors import CertificateError, Reason
from keys.tls import (
    MAX_CHAIN_BYTES,
    CertifiedKey,
    agency_spiffe_id,
    generate_key,
    issue_leaf,
    make_root,
    peer_name,
    spki_pin,
    steward_spiffe_id,
    to_pem,
    valid_until,
    verified_root,
    verify_peer,
)

NOW = 1_795_500_000_000
DAY = 86_400_000
URI = "spiffe://gr-pol.tocsin/gateway"


def root_of(name: str, begin: int = NOW - DAY, end: int = NOW + 90 * DAY) -> CertifiedKey:
    return make_root(name, not_before=begin, not_after=end)


def leaf_of(
    root: CertifiedKey, uri: str = URI, begin: int = NOW - DAY, end: int = NOW + DAY
) -> CertifiedKey:
    return issue_leaf(root, uri=uri, not_before=begin, not_after=end)


ROOT, OTHER = root_of("gr-pol"), root_of("ro-pol")
LEAF = leaf_of(ROOT)


def loaded(key: bytes) -> ec.EllipticCurvePrivateKey:
    private = load_der_private_key(key, password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private


def odd_leaf(
    *names: str,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    issuer: CertifiedKey = ROOT,
    is_ca: bool = False,
) -> bytes:
    """Return a certificate that `issue_leaf` would not make, in DER."""
    private, issuing = ec.generate_private_key(ec.SECP256R1()), loaded(issuer.key)
    above = x509.load_der_x509_certificate(issuer.certificate)
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=NOW)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")]))
        .issuer_name(above.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(instant - timedelta(days=1))
        .not_valid_after(instant + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key()),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if names:
        uris = [x509.UniformResourceIdentifier(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(uris), critical=False)
    return builder.sign(issuing, SHA256()).public_bytes(Encoding.DER)


def assert_refused(
    leaf: bytes, roots: list[bytes], *, chain: bytes = b"", now: int = NOW
) -> CertificateError:
    with pytest.raises(CertificateError) as refused:
        verify_peer(leaf, chain, roots, now)
    return refused.value


def test_a_gateway_is_proved_by_its_agencys_root() -> None:
    assert verify_peer(LEAF.certificate, b"", [ROOT.certificate], NOW) == URI
    assert verify_peer(LEAF.certificate_pem, b"", [ROOT.certificate], NOW) == URI


def test_a_root_that_is_being_replaced_counts_beside_the_new_one() -> None:
    roots = [OTHER.certificate, ROOT.certificate]
    assert verify_peer(LEAF.certificate, b"", roots, NOW) == URI
    assert verified_root(LEAF.certificate, b"", roots, NOW) == ROOT.certificate


def test_a_steward_is_proved_by_its_own_root() -> None:
    root = root_of("alpha")
    leaf = leaf_of(root, steward_spiffe_id("alpha"))
    assert verify_peer(leaf.certificate, b"", [root.certificate], NOW).endswith(
        "steward-alpha.tocsin/gateway"
    )


@pytest.mark.must("TLS-3")
def test_a_foreign_root_naming_this_agency_is_refused() -> None:
    """Another enrolled agency's root issues a certificate in gr-pol's name."""
    forged = leaf_of(OTHER)
    assert peer_name(forged.certificate).name == "gr-pol"
    refused = assert_refused(forged.certificate, [ROOT.certificate])
    assert refused.reason is Reason.CERTIFICATE_INVALID
    assert refused.detail == f"certificate of {URI} does not chain to its roots"


def test_a_root_of_the_same_name_and_another_key_is_refused() -> None:
    assert_refused(LEAF.certificate, [root_of("gr-pol").certificate])


def test_without_roots_nothing_is_proved() -> None:
    assert "no roots are known" in assert_refused(LEAF.certificate, []).detail


@pytest.mark.parametrize("now", [NOW - 2 * DAY, NOW + 2 * DAY])
def test_a_certificate_outside_its_time_is_refused(now: int) -> None:
    refused = assert_refused(LEAF.certificate, [ROOT.certificate], now=now)
    assert refused.reason is Reason.CERTIFICATE_INVALID


def test_an_expired_root_proves_nothing() -> None:
    root = root_of("gr-pol", NOW - 9 * DAY, NOW - DAY)
    leaf = leaf_of(root, begin=NOW - 9 * DAY, end=NOW + DAY)
    assert_refused(leaf.certificate, [root.certificate])


@pytest.mark.must("TLS-5")
def test_a_certificate_for_servers_only_is_refused() -> None:
    server = odd_leaf(URI, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    assert_refused(server, [ROOT.certificate])
    signing = odd_leaf(URI, usage=ExtendedKeyUsageOID.CODE_SIGNING)
    assert_refused(signing, [ROOT.certificate])
    assert verify_peer(odd_leaf(URI), b"", [ROOT.certificate], NOW) == URI


def test_a_gateway_issues_nothing() -> None:
    below = odd_leaf(URI, issuer=LEAF)
    assert_refused(below, [ROOT.certificate], chain=LEAF.certificate_pem)
    assert_refused(below, [ROOT.certificate])


def test_a_root_issues_gateways_and_no_further_issuers() -> None:
    key = generate_key()
    middle = CertifiedKey(certificate=odd_leaf(URI, is_ca=True), key=key)
    assert_refused(odd_leaf(URI, issuer=middle), [ROOT.certificate], chain=middle.certificate_pem)


def test_a_certificate_that_is_its_own_root_is_refused() -> None:
    assert_refused(ROOT.certificate, [ROOT.certificate])


@pytest.mark.parametrize(
    "chain", [b"\x00" * (MAX_CHAIN_BYTES + 1), b"-----BEGIN CERTIFICATE-----\n", b"junk"]
)
def test_a_chain_that_is_none_is_refused(chain: bytes) -> None:
    assert_refused(LEAF.certificate, [ROOT.certificate], chain=chain)


def test_a_chain_is_bounded_before_it_is_read() -> None:
    chain = LEAF.certificate_pem * (1 + MAX_CHAIN_BYTES // len(LEAF.certificate_pem))
    refused = assert_refused(LEAF.certificate, [ROOT.certificate], chain=chain)
    assert refused.reason is Reason.LIMIT_EXCEEDED


def test_a_root_that_is_no_certificate_is_refused() -> None:
    assert_refused(LEAF.certificate, [b"junk"])


@pytest.mark.parametrize(
    "uris",
    [
        (),
        ("https://gr-pol.example/gateway",),
        ("spiffe://gr-pol.tocsin/other",),
        ("spiffe://gr-pol.tocsin/gateway/x",),
        ("spiffe://gr-pol.tocsin.example/gateway",),
        ("spiffe://GR-POL.tocsin/gateway",),
        ("spiffe://g.tocsin/gateway",),
        ("spiffe://steward-.tocsin/gateway",),
        ("spiffe://steward-steward-a.tocsin/gateway",),
        ("spiffe://user@gr-pol.tocsin/gateway",),
        (URI, "spiffe://ro-pol.tocsin/gateway"),
        (URI, URI),
    ],
)
def test_a_certificate_that_names_no_single_gateway_is_refused(uris: tuple[str, ...]) -> None:
    with pytest.raises(CertificateError) as refused:
        peer_name(odd_leaf(*uris))
    assert refused.value.reason is Reason.CERTIFICATE_INVALID


def test_an_agencys_name_is_read_before_anything_is_verified() -> None:
    assert peer_name(LEAF.certificate).spiffe_id == agency_spiffe_id("gr-pol") == URI
    steward = peer_name(odd_leaf(steward_spiffe_id("alpha")))
    assert (steward.name, steward.is_steward) == ("alpha", True)


@pytest.mark.parametrize("name", ["", "g", "GR", "steward-x", "a.b", "x" * 33])
def test_only_an_agency_id_becomes_a_spiffe_id(name: str) -> None:
    for make in (agency_spiffe_id, steward_spiffe_id):
        with pytest.raises(CertificateError):
            make(name)


@pytest.mark.parametrize("data", [b"", b"junk", b"-----BEGIN CERTIFICATE-----", LEAF.key])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    for read in (peer_name, spki_pin, valid_until, to_pem):
        with pytest.raises(CertificateError) as refused:
            read(data)
        assert refused.value.reason is Reason.MALFORMED


def test_no_flipped_bit_of_a_certificate_raises_anything_else() -> None:
    """In whichever bit: it is refused, or (in a name nobody reads) still a certificate.

    The byte before the signature counts its unused bits; nobody signs it, and where the last bit is
    0 it may say 1 as well.
    """
    signature = x509.load_der_x509_certificate(LEAF.certificate).signature
    unused_bits = LEAF.certificate.rindex(signature) - 1
    verified = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for place in range(8 * len(LEAF.certificate)):
            flipped = bytearray(LEAF.certificate)
            flipped[place // 8] ^= 1 << place % 8
            for read in (peer_name, spki_pin, valid_until, to_pem):
                try:
                    read(bytes(flipped))
                except CertificateError:
                    continue
            try:
                verify_peer(bytes(flipped), b"", [ROOT.certificate], NOW)
            except CertificateError:
                continue
            verified.add(place // 8)
    assert verified <= {unused_bits}


def test_no_flipped_bit_of_a_root_raises_anything_else() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for place in range(8 * len(ROOT.certificate)):
            flipped = bytearray(ROOT.certificate)
            flipped[place // 8] ^= 1 << place % 8
            try:
                verify_peer(LEAF.certificate, b"", [bytes(flipped)], NOW)
            except CertificateError:
                continue


def test_a_renewed_certificate_keeps_its_pin() -> None:
    renewed = issue_leaf(ROOT, uri=URI, not_before=NOW, not_after=NOW + DAY, key=LEAF.key)
    assert renewed.certificate != LEAF.certificate
    assert spki_pin(renewed.certificate) == spki_pin(LEAF.certificate_pem)
    assert spki_pin(leaf_of(ROOT).certificate) != spki_pin(LEAF.certificate)


def test_a_root_made_again_with_its_key_still_proves_its_leaves() -> None:
    again = make_root("gr-pol", not_before=NOW, not_after=NOW + DAY, key=ROOT.key)
    assert verify_peer(LEAF.certificate, b"", [again.certificate], NOW) == URI


def test_a_certificate_says_when_it_ends() -> None:
    assert valid_until(LEAF.certificate) == NOW + DAY


def test_a_server_certificate_holds_its_names() -> None:
    leaf = issue_leaf(
        ROOT, names=("broker.tocsin", "127.0.0.1", "::1"), not_before=NOW, not_after=NOW + DAY
    )
    names = x509.load_der_x509_certificate(leaf.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["broker.tocsin"]
    assert len(names.value.get_values_for_type(x509.IPAddress)) == 2


def test_a_private_key_is_in_no_repr() -> None:
    assert LEAF.key.hex() not in repr(LEAF)
    assert repr(LEAF.key) not in repr(LEAF)
    assert b"PRIVATE KEY" in LEAF.key_pem


def test_a_key_of_another_kind_issues_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(CertificateError) as refused:
        make_root("gr-pol", not_before=NOW, not_after=NOW + DAY, key=key)
    assert refused.value.reason is Reason.KEY_INVALID
