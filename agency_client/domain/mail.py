# SPDX-License-Identifier: Apache-2.0
"""What a mailbox at the broker holds, as plain values: letters, grants, recalls, and where one was.

Nothing here is verified: these are the peer's words until a service has checked them.
Source: docs/protocol.md section 21 and `protos/tocsin/v1/mailbox_service.proto`.
"""

from dataclasses import dataclass

from agency_client.domain.delivery import LogReference
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Stands where mail was until the notice that it was about was destroyed."""


MailItem = SignedLetter | SignedGrant | SignedRecall | Removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One item of our mailbox; `sequence` counts from 1 without gaps, `log` is its leaf."""

    sequence: int
    item: MailItem
    log: LogReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientState:
    """How far one agency got with a notice of our own, by the broker's word.

    Attributes:
        agency: who could open it.
        delivered: whether it was handed out to the agency.
        grantee: whether a grant admitted the agency; otherwise the frame was sealed to it.
    """

    agency: str
    delivered: bool
    grantee: bool
