# SPDX-License-Identifier: Apache-2.0
"""What a leaf of the agency's own log of openings commits to."""

from collections.abc import Mapping
from enum import StrEnum

from agency_client.domain.records import Opening
from keys.framing import listed


class OpeningKind(StrEnum):
    """How content was shown."""

    LIST = "list"
    SHOW = "show"
    SEARCH = "search"
    STREAM = "stream"
    SAVE = "save"


def leaf_fields(opening: Opening) -> Mapping[str, bytes | str | int]:
    """Return the fields of an opening's leaf; `notices` lists references in the order shown."""
    return {
        "who": opening.who,
        "purpose": opening.purpose,
        "case": opening.case,
        "notices": listed([reference.encode() for reference in opening.notices]),
    }
