# SPDX-License-Identifier: Apache-2.0
"""The standard rule book with one file more, as its stewards would sign it."""

from policy.sources import merged
from policy.standard import standard_sources


def standard_and(rules: str, name: str = "core/more.cedar") -> str:
    """Return the policies of the standard book and of a further file."""
    return merged({**standard_sources(), name: rules})[1]
