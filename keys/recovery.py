# SPDX-License-Identifier: Apache-2.0
"""A second copy of a key file's secrets, sealed to a recovery key that custodians hold in parts.

The key file keeps the recovery key's public side, so the copy is made anew without the custodians
whenever the keys change. It is read from nowhere else: who could choose it, by writing beside the
key file, would be sealed every key of the agency. Not here: files, and how the recovery secret is
split. Source: docs/protocol.md section 12.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from keys.errors import EnvelopeError, FramingError, KeyFileError, OpenError, Reason
from keys.fields import check_agency, check_time
from keys.framing import (
    framed,
    read_bytes,
    read_text,
    read_uint,
    refusing,
    u8,
    u16,
    u64,
    unframe,
)
from keys.hpke import seal_to
from keys.identities import DecryptionKey
from keys.keyfile import read_secrets, secrets_content
from keys.recipients import PUBLIC_KEY_BYTES

SECRET_BYTES = 32
MAX_SHARES = 16
MIN_NEEDED = 2
"""One custodian alone would be a second passphrase, and not a recovery by several."""
MAX_NUMBER = (1 << 15) - 1
DIGEST_BYTES = 32

_SET = "tocsin/recovery-set/v1"
_COPY = "tocsin/recovery-copy/v1"
_SEAL = "tocsin/recovery-seal/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSet:
    """The shares that were made of one recovery secret.

    Attributes:
        number: the identifier that each share of it carries, 15 bits [SLIP-39].
        needed: how many shares give the secret.
        shares: how many there are.
        made_at: milliseconds since 1970.
    """

    number: int
    needed: int
    shares: int
    made_at: int

    @refusing(KeyFileError)
    def __post_init__(self) -> None:
        check_time(self.made_at)
        if not 0 <= self.number <= MAX_NUMBER:
            raise _refuse("number of a set of shares has 15 bits")
        if not MIN_NEEDED <= self.needed <= self.shares <= MAX_SHARES:
            raise _refuse(
                f"{self.needed} of {self.shares} shares is not from {MIN_NEEDED} to {MAX_SHARES}"
            )

    def items(self) -> tuple[bytes, ...]:
        """Return its fields as they are framed."""
        return u16(self.number), u8(self.needed), u8(self.shares), u64(self.made_at)

    @classmethod
    def read(cls, items: list[bytes]) -> Self:
        """Return the set whose fields `items` returned."""
        number, needed, shares, made_at = items
        return cls(
            number=read_uint(number, 2),
            needed=read_uint(needed, 1),
            shares=read_uint(shares, 1),
            made_at=read_uint(made_at, 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryKey:
    """The public side of a recovery secret: what the key file itself keeps of it."""

    share_set: ShareSet
    public: bytes

    @refusing(KeyFileError)
    def __post_init__(self) -> None:
        read_bytes(self.public, PUBLIC_KEY_BYTES)

    @classmethod
    def of(cls, secret: bytes, share_set: ShareSet) -> Self:
        """Return what to seal to, so that whoever has `secret` opens it."""
        key = _private(secret).public(valid_from=0, valid_until=1)
        return cls(share_set=share_set, public=key.public)

    def encode(self) -> bytes:
        """Return what the key file holds."""
        return framed(_SET, *self.share_set.items(), self.public)

    @classmethod
    @refusing(KeyFileError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` returned."""
        *items, public = unframe(_SET, data, 5)
        return cls(share_set=ShareSet.read(items), public=public)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCopy:
    """A sealed copy; all but what is sealed can be read by anybody.

    Attributes:
        agency: whose keys they are.
        share_set: the shares that open it.
        copied_at: when the copy was made, milliseconds since 1970.
        request_digest: SHA-256 of the entry that the keys ask for: shows whether they are today's.
        sealed: the secrets.
    """

    agency: str
    share_set: ShareSet
    copied_at: int
    request_digest: bytes
    sealed: bytes = field(repr=False)

    @refusing(KeyFileError)
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_time(self.copied_at)
        read_bytes(self.request_digest, DIGEST_BYTES)

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return framed(_COPY, *self._head(), self.sealed)

    @classmethod
    @refusing(KeyFileError)
    def decode(cls, data: bytes) -> Self:
        """Read what `encode` returned.

        Raises:
            KeyFileError: it is no recovery copy.
        """
        agency, number, needed, shares, made_at, copied_at, digest, sealed = unframe(_COPY, data, 8)
        return cls(
            agency=read_text(agency),
            share_set=ShareSet.read([number, needed, shares, made_at]),
            copied_at=read_uint(copied_at, 8),
            request_digest=digest,
            sealed=sealed,
        )

    def _head(self) -> tuple[bytes, ...]:
        return (
            self.agency.encode(),
            *self.share_set.items(),
            u64(self.copied_at),
            self.request_digest,
        )

    def info(self) -> bytes:
        """Return the HPKE info: what is sealed opens under this head and no other."""
        return framed(_SEAL, *self._head())


def seal_copy(
    key: RecoveryKey, held: Mapping[str, bytes], *, agency: str, request_digest: bytes, now: int
) -> RecoveryCopy:
    """Return a copy of a key file's secrets for whoever holds the recovery secret.

    Raises:
        KeyFileError: KEY_FILE_INVALID; what the key file keeps is no key.
    """
    empty = RecoveryCopy(
        agency=agency,
        share_set=key.share_set,
        copied_at=now,
        request_digest=request_digest,
        sealed=b"",
    )
    try:
        sealed = seal_to(key.public, empty.info(), secrets_content(held))
    except EnvelopeError as error:
        raise KeyFileError(Reason.KEY_FILE_INVALID, f"recovery key: {error.detail}") from None
    return replace(empty, sealed=sealed)


@refusing(KeyFileError)
def open_copy(copy: RecoveryCopy, secret: bytes) -> dict[str, bytes]:
    """Return the secrets of a copy.

    Raises:
        KeyFileError: KEY_FILE_INVALID; another secret's copy, or one that was changed.
    """
    try:
        content = _private(secret).decrypt(copy.sealed, copy.info())
    except OpenError:
        raise KeyFileError(
            Reason.KEY_FILE_INVALID, "the recovery copy does not open with these shares"
        ) from None
    return read_secrets(content)


def _private(secret: bytes) -> DecryptionKey:
    return DecryptionKey(key_id="recovery", seed=read_bytes(secret, SECRET_BYTES))


def _refuse(detail: str) -> FramingError:
    return FramingError(Reason.KEY_FILE_INVALID, detail)
