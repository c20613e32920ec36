# SPDX-License-Identifier: Apache-2.0
"""Two-person acts: the second person signs the digest of the exact act with a key of its own.

An act is a canonical byte string, so that an approval of it is one of nothing else. Pure; which
acts need two persons, and which roles of the first, is for others. Source: research on governance
3.4; docs/protocol.md section 22.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys.fields import check_agency, check_bytes, check_key_id, check_time
from keys.framing import HASH_BYTES, framed, sha256, u64
from officers.errors import OfficerError, Reason
from officers.people import SUPERVISOR, Officer, refusing

MAX_AGE_MS = 24 * 60 * 60_000
SIGNATURE_BYTES = 64

_APPROVAL = "tocsin/approval/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One officer's consent to one act.

    Attributes:
        agency: whose officer.
        officer: pseudonym of who approves.
        act: SHA-256 of the exact act, 32 bytes.
        approved_at: milliseconds since 1970.
        signature: Ed25519, 64 bytes.
    """

    agency: str
    officer: str
    act: bytes
    approved_at: int
    signature: bytes

    @refusing
    def __post_init__(self) -> None:
        check_agency(self.agency)
        check_key_id(self.officer)
        check_bytes(self.act, HASH_BYTES, "digest of the act")
        check_time(self.approved_at)
        check_bytes(self.signature, SIGNATURE_BYTES, "signature of the approval")


def approve(act: bytes, *, officer: Officer, key: Ed25519PrivateKey, now: int) -> Approval:
    """Return the approval of an act.

    Args:
        act: the exact bytes.
        officer: who approves.
        key: the private half of the officer's approval key.
        now: milliseconds since 1970.
    """
    digest = sha256(act)
    return Approval(
        agency=officer.agency,
        officer=officer.pseudonym,
        act=digest,
        approved_at=now,
        signature=key.sign(_signed(officer.agency, officer.pseudonym, digest, now)),
    )


def check_approval(
    approval: Approval, act: bytes, *, requester: Officer, approver: Officer, now: int
) -> None:
    """Refuse an approval that does not carry this act of `requester` at `now`.

    Args:
        approval: untrusted.
        act: the exact bytes that are about to be done.
        requester: who asked for it.
        approver: the agency's own record of the officer that the approval names.
        now: milliseconds since 1970.

    Raises:
        OfficerError: OTHER_ACT, OTHER_AGENCY, SAME_PERSON, ROLE_MISSING, SUSPENDED, NOT_VETTED,
            NOT_YET, EXPIRED or SIGNATURE_INVALID.
    """
    if approval.act != sha256(act):
        raise OfficerError(Reason.OTHER_ACT, "the approval is of another act")
    _check_person(approval, requester, approver, now)
    if approval.approved_at > now:
        raise OfficerError(Reason.NOT_YET, f"approved at {approval.approved_at}, it is {now}")
    if now - approval.approved_at >= MAX_AGE_MS:
        raise OfficerError(Reason.EXPIRED, f"approved at {approval.approved_at}, it is {now}")
    payload = _signed(approval.agency, approval.officer, approval.act, approval.approved_at)
    try:
        key = Ed25519PublicKey.from_public_bytes(approver.approval_key)
        key.verify(approval.signature, payload)
    except (InvalidSignature, ValueError):
        raise OfficerError(Reason.SIGNATURE_INVALID, "not signed by that officer") from None


def _check_person(approval: Approval, requester: Officer, approver: Officer, now: int) -> None:
    named = approval.agency, approval.officer
    if named != (approver.agency, approver.pseudonym) or approver.agency != requester.agency:
        raise OfficerError(Reason.OTHER_AGENCY, "the approval is not of an officer of the agency")
    if approver.pseudonym == requester.pseudonym:
        raise OfficerError(Reason.SAME_PERSON, "nobody approves what they asked for themselves")
    if approver.is_suspended:
        raise OfficerError(Reason.SUSPENDED, "the officer is suspended")
    if SUPERVISOR not in approver.roles:
        raise OfficerError(Reason.ROLE_MISSING, f"only a {SUPERVISOR} approves")
    if approver.vetted_until <= now:
        raise OfficerError(Reason.NOT_VETTED, "the officer's vetting has ended")


def _signed(agency: str, officer: str, digest: bytes, approved_at: int) -> bytes:
    return framed(_APPROVAL, agency.encode(), officer.encode(), digest, u64(approved_at))
