# SPDX-License-Identifier: Apache-2.0
"""What a leaf of the agency's own log of openings commits to."""

from collections.abc import Mapping
from enum import StrEnum

from agency_client.domain.records import Opening
from keys.framing import listed


class OpeningKind(StrEnum):
    """How content was shown, or what else our own log tells of our people."""

    LIST = "list"
    SHOW = "show"
    SEARCH = "search"
    STREAM = "stream"
    SAVE = "save"

    EXPLAIN = "explain"
    """Asked why an agency has a notice or not; no content was shown, and perhaps none found."""

    REFUSED = "refused"
    """Somebody asked for what the rules keep from them; nothing was shown."""

    BREAK_GLASS = "break-glass"
    """Opened for danger to life; `case` is the ticket."""

    REVIEW = "review"
    """A supervisor looked at a break-glass; `case` is its ticket."""

    ASK = "ask"
    """The originator is asked to admit one more agency."""

    GRANT = "grant"
    """An agency is admitted to a notice of ours."""

    DECLINE = "decline"
    """A request that an agency be admitted is refused."""

    STANDING = "standing"
    """Grants of all later notices of a case were begun or ended."""

    HOLD = "hold"
    """A notice is kept as evidence."""

    RELEASE = "release"
    """A notice is held no longer."""

    OFFICER = "officer"
    """The register of officers was changed: `purpose` says how, `case` for whom."""

    ACT = "act"
    """An act was asked for that needs two; `case` is the digest of its bytes."""

    APPROVAL = "approval"
    """The second person approved one."""

    KEY_END = "key-end"
    """An encryption key of ours is destroyed, which follows; `case` is its id."""

    LOG = "log"
    """Somebody read this log."""

    RECOVERY = "recovery"
    """Shares of our keys were made, or our keys recovered with some; `purpose` says how."""


SHOWING = frozenset(
    {
        OpeningKind.LIST,
        OpeningKind.SHOW,
        OpeningKind.SEARCH,
        OpeningKind.STREAM,
        OpeningKind.SAVE,
        OpeningKind.BREAK_GLASS,
    }
)
"""Kinds under which somebody saw something of each notice that they name."""


def leaf_fields(opening: Opening) -> Mapping[str, bytes | str | int]:
    """Return the fields of an opening's leaf; `notices` lists references in the order shown."""
    return {
        "who": opening.who,
        "purpose": opening.purpose,
        "case": opening.case,
        "notices": listed([reference.encode() for reference in opening.notices]),
    }
