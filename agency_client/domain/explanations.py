# SPDX-License-Identifier: Apache-2.0
"""Why an agency may have a notice or may not, as people read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """A rule that would let the agency have it, and what is missing for that, in sentences."""

    rule: str
    says: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the rule book says of one case.

    Attributes:
        named: whether the originator named the agency; None where that makes no difference.
        allowed: the answer.
        rules: ids of the rules that decided.
        says: their sentences, or one that says that no rule lets it.
        lacking: where no rule lets it, those that come nearest, nearest first.
    """

    named: bool | None
    allowed: bool
    rules: tuple[str, ...]
    says: tuple[str, ...]
    lacking: tuple[Lack, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationView:
    """Whether an agency may have a kept notice, by the rule book in force now.

    Attributes:
        reference: the notice.
        topic: of the notice.
        agency: about whom.
        sealed: whether the notice was sealed to it; None where only its originator knows.
        expired: whether the notice's time is over, so that it is delivered to nobody.
        rulings: one, or two where it depends on whether the originator named the agency and that
            is not known here.
    """

    reference: str
    topic: str
    agency: str
    sealed: bool | None
    expired: bool
    rulings: tuple[Ruling, ...]
