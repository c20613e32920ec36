# SPDX-License-Identifier: Apache-2.0
"""How an agency's keys follow each other: new ones beside the old.

A step makes another keyring, whose request the stewards then admit; until they have, and for an
overlap afterwards, the old keys count as well, so that nothing on its way is lost. One change at a
time: a step is refused while an earlier one waits for the stewards. Source: design section 5.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from agency_client.bootstrap.keyring import (
    BACKDATED_MS,
    DAY_MS,
    ENCRYPTION_DAYS,
    SIGNING_DAYS,
    Keyring,
)
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry
from keys.identities import generate_decryption_key
from keys.recipients import EncryptionKey
from keys.signers import generate_signer
from keys.signing import Keyset

_Key = TypeVar("_Key", Keyset, EncryptionKey)

OVERLAP_DAYS = 30
"""What is queued or on paper by then was sealed and signed within a month."""
MAX_KEYSETS = 32
"""Half of what an entry may list: 32 renewals of five years at most each."""


def check_settled(keyring: Keyring, entry: AgencyEntry | None) -> AgencyEntry:
    """Return our entry; refuse a further change while the stewards have yet to admit the last one.

    Args:
        keyring: ours.
        entry: ours in the directory.

    Raises:
        AgencyError: NOT_ENROLLED; RENEWAL_WAITS.
    """
    if entry is None:
        raise AgencyError(
            Reason.NOT_ENROLLED, f"the stewards have not admitted {keyring.agency} yet"
        )
    request = keyring.request
    lacking = (
        {one.keyset_id for one in request.signing} - {one.keyset_id for one in entry.signing},
        {one.key_id for one in request.encryption} - {one.key_id for one in entry.encryption},
        set(request.tls_roots) - set(entry.tls_roots),
    )
    if any(lacking):
        raise AgencyError(
            Reason.RENEWAL_WAITS, "the directory does not have our last renewal of keys yet"
        )
    return entry


def rotated(keyring: Keyring, entry: AgencyEntry | None, now: int, overlap_days: int) -> Keyring:
    """Return the keys with a new signing keyset and a new encryption key beside the old ones.

    Args:
        keyring: ours.
        entry: ours in the directory.
        now: milliseconds since 1970.
        overlap_days: how long the old ones count, 0 or more.

    Raises:
        AgencyError: NOT_ENROLLED; RENEWAL_WAITS.
    """
    known = check_settled(keyring, entry)
    request, start = keyring.request, now - BACKDATED_MS
    ends = now + overlap_days * DAY_MS
    signed = [one.keyset_id for each in (request, known) for one in each.signing]
    sealed = [one.key_id for each in (request, known) for one in each.encryption]
    signer = generate_signer(_fresh_id("sign", now, signed))
    key = generate_decryption_key(_fresh_id("seal", now, sealed))
    keyset = signer.public(valid_from=start, valid_until=now + SIGNING_DAYS * DAY_MS)
    public = key.public(valid_from=start, valid_until=now + ENCRYPTION_DAYS * DAY_MS)
    earlier = [_ended(one, ends) for one in request.signing][-(MAX_KEYSETS - 1) :]
    sealed_to = [_ended(one, ends) for one in _still_listed(keyring, now)]
    return replace(
        keyring,
        signers=(signer, *keyring.signers),
        decryption=(*keyring.decryption, key),
        request=replace(request, signing=(*earlier, keyset), encryption=(*sealed_to, public)),
    )


def without_key(keyring: Keyring, key_id: str, now: int) -> Keyring:
    """Return the keys without a private encryption key; whoever calls has checked that it is over.

    The request lists it while its validity lasts, which is so of a revoked one: an entry that has
    it is still ours. Afterwards it is left out, and the stewards' next entry leaves it out too.

    Raises:
        AgencyError: NOT_FOUND; there is no such key.
    """
    left = tuple(one for one in keyring.decryption if one.key_id != key_id)
    if len(left) == len(keyring.decryption):
        raise AgencyError(Reason.NOT_FOUND, f"no encryption key of ours is {key_id}")
    changed = replace(keyring, decryption=left)
    listed = tuple(_still_listed(changed, now))
    return replace(changed, request=replace(changed.request, encryption=listed))


def _still_listed(keyring: Keyring, now: int) -> list[EncryptionKey]:
    """Return the encryption keys of the request but for those that ended and were destroyed."""
    held = {one.key_id for one in keyring.decryption}
    return [
        one for one in keyring.request.encryption if one.key_id in held or one.valid_until > now
    ]


def _ended(key: _Key, ends: int) -> _Key:
    """Return a key that counts until `ends` at most."""
    until = max(key.valid_from + 1, min(key.valid_until, ends))
    return replace(key, valid_until=until)


def _fresh_id(use: str, now: int, taken: Collection[str]) -> str:
    """Return a key id of today that the agency never had.

    It counts on from the last of the day, for those before may have been destroyed; the last never
    is while no other takes its place.
    """
    first = f"{_day(now)}-{use}"
    numbers = [int(one.removeprefix(f"{first}-")) for one in taken if one.startswith(f"{first}-")]
    if not numbers:
        return f"{first}-2" if first in taken else first
    return f"{first}-{max(numbers) + 1}"


def _day(now: int) -> str:
    return datetime.fromtimestamp(now / 1000, tz=UTC).strftime("%Y-%m-%d")
