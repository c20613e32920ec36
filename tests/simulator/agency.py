# SPDX-License-Identifier: Apache-2.0
"""An agency's services as bootstrap wires them, over a real store and a broker in memory.

clock = ManualClock()
federation = working_federation()
broker = MemoryBroker(federation, clock)
agency = open_agency(federation, broker, "gr-pol", tmp_path, clock)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agency_client.domain.delivery import Filter
from agency_client.domain.recovery import RecoveryState, RecoveryStatus
from agency_client.domain.views import InboxQuery, KeyStatus, PublishReport, SendReport, Viewer
from agency_client.services.approvals import ApprovalService
from agency_client.services.attachments import AttachmentSealing, AttachmentUpload
from agency_client.services.audit import AuditService
from agency_client.services.cards import CardService
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from agency_client.services.ending import EndingService
from agency_client.services.holding import HoldService
from agency_client.services.mailbox import Mailbox
from agency_client.services.officers import OfficerRegister
from agency_client.services.onward import OnwardService
from agency_client.services.partners import PartnerService
from agency_client.services.post import Post
from agency_client.services.publishing import Publisher
from agency_client.services.recalling import RecallService
from agency_client.services.receiving import Receiver
from agency_client.services.releases import Releases
from agency_client.services.releasing import Releasing
from agency_client.services.rights import ReadingRights
from agency_client.services.saving import AttachmentDownload
from agency_client.services.sending import Sender
from agency_client.services.standing import StandingGrants
from agency_client.services.status import StatusService
from agency_client.services.viewing import ViewingService, notice_view
from agency_client.store.profile_store import ProfileStore
from keys.directory import AgencyEntry
from keys.envelope import Marking
from policy import standard_book
from tests.simulator.broker import MemoryBroker, MemoryLink
from tests.simulator.federation import (
    DAY,
    MARKING,
    NOW,
    TOPIC,
    Federation,
    Member,
    build_federation,
)

EVERYTHING = Filter(topics=("#",))
VIEWER = Viewer(name="Ioana Test", purpose="INVESTIGATION", case="2026/114")
STORE_KEY = bytes(range(32))


class ManualClock:
    """Time that moves when it is told to, and when somebody sleeps."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now
        self.slept: list[int] = []

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, milliseconds: int) -> None:
        self.slept.append(milliseconds)
        self.now += milliseconds


class EvenEntropy:
    """The middle of every interval."""

    def token(self, size: int) -> bytes:
        return bytes(size)

    def jitter(self) -> float:
        return 0.5


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A checked draft, as `agency_client.domain.publishable.Publishable` wants it."""

    text: str = "an invented case"
    topic: str = TOPIC
    marking: Marking = MARKING
    to: tuple[str, ...] = ()
    valid_from: int = NOW
    expires_at: int = NOW + 30 * DAY
    supersedes: tuple[str, ...] = ()
    attachments: tuple[Path, ...] = ()

    @property
    def notice(self) -> Mapping[str, Any]:
        return {"type": self.marking.type, "title": self.text}


@dataclass(kw_only=True)
class SimulatedAgency:
    """One agency with all its services; `reopen` is a restart of its process."""

    id: str
    federation: Federation
    broker: MemoryBroker
    folder: Path
    clock: ManualClock
    store: ProfileStore
    link: MemoryLink
    directory: DirectoryService
    checkpoints: CheckpointService
    publisher: Publisher
    sender: Sender
    receiver: Receiver
    register: OfficerRegister
    approvals: ApprovalService
    releases: Releases
    post: Post
    mailbox: Mailbox
    ending: EndingService
    onward: OnwardService
    standing: StandingGrants
    recalls: RecallService
    holds: HoldService
    rights: ReadingRights
    viewing: ViewingService
    saving: AttachmentDownload
    status: StatusService
    partners: PartnerService
    cards: CardService
    audit: AuditService
    keys: tuple[KeyStatus, ...] = field(default=())

    async def publish(self, *drafts: Draft, wait_ms: int = 0) -> PublishReport:
        """Queue drafts, send, and return what became of them."""
        queued = await self.publisher.queue(drafts)
        await self.sender.drain(self.clock.now_ms() + wait_ms)
        return self.publisher.report(queued)

    async def send(self, wait_ms: int = 0) -> SendReport:
        return await self.sender.drain(self.clock.now_ms() + wait_ms)

    async def exchange(self) -> None:
        """Fetch mail, do what it asks, send what waits."""
        await self.mailbox.fetch()
        await self.mailbox.fetch_granted()
        await self.ending.sweep()
        await self.standing.apply()
        await self.post.send()

    async def receive(self) -> None:
        """Receive everything, mail too."""
        await self.receiver.catch_up(EVERYTHING)
        await self.exchange()

    def titles(self) -> Sequence[str]:
        """Return the titles of everything kept, in order of arrival."""
        rows = self.store.inbox.browse(InboxQuery(limit=10_000), self.id, self.clock.now_ms())
        return [notice_view(row).content["title"] for row in reversed(rows)]

    def reopen(self) -> "SimulatedAgency":
        self.store.close()
        return open_agency(self.federation, self.broker, self.id, self.folder, self.clock)


def working_federation(
    agencies: Sequence[Member | str] = ("gr-pol", "ro-pol", "hr-ngo"), **more: Any
) -> Federation:
    """Return a federation whose rule book is the standard one."""
    schema, policies = standard_book()
    return build_federation(agencies, schema=schema, policies=policies, **more)


def open_agency(
    federation: Federation, broker: MemoryBroker, agency: str, folder: Path, clock: ManualClock
) -> SimulatedAgency:
    """Open an agency's profile in `folder`; a new one is enrolled in what the federation is now."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = ProfileStore(folder, STORE_KEY, agency)
    if not store.trust.roots():
        store.trust.set_roots([one.encode() for one in federation.signed_roots])
        store.trust.add_entries(0, [one.encode() for one in federation.signed_entries])
    link = broker.connect(agency)
    keys = federation.agencies[agency]
    directory = DirectoryService(
        agency=agency, pin=federation.id, store=store, broker=link, clock=clock
    )
    checkpoints = CheckpointService(store=store, broker=link, directory=directory, clock=clock)
    register = OfficerRegister(agency=agency, store=store, directory=directory, clock=clock)
    approvals = ApprovalService(store=store, register=register, clock=clock)
    releases = Releases(
        store=store, register=register, approvals=approvals, directory=directory, clock=clock
    )
    publisher = Publisher(
        store=store,
        directory=directory,
        signing=lambda: keys.signer,
        clock=clock,
        attachments=AttachmentSealing(store=store),
        releases=releases,
    )
    rights = ReadingRights(register=register, directory=directory, clock=clock)
    ending = EndingService(agency=agency, store=store, clock=clock)
    viewing = ViewingService(agency=agency, store=store, rights=rights, ending=ending, clock=clock)

    def assertions(act: bytes) -> tuple[str, str]:
        asked = approvals.check_act(act)
        return asked.requester, asked.approver

    post = Post(
        broker=link,
        store=store,
        directory=directory,
        signing=lambda: keys.signer,
        assertions=assertions,
        clock=clock,
    )
    releasing = Releasing(agency=agency, store=store, directory=directory, clock=clock)
    asked = keys.entry

    def as_asked() -> AgencyEntry:
        return asked

    partners = PartnerService(
        agency=agency, asked=as_asked, store=store, directory=directory, clock=clock
    )
    own = (KeyStatus(use="signing", key_id=keys.signer.keyset_id, valid_until=NOW + DAY),)
    return SimulatedAgency(
        id=agency,
        federation=federation,
        broker=broker,
        folder=folder,
        clock=clock,
        store=store,
        link=link,
        directory=directory,
        checkpoints=checkpoints,
        publisher=publisher,
        sender=Sender(
            broker=link,
            store=store,
            directory=directory,
            publisher=publisher,
            uploads=AttachmentUpload(broker=link, store=store),
            clock=clock,
            entropy=EvenEntropy(),
        ),
        receiver=Receiver(
            broker=link,
            store=store,
            directory=directory,
            checkpoints=checkpoints,
            keys={keys.decryption.key_id: keys.decryption},
            clock=clock,
        ),
        register=register,
        approvals=approvals,
        releases=releases,
        post=post,
        mailbox=Mailbox(
            broker=link,
            store=store,
            directory=directory,
            keys={keys.decryption.key_id: keys.decryption},
            clock=clock,
        ),
        ending=ending,
        onward=OnwardService(
            agency=agency,
            store=store,
            post=post,
            releasing=releasing,
            rights=rights,
            viewing=viewing,
            clock=clock,
        ),
        standing=StandingGrants(
            store=store,
            releasing=releasing,
            rights=rights,
            viewing=viewing,
            clock=clock,
        ),
        recalls=RecallService(
            agency=agency,
            store=store,
            post=post,
            broker=link,
            directory=directory,
            signing=lambda: keys.signer,
            register=register,
            rights=rights,
            approvals=approvals,
            clock=clock,
        ),
        holds=HoldService(
            agency=agency,
            store=store,
            post=post,
            rights=rights,
            viewing=viewing,
            ending=ending,
            clock=clock,
        ),
        rights=rights,
        viewing=viewing,
        saving=AttachmentDownload(
            broker=link, store=store, viewing=viewing, federation=federation.id
        ),
        status=StatusService(
            store=store,
            broker=link,
            directory=directory,
            checkpoints=checkpoints,
            keys=own,
            recovery=lambda: RecoveryStatus(state=RecoveryState.NONE),
            partners=partners,
        ),
        partners=partners,
        cards=CardService(
            agency=agency,
            asked=as_asked,
            signing=lambda: keys.signer,
            directory=directory,
            broker=link,
            clock=clock,
        ),
        audit=AuditService(
            store=store, broker=link, directory=directory, checkpoints=checkpoints, clock=clock
        ),
        keys=own,
    )
