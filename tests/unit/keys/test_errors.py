# SPDX-License-Identifier: Apache-2.0
"""Errors: one tree, and reasons that never change."""

import pytest

from keys import errors
from keys.errors import OpenError, Reason, TrustError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and kind.__module__ == "keys.errors"
]
REASONS = (
    "malformed limit_exceeded signature_invalid statement_mismatch unknown_keyset "
    "foreign_federation wrong_topic repeated_id not_a_recipient recipients_invalid wrap_invalid "
    "commitment_mismatch body_invalid padding_invalid proof_invalid passphrase_wrong key_invalid "
    "key_file_invalid key_file_missing key_file_permissions not_enough_signatures root_invalid "
    "entry_invalid expired checkpoint_invalid leaf_mismatch attachment_invalid certificate_invalid"
)


def test_no_reason_is_renamed_or_taken_away() -> None:
    """Logs and other programs compare them: one may be added, none changed."""
    assert set(REASONS.split()) <= {reason.value for reason in Reason}
    assert all(reason.value == reason.name.lower() for reason in Reason)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_a_trust_error(kind: type) -> None:
    assert kind is Reason or issubclass(kind, TrustError)


def test_an_error_says_its_reason_and_what_was_expected() -> None:
    error = OpenError(Reason.WRAP_INVALID, "wrap has 3 bytes, expected 1168")
    assert str(error) == "wrap_invalid: wrap has 3 bytes, expected 1168"
    assert (error.reason, error.detail) == ("wrap_invalid", "wrap has 3 bytes, expected 1168")
