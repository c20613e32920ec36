# SPDX-License-Identifier: Apache-2.0
"""Who is on the other end of a connection."""

from dataclasses import dataclass, field
from enum import StrEnum


class PeerKind(StrEnum):
    """What a peer may do at all."""

    AGENCY = "agency"
    AUDITOR = "auditor"
    STEWARD = "steward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An authenticated party: an agency or auditor by its id, a steward by its name.

    `certificate` is the SHA-256 of what it showed, 32 bytes; two connections of one party are one.
    """

    kind: PeerKind
    name: str
    certificate: bytes = field(default=b"", compare=False, repr=False)
