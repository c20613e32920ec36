# SPDX-License-Identifier: Apache-2.0
"""Transport identities: each agency and steward is a trust domain with a root of its own.

The name is read from the certificate first, then the chain is verified against that name's roots
and no others: a pool of all roots would let each agency's root name every agency. Source: SPIFFE
X.509-SVID, RFC 5280; docs/protocol.md section 13.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from keys.errors import CertificateError, FramingError, Reason
from keys.fields import STEWARD_PREFIX, check_agency
from keys.framing import refusing, sha256

BROKER_NAME = "broker.tocsin"
"""The name that agencies expect in the broker's certificate, wherever it listens."""
MAX_CHAIN_BYTES = 64 * 1024
MAX_CHAIN_DEPTH = 2
"""Intermediates between a leaf and its pinned root."""

_SPIFFE = re.compile(r"spiffe://([a-z0-9-]{2,64})\.tocsin/gateway")
_UNREADABLE = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
"""What the parser raises for hostile certificates; they have no common base."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedKey:
    """A certificate and its private key, both DER (the key PKCS #8, unencrypted)."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return to_pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM, unencrypted."""
        return _loaded_key(self.key).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerName:
    """Whose gateway a certificate names."""

    name: str
    is_steward: bool

    @property
    def spiffe_id(self) -> str:
        """The URI that certificates carry."""
        return f"spiffe://{STEWARD_PREFIX if self.is_steward else ''}{self.name}.tocsin/gateway"


@refusing(CertificateError)
def agency_spiffe_id(agency: str) -> str:
    """Return the SPIFFE id of an agency's gateway."""
    check_agency(agency)
    return PeerName(name=agency, is_steward=False).spiffe_id


@refusing(CertificateError)
def steward_spiffe_id(name: str) -> str:
    """Return the SPIFFE id of a steward."""
    check_agency(name)
    return PeerName(name=name, is_steward=True).spiffe_id


def generate_key() -> bytes:
    """Return a fresh P-256 private key, PKCS #8 DER."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )


def _loaded_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    loaded = load_der_private_key(key, password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise CertificateError(Reason.KEY_INVALID, "TLS key is not an elliptic curve key")
    return loaded


def make_root(
    name: str, *, not_before: int, not_after: int, key: bytes | None = None
) -> CertifiedKey:
    """Return a self-signed root that may issue leaves and nothing below them.

    Args:
        name: its common name, for people.
        not_before: milliseconds since 1970.
        not_after: milliseconds since 1970.
        key: PKCS #8 DER; a fresh P-256 key unless given.
    """
    key = generate_key() if key is None else key
    private = _loaded_key(key)
    subject = _common_name(name)
    usage = _usage(certificates=True)
    certificate = (
        _builder(subject, subject, private, private)
        .not_valid_before(_instant(not_before))
        .not_valid_after(_instant(not_after))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(private, SHA256())
    )
    return CertifiedKey(certificate=certificate.public_bytes(Encoding.DER), key=key)


def issue_leaf(
    root: CertifiedKey,
    *,
    not_before: int,
    not_after: int,
    uri: str = "",
    names: Sequence[str] = (),
    key: bytes | None = None,
) -> CertifiedKey:
    """Return a leaf for TLS clients and servers.

    Args:
        root: issues it.
        not_before: milliseconds since 1970.
        not_after: milliseconds since 1970.
        uri: SPIFFE id, for a gateway or steward.
        names: DNS names and IP addresses, for a server.
        key: PKCS #8 DER; a fresh P-256 key unless given (renewal keeps the pinned key).
    """
    key = generate_key() if key is None else key
    private, issuer = _loaded_key(key), x509.load_der_x509_certificate(root.certificate)
    alternatives = [*map(_general_name, names)]
    if uri:
        alternatives.append(x509.UniformResourceIdentifier(uri))
    issuing = _loaded_key(root.key)
    both = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        _builder(_common_name("gateway"), issuer.subject, private, issuing)
        .not_valid_before(_instant(not_before))
        .not_valid_after(_instant(not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(issuing, SHA256())
    )
    return CertifiedKey(certificate=certificate.public_bytes(Encoding.DER), key=key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    private: ec.EllipticCurvePrivateKey,
    issuing: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key()),
            critical=False,
        )
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _instant(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)


def to_pem(certificate: bytes) -> bytes:
    """Return a DER certificate in PEM.

    Raises:
        CertificateError: not a certificate.
    """
    return _loaded(certificate).public_bytes(Encoding.PEM)


def names_its_own_key(root: bytes) -> bool:
    """Whether a DER certificate is signed by its own key and identifies it by SHA-1 (RFC 5280).

    Only such roots may stand together in one pool. A TLS library finds the issuer of a certificate
    by name and key identifier, and gives up when the first that it finds does not fit: a root that
    copies those of somebody else's would keep that party out.

    Source: RFC 5280 section 4.2.1.2, method (1).
    """
    try:
        loaded = _loaded(root)
        loaded.verify_directly_issued_by(loaded)
        held = loaded.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        made = x509.SubjectKeyIdentifier.from_public_key(loaded.public_key())
    except (*_UNREADABLE, CertificateError, InvalidSignature, TypeError, x509.ExtensionNotFound):
        return False
    return held == made


def spki_pin(certificate: bytes) -> bytes:
    """Return SHA-256 of the public key (SubjectPublicKeyInfo, DER) of a PEM or DER certificate.

    Raises:
        CertificateError: not a certificate, or of a key that does not load.
    """
    try:
        public = _loaded(certificate).public_key()
    except _UNREADABLE:
        raise CertificateError(Reason.MALFORMED, "key of a certificate does not load") from None
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def thumbprint(certificate: bytes) -> bytes:
    """Return SHA-256 of a PEM or DER certificate in DER: RFC 8705's `x5t#S256`.

    Raises:
        CertificateError: not a certificate.
    """
    return sha256(_loaded(certificate).public_bytes(Encoding.DER))


def _loaded(certificate: bytes) -> x509.Certificate:
    try:
        if certificate.startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(certificate)
        return x509.load_der_x509_certificate(certificate)
    except _UNREADABLE:
        raise CertificateError(Reason.MALFORMED, "certificate does not load") from None


def peer_name(leaf: bytes) -> PeerName:
    """Return whose gateway a PEM or DER certificate says it is, before anything is verified.

    Raises:
        CertificateError: malformed, or not exactly one URI of our form in it.
    """
    try:
        extensions = _loaded(leaf).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*_UNREADABLE, x509.ExtensionNotFound):
        raise CertificateError(
            Reason.CERTIFICATE_INVALID, "certificate names no SPIFFE id"
        ) from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    match = _SPIFFE.fullmatch(uris[0]) if len(uris) == 1 else None
    if match is None:
        raise CertificateError(
            Reason.CERTIFICATE_INVALID, "certificate has not exactly one SPIFFE id of ours"
        )
    domain = match[1]
    name = domain.removeprefix(STEWARD_PREFIX)
    try:
        check_agency(name)
    except FramingError as error:
        raise CertificateError(Reason.CERTIFICATE_INVALID, error.detail) from None
    return PeerName(name=name, is_steward=domain != name)


def verify_peer(leaf: bytes, chain: bytes, roots: Sequence[bytes], now: int) -> str:
    """Check a TLS client's chain against the roots of the name that it claims.

    Args:
        leaf: PEM or DER.
        chain: further certificates in PEM, may be empty.
        roots: DER; those of `peer_name(leaf)` in the directory, and of nobody else.
        now: milliseconds since 1970.

    Returns:
        The SPIFFE id in the leaf.

    Raises:
        CertificateError: no chain to `roots`, outside its validity, or not for TLS clients.
    """
    verified_root(leaf, chain, roots, now)
    return peer_name(leaf).spiffe_id


def verified_root(leaf: bytes, chain: bytes, roots: Sequence[bytes], now: int) -> bytes:
    """Check a TLS client's chain as `verify_peer`; return the root that it ends in, DER.

    Raises:
        CertificateError: as `verify_peer`.
    """
    spiffe_id = peer_name(leaf).spiffe_id
    if len(chain) > MAX_CHAIN_BYTES:
        raise CertificateError(Reason.LIMIT_EXCEEDED, f"certificate chain of {len(chain)} bytes")
    if not roots:
        raise CertificateError(Reason.CERTIFICATE_INVALID, f"no roots are known for {spiffe_id}")
    try:
        intermediates = x509.load_pem_x509_certificates(chain) if chain else []
        store = Store(list(map(_loaded, roots)))
        policy = PolicyBuilder().store(store).time(_instant(now)).max_chain_depth(MAX_CHAIN_DEPTH)
        verified = policy.build_client_verifier().verify(_loaded(leaf), intermediates)
    except (*_UNREADABLE, VerificationError):
        raise CertificateError(
            Reason.CERTIFICATE_INVALID, f"certificate of {spiffe_id} does not chain to its roots"
        ) from None
    return verified.chain[-1].public_bytes(Encoding.DER)


def valid_until(certificate: bytes) -> int:
    """Return the last instant, in milliseconds since 1970, at which a certificate is valid."""
    return int((_loaded(certificate).not_valid_after_utc - _EPOCH) / timedelta(milliseconds=1))
