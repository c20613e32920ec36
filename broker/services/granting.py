# SPDX-License-Identifier: Apache-2.0
"""Takes grants: the originator of a notice admits one more agency to it.

The broker grants nothing itself. It asks whether the notice's own marking and the rule book let the
grant be made, and asks the rule book again whenever the notice is handed out under it.
Source: design section 4, "Grant"; docs/protocol.md section 21.1.
"""

import asyncio

from broker.domain.acts import grant_posting
from broker.domain.deliveries import StoredFrame
from broker.domain.mail import Mail, MailKind, Posted, Posting
from broker.errors import BrokerError, Reason, invalid
from broker.services.faults import refused
from broker.services.federation import Federation
from broker.services.mailroom import Mailroom
from broker.services.signed_checks import (
    Cause,
    check_clock,
    check_key,
    check_keyset,
    keyset_of,
    stale,
)
from keys.errors import TrustError
from keys.framing import sha256
from keys.grants import Grant, SignedGrant, check_grantor, verify_grant
from keys.hpke import WRAP_BYTES

REGRANT_RULE = "code:regrant"
"""Named as the deciding rule where the notice's own marking does not let the caller grant."""


class Granting:
    """Takes grants for one broker."""

    def __init__(self, room: Mailroom) -> None:
        self._room = room

    async def submit(self, agency: str, signed: SignedGrant) -> Posted:
        """Admit the grantee and put the grant into its mailbox; it is stored on return.

        Raises:
            BrokerError: NOT_FOUND for a notice that is not there, was destroyed, or that `agency`
                is no party to; DENIED, RESEAL_REQUIRED, NOT_ORIGINATOR, SIGNATURE_INVALID,
                MALFORMED, CLOCK_SKEW, INVALID_ARGUMENT, LIMIT_EXCEEDED; or of the store.
        """
        room = self._room
        federation = room.directory.standing(agency)
        grant = await asyncio.to_thread(_authentic, agency, signed, federation)
        digest = sha256(signed.grant)
        known = await room.store.find_posted(agency, MailKind.GRANT, digest, digest)
        if known is not None:
            return known
        federation, now = room.directory.standing(agency), room.clock.now()
        check_clock(grant.granted_at, room.settings, now)
        check_keyset(federation, agency, grant.keyset_id, now)
        frame = await room.frame(agency, grant.place)
        _check_allowed(grant, frame, federation, now)
        check_key(federation, grant.grantee, grant.key_id, now)
        room.check_share(agency, grant.grantee, now)
        posted = await room.store.post(self._posting(signed, grant, frame, now))
        room.wakeups.wake(grant.grantee)
        return posted

    def _posting(self, signed: SignedGrant, grant: Grant, frame: StoredFrame, now: int) -> Posting:
        mail = Mail(
            kind=MailKind.GRANT,
            signed=signed.grant,
            sealed=signed.wrap,
            signature=signed.signature,
        )
        digest = sha256(signed.grant)
        return Posting(
            mail=mail,
            sender=grant.grantor,
            name=digest,
            digest=digest,
            topic=frame.topic,
            sequence=frame.sequence,
            index=grant.place.index,
            recipient=grant.grantee,
            until=grant.expires_at,
            needs_notice=True,
            act=grant_posting(grant, digest, now, self._room.salt()),
        )


def _authentic(agency: str, signed: SignedGrant, federation: Federation) -> Grant:
    if len(signed.wrap) != WRAP_BYTES:
        raise BrokerError(Reason.MALFORMED, detail=f"a wrap of {len(signed.wrap)} bytes")
    try:
        claimed = Grant.decode(signed.grant)
        keyset = keyset_of(federation, agency, claimed.grantor, claimed.keyset_id)
        return verify_grant(signed, keyset, federation.id)
    except TrustError as error:
        raise refused(error) from None


def _check_allowed(grant: Grant, frame: StoredFrame, federation: Federation, now: int) -> None:
    """Ask the notice's own marking, then its state, then the rule book."""
    try:
        check_grantor(grant, frame.decoded)
    except TrustError:
        named = {"agency": grant.grantor, "rules": REGRANT_RULE}
        raise BrokerError(Reason.DENIED, named) from None
    if grant.place.index in frame.gone or grant.place.index in frame.expired_at(now):
        raise BrokerError(Reason.NOT_FOUND)
    if not grant.is_live_at(now):
        raise invalid("expires_at", f"ended at {grant.expires_at}, it is {now}")
    book = federation.directory.rule_book
    if book is None or book.digest != grant.rule_book:
        raise stale(Cause.POLICY)
    decision = federation.may_receive_granted(frame.decoded, frame.originator, grant.grantee, now)
    if not decision.allow:
        named = {"agency": grant.grantee, "rules": ",".join(decision.determining)}
        raise BrokerError(Reason.DENIED, named, detail="; ".join(decision.errors))
