# SPDX-License-Identifier: Apache-2.0
"""MailboxService: letters, grants and recalls in, mail out."""

from dataclasses import dataclass

from tocsin.v1 import mailbox_service_pb2 as pb

from broker.domain.limits import MAX_MAIL
from broker.domain.mail import Mail, MailItem, MailKind
from broker.domain.peers import Peer
from broker.rpc.deliveries import log_reference
from broker.rpc.messages import page_size
from broker.rpc.services import Mailbox
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall

DEFAULT_MAIL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxServicer:
    """Hands mail to and from the mailboxes."""

    mailbox: Mailbox

    async def SubmitLetter(
        self, request: pb.SubmitLetterRequest, peer: Peer
    ) -> pb.SubmitLetterResponse:
        """Put a letter into its recipient's mailbox."""
        sent = request.letter
        letter = SignedLetter(letter=sent.letter, sealed=sent.sealed, signature=sent.signature)
        posted = await self.mailbox.submit_letter(peer.name, letter)
        return pb.SubmitLetterResponse(log=log_reference(posted.log), duplicate=posted.duplicate)

    async def SubmitGrant(
        self, request: pb.SubmitGrantRequest, peer: Peer
    ) -> pb.SubmitGrantResponse:
        """Admit an agency to a notice."""
        sent = request.grant
        grant = SignedGrant(grant=sent.grant, wrap=sent.wrap, signature=sent.signature)
        posted = await self.mailbox.submit_grant(peer.name, grant)
        return pb.SubmitGrantResponse(log=log_reference(posted.log), duplicate=posted.duplicate)

    async def SubmitRecall(
        self, request: pb.SubmitRecallRequest, peer: Peer
    ) -> pb.SubmitRecallResponse:
        """Take a notice back."""
        sent = request.recall
        recall = SignedRecall(recall=sent.recall, signature=sent.signature)
        posted = await self.mailbox.submit_recall(
            peer.name, recall, tuple(request.assertions), peer.certificate
        )
        return pb.SubmitRecallResponse(
            log=log_reference(posted.log),
            duplicate=posted.duplicate,
            addressees=posted.addressees,
        )

    async def ListMail(self, request: pb.ListMailRequest, peer: Peer) -> pb.ListMailResponse:
        """List the caller's mail, or wait for the first."""
        count = page_size(request.page_size, DEFAULT_MAIL, MAX_MAIL)
        page = await self.mailbox.mail(peer.name, request.after, count, request.wait_ms)
        return pb.ListMailResponse(items=map(_mail_message, page.items), head=page.head)

    async def ListRecipients(
        self, request: pb.ListRecipientsRequest, peer: Peer
    ) -> pb.ListRecipientsResponse:
        """List who could open a notice of the caller's own."""
        found = await self.mailbox.recipients(peer.name, request.notice_id)
        return pb.ListRecipientsResponse(
            recipients=[
                pb.RecipientState(agency=one.agency, delivered=one.delivered, grantee=one.grantee)
                for one in found
            ]
        )


def _mail_message(item: MailItem) -> pb.Mail:
    message = pb.Mail(sequence=item.sequence, log=log_reference(item.log))
    if item.mail is None:
        message.removed.SetInParent()
    else:
        _put(message, item.mail)
    return message


def _put(message: pb.Mail, mail: Mail) -> None:
    match mail.kind:
        case MailKind.LETTER:
            message.letter.CopyFrom(
                pb.Letter(letter=mail.signed, sealed=mail.sealed, signature=mail.signature)
            )
        case MailKind.GRANT:
            message.grant.CopyFrom(
                pb.Grant(grant=mail.signed, wrap=mail.sealed, signature=mail.signature)
            )
        case MailKind.RECALL:
            message.recall.CopyFrom(pb.Recall(recall=mail.signed, signature=mail.signature))
