# SPDX-License-Identifier: Apache-2.0
"""Reads the rules of a book as a syntax tree: which can apply to an act, and how they use the time.

Both answers err to the safe side: a rule is left out of an act only when its head cannot match,
and an act counts as bounded only when every use of the time is a plain comparison with a stored
date. Works on Cedar's own JSON form of policies; evaluates nothing.

Source: Cedar policy language, "JSON policy format".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from policy.facts import NAMESPACE

Tree: TypeAlias = Any
"""One node of Cedar's JSON form: an object with a single operator, a list, or a plain value."""

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy of the book: its stable id, its sentence for people, and its syntax tree."""

    id: str
    says: str
    tree: Mapping[str, Tree]

    @property
    def forbids(self) -> bool:
        """Whether it forbids; else it permits."""
        return bool(self.tree["effect"] == "forbid")

    @property
    def principal(self) -> str | None:
        """The one agency whose acts it is about, where its head names one."""
        return _named(self.tree["principal"])

    @property
    def originator(self) -> str | None:
        """The one agency whose notices it is about, where its head names one."""
        return _named(self.tree["resource"])

    def can_apply(self, action: str, kind: str = "Agency") -> bool:
        """Return False only when the head rules out that one of a kind does `action`.

        A head with `in` may name a group of actions; it is kept, because only the engine knows
        what is in the group.
        """
        principal, act = self.tree["principal"], self.tree["action"]
        acting = f"{NAMESPACE}::{kind}"
        if principal.get("entity_type", acting) != acting:
            return False
        return bool(act["op"] != "==" or act["entity"]["id"] == action)

    def is_bounded(self) -> bool:
        """Return whether the rule's answer changes only at dates that its facts hold."""
        return all(_is_bounded(condition["body"]) for condition in self.tree["conditions"])


def _named(head: Tree) -> str | None:
    """Return the agency in a head like `== AGENCY`, `in AGENCY` or `is KIND in AGENCY`.

    No agency is above another one in the facts, so being in an agency is being it, or its notice.
    """
    entity = head.get("entity") or head.get("in", {}).get("entity")
    if entity is None or entity["type"] != f"{NAMESPACE}::Agency":
        return None
    return str(entity["id"])


def _is_bounded(tree: Tree) -> bool:
    if isinstance(tree, list):
        return all(_is_bounded(node) for node in tree)
    if not isinstance(tree, dict):
        return True
    if _is_now(tree) or tree == {"Var": "context"}:
        return False
    return all(_is_bounded_operation(operator, body) for operator, body in tree.items())


def _is_bounded_operation(operator: str, body: Tree) -> bool:
    if operator == "Value":
        return True
    if operator in {"has", "."} and body["left"] == {"Var": "context"}:
        return True  # a field of the context other than `now`, which was caught above
    if operator in _COMPARISONS:
        sides = body["left"], body["right"]
        now, other = sides if _is_now(sides[0]) else sides[::-1]
        if _is_now(now):
            return _is_stored(other)
    return _is_bounded(list(body.values()) if isinstance(body, dict) else body)


def _is_now(tree: Tree) -> bool:
    return bool(tree == {".": {"left": {"Var": "context"}, "attr": "now"}})


def _is_stored(tree: Tree) -> bool:
    """Return whether the tree is a date of the principal or the resource, read and not computed."""
    while isinstance(tree, dict) and tree.keys() <= {".", "getTag"} and tree:
        (body,) = tree.values()
        if "right" in body and not _is_bounded(body["right"]):
            return False
        tree = body["left"]
    return tree in ({"Var": "principal"}, {"Var": "resource"})
