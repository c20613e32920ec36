# SPDX-License-Identifier: Apache-2.0
"""Our private encryption keys as the services see them: that they are there, and their end."""

from collections.abc import Collection
from typing import Protocol

from keys.entries import AgencyEntry


class OwnKeys(Protocol):
    """The keys of one profile, as its key file holds them now."""

    @property
    def request(self) -> AgencyEntry:
        """What we ask the stewards to publish of us."""
        ...

    @property
    def encryption_ids(self) -> Collection[str]:
        """Ids of the private encryption keys that are there."""
        ...

    def destroy(self, key_id: str, now: int) -> None:
        """Remove a private encryption key from the key file; it is gone on return.

        Raises:
            AgencyError: PROFILE_IN_USE; STORE_FAILED; NOT_FOUND.
        """
        ...
