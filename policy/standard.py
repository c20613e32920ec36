# SPDX-License-Identifier: Apache-2.0
"""The rule book a new federation starts with, as text; stewards sign it or a changed copy of it."""

from importlib import resources

from policy.sources import SCENARIOS, SCHEMA, WHOLE, Sources, merged


def standard_sources() -> Sources:
    """Return the packaged rule book as the files of a folder."""
    folder = resources.files("policy").joinpath("book")
    return {
        name: folder.joinpath(name).read_text(encoding="utf-8")
        for name in (SCHEMA, WHOLE, SCENARIOS)
    }


def standard_book() -> tuple[str, str]:
    """Return the packaged rule book: the Cedar schema and the Cedar policies, both as text."""
    return merged(standard_sources())
