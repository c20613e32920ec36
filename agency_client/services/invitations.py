# SPDX-License-Identifier: Apache-2.0
"""Invitations: a steward's signed word to an agency that is to join, as a file.

It carries the federation's roots, so that everything later is held to the federation that invited,
and where its broker is. It admits nobody: that is the stewards' entry, after words were compared.
Not secret. Source: docs/protocol.md section 10.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Self

from agency_client.errors import AgencyError, Reason
from agency_client.services.steward import Bundle, StewardKey, check_steward
from keys.errors import FramingError, TrustError
from keys.errors import Reason as TrustReason
from keys.fields import check_agency, check_bytes, check_label, check_time
from keys.framing import HASH_BYTES, framed, read_text, read_uint, u64, unframe
from keys.root import RootDocument, SignedRoot, federation_id, verified_roots
from keys.signing import PAYLOAD_INVITATION, verify

SCHEMA = "tocsin.invitation.v1"
FILE_NAME = "invitation.json"
MAX_VALID_MS = 366 * 86_400_000
"""A year and a day: whoever finds an older one asks a steward again."""

_LABEL = "tocsin/invitation/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a steward signs.

    Attributes:
        federation: 32 bytes.
        agency: the id under which the agency is awaited.
        name: the agency, for people.
        broker: HOST:PORT.
        steward: who invites, a name of the root's.
        issued_at: milliseconds since 1970.
        valid_until: first instant at which it no longer counts; at most a year and a day later.
    """

    federation: bytes
    agency: str
    name: str
    broker: str
    steward: str
    issued_at: int
    valid_until: int

    def __post_init__(self) -> None:
        check_bytes(self.federation, HASH_BYTES, "federation")
        check_agency(self.agency)
        check_label(self.name)
        check_label(self.broker)
        check_agency(self.steward)
        check_time(self.issued_at)
        check_time(self.valid_until)
        if not 0 < self.valid_until - self.issued_at <= MAX_VALID_MS:
            raise FramingError(TrustReason.MALFORMED, "an invitation lasts from now to a year")

    def encode(self) -> bytes:
        """Return the INVITATION bytes."""
        return framed(
            _LABEL,
            self.federation,
            self.agency.encode(),
            self.name.encode(),
            self.broker.encode(),
            self.steward.encode(),
            u64(self.issued_at),
            u64(self.valid_until),
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read INVITATION bytes; raises `FramingError` for any that `encode` would not write."""
        federation, agency, name, broker, steward, issued_at, valid_until = unframe(_LABEL, data, 7)
        return cls(
            federation=federation,
            agency=read_text(agency),
            name=read_text(name),
            broker=read_text(broker),
            steward=read_text(steward),
            issued_at=read_uint(issued_at, 8),
            valid_until=read_uint(valid_until, 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """An invitation that was verified; `first_root` is what the federation's words are of."""

    invitation: Invitation
    federation_name: str
    first_root: bytes


def invite_text(bundle: Bundle, key: StewardKey, invitation: Invitation) -> str:
    """Return the text of an invitation's file, signed by a steward.

    Raises:
        AgencyError: INVALID_ARGUMENT; that steward is none of this federation.
    """
    root, signed = bundle.directory.root_document, invitation.encode()
    check_steward(root, key)
    return json.dumps(
        {
            "schema": SCHEMA,
            "roots": [_base64(one.encode()) for one in bundle.roots],
            "invitation": _base64(signed),
            "signature": _base64(key.signer.sign(PAYLOAD_INVITATION, signed)),
        },
        indent=1,
    )


def read_invitation(text: str, now: int | None = None) -> Invited:
    """Read and verify an invitation's file.

    That its federation is the right one is not known before its words were compared.

    Args:
        text: of the file.
        now: milliseconds since 1970; None where it was accepted in time before.

    Raises:
        AgencyError: INVITATION_INVALID; not an invitation, of another federation than its roots,
            not signed by one of its stewards, or not valid now.
    """
    try:
        signed, signature, roots = _parts(text)
        invitation, documents = Invitation.decode(signed), verified_roots(roots)
        if invitation.federation != federation_id(roots[0]):
            raise _invalid("it speaks for another federation than that of its roots")
        _check_signed(invitation, documents[-1], signed, signature)
    except TrustError as error:
        raise _invalid(error.detail) from None
    ends = min(invitation.valid_until, documents[-1].expires_at)
    if now is not None and not invitation.issued_at <= now < ends:
        raise _invalid("it is not valid at this time; or this machine's clock is wrong")
    return Invited(
        invitation=invitation, federation_name=documents[-1].name, first_root=roots[0].body
    )


def check_invited(invited: Invited, agency: str) -> None:
    """Refuse an invitation to somebody else.

    Raises:
        AgencyError: INVITATION_INVALID.
    """
    awaited = invited.invitation.agency
    if agency != awaited:
        raise _invalid(f"it invites {awaited}, and this is {agency}")


def _check_signed(
    invitation: Invitation, root: RootDocument, signed: bytes, signature: bytes
) -> None:
    steward = root.steward(invitation.steward)
    if steward is None:
        raise _invalid(f"{invitation.steward} is no steward of that federation")
    if not steward.keyset.is_valid_at(invitation.issued_at):
        raise _invalid(f"the keys of steward {steward.name} did not count when it was signed")
    verify(steward.keyset, PAYLOAD_INVITATION, signed, signature)


def _parts(text: str) -> tuple[bytes, bytes, list[SignedRoot]]:
    try:
        document: dict[str, Any] = json.loads(text)
        if document["schema"] != SCHEMA:
            raise ValueError(SCHEMA)  # noqa: TRY301 - as any other file that is none
        roots = [SignedRoot.decode(_bytes(one)) for one in document["roots"]]
        return _bytes(document["invitation"]), _bytes(document["signature"]), roots
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _invalid("it is not the file that `tocsin steward invite` wrote") from None


def _invalid(why: str) -> AgencyError:
    return AgencyError(Reason.INVITATION_INVALID, f"the invitation is refused: {why}")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
