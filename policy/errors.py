# SPDX-License-Identifier: Apache-2.0
"""What can go wrong before a decision is taken. A decision itself never raises: it denies."""


class PolicyError(Exception):
    """Root of the errors of this package."""


class BookError(PolicyError):
    """A rule book was refused: it does not parse, fit its schema or keep the house rules."""


class FactError(PolicyError):
    """A marking holds a code that the rule book's vocabulary has no word for."""
