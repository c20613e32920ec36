# SPDX-License-Identifier: Apache-2.0
"""The broker's two logs and what is proved from them."""

from dataclasses import dataclass
from enum import IntEnum


class LogKind(IntEnum):
    """Names a log; the numbers are those of `tocsin.v1.LogKind` and of the store."""

    ACTS = 1
    DIRECTORY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """A leaf and its path to the root, leaf to root."""

    leaf: bytes
    path: tuple[bytes, ...]
