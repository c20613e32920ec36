# SPDX-License-Identifier: Apache-2.0
"""An agency's private side: what it signs, opens, connects and keeps its store with.

Sealed into one key file under the passphrase. What the stewards are asked to publish of it, the
request, lies in the same file, so that the two cannot part. Not here: files and folders, and how
keys are renewed (`bootstrap.renewal`).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agency_client.domain.views import KeyStatus
from agency_client.errors import AgencyError, Reason
from keys.changes import AssertionKey
from keys.directory import Directory
from keys.entries import AgencyEntry, decode_content, encode_content
from keys.errors import KeyFileError, TrustError
from keys.errors import Reason as TrustReason
from keys.framing import read_uint, u8, u64
from keys.identities import (
    DecryptionKey,
    decryption_key_secrets,
    decryption_keys_from,
    generate_decryption_key,
)
from keys.recovery import RecoveryKey
from keys.signers import SeedSigner, generate_signer, signer_from
from keys.tls import (
    CertifiedKey,
    agency_spiffe_id,
    generate_key,
    issue_leaf,
    make_root,
    spki_pin,
    valid_until,
)

DAY_MS = 86_400_000
SIGNING_DAYS = 5 * 365
ENCRYPTION_DAYS = 2 * 365
"""After these the stewards admit renewed keys; an encryption key lives shorter, because whoever
takes it opens everything that was sealed to it."""
BACKDATED_MS = 10 * 60_000
"""Validity begins a little earlier, so that a slow clock elsewhere does not refuse it."""
STORE_KEY_BYTES = 32
SEED_BYTES = 32

_SIGNING = "signing"
_ASSERTION = "assertion.ed25519"
_REQUEST, _GATEWAY, _STORE = "request", "gateway.key", "store.key"
_TLS_ROOT, _ISSUING = "tls-root", "tls-root.issuing"
_SINCE, _FORMER = "tls-root.issuing-since", "tls-root.former"
"""A key file of before may lack these two."""
_RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of one agency.

    Attributes:
        request: what it asks the stewards to publish of them; old keysets are in it without a
            signer, because what they signed is still read.
        signers: newest first; at least one.
        decryption: what it opens with, old keys included.
        tls_roots: in the order of the request's; two while one takes the other's place.
        gateway_key: the key that its TLS certificate is for.
        store_key: opens what the agency remembers.
        assertion_seed: what it asserts of its officers with.
        issuing: which of `tls_roots` issues the gateway's certificate.
        issuing_since: since when it does, ms; 0 where it is the agency's first.
        former_root: DER of the root that the request left out last; its key is destroyed, and the
            directory may have it until stewards admit the request.
        recovery: to whom a second copy of all this is sealed, where custodians have shares.
    """

    request: AgencyEntry
    signers: tuple[SeedSigner, ...] = field(repr=False)
    decryption: tuple[DecryptionKey, ...] = field(repr=False)
    tls_roots: tuple[CertifiedKey, ...] = field(repr=False)
    gateway_key: bytes = field(repr=False)
    store_key: bytes = field(repr=False)
    assertion_seed: bytes = field(repr=False)
    issuing: int = 0
    issuing_since: int = 0
    former_root: bytes = b""
    recovery: RecoveryKey | None = None

    @property
    def ours(self) -> AgencyEntry:
        """All that the directory may have of us: the request, and the root left out last."""
        if not self.former_root:
            return self.request
        roots = (*self.request.tls_roots, self.former_root)
        return replace(self.request, tls_roots=roots)

    @property
    def agency(self) -> str:
        """The agency's id."""
        return self.request.agency

    @property
    def signer(self) -> SeedSigner:
        """The newest signer, whether the stewards have admitted it or not."""
        return self.signers[0]

    @property
    def tls_root(self) -> CertifiedKey:
        """The root that issues the gateway's certificate."""
        return self.tls_roots[self.issuing]

    @property
    def assertion_key_id(self) -> str:
        """Which key of the directory verifies what we assert of our officers."""
        return self.request.assertion_keys[0].key_id

    @property
    def assertion_key(self) -> Ed25519PrivateKey:
        """What we assert of our officers with."""
        return Ed25519PrivateKey.from_private_bytes(self.assertion_seed)

    @property
    def valid_from(self) -> int:
        """When the keys begin to count, in milliseconds since 1970."""
        return self.request.signing[0].valid_from

    @property
    def made_at(self) -> int:
        """When the keys were made, in milliseconds since 1970."""
        return self.valid_from + BACKDATED_MS

    @property
    def valid_until(self) -> int:
        """When the root of the TLS certificate ends, in milliseconds since 1970."""
        return valid_until(self.tls_root.certificate)

    @classmethod
    def generate(cls, about: AgencyEntry, now: int) -> Self:
        """Return fresh keys for the agency that `about` describes; its keys are replaced."""
        day = datetime.fromtimestamp(now / 1000, tz=UTC).strftime("%Y-%m-%d")
        start, end = now - BACKDATED_MS, now + SIGNING_DAYS * DAY_MS
        signer = generate_signer(f"{day}-sign")
        decryption = generate_decryption_key(f"{day}-seal")
        tls_root = new_root(about.agency, now)
        gateway_key = generate_key()
        assertion_seed = secrets.token_bytes(SEED_BYTES)
        leaf = _leaf(about.agency, tls_root, gateway_key, start, end)
        request = replace(
            about,
            tls_roots=(tls_root.certificate,),
            tls_key_pin=spki_pin(leaf.certificate),
            signing=(signer.public(valid_from=start, valid_until=end),),
            encryption=(
                decryption.public(valid_from=start, valid_until=now + ENCRYPTION_DAYS * DAY_MS),
            ),
            assertion_keys=(_assertion_key(f"{day}-assert", assertion_seed, start, end),),
        )
        return cls(
            request=request,
            signers=(signer,),
            decryption=(decryption,),
            tls_roots=(tls_root,),
            gateway_key=gateway_key,
            store_key=secrets.token_bytes(STORE_KEY_BYTES),
            assertion_seed=assertion_seed,
        )

    def secrets(self) -> dict[str, bytes]:
        """Return what the key file holds."""
        held = {
            **decryption_key_secrets(self.decryption),
            _REQUEST: encode_content(self.request),
            _ISSUING: u8(self.issuing),
            _SINCE: u64(self.issuing_since),
            _FORMER: self.former_root,
            _GATEWAY: self.gateway_key,
            _STORE: self.store_key,
            _ASSERTION: self.assertion_seed,
        }
        if self.recovery is not None:
            held[_RECOVERY] = self.recovery.encode()
        for place, signer in enumerate(self.signers):
            held |= signer.secrets(_numbered(_SIGNING, place))
        for place, root in enumerate(self.tls_roots):
            held[f"{_numbered(_TLS_ROOT, place)}.key"] = root.key
        return held

    @classmethod
    def from_secrets(cls, held: Mapping[str, bytes]) -> Self:
        """Read what a key file holds.

        Raises:
            KeyFileError: KEY_FILE_INVALID; it is not an agency's, or not whole.
        """
        try:
            request = _request(held[_REQUEST])
            return cls(
                request=request,
                signers=_signers(held),
                decryption=decryption_keys_from(dict(held)),
                tls_roots=tuple(
                    CertifiedKey(certificate=root, key=held[f"{_numbered(_TLS_ROOT, place)}.key"])
                    for place, root in enumerate(request.tls_roots)
                ),
                gateway_key=held[_GATEWAY],
                store_key=held[_STORE],
                assertion_seed=held[_ASSERTION],
                issuing=_issuing(held[_ISSUING], len(request.tls_roots)),
                issuing_since=read_uint(held.get(_SINCE, u64(0)), 8),
                former_root=held.get(_FORMER, b""),
                recovery=RecoveryKey.decode(held[_RECOVERY]) if _RECOVERY in held else None,
            )
        except (KeyError, IndexError, TrustError):
            raise KeyFileError(
                TrustReason.KEY_FILE_INVALID, "the key file does not hold an agency's keys"
            ) from None

    def leaf(self, not_before: int, not_after: int) -> CertifiedKey:
        """Return a certificate for the gateway's key, under our own root."""
        return _leaf(self.agency, self.tls_root, self.gateway_key, not_before, not_after)

    def states(self) -> tuple[KeyStatus, ...]:
        """Return how each key stands."""
        entry = self.request
        signing = [
            KeyStatus(use="signing", key_id=one.keyset_id, valid_until=one.valid_until)
            for one in entry.signing
        ]
        encryption = [
            KeyStatus(use="encryption", key_id=one.key_id, valid_until=one.valid_until)
            for one in entry.encryption
        ]
        assertion = [
            KeyStatus(use="assertion", key_id=one.key_id, valid_until=one.valid_until)
            for one in entry.assertion_keys
        ]
        pin = entry.tls_key_pin.hex()[:16]
        gateway = KeyStatus(use="gateway", key_id=pin, valid_until=self.valid_until)
        return (*signing, *encryption, *assertion, gateway)

    def is_published_in(self, entry: AgencyEntry | None) -> bool:
        """Whether a directory entry publishes keys of ours, and not others under our name."""
        if entry is None or entry.agency != self.agency:
            return False
        signing = any(self._publishes(entry, one.keyset_id) for one in self.signers)
        return signing and entry.tls_key_pin == self.request.tls_key_pin

    def _publishes(self, entry: AgencyEntry, keyset_id: str) -> bool:
        """Whether an entry has a keyset of ours; how long it counts is the stewards' to say."""
        ours, theirs = self.request.keyset(keyset_id), entry.keyset(keyset_id)
        if ours is None or theirs is None:
            return False
        return (ours.ed25519, ours.mldsa65) == (theirs.ed25519, theirs.mldsa65)

    def signer_by(self, directory: Directory, now: int) -> SeedSigner:
        """Return the newest signer that counts by `directory` at `now`; the newest where none does.

        A keyset that the stewards have yet to admit signs nothing: nobody would believe it.
        """
        return next((one for one in self.signers if self._counts(one, directory, now)), self.signer)

    def _counts(self, signer: SeedSigner, directory: Directory, now: int) -> bool:
        keyset = directory.keyset(self.agency, signer.keyset_id)
        revoked = directory.revoked_from(self.agency, "keyset", signer.keyset_id)
        return keyset is not None and revoked is None and keyset.is_valid_at(now)


def new_root(agency: str, now: int) -> CertifiedKey:
    """Return a fresh root of an agency's TLS certificates."""
    return make_root(
        f"agency {agency}", not_before=now - BACKDATED_MS, not_after=now + SIGNING_DAYS * DAY_MS
    )


def _assertion_key(key_id: str, seed: bytes, start: int, end: int) -> AssertionKey:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return AssertionKey(key_id=key_id, public=public, valid_from=start, valid_until=end)


def _numbered(name: str, place: int) -> str:
    """Return the name of the first of several secrets, and of those that follow it."""
    return f"{name}-{place}" if place else name


def _signers(held: Mapping[str, bytes]) -> tuple[SeedSigner, ...]:
    count = sum(name.startswith(_SIGNING) and name.endswith(".keyset-id") for name in held)
    names = [_numbered(_SIGNING, place) for place in range(max(1, count))]
    return tuple(signer_from(dict(held), name) for name in names)


def _issuing(item: bytes, roots: int) -> int:
    place = read_uint(item, 1)
    if place >= roots:
        raise KeyFileError(TrustReason.KEY_FILE_INVALID, "no TLS root in the key file")
    return place


def _request(data: bytes) -> AgencyEntry:
    entry = decode_content(data)
    if not isinstance(entry, AgencyEntry) or not entry.signing or not entry.assertion_keys:
        raise KeyFileError(TrustReason.KEY_FILE_INVALID, "no request in the key file")
    return entry


def check_clock(keyring: Keyring, now: int) -> None:
    """Refuse to work by a clock that cannot be right: nothing would be valid anywhere.

    Raises:
        AgencyError: CLOCK_SKEW; it is before the keys were made, or after they ended.
    """
    if now < keyring.made_at - DAY_MS:
        told = f"the keys of {keyring.agency} were made on {_day(keyring.made_at)}"
    elif now > keyring.valid_until:
        told = f"the keys of {keyring.agency} ended on {_day(keyring.valid_until)}"
    else:
        return
    raise AgencyError(
        Reason.CLOCK_SKEW,
        f"this machine's clock says {_day(now)}, and {told}",
        agency=keyring.agency,
    )


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def _leaf(
    agency: str, root: CertifiedKey, key: bytes, not_before: int, not_after: int
) -> CertifiedKey:
    return issue_leaf(
        root, uri=agency_spiffe_id(agency), not_before=not_before, not_after=not_after, key=key
    )
