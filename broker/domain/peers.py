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

    Two connections of one party are one, whatever they showed.

    Attributes:
        kind: what it may do at all.
        name: whose it is.
        certificate: SHA-256 of what it showed, 32 bytes.
        root: SHA-256 of the root that this hangs on, 32 bytes.
    """

    kind: PeerKind
    name: str
    certificate: bytes = field(default=b"", compare=False, repr=False)
    root: bytes = field(default=b"", compare=False, repr=False)
