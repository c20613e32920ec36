# SPDX-License-Identifier: Apache-2.0
"""What we send about a notice: made at once, sealed and signed when it is first tried.

So that what waits weeks for the broker goes out under keys and dates of the day. The bytes are kept
before they are sent, and stay the same until there is an outcome. CPU work, no I/O.
"""

from dataclasses import replace

from agency_client.domain.post import PostItem, PostKind
from agency_client.domain.records import NoticeRow
from agency_client.errors import AgencyError, Reason
from agency_client.services.federation import Federation
from keys.errors import TrustError
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.grants import seal_grant
from keys.letters import LetterHeader, SignedLetter, seal_letter
from keys.places import NoticePlace
from keys.recipients import EncryptionKey
from keys.signers import Signer


def about(
    row: NoticeRow, place: NoticePlace, kind: PostKind, *, sender: str, to: str, now: int
) -> PostItem:
    """Return what is to be sent about a kept notice, still without what it says."""
    return PostItem(
        kind=kind,
        name=new_uuid7(now),
        sender=sender,
        recipient=to,
        originator=row.originator,
        notice_id=row.notice_id,
        place=place,
        created_at=now,
    )


def sealed_letter(item: PostItem, federation: Federation, signer: Signer, now: int) -> PostItem:
    """Return a letter with the bytes under which it is sent.

    Raises:
        AgencyError: RECIPIENT_REFUSED, nobody can seal to the recipient now; UNKNOWN_NOTICE, what
            it said was destroyed with its notice; MALFORMED.
    """
    if not item.content:
        raise AgencyError(Reason.UNKNOWN_NOTICE, "what the letter said was destroyed")
    key = _key(item.recipient, federation, now)
    header = LetterHeader(
        kind=item.kind,
        federation=federation.id,
        letter_id=item.name,
        sender=item.sender,
        keyset_id=signer.keyset_id,
        recipient=item.recipient,
        key_id=key.key_id,
        created_at=now,
        originator=item.originator,
        place=item.place,
        answers=item.answers if item.kind is PostKind.DECISION else b"",
    )
    try:
        signed = seal_letter(item.content, header=header, key=key, signer=signer)
    except TrustError as error:
        raise AgencyError(Reason.MALFORMED, error.detail) from None
    return replace(
        item,
        created_at=now,
        signed=signed.letter,
        cargo=signed.sealed,
        signature=signed.signature,
    )


def signed_letter(item: PostItem) -> SignedLetter:
    """Return a letter as it is submitted."""
    return SignedLetter(letter=item.signed, sealed=item.cargo, signature=item.signature)


def sealed_grant(
    item: PostItem, content_key: bytes, federation: Federation, signer: Signer, now: int
) -> PostItem:
    """Return a grant with the bytes under which it is sent.

    Args:
        item: the grant.
        content_key: opens the notice; empty where it was destroyed.
        federation: whose keys and rule book are used.
        signer: signs.
        now: milliseconds since 1970.

    Raises:
        AgencyError: UNKNOWN_NOTICE; RECIPIENT_REFUSED; INVALID_ARGUMENT, its time is over.
    """
    if not content_key:
        raise AgencyError(Reason.UNKNOWN_NOTICE, "the notice that is granted is not here any more")
    if item.until <= now:
        raise AgencyError(Reason.INVALID_ARGUMENT, "the grant ended before it was sent")
    try:
        signed = seal_grant(
            content_key,
            federation=federation.id,
            place=item.place,
            notice_id=item.notice_id,
            grantor=item.sender,
            grantee=item.recipient,
            key=_key(item.recipient, federation, now),
            rule_book=federation.rule_book.digest,
            granted_at=now,
            expires_at=item.until,
            signer=signer,
        )
    except TrustError as error:
        raise AgencyError(Reason.MALFORMED, error.detail) from None
    return replace(
        item,
        name=sha256(signed.grant),
        created_at=now,
        signed=signed.grant,
        cargo=signed.wrap,
        signature=signed.signature,
    )


def _key(agency: str, federation: Federation, now: int) -> EncryptionKey:
    key = federation.directory.encryption_key(agency, now)
    if key is None:
        raise AgencyError(
            Reason.RECIPIENT_REFUSED, f"{agency} has no encryption key valid now", agency=agency
        )
    return key
