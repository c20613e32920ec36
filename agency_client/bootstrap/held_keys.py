# SPDX-License-Identifier: Apache-2.0
"""The keys of an open profile, as they are now.

`tocsin keys` changes them in a process of its own, while others of the profile run for weeks: from
the moment at which stewards admit a new key, partners seal to it, and whoever receives must have it
then. So each use looks whether the key file is another than before; that costs a `stat`.
"""

import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import KEY_FILE, change_keyring, open_keyring
from agency_client.bootstrap.recovery_copy import recovery_status
from agency_client.bootstrap.renewal import without_key
from agency_client.domain.recovery import RecoveryStatus
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry
from keys.errors import KeyFileError
from keys.identities import DecryptionKey

_Stamp = tuple[int, int, int]


class HeldKeys:
    """The keys of the profile in a folder."""

    def __init__(self, folder: Path, passphrase: str | bytes) -> None:
        """Open them, and keep the passphrase for when the file is another.

        Raises:
            AgencyError, KeyFileError: as `open_keyring`.
        """
        self._folder = folder
        self._passphrase = passphrase
        self._lock = threading.Lock()
        self._stamp = _stamp(folder)
        self._keyring = open_keyring(folder, passphrase)
        self.decryption: Mapping[str, DecryptionKey] = _Decryption(self)

    @property
    def current(self) -> Keyring:
        """The keys that the file holds; those held last while there is no file.

        Raises:
            AgencyError: PROFILE_INVALID; the file was replaced by one that does not open.
        """
        with self._lock:
            stamp = _stamp(self._folder)
            if stamp not in (None, self._stamp):
                self._keyring = self._reopened()
                self._stamp = stamp
            return self._keyring

    @property
    def request(self) -> AgencyEntry:
        """What we ask the stewards to publish of us."""
        return self.current.request

    @property
    def encryption_ids(self) -> Collection[str]:
        """Ids of the private encryption keys that are there."""
        return frozenset(self.decryption)

    def destroy(self, key_id: str, now: int) -> None:
        """Remove a private encryption key from the key file; implements `ports.own_keys`.

        Raises:
            AgencyError, KeyFileError: as `change_keyring`; NOT_FOUND.
        """
        change_keyring(self._folder, self._passphrase, lambda ring: without_key(ring, key_id, now))

    def recovery(self) -> RecoveryStatus:
        """Return whether custodians could bring the keys back."""
        return recovery_status(self._folder, self.current)

    def _reopened(self) -> Keyring:
        try:
            return open_keyring(self._folder, self._passphrase)
        except KeyFileError as error:
            # Not as a TrustError: nothing that a partner sent is to blame.
            raise AgencyError(
                Reason.PROFILE_INVALID, f"the keys were replaced meanwhile: {error.detail}"
            ) from None


class _Decryption(Mapping[str, DecryptionKey]):
    """What is opened with, by key id."""

    def __init__(self, held: HeldKeys) -> None:
        self._held = held

    def _by_id(self) -> dict[str, DecryptionKey]:
        return {key.key_id: key for key in self._held.current.decryption}

    def __getitem__(self, key_id: str) -> DecryptionKey:
        return self._by_id()[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id())

    def __len__(self) -> int:
        return len(self._by_id())


def _stamp(folder: Path) -> _Stamp | None:
    try:
        found = (folder / KEY_FILE).stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
