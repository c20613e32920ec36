# SPDX-License-Identifier: Apache-2.0
"""What the decision function answers: with the rules that decided and how long it holds."""

from collections.abc import Mapping
from dataclasses import dataclass

FAR_FUTURE = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z in milliseconds: the last instant a rule book can name."""

CODE_RULES: Mapping[str, str] = {
    "code:originator": "The originator always receives its own frames.",
    "code:auditor": "Auditors read the log, never the contents.",
    "code:inactive": "A locked or retired agency can do nothing.",
    "code:unknown-agency": "The agency is not in the directory.",
    "code:unknown-originator": "The originator is not in the directory.",
    "code:unknown-topic": "The topic is not in the directory.",
    "code:agency-publishes": "The rule book leaves it to an agency who of its officers publishes.",
    "code:no-key": "The agency has no encryption key that is valid now.",
}
"""The few rules that hold whatever the book says, by the id that a decision names them with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer of the rule book.

    Attributes:
        allow: whether the act may happen; never true when `errors` is not empty.
        determining: ids of every forbid that fired, else of every permit that did; sorted.
            Ids that begin with `code:` are those of `CODE_RULES`.
        says: the sentence of each determining rule, or one sentence saying that no rule permits.
        errors: why no decision could be taken. They are for the operator's alarm, not for a peer.
        valid_until: milliseconds since 1970; the same question asked before then and after the
            question was put gets the same answer.
        obligations: what the rules that allow it ask to be done besides, in the book's words.
    """

    allow: bool
    determining: tuple[str, ...]
    says: tuple[str, ...]
    errors: tuple[str, ...] = ()
    valid_until: int = FAR_FUTURE
    obligations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who may be sealed to, and why the others may not.

    Attributes:
        admitted: agencies in order of id; the originator is among them.
        refused: every other agency of the directory, and every named one that it does not know.
        valid_until: milliseconds since 1970, as for a `Decision`.
    """

    admitted: tuple[str, ...]
    refused: Mapping[str, Decision]
    valid_until: int


def by_code(rule: str, *, allow: bool = False) -> Decision:
    """Return the decision of one of `CODE_RULES`."""
    return Decision(allow=allow, determining=(rule,), says=(CODE_RULES[rule],))
