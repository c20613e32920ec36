# SPDX-License-Identifier: Apache-2.0
"""Opens a profile and puts its services together. Works with the broker away: nothing is asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agency_client.bootstrap.connecting import LeafIssuer, broker_at
from agency_client.bootstrap.exchange import Exchange
from agency_client.bootstrap.held_keys import HeldKeys
from agency_client.bootstrap.keyring import check_clock
from agency_client.bootstrap.profile import open_store
from agency_client.bootstrap.system import SystemClock, SystemEntropy
from agency_client.config import Settings, settings_of
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock, Entropy
from agency_client.ports.store import Store
from agency_client.services.approvals import ApprovalService
from agency_client.services.asserting import Asserting
from agency_client.services.attachments import AttachmentSealing, AttachmentUpload
from agency_client.services.audit import AuditService
from agency_client.services.break_glass import BreakGlassService
from agency_client.services.cards import CardService
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService, verified_directory
from agency_client.services.ending import EndingService
from agency_client.services.holding import HoldService
from agency_client.services.key_ending import KeyEnding
from agency_client.services.key_life import KeyLife
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
from agency_client.services.viewing import ViewingService
from keys.directory import AgencyEntry
from keys.signers import Signer, Signing
from keys.tls import thumbprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The services of one open profile, and what they stand on."""

    agency: str
    signing: Signing = field(repr=False)
    clock: Clock
    entropy: Entropy
    store: Store
    broker: Broker
    directory: DirectoryService
    publisher: Publisher
    sender: Sender
    receiver: Receiver
    register: OfficerRegister
    approvals: ApprovalService
    releases: Releases
    break_glass: BreakGlassService
    asserting: Asserting
    post: Post
    exchange: Exchange
    onward: OnwardService
    standing: StandingGrants
    recalls: RecallService
    holds: HoldService
    rights: ReadingRights
    viewing: ViewingService
    saving: AttachmentDownload
    status: StatusService
    key_life: KeyLife
    key_ending: KeyEnding
    partners: PartnerService
    cards: CardService
    audit: AuditService

    @classmethod
    def open(cls, folder: Path, passphrase: str | bytes) -> Self:
        """Open the profile in `folder`. Slow: derives a key and verifies the directory.

        Raises:
            AgencyError: PROFILE_MISSING, PROFILE_INVALID, NOT_ENROLLED, CLOCK_SKEW, or of the
                store.
            TrustError: the key file does not open, or what is pinned does not verify.
        """
        settings = settings_of(folder)
        held = HeldKeys(folder, passphrase)
        clock = SystemClock()
        check_clock(held.current, clock.now_ms())
        store = open_store(folder, held.current)
        try:
            return cls.of(held, settings, store, clock)
        except BaseException:
            store.close()
            raise

    @classmethod
    def of(cls, held: HeldKeys, settings: Settings, store: Store, clock: Clock) -> Self:
        """Put the services of an open store together.

        Raises:
            AgencyError: NOT_ENROLLED; DIRECTORY_INVALID.
            TrustError: what is pinned does not verify.
        """
        pin, keyring = _pinned(store, settings), held.current
        entropy = SystemEntropy()
        issuer = LeafIssuer(
            lambda: held.current,
            lambda: directory.current.directory.root_document.broker_tls_root,
            clock,
            settings.certificate_hours,
        )
        broker = broker_at(settings.broker, issuer)
        directory = DirectoryService(
            agency=keyring.agency, pin=pin, store=store, broker=broker, clock=clock
        )

        def signing() -> Signer:
            return held.current.signer_by(directory.current.directory, clock.now_ms())

        checkpoints = CheckpointService(
            store=store, broker=broker, directory=directory, clock=clock
        )

        def asked() -> AgencyEntry:
            return held.current.ours

        partners = PartnerService(
            agency=keyring.agency, asked=asked, store=store, directory=directory, clock=clock
        )
        register = OfficerRegister(
            agency=keyring.agency, store=store, directory=directory, clock=clock
        )
        rights = ReadingRights(register=register, directory=directory, clock=clock)
        ending = EndingService(agency=keyring.agency, store=store, clock=clock)
        viewing = ViewingService(
            agency=keyring.agency, store=store, rights=rights, ending=ending, clock=clock
        )
        approvals = ApprovalService(store=store, register=register, clock=clock)
        asserting = Asserting(
            key=lambda: (held.current.assertion_key_id, held.current.assertion_key),
            certificate=lambda: thumbprint(issuer().certificate),
            register=register,
            directory=directory,
            clock=clock,
        )
        post = Post(
            broker=broker,
            store=store,
            directory=directory,
            signing=signing,
            assertions=lambda act: asserting.of_two(approvals.check_act(act)),
            clock=clock,
        )
        releases = Releases(
            store=store, register=register, approvals=approvals, directory=directory, clock=clock
        )
        releasing = Releasing(agency=keyring.agency, store=store, directory=directory, clock=clock)
        standing = StandingGrants(
            store=store,
            releasing=releasing,
            rights=rights,
            viewing=viewing,
            clock=clock,
        )
        mailbox = Mailbox(
            broker=broker, store=store, directory=directory, keys=held.decryption, clock=clock
        )
        publisher = Publisher(
            store=store,
            directory=directory,
            signing=signing,
            clock=clock,
            attachments=AttachmentSealing(store=store),
            releases=releases,
        )
        return cls(
            agency=keyring.agency,
            signing=signing,
            clock=clock,
            entropy=entropy,
            store=store,
            broker=broker,
            directory=directory,
            publisher=publisher,
            sender=Sender(
                broker=broker,
                store=store,
                directory=directory,
                publisher=publisher,
                uploads=AttachmentUpload(broker=broker, store=store),
                clock=clock,
                entropy=entropy,
            ),
            receiver=Receiver(
                broker=broker,
                store=store,
                directory=directory,
                checkpoints=checkpoints,
                keys=held.decryption,
                clock=clock,
            ),
            register=register,
            approvals=approvals,
            releases=releases,
            break_glass=BreakGlassService(
                agency=keyring.agency,
                store=store,
                register=register,
                rights=rights,
                viewing=viewing,
                clock=clock,
            ),
            asserting=asserting,
            post=post,
            exchange=Exchange(
                mailbox=mailbox, post=post, ending=ending, standing=standing, store=store
            ),
            onward=OnwardService(
                agency=keyring.agency,
                store=store,
                post=post,
                releasing=releasing,
                rights=rights,
                viewing=viewing,
                clock=clock,
            ),
            standing=standing,
            recalls=RecallService(
                agency=keyring.agency,
                store=store,
                post=post,
                broker=broker,
                directory=directory,
                signing=signing,
                register=register,
                rights=rights,
                approvals=approvals,
                clock=clock,
            ),
            holds=HoldService(
                agency=keyring.agency,
                store=store,
                post=post,
                rights=rights,
                viewing=viewing,
                ending=ending,
                clock=clock,
            ),
            rights=rights,
            viewing=viewing,
            saving=AttachmentDownload(broker=broker, store=store, viewing=viewing, federation=pin),
            status=StatusService(
                store=store,
                broker=broker,
                directory=directory,
                checkpoints=checkpoints,
                keys=keyring.states(),
                recovery=held.recovery,
                partners=partners,
            ),
            key_life=KeyLife(request=keyring.request, uses=store.key_uses),
            key_ending=KeyEnding(
                keys=held,
                store=store,
                broker=broker,
                directory=directory,
                checkpoints=checkpoints,
                clock=clock,
            ),
            partners=partners,
            cards=CardService(
                agency=keyring.agency,
                asked=asked,
                signing=signing,
                directory=directory,
                broker=broker,
                clock=clock,
            ),
            audit=AuditService(
                store=store,
                broker=broker,
                directory=directory,
                checkpoints=checkpoints,
                clock=clock,
            ),
        )


def _pinned(store: Store, settings: Settings) -> bytes:
    """Return the id of the federation whose first root was pinned at enrolment."""
    roots = store.trust.roots()
    if not roots or not settings.broker:
        raise AgencyError(Reason.NOT_ENROLLED, "this profile is not enrolled in a federation yet")
    return verified_directory(roots[:1], (), None).federation
