# SPDX-License-Identifier: Apache-2.0
"""Which kind of peer may call which method. What is not in the table is refused to everyone."""

from collections.abc import Mapping
from types import MappingProxyType

from broker.domain.peers import PeerKind
from broker.errors import BrokerError, Reason

_EVERYONE = frozenset(PeerKind)
_NOBODY: frozenset[PeerKind] = frozenset()
_AGENCIES = frozenset({PeerKind.AGENCY})
_STEWARDS = frozenset({PeerKind.STEWARD})

_PUBLISHER = "/tocsin.v1.PublisherService"
_SUBSCRIBER = "/tocsin.v1.SubscriberService"
_ATTACHMENT = "/tocsin.v1.AttachmentService"
_DIRECTORY = "/tocsin.v1.DirectoryService"
_LOG = "/tocsin.v1.LogService"
_MAILBOX = "/tocsin.v1.MailboxService"

ACCESS: Mapping[str, frozenset[PeerKind]] = MappingProxyType(
    {
        f"{_PUBLISHER}/Publish": _AGENCIES,
        f"{_PUBLISHER}/PublishStream": _AGENCIES,
        f"{_SUBSCRIBER}/Subscribe": _AGENCIES,
        f"{_SUBSCRIBER}/Pull": _AGENCIES,
        f"{_SUBSCRIBER}/Acknowledge": _AGENCIES,
        f"{_SUBSCRIBER}/Seek": _AGENCIES,
        f"{_SUBSCRIBER}/GetNotice": _AGENCIES,
        f"{_SUBSCRIBER}/ListTopics": _AGENCIES,
        f"{_ATTACHMENT}/PutAttachmentChunk": _AGENCIES,
        f"{_ATTACHMENT}/GetAttachmentChunk": _AGENCIES,
        f"{_MAILBOX}/SubmitLetter": _AGENCIES,
        f"{_MAILBOX}/SubmitGrant": _AGENCIES,
        f"{_MAILBOX}/SubmitRecall": _AGENCIES,
        f"{_MAILBOX}/ListMail": _AGENCIES,
        f"{_MAILBOX}/ListRecipients": _AGENCIES,
        f"{_DIRECTORY}/ListRoots": _EVERYONE,
        f"{_DIRECTORY}/ListEntries": _EVERYONE,
        f"{_DIRECTORY}/SubmitEntry": _STEWARDS | _AGENCIES,
        f"{_DIRECTORY}/SubmitRoot": _STEWARDS,
        f"{_LOG}/GetCheckpoint": _EVERYONE,
        f"{_LOG}/ListLeaves": _EVERYONE,
        f"{_LOG}/GetInclusionProof": _EVERYONE,
        f"{_LOG}/GetConsistencyProof": _EVERYONE,
        "/grpc.health.v1.Health/Check": _EVERYONE,
        "/grpc.health.v1.Health/Watch": _EVERYONE,
        "/grpc.health.v1.Health/List": _NOBODY,  # the library does not implement it
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _EVERYONE,
    }
)


def check_access(method: str, kind: PeerKind) -> None:
    """Refuse a method to a kind of peer that may not call it.

    Raises:
        BrokerError: DENIED.
    """
    if kind not in ACCESS.get(method, frozenset()):
        raise BrokerError(Reason.DENIED, detail=f"{method} is not for a peer of kind {kind}")


def is_allowed_to_anyone(method: str) -> bool:
    """Whether some kind of peer may call a method; what nobody may call is not registered."""
    return bool(ACCESS.get(method))
