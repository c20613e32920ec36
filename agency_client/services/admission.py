# SPDX-License-Identifier: Apache-2.0
"""From an agency's enrolment request to the entry that admits it, or that renews its keys.

Of a request count who the agency is and its keys; every right is the stewards' to give. That its
words were compared is the caller's business. Source: design section 5; docs/protocol.md section 10.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace

from agency_client.errors import AgencyError, Reason
from keys.directory import AgencyEntry
from keys.entries import decode_content
from keys.errors import TrustError
from officers.people import AUDITOR as OFFICER_AUDITOR
from officers.people import ROLES

MEMBER, AUDITOR = "agency", "auditor"
"""Roles: an auditor reads the log and never contents."""
OFFICERS_OF_MEMBERS = tuple(role for role in ROLES if role != OFFICER_AUDITOR)
"""What officers of an agency may be unless the stewards say otherwise: each acts for it alone."""


def read_request(text: str) -> AgencyEntry:
    """Read an agency's enrolment request: its entry as it would like it, base64.

    Raises:
        AgencyError: INVALID_ARGUMENT; not a request.
    """
    try:
        entry = decode_content(request_bytes(text))
    except TrustError:
        entry = None
    if not isinstance(entry, AgencyEntry):
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "this is not the enrolment request that `tocsin init` wrote"
        )
    return entry


def request_bytes(text: str) -> bytes:
    """Return the bytes in a request's text; their fingerprint is what both sides compare.

    Raises:
        AgencyError: INVALID_ARGUMENT; not base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "this is not the enrolment request that `tocsin init` wrote"
        ) from None


def admitted(
    request: AgencyEntry,
    *,
    circles: Sequence[str] = (),
    role: str = MEMBER,
    known: AgencyEntry | None = None,
    agreement_until: int = 0,
    officers: Sequence[str] = (),
) -> AgencyEntry:
    """Return the entry that admits an agency, or renews its keys.

    Of the request it takes who the agency is and its keys, of one that is known its keys and its
    contact alone. Its rights are the stewards' to give: what a request says of them does not count.

    Args:
        request: as `tocsin init` made it.
        circles: circles it joins.
        role: of an agency that is not known yet; it never changes.
        known: its entry in the directory: without `circles` it stays where it is.
        agreement_until: end of its agreement, ms; 0 is that of the entry, or as a new one asked.
        officers: roles that its officers may have; none are those of the entry, or what officers
            of a new agency, or of a new auditor, do.

    Raises:
        AgencyError: INVALID_ARGUMENT; the request of one that is known says another country or
            kind, on which rights rest.
    """
    if known is None:
        of_new = (OFFICER_AUDITOR,) if role == AUDITOR else OFFICERS_OF_MEMBERS
        return replace(
            request,
            circles=tuple(circles),
            operations=(),
            role=role,
            agreement_until=agreement_until or request.agreement_until,
            asserts_roles=tuple(officers) or of_new,
        )
    if (request.country, request.kind) != (known.country, known.kind):
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"{request.agency} asks to be {request.kind} of {request.country}, "
            f"and is {known.kind} of {known.country}: that is another agency, under another id",
        )
    return replace(
        known,
        circles=tuple(circles) or known.circles,
        agreement_until=agreement_until or known.agreement_until,
        asserts_roles=tuple(officers) or known.asserts_roles,
        contact=request.contact,
        tls_roots=request.tls_roots,
        tls_key_pin=request.tls_key_pin,
        signing=request.signing,
        encryption=request.encryption,
        assertion_keys=request.assertion_keys,
    )
