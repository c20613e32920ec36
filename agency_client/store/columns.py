# SPDX-License-Identifier: Apache-2.0
"""Columns that are never null: what a row does not say is 0, or empty."""

from sqlalchemy import Column, Integer, LargeBinary, Text, text


def int_column(name: str) -> Column[int]:
    """Return a column of integers, 0 unless said otherwise."""
    return Column(name, Integer, nullable=False, server_default="0")


def text_column(name: str) -> Column[str]:
    """Return a column of text, empty unless said otherwise."""
    return Column(name, Text, nullable=False, server_default="")


def bytes_column(name: str) -> Column[bytes]:
    """Return a column of bytes, empty unless said otherwise."""
    return Column(name, LargeBinary, nullable=False, server_default=text("x''"))
