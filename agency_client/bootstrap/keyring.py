# SPDX-License-Identifier: Apache-2.0
"""An agency's private side: what it signs, opens, connects and keeps its store with.

Made once, sealed into one key file under the passphrase, opened once for each connection. What the
stewards are asked to publish of it, the request, lies in the same file, so that the two cannot
part. Not here: files and folders.
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
from keys.entries import AgencyEntry, decode_content, encode_content
from keys.errors import KeyFileError, TrustError
from keys.errors import Reason as TrustReason
from keys.identities import (
    DecryptionKey,
    decryption_key_secrets,
    decryption_keys_from,
    generate_decryption_key,
)
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
_REQUEST, _TLS_ROOT, _GATEWAY, _STORE = "request", "tls-root.key", "gateway.key", "store.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The keys of one agency; `request` is what it asks the stewards to publish of them."""

    request: AgencyEntry
    signer: SeedSigner = field(repr=False)
    decryption: tuple[DecryptionKey, ...] = field(repr=False)
    tls_root: CertifiedKey = field(repr=False)
    gateway_key: bytes = field(repr=False)
    store_key: bytes = field(repr=False)
    assertion_seed: bytes = field(repr=False)

    @property
    def agency(self) -> str:
        """The agency's id."""
        return self.request.agency

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
        tls_root = make_root(f"agency {about.agency}", not_before=start, not_after=end)
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
            signer=signer,
            decryption=(decryption,),
            tls_root=tls_root,
            gateway_key=gateway_key,
            store_key=secrets.token_bytes(STORE_KEY_BYTES),
            assertion_seed=assertion_seed,
        )

    def secrets(self) -> dict[str, bytes]:
        """Return what the key file holds."""
        return {
            **self.signer.secrets(_SIGNING),
            **decryption_key_secrets(self.decryption),
            _REQUEST: encode_content(self.request),
            _TLS_ROOT: self.tls_root.key,
            _GATEWAY: self.gateway_key,
            _STORE: self.store_key,
            _ASSERTION: self.assertion_seed,
        }

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
                signer=signer_from(dict(held), _SIGNING),
                decryption=decryption_keys_from(dict(held)),
                tls_root=CertifiedKey(certificate=request.tls_roots[0], key=held[_TLS_ROOT]),
                gateway_key=held[_GATEWAY],
                store_key=held[_STORE],
                assertion_seed=held[_ASSERTION],
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
        """Whether a directory entry publishes these keys, and not others under our name."""
        if entry is None or entry.agency != self.agency:
            return False
        keyset = self.request.signing[0]
        same = entry.keyset(keyset.keyset_id) == keyset
        return same and entry.tls_key_pin == self.request.tls_key_pin


def _assertion_key(key_id: str, seed: bytes, start: int, end: int) -> AssertionKey:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return AssertionKey(key_id=key_id, public=public, valid_from=start, valid_until=end)


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
