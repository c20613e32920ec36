# SPDX-License-Identifier: Apache-2.0
"""From what `keys` says against bytes to what their sender is told."""

from collections.abc import Mapping
from types import MappingProxyType

from broker.errors import BrokerError, Reason
from keys.errors import Reason as Fault
from keys.errors import TrustError

_REASONS: Mapping[Fault, Reason] = MappingProxyType(
    {
        Fault.LIMIT_EXCEEDED: Reason.LIMIT_EXCEEDED,
        Fault.SIGNATURE_INVALID: Reason.SIGNATURE_INVALID,
        Fault.UNKNOWN_KEYSET: Reason.SIGNATURE_INVALID,
        Fault.KEY_INVALID: Reason.SIGNATURE_INVALID,
        Fault.EXPIRED: Reason.SIGNATURE_INVALID,
        Fault.STATEMENT_MISMATCH: Reason.STATEMENT_MISMATCH,
        Fault.FOREIGN_FEDERATION: Reason.WRONG_FEDERATION,
        Fault.NOT_ENOUGH_SIGNATURES: Reason.NOT_ENOUGH_SIGNATURES,
        Fault.ROOT_INVALID: Reason.DIRECTORY_CONFLICT,
    }
)
"""Every other fault is one of bytes that no honest party writes: MALFORMED."""


def refused(error: TrustError) -> BrokerError:
    """Return the refusal for a fault; its text stays in the local log."""
    reason = _REASONS.get(error.reason, Reason.MALFORMED)
    return BrokerError(reason, detail=error.detail)
