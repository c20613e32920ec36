# SPDX-License-Identifier: Apache-2.0
"""A custodian's share as one page to print.

Plain HTML without scripts or anything from elsewhere, and a policy that says so to the browser;
every text is escaped.
"""

from datetime import UTC, datetime
from html import escape

from agency_client.services.recovery_shares import RecoveryShare
from keys.recovery import ShareSet

_STYLE = (
    "body{font:12pt/1.4 serif;max-width:42em;margin:2em auto;padding:0 1em}h1{font-size:1.4em}"
    "table{border-collapse:collapse}th{text-align:left;padding-right:1.5em;font-weight:normal}"
    "ol{columns:3;font:13pt/1.7 monospace;border:1px solid #000;padding:.7em 0 .7em 3.2em}"
    "li{break-inside:avoid}@page{margin:2cm}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_USE = (
    "<b>What it is for.</b> If the agency's passphrase is lost, or the machine with its keys, "
    "{needed} custodians bring the keys back together, with the file <code>recovery.key</code> "
    "from the agency's profile or its backup: <code>tocsin keys recover</code> asks each for these "
    "words, with or without numbers."
)
_POWER = (
    "<b>What it can do.</b> {needed} sheets of this set and that file are all keys of the agency: "
    "who has them reads and signs everything in its name. This sheet alone opens nothing."
)
_CARE = (
    "<b>How to keep it.</b> Sealed and signed over the flap, under lock, in another building than "
    "the other sheets and than the file. Do not copy, photograph, scan or dictate it, and type it "
    "nowhere but there. If the seal is broken or the sheet is lost, say so at once: new shares "
    "make these worthless for every later copy of the keys."
)


def sheet(agency: str, name: str, share_set: ShareSet, share: RecoveryShare) -> str:
    """Return the page for the custodian of `share`.

    Args:
        agency: id of the agency whose keys they are.
        name: its name, for people.
        share_set: the set that the share is of.
        share: whose words are printed.
    """
    day = datetime.fromtimestamp(share_set.made_at / 1000, tz=UTC).strftime("%Y-%m-%d")
    facts = (
        ("Agency", f"{name} ({agency})"),
        ("Share", f"{share.place} of {share_set.shares}; any {share_set.needed} are enough"),
        ("Set", str(share_set.number)),
        ("Made on", day),
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>Recovery sheet {share.place} of {share_set.shares}, {escape(agency)}</title>",
        f"<style>{_STYLE}</style></head><body>",
        "<h1>Recovery sheet for the keys of an agency</h1>",
        "<table>",
        *(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in facts),
        "</table>",
        "<ol>",
        *(f"<li>{escape(word)}</li>" for word in share.words),
        "</ol>",
        *(f"<p>{text.format(needed=share_set.needed)}</p>" for text in (_USE, _POWER, _CARE)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"
