# SPDX-License-Identifier: Apache-2.0
"""Takes a decision of the past again, from what it was taken by, and says whether it is the same.

What it was taken by is on record: the question in the frame and its leaf, the book's text and the
directory's entries up to then in the directory's log. Nothing here reads them; a caller brings the
text of the version and the directory as it was.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.book import RuleBook
from policy.decisions import Decision
from policy.engine import PolicyEngine
from policy.errors import BookError

if TYPE_CHECKING:
    from keys.directory import Directory
    from keys.envelope import Marking


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision about a frame, as it was taken.

    Attributes:
        action: "publish" or "deliver".
        agency: who asked.
        marking: of the frame.
        topic: of the frame.
        originator: of the frame.
        named: whether the originator named the agency.
        granted: whether the originator released the notice to it.
        at: milliseconds since 1970.
        rule_book: digest of the book.
        allow: what was decided.
        determining: by which rules.
    """

    action: str
    agency: str
    marking: "Marking"
    topic: str
    originator: str
    named: bool = False
    granted: bool = False
    at: int
    rule_book: bytes
    allow: bool
    determining: tuple[str, ...]

    def is_met_by(self, decision: Decision) -> bool:
        """Whether a decision is the recorded one, by the same rules."""
        return decision.allow is self.allow and decision.determining == self.determining


def replay(recorded: Recorded, schema: str, policies: str, directory: "Directory") -> Decision:
    """Decide again; `Recorded.is_met_by` says whether it is what was recorded.

    Args:
        recorded: the decision.
        schema: of the version of the book.
        policies: of the version of the book.
        directory: as it was then.

    Raises:
        BookError: the text is not that of the book on record, or the act is none that agencies do
            with a frame.
    """
    book = RuleBook.load(schema, policies)
    if book.digest != recorded.rule_book:
        got, expected = book.digest.hex()[:16], recorded.rule_book.hex()[:16]
        raise BookError(f"the text is of book {got}, expected {expected}")
    engine = PolicyEngine(book, directory)
    about = recorded.marking, recorded.topic, recorded.originator
    if recorded.action == "publish" and recorded.agency == recorded.originator:
        return engine.may_publish(*about, recorded.at)
    if recorded.action != "deliver":
        raise BookError(f"{recorded.action} by {recorded.agency} is no act of a frame")
    if recorded.granted:
        return engine.may_receive_granted(*about, recorded.agency, recorded.at)
    return engine.may_receive(*about, recorded.agency, recorded.named, recorded.at)
