# SPDX-License-Identifier: Apache-2.0
"""A rule book as one page to print: each rule with its sentence, its basis and what proves it.

Plain HTML without scripts or anything from elsewhere; every text is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape

from agency_client.services.rule_books import CheckedBook
from policy.rules import Rule
from policy.scenarios import Proof, Verdict

_STYLE = (
    "body{font:11pt/1.4 serif;max-width:45em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}"
    "section{break-inside:avoid;border-top:1px solid #999;padding:.5em 0}"
    "h3{font:bold 1em sans-serif;margin:.3em 0}table{border-collapse:collapse;font-size:.9em}"
    "td,th{border:1px solid #bbb;padding:.15em .5em;text-align:left}"
    ".basis,.conditions{font-size:.9em;color:#333}"
)
_PREAMBLE = (
    "<p>Nothing is allowed but by a rule of the first part, and nothing that a rule of the second "
    "part forbids. Where the book cannot be evaluated, the answer is no.</p>"
)
_EFFECTS = {"permit": "What is allowed", "forbid": "What is forbidden, whatever allows it"}


def page(checked: CheckedBook, title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return the page.

    Args:
        checked: the book with what it decided in its scenarios.
        title: of the page.
        facts: version, digest and the like, as (name, value).
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *_facts(facts),
        _PREAMBLE,
    ]
    for effect, heading in _EFFECTS.items():
        rules = [one for one in checked.book.rules.values() if one.tree["effect"] == effect]
        parts += [f"<h2>{heading}</h2>", *(_rule(one, checked) for one in rules)]
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _facts(facts: Iterable[tuple[str, str]]) -> list[str]:
    rows = [f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts]
    return ["<table>", *rows, "</table>"] if rows else []


def _rule(rule: Rule, checked: CheckedBook) -> str:
    annotations = rule.tree.get("annotations", {})
    basis = annotations.get("basis")
    duty = annotations.get("obligation")
    lines = [
        f"<section><h3>{escape(rule.id)}</h3>",
        f"<p>{escape(rule.says)}</p>",
        f'<p class="basis">Basis: {escape(basis)}</p>' if basis else "",
        f'<p class="basis">Duty: {escape(duty)}</p>' if duty else "",
        *_proofs(checked.proofs.get(rule.id, Proof()), checked.verdicts),
        "</section>",
    ]
    return "\n".join(line for line in lines if line)


def _proofs(proof: Proof, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the cases that would go otherwise without the rule, or without what it asks for."""
    hanging = {*proof.permits, *proof.refusals}
    rows = [
        "<tr>"
        f"<td>{escape(one.scenario.case)}</td>"
        f"<td>{escape(' '.join(one.scenario.who))}</td>"
        f"<td>{escape(one.scenario.act)}</td>"
        f"<td>{'allowed' if one.allow else 'refused'}</td>"
        "</tr>"
        for one in verdicts
        if one.scenario.case in hanging
    ]
    if not rows:
        return ["<p>No scenario of the book shows this rule.</p>"]
    head = "<tr><th>case</th><th>who</th><th>act</th><th>decided</th></tr>"
    return ["<table>", head, *rows, "</table>"]
