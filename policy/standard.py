# SPDX-License-Identifier: Apache-2.0
"""The rule book a new federation starts with, as text; stewards sign it or a changed copy of it."""

from importlib import resources


def standard_book() -> tuple[str, str]:
    """Return the packaged rule book: the Cedar schema and the Cedar policies, both as text."""
    folder = resources.files("policy").joinpath("book")
    schema = folder.joinpath("schema.cedarschema").read_text(encoding="utf-8")
    policies = folder.joinpath("core.cedar").read_text(encoding="utf-8")
    return schema, policies
