# SPDX-License-Identifier: Apache-2.0
"""Who is in the vectors: a federation whose every secret is derived from a name.

`secret(name)` is SHA-256 of "tocsin test vectors: " and the name. Signatures, wraps,
ciphertexts and certificates are random when made: those of earlier files are taken where they
still verify.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys.errors import OpenError, SignatureError
from keys.framing import sha256
from keys.hpke import OVERHEAD_BYTES, WRAP_BYTES, seal_to, wrap
from keys.identities import DecryptionKey
from keys.recipients import EncryptionKey
from keys.signers import SeedSigner
from keys.signing import SIGNATURE_BYTES, Keyset, verify
from keys.tls import CertifiedKey, agency_spiffe_id, issue_leaf, make_root
from tests.vectors.form import Kept

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_795_500_000_000
"""2026-11-24T06:00:00Z, when the frame is sealed."""
LATER = NOW + 40 * DAY
"""When one agency is locked and unlocked and another retires."""
BEGIN, END = NOW - 30 * DAY, NOW + 335 * DAY
TOPIC, LATER_TOPIC = "trafficking/labour", "trafficking/online"
ORIGIN = "broker.example/log"
AGENCIES = ("gr-pol", "hr-ngo", "ro-pol")
GRANTEE = "it-lab"
"""Admitted to one notice later; the vectors' directory does not have it."""
STEWARDS = ("alpha", "beta", "gamma")
LATER_STEWARD = "delta"
SIGN_KEYSET, SEAL_KEY_ID = "2026-11-sign", "2026-11-seal"


def secret(name: str) -> bytes:
    """Return the 32 bytes that stand for a secret called `name`."""
    return sha256(b"tocsin test vectors: " + name.encode())


def short_id(name: str) -> bytes:
    """Return 16 bytes that stand for a random id."""
    return secret(name)[:16]


def uuid7(name: str, time_ms: int = NOW) -> bytes:
    """Return a UUID of version 7 whose random part is derived from a name."""
    random = secret(name)[:10]
    return time_ms.to_bytes(6, "big") + bytes(
        [0x70 | random[0] & 0x0F, random[1], 0x80 | random[2] & 0x3F, *random[3:]]
    )


def tls_key(name: str) -> bytes:
    """Return a P-256 private key (PKCS #8 DER) derived from a name."""
    scalar = int.from_bytes(secret(f"{name} tls"), "big") >> 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSigner:
    """A signer that gives an earlier signature again when it verifies."""

    inner: SeedSigner
    kept: Kept

    @property
    def keyset_id(self) -> str:
        return self.inner.keyset_id

    def public(self, *, valid_from: int = BEGIN, valid_until: int = END) -> Keyset:
        return self.inner.public(valid_from=valid_from, valid_until=valid_until)

    def sign(self, payload_type: str, payload: bytes) -> bytes:
        keyset = self.public()
        for signature in self.kept.of_length(SIGNATURE_BYTES):
            try:
                verify(keyset, payload_type, payload, signature)
            except SignatureError:
                continue
            return signature
        return self.kept.add(self.inner.sign(payload_type, payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody's keys."""

    kept: Kept

    def signer(self, name: str) -> KeptSigner:
        """Return the signer of an agency or steward."""
        inner = SeedSigner(
            keyset_id=SIGN_KEYSET if name in AGENCIES else f"{name}-2026",
            ed25519_seed=secret(f"{name} ed25519"),
            mldsa65_seed=secret(f"{name} mldsa65"),
        )
        return KeptSigner(inner=inner, kept=self.kept)

    def decryption(self, agency: str) -> DecryptionKey:
        """Return an agency's decryption key."""
        return DecryptionKey(key_id=SEAL_KEY_ID, seed=secret(f"{agency} decryption"))

    def encryption(self, agency: str) -> EncryptionKey:
        """Return an agency's encryption key."""
        return self.decryption(agency).public(valid_from=BEGIN, valid_until=END)

    def wrapped(self, agency: str, info: bytes, held: bytes) -> bytes:
        """Return a wrap of `held` to an agency: an earlier one that opens, or a new one."""
        key = self.decryption(agency)
        for earlier in self.kept.of_length(WRAP_BYTES):
            try:
                opened = key.unwrap(earlier, info)
            except OpenError:
                continue
            if opened == held:
                return earlier
        return self.kept.add(wrap(self.encryption(agency).public, info, held))

    def sealed(self, agency: str, info: bytes, plain: bytes) -> bytes:
        """Return `plain` sealed to an agency: an earlier one that opens, or a new one."""
        key = self.decryption(agency)
        for earlier in self.kept.of_length(OVERHEAD_BYTES + len(plain)):
            try:
                opened = key.decrypt(earlier, info)
            except OpenError:
                continue
            if opened == plain:
                return earlier
        return self.kept.add(seal_to(self.encryption(agency).public, info, plain))

    def encrypted(self, key: bytes, context: bytes, plain: bytes) -> bytes:
        """Return `plain` under Cobblestone-256: an earlier ciphertext of it, or a new one."""
        encryptor = Cobblestone256Encryptor(key, context)
        made = encryptor.update(plain) + encryptor.finalize()
        for earlier in self.kept.of_length(len(made)):
            decryptor = Cobblestone256Decryptor(key, context)
            try:
                if decryptor.update(earlier) + decryptor.finalize() == plain:
                    return earlier
            except InvalidTag:
                continue
        return self.kept.add(made)

    def tls_root(self, name: str) -> CertifiedKey:
        """Return the TLS root of an agency, a steward or the broker."""
        made = make_root(name, not_before=BEGIN, not_after=END, key=tls_key(f"{name} root"))
        return self._earlier(made, None)

    def tls_leaf(self, agency: str) -> CertifiedKey:
        """Return the certificate of an agency's gateway."""
        root = self.tls_root(agency)
        made = issue_leaf(
            root,
            not_before=BEGIN,
            not_after=END,
            uri=agency_spiffe_id(agency),
            key=tls_key(f"{agency} gateway"),
        )
        return self._earlier(made, root)

    def _earlier(self, made: CertifiedKey, issuer: CertifiedKey | None) -> CertifiedKey:
        for earlier in self.kept.certificates():
            issued_by = earlier if issuer is None else issuer.certificate
            if _says_the_same(earlier, made.certificate) and _is_issued_by(earlier, issued_by):
                return CertifiedKey(certificate=earlier, key=made.key)
        self.kept.add(made.certificate)
        return made


def _says_the_same(one: bytes, other: bytes) -> bool:
    """Whether two certificates differ in serial number and signature only."""
    return _said(x509.load_der_x509_certificate(one)) == _said(
        x509.load_der_x509_certificate(other)
    )


def _said(certificate: x509.Certificate) -> tuple[object, ...]:
    return (
        certificate.subject,
        certificate.issuer,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        certificate.public_key(),
        [(one.oid, one.critical, one.value) for one in certificate.extensions],
    )


def _is_issued_by(certificate: bytes, issuer: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(certificate).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer)
        )
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
