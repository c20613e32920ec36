# SPDX-License-Identifier: Apache-2.0
"""Reads notice records: JSON, JSON Lines and YAML, in our own form or in INTERPOL's."""

from agency_client.intake.reading import (
    MAX_INPUT_BYTES,
    Batch,
    DraftRecord,
    RefusedRecord,
    read_records,
)

__all__ = ["MAX_INPUT_BYTES", "Batch", "DraftRecord", "RefusedRecord", "read_records"]
