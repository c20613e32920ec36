# SPDX-License-Identifier: Apache-2.0
"""Between the messages of the mailbox and the agency's own values. Nothing is verified."""

from collections.abc import Sequence

from tocsin.v1 import mailbox_service_pb2 as pb

from agency_client.domain.mail import Mail, MailItem, RecipientState, Removed
from agency_client.transport.failures import malformed
from agency_client.transport.messages import agency_id, log_reference, number
from keys.grants import SignedGrant
from keys.letters import SignedLetter
from keys.recalls import SignedRecall

MAX_MAIL = 100
"""Items of one answer, as the protocol allows."""
MAX_HOLDERS = 100_000
"""Far above the 1000 recipients of a frame and the grants that may follow it."""


def letter_message(letter: SignedLetter) -> pb.Letter:
    """Return a letter as it is submitted."""
    return pb.Letter(letter=letter.letter, sealed=letter.sealed, signature=letter.signature)


def grant_message(grant: SignedGrant) -> pb.Grant:
    """Return a grant as it is submitted."""
    return pb.Grant(grant=grant.grant, wrap=grant.wrap, signature=grant.signature)


def recall_message(recall: SignedRecall) -> pb.Recall:
    """Return a recall as it is submitted."""
    return pb.Recall(recall=recall.recall, signature=recall.signature)


def mail_of(message: pb.ListMailResponse, after: int) -> tuple[Sequence[Mail], int]:
    """Return (mail, last place) of an answer about what lies behind `after`.

    Raises:
        AgencyError: MALFORMED; also where a place is left out, because mail has no gaps.
    """
    if len(message.items) > MAX_MAIL:
        raise malformed(f"{len(message.items)} items of mail, at most {MAX_MAIL} were asked for")
    items = tuple(map(_mail, message.items))
    if [one.sequence for one in items] != list(range(after + 1, after + 1 + len(items))):
        raise malformed(f"the mail behind {after} has a gap")
    return items, number(message.head, "a mailbox's last place", least=after + len(items))


def _mail(message: pb.Mail) -> Mail:
    return Mail(
        sequence=number(message.sequence, "a place in a mailbox", least=1),
        item=_item(message),
        log=log_reference(message.log),
    )


def _item(message: pb.Mail) -> MailItem:
    match message.WhichOneof("item"):
        case "letter":
            letter = message.letter
            return SignedLetter(
                letter=letter.letter, sealed=letter.sealed, signature=letter.signature
            )
        case "grant":
            grant = message.grant
            return SignedGrant(grant=grant.grant, wrap=grant.wrap, signature=grant.signature)
        case "recall":
            recall = message.recall
            return SignedRecall(recall=recall.recall, signature=recall.signature)
        case "removed":
            return Removed()
        case _:
            raise malformed("mail of an unknown kind")


def recipients_of(message: pb.ListRecipientsResponse) -> tuple[RecipientState, ...]:
    """Return who could open a notice, each agency once.

    Raises:
        AgencyError: MALFORMED.
    """
    found = tuple(
        RecipientState(agency=agency_id(one.agency), delivered=one.delivered, grantee=one.grantee)
        for one in message.recipients
    )
    if len(found) > MAX_HOLDERS or len({one.agency for one in found}) != len(found):
        raise malformed("an agency is a recipient twice, or there are far too many")
    return found
