# SPDX-License-Identifier: Apache-2.0
"""The agency: library, command line and local store. The only side that opens a notice.

    from agency_client import Agency

    async with Agency.connect("gr-pol", passphrase) as agency:
        await agency.publish(draft)

What is listed here is loaded when it is first used, so that no part pays for another.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agency_client.bootstrap import Agency, create_profile, enrol_profile
    from agency_client.domain.views import InboxQuery, Viewer
    from agency_client.errors import AgencyError, Reason
    from agency_client.intake import read_records

__all__ = [
    "Agency",
    "AgencyError",
    "InboxQuery",
    "Reason",
    "Viewer",
    "create_profile",
    "enrol_profile",
    "read_records",
]

_HOMES = {
    "Agency": "bootstrap",
    "create_profile": "bootstrap",
    "enrol_profile": "bootstrap",
    "InboxQuery": "domain.views",
    "Viewer": "domain.views",
    "AgencyError": "errors",
    "Reason": "errors",
    "read_records": "intake",
}


def __getattr__(name: str) -> Any:
    """Load one of the names above from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
