# SPDX-License-Identifier: Apache-2.0
"""What a rule book must keep to beyond Cedar's own checks, read off the rules' syntax trees.

An agency's overlay only forbids, within its own scope and under ids of its own; rules of a topic's
folder are about that topic; and what the broker decides by reads nothing but the marking, whether
the recipient is named or admitted, the topic and the directory. Evaluates nothing.
Source: design section 6.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from policy.book import ACTIONS, RuleBook, read_rules
from policy.errors import BookError
from policy.facts import NAMESPACE
from policy.rules import Rule
from policy.sources import Sources, is_rules, merged, split

BROKER_READS: Mapping[str, frozenset[str]] = {
    "principal": frozenset({"country", "kind", "active", "contact247", "agreementUntil"}),
    "resource": frozenset(
        {
            *("originator", "topic", "noticeType", "tlp", "handling", "purposes", "notFor"),
            *("namedAgencies", "onwardGrants", "sanitised", "operation", "operationId"),
            *("readers", "publishers", "victimAssistance", "minClearance"),
            *("withdrawn", "validFrom", "validUntil"),
        }
    ),
    "context": frozenset({"now"}),
}
"""Attributes by what they are read of. Withdrawal and validity are the same for every notice there:
code judges them before the book is asked."""

_OTHER_ACTS = frozenset(
    {
        *("fetch", "search", "rewrapKey", "shareOnward", "useAsEvidence"),
        *("grantOnward", "amend", "withdraw", "readAudit"),
    }
)
"""Acts that are no groups of acts and no acts at the broker."""

Tree: TypeAlias = Any


def check_sources(files: Sources) -> RuleBook:
    """Return the book that these files are, if it keeps to all of the above.

    Raises:
        BookError: says which rule of which file does not; or as `merged` and `RuleBook.load`.
    """
    book = RuleBook.load(*merged(files))
    _check(book, files)
    return book


def check_book(book: RuleBook, schema: str, policies: str) -> None:
    """Refuse a loaded book, given with the texts that were signed, that breaks any of the above.

    Raises:
        BookError: says which rule of which file does; or as `split`.
    """
    _check(book, split(schema, policies))


def _check(book: RuleBook, files: Sources) -> None:
    for name in sorted(filter(is_rules, files)):
        for rule in read_rules(files[name]).values():
            _check_place(name, rule)
    for rule in book.rules.values():
        check_reads(rule)


def _check_place(name: str, rule: Rule) -> None:
    """Refuse a rule that does not belong into its file."""
    folder, _, rest = name.partition("/")
    about = rest.rpartition("/")[0]
    if folder == "agencies":
        _check_overlay(name, about, rule)
    elif folder == "topics" and not _is_within(rule.tree["resource"], "Topic", about):
        raise BookError(f"rule {rule.id} of {name} is not about topic {about}")


def _check_overlay(name: str, agency: str, rule: Rule) -> None:
    if rule.tree["effect"] != "forbid":
        raise BookError(f"rule {rule.id} of {name} permits; an overlay may only forbid")
    if not rule.id.startswith(f"{agency}."):
        raise BookError(f"rule {rule.id} of {name} has an id that does not begin with {agency}.")
    heads = rule.tree["principal"], rule.tree["resource"]
    if not any(_is_within(head, "Agency", agency) for head in heads):
        raise BookError(f"rule {rule.id} of {name} reaches beyond {agency}")


def _is_within(head: Tree, kind: str, name: str) -> bool:
    """Whether a head is `== KIND::"name"`, `in` it, or `is ... in` it."""
    entity = {"type": f"{NAMESPACE}::{kind}", "id": name}
    inner = head.get("in") or {}
    return entity in (head.get("entity"), inner.get("entity"))


def check_reads(rule: Rule) -> None:
    """Refuse a rule by which a broker would have to decide on what it cannot see.

    Raises:
        BookError: names the rule and what it reads.
    """
    if not any(concerns(rule, action) for action in ACTIONS):
        return
    for variable, attribute in sorted(reads(rule)):
        if attribute not in BROKER_READS.get(variable, frozenset()):
            raise BookError(
                f"rule {rule.id} is for the broker too and reads {variable}.{attribute}, "
                "which a broker does not see"
            )


def concerns(rule: Rule, action: str, kind: str = "Agency") -> bool:
    """Return whether a rule can apply to one of a kind; a group that it names may hold the act."""
    act = rule.tree["action"]
    if not rule.can_apply(action, kind) or act["op"] != "in":
        return rule.can_apply(action, kind)
    named = {one["id"] for one in act.get("entities", [act.get("entity")])}
    return action in named or bool(named - _OTHER_ACTS - {*ACTIONS})


def reads(rule: Rule) -> frozenset[tuple[str, str]]:
    """Return the attributes that a rule's conditions read of principal, resource and context."""
    return frozenset(_reads([one["body"] for one in rule.tree["conditions"]]))


def _reads(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield each attribute read of principal, resource or context itself; `*` for all of it.

    Principal and resource as a whole are entities, whose id the broker knows; the context is a
    record, which would be read with everything in it.
    """
    if isinstance(tree, list):
        for node in tree:
            yield from _reads(node)
    elif tree == {"Var": "context"}:
        yield "context", "*"
    elif isinstance(tree, dict):
        for operator, body in tree.items():
            if operator in {".", "has"} and "Var" in body["left"]:
                yield body["left"]["Var"], body["attr"]
            elif operator != "Value":
                yield from _reads(list(body.values()) if isinstance(body, dict) else body)
