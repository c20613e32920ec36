# SPDX-License-Identifier: Apache-2.0
"""A schema ready to check records with: fast where they conform, in words where they do not."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from agency_client.domain.conformity import compiled
from agency_client.domain.explaining import explain
from agency_client.domain.flaws import RecordError
from agency_client.domain.schema_form import Schema
from agency_client.domain.schemas import schema_of


class Form:
    """One schema; `name` is what `tocsin schema` calls it."""

    def __init__(self, name: str, schema: Schema) -> None:
        self._name = name
        self._schema = schema
        self._conforms = compiled(schema)

    def check(self, record: Mapping[str, Any]) -> None:
        """Check a tidied record.

        Raises:
            RecordError: it does not conform.
        """
        if self._conforms(record):
            return
        flaw = explain(record, self._schema, self._name)
        if flaw is not None:
            raise RecordError(flaw)


@cache
def form_of(notice_type: str) -> Form:
    """Return the form of a notice type; raises `KeyError` for one that does not exist."""
    return Form(notice_type, schema_of(notice_type))
