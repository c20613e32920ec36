# SPDX-License-Identifier: Apache-2.0
"""The broker's acts log in memory: leaves as served, hashes as they were signed.

As in a database, the two are kept apart: a test that changes `leaves` plays somebody with the disk,
one that changes `hashes` plays a broker that signs another history.
"""

import secrets
from dataclasses import dataclass, field

from agency_client.domain.delivery import LogReference
from agency_client.errors import AgencyError, Reason
from broker.domain.acts import Act
from keys import merkle
from keys.checkpoint import Checkpoint, sign_checkpoint


@dataclass(kw_only=True)
class MemoryLog:
    """One log; `note` overrides the checkpoint that is served."""

    origin: str
    seed: bytes
    leaves: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    note: str = ""

    def append(self, act: Act) -> LogReference:
        leaf = act.leaf()
        self.leaves.append(leaf)
        self.hashes.append(merkle.hash_leaf(leaf))
        return LogReference(index=len(self.hashes) - 1, salt=act.salt, time_ms=act.time_ms)

    def fill(self, count: int, time_ms: int) -> None:
        """Append leaves about nothing in particular."""
        for number in range(count):
            salt = secrets.token_bytes(32)
            self.append(Act(kind="read-log", time_ms=time_ms, fields={"start": number}, salt=salt))

    @property
    def size(self) -> int:
        return len(self.hashes)

    @property
    def root(self) -> bytes:
        return merkle.root(self.hashes)

    def checkpoint(self) -> str:
        return self.note or self.signed(self.size)

    def signed(self, size: int) -> str:
        """Return the signed note of the first `size` leaves."""
        root = merkle.root(self.hashes[:size])
        return sign_checkpoint(Checkpoint(origin=self.origin, size=size, root=root), self.seed)

    def inclusion(self, index: int, size: int) -> tuple[list[bytes], bytes]:
        if not 0 <= index < size <= self.size or index >= len(self.leaves):
            raise AgencyError(Reason.NOT_FOUND, "no such leaf")
        return merkle.inclusion_path(self.hashes[:size], index), self.leaves[index]

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        if not 0 < old_size <= new_size <= self.size:
            raise AgencyError(Reason.NOT_FOUND, "no such sizes")
        return merkle.consistency_path(self.hashes[:new_size], old_size)

    def rewritten_from(self, index: int, time_ms: int) -> None:
        """Put another history in the place of everything from `index` on."""
        count = self.size - index
        del self.leaves[index:], self.hashes[index:]
        self.fill(count, time_ms)
