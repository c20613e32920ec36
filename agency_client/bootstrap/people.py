# SPDX-License-Identifier: Apache-2.0
"""The people of an open agency: its register of officers, and what takes two of them."""

from dataclasses import dataclass

from agency_client.services.approvals import ApprovalService
from agency_client.services.officers import OfficerRegister


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Officers and two-person acts of one profile; all of it works without the broker."""

    register: OfficerRegister
    approvals: ApprovalService
