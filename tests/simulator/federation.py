# SPDX-License-Identifier: Apache-2.0
"""A whole federation in memory: stewards, agencies with all their keys, a signed directory.

Everything is real (keys, signatures, certificates); nothing touches disk or network. Tests extend
it with `add` and seal with `seal`; chains are numbered as an outbox would. `Federation.deliver`
plays an honest broker.

    federation = build_federation()
    frame = federation.seal("gr-pol", [b"text"])
    delivered = federation.deliver(frame, "ro-pol")
"""

import base64
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keys import merkle
from keys.changes import AssertionKey
from keys.checkpoint import Checkpoint, log_public, sign_checkpoint
from keys.directory import Directory, SignedEntry, encode_entry, required_signatures, sign_entry
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
)
from keys.envelope import (
    NO_PREVIOUS,
    AttachmentRef,
    Frame,
    FrameHeader,
    Marking,
    NoticeHeader,
    NoticeRef,
    Recipient,
    RuleBookRef,
    Statement,
    TreeHead,
)
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.identities import DecryptionKey, generate_decryption_key
from keys.opening import (
    DeliveredFrame,
    DeliveredNotice,
    OpenedNotice,
    open_delivery,
    verify_delivery,
)
from keys.recipients import EncryptionKey
from keys.root import RootDocument, SignedRoot, Steward, sign_root
from keys.sealing import NoticeDraft, SealRecipient, seal_frame
from keys.signers import SeedSigner, generate_signer
from keys.tls import (
    BROKER_NAME,
    CertifiedKey,
    agency_spiffe_id,
    issue_leaf,
    make_root,
    spki_pin,
    steward_spiffe_id,
)
from officers.people import ROLES

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_795_500_000_000
"""2026-11-24: the instant at which a built federation begins, unless told otherwise."""
YEARS = 3650 * DAY
TOPIC = "trafficking/cases"
KEYSET = "2026-11-sign"
KEY = "2026-11-enc"
ASSERTION_KEY = "2026-11-assert"
MARKING = Marking(type="BLUE", tlp="AMBER", purposes=("INVESTIGATION",))
SCHEMA, POLICIES = "namespace Tocsin {}", "// no rules: tests of policy bring the standard book"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What a test says about an agency; the rest is generated."""

    agency: str
    country: str = ""
    kind: str = ""
    role: str = "agency"
    circles: tuple[str, ...] = ("members",)
    contact247: bool = True
    agreement_until: int = NOW + YEARS
    operations: tuple[tuple[str, int], ...] = ()
    asserts_roles: tuple[str, ...] = ROLES


@dataclass(slots=True, kw_only=True)
class TestAgency:
    """An agency with its private sides."""

    __test__ = False

    entry: AgencyEntry
    signer: SeedSigner
    decryption: DecryptionKey
    tls_root: CertifiedKey
    tls_leaf: CertifiedKey
    assertion: Ed25519PrivateKey
    outlet: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    chain: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    """(topic, recipient) to last sequence and last statement's digest."""

    @property
    def id(self) -> str:
        return self.entry.agency


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSteward:
    """A steward with its private sides."""

    __test__ = False

    name: str
    signer: SeedSigner
    tls_root: CertifiedKey
    tls_leaf: CertifiedKey
    steward: Steward


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBroker:
    """The broker's log key and certificates."""

    __test__ = False

    origin: str
    log_seed: bytes
    log_key: bytes
    tls_root: CertifiedKey
    tls_leaf: CertifiedKey

    def checkpoint(self, size: int, root: bytes) -> str:
        return sign_checkpoint(Checkpoint(origin=self.origin, size=size, root=root), self.log_seed)


@dataclass(slots=True, kw_only=True)
class Federation:
    """The federation as everybody honest sees it; `directory` moves on as entries are added."""

    now: int
    stewards: tuple[TestSteward, ...]
    agencies: dict[str, TestAgency]
    broker: TestBroker
    signed_roots: tuple[SignedRoot, ...]
    signed_entries: tuple[SignedEntry, ...]
    directory: Directory

    @property
    def id(self) -> bytes:
        return self.directory.federation

    def propose(
        self, entry: Entry, *, by: Sequence[str] | None = None, at: int | None = None
    ) -> SignedEntry:
        """Return `entry` as the next one, signed by the stewards named or by as many as needed."""
        needed = required_signatures(entry, self.directory.root_document)
        names = [steward.name for steward in self.stewards][:needed] if by is None else by
        issued_at = self.directory.issued_at if at is None else at
        body = encode_entry(self.id, self.directory.size, max(issued_at, self.now), entry)
        signed = SignedEntry(body=body)
        for steward in self.stewards:
            if steward.name in names:
                signed = sign_entry(signed, steward.signer)
        return signed

    def add(self, entry: Entry, *, by: Sequence[str] | None = None) -> SignedEntry:
        """Sign `entry`, apply it to `directory`, and return it."""
        signed = self.propose(entry, by=by)
        self.directory = self.directory.with_entry(signed)
        self.signed_entries = (*self.signed_entries, signed)
        return signed

    def lock(self, agency: str) -> SignedEntry:
        return self.add(LockEntry(agency=agency, reason="suspected theft of keys"))

    def unlock(self, agency: str) -> SignedEntry:
        return self.add(UnlockEntry(agency=agency, reason="cleared"))

    def retire(self, agency: str) -> SignedEntry:
        return self.add(RetireEntry(agency=agency, reason="left the agreement"))

    def replace_agency(self, agency: str, **changes: object) -> SignedEntry:
        """Sign a new entry for an agency with some attributes changed."""
        entry = replace(self.agencies[agency].entry, **changes)  # type: ignore[arg-type]
        signed = self.add(entry)
        self.agencies[agency].entry = entry
        return signed

    def add_agency(self, member: Member | str) -> TestAgency:
        agency = _agency(_member(member), self.now)
        self.add(agency.entry)
        self.agencies[agency.id] = agency
        return agency

    def seal(
        self,
        originator: str,
        contents: Iterable[bytes | NoticeDraft] = (b"content",),
        *,
        to: Iterable[str] | None = None,
        named: Iterable[str] = (),
        topic: str = TOPIC,
        marking: Marking = MARKING,
        now: int | None = None,
        outlet: bytes | None = None,
        log: TreeHead | None = None,
        seal_id: bytes | None = None,
        chain: Mapping[str, tuple[int, bytes]] | None = None,
    ) -> Frame:
        """Seal contents as one frame to `to` (default: every active agency) and the originator.

        Args:
            chain: (seq, prev) for each recipient; numbered as an outbox would unless given.
        """
        now = self.now if now is None else now
        agency, named = self.agencies[originator], set(named)
        active = [entry.agency for entry in self.directory.agencies() if entry.role == "agency"]
        audience = sorted({originator, *named, *(active if to is None else to)})
        places = agency_chain(agency, topic, audience) if chain is None else chain
        recipients = [
            SealRecipient(
                agency=name,
                key=_newest_key(self.agencies[name], now),
                named=name in named,
                seq=places[name][0],
                prev=places[name][1],
            )
            for name in audience
        ]
        frame = seal_frame(
            federation=self.id,
            topic=topic,
            marking=marking,
            outlet=agency.outlet if outlet is None else outlet,
            created_at=now,
            rule_book=self.rule_book_ref,
            directory=TreeHead(size=self.directory.size, root=self.directory.root),
            log=log or TreeHead(size=0, root=merkle.EMPTY_ROOT),
            recipients=recipients,
            notices=[_draft(content, now) for content in contents],
            originator=originator,
            signer=agency.signer,
            seal_id=seal_id,
        )
        if chain is None:
            digest = sha256(frame.statement)
            agency.chain.update({(topic, name): (places[name][0], digest) for name in audience})
        return frame

    @property
    def rule_book_ref(self) -> RuleBookRef:
        book = self.directory.rule_book
        assert book is not None
        return RuleBookRef(version=book.version, digest=book.digest)

    def deliver(
        self, frame: Frame, agency: str, *, indices: Iterable[int] | None = None
    ) -> DeliveredFrame:
        """Return what an honest broker delivers: the whole frame, or the notices of `indices`."""
        return delivery_of(frame, agency, indices)

    def open(self, frame: Frame, agency: str) -> tuple[OpenedNotice, ...]:
        """Deliver, verify and open a frame as `agency`."""
        delivered = self.deliver(frame, agency)
        statement = Statement.decode(frame.statement)
        keyset = self.directory.keyset(statement.originator, statement.keyset_id)
        assert keyset is not None
        checked = verify_delivery(delivered, keyset, self.id, agency, _topic(frame))
        return open_delivery(checked, delivered, self.agencies[agency].decryption)

    def bundle(self) -> str:
        """Return the federation file: roots and entries, base64 in JSON."""
        roots = [base64.b64encode(root.encode()).decode() for root in self.signed_roots]
        entries = [base64.b64encode(entry.encode()).decode() for entry in self.signed_entries]
        return json.dumps({"roots": roots, "entries": entries})


def agency_chain(
    agency: TestAgency, topic: str, audience: Iterable[str]
) -> dict[str, tuple[int, bytes]]:
    """Return (seq, prev) of the next frame to each of `audience`."""
    places = {}
    for name in audience:
        seq, prev = agency.chain.get((topic, name), (0, NO_PREVIOUS))
        places[name] = (seq + 1, prev)
    return places


def delivery_of(frame: Frame, agency: str, indices: Iterable[int] | None = None) -> DeliveredFrame:
    """Return the delivery of a frame to one of its recipients."""
    decoded = [Recipient.decode(recipient) for recipient in frame.recipients]
    index = next(i for i, recipient in enumerate(decoded) if recipient.agency == agency)
    recipient_path = merkle.inclusion_path(
        [merkle.hash_leaf(recipient) for recipient in frame.recipients], index
    )
    hashes = [notice.leaf_hash for notice in frame.notices]
    shown = sorted(range(len(hashes)) if indices is None else indices)
    notices = tuple(
        DeliveredNotice(
            index=i,
            header=frame.notices[i].header,
            body=frame.notices[i].body,
            path=() if indices is None else tuple(merkle.inclusion_path(hashes, i)),
        )
        for i in shown
    )
    return DeliveredFrame(
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        recipient=frame.recipients[index],
        recipient_index=index,
        recipient_path=tuple(recipient_path),
        wrap=frame.wraps[index] if shown else b"",
        notices=notices,
        withheld=tuple(i for i in range(len(hashes)) if i not in shown),
    )


def notice_draft(
    content: bytes = b"content",
    *,
    now: int = NOW,
    expires_at: int | None = None,
    valid_from: int | None = None,
    notice_id: bytes | None = None,
    supersedes: tuple[NoticeRef, ...] = (),
    recalls: tuple[NoticeRef, ...] = (),
    attachments: tuple[AttachmentRef, ...] = (),
) -> NoticeDraft:
    """Return a draft with a fresh id, valid from now for thirty days."""
    header = NoticeHeader(
        notice_id=new_uuid7(now) if notice_id is None else notice_id,
        valid_from=now if valid_from is None else valid_from,
        expires_at=now + 30 * DAY if expires_at is None else expires_at,
        supersedes=supersedes,
        recalls=recalls,
        attachments=attachments,
    )
    return NoticeDraft(header=header, content=content)


def build_federation(
    agencies: Iterable[Member | str] = ("gr-pol", "ro-pol", "hr-ngo"),
    *,
    stewards: Sequence[str] = ("alpha", "beta"),
    threshold: int = 2,
    topics: Iterable[TopicEntry | str] = (TOPIC,),
    schema: str = SCHEMA,
    policies: str = POLICIES,
    now: int = NOW,
    broker_names: Sequence[str] = ("localhost", "127.0.0.1"),
    name: str = "Test federation",
    log_origin: str = "broker.tocsin/log",
) -> Federation:
    """Return a federation whose directory holds a rule book, the topics and the agencies.

    Args:
        agencies: ids (country and kind are read off them: `gr-pol`, `hr-ngo`) or members.
        stewards: names.
        threshold: how many of them must sign.
        topics: names (read and published by the circle "members") or entries.
        schema: of the rule book; `policy.standard_book()` gives a real one.
        policies: of the rule book.
        now: milliseconds since 1970.
        broker_names: DNS names and addresses in the broker's certificate besides its own name.
        name: of the federation.
        log_origin: of the broker's log.
    """
    crew = tuple(_steward(steward, now) for steward in sorted(stewards))
    broker = _broker(log_origin, broker_names, now)
    root = RootDocument(
        version=1,
        name=name,
        threshold=threshold,
        stewards=tuple(steward.steward for steward in crew),
        log_origin=log_origin,
        log_key=broker.log_key,
        broker_tls_root=broker.tls_root.certificate,
        created_at=now,
        expires_at=now + YEARS,
        previous=bytes(32),
    )
    signed = SignedRoot(body=root.encode())
    for steward in crew[:threshold]:
        signed = sign_root(signed, steward.signer)
    federation = Federation(
        now=now,
        stewards=crew,
        agencies={},
        broker=broker,
        signed_roots=(signed,),
        signed_entries=(),
        directory=Directory.start([signed]),
    )
    federation.add(RuleBookEntry(version=1, schema=schema, policies=policies))
    for topic in topics:
        federation.add(_topic_entry(topic))
    for member in agencies:
        federation.add_agency(member)
    return federation


def _topic(frame: Frame) -> str:
    return FrameHeader.decode(frame.header).topic


def _newest_key(agency: TestAgency, now: int) -> EncryptionKey:
    key = agency.entry.encryption_key(now)
    assert key is not None, f"{agency.id} has no key at {now}"
    return key


def _draft(content: bytes | NoticeDraft, now: int) -> NoticeDraft:
    return content if isinstance(content, NoticeDraft) else notice_draft(content, now=now)


def _topic_entry(topic: TopicEntry | str) -> TopicEntry:
    if isinstance(topic, TopicEntry):
        return topic
    return TopicEntry(
        topic=topic, title=f"Topic {topic}", readers=("members",), publishers=("members",)
    )


def _member(member: Member | str) -> Member:
    return Member(agency=member) if isinstance(member, str) else member


_KINDS = {"pol": "POLICE", "ngo": "NGO", "pro": "PROSECUTOR", "lab": "LABOUR", "bor": "BORDER"}


def _agency(member: Member, now: int) -> TestAgency:
    country, _, kind = member.agency.partition("-")
    signer, decryption = generate_signer(KEYSET), generate_decryption_key(KEY)
    tls_root = make_root(member.agency, not_before=now - DAY, not_after=now + YEARS)
    tls_leaf = issue_leaf(
        tls_root,
        uri=agency_spiffe_id(member.agency),
        not_before=now - DAY,
        not_after=now + YEARS,
    )
    assertion = Ed25519PrivateKey.generate()
    entry = AgencyEntry(
        agency=member.agency,
        name=f"Agency {member.agency}",
        country=member.country or (country.upper() if len(country) == 2 else "XX"),
        kind=member.kind or _KINDS.get(kind, "POLICE"),
        role=member.role,
        circles=member.circles,
        contact247=member.contact247,
        agreement_until=member.agreement_until,
        operations=member.operations,
        tls_roots=(tls_root.certificate,),
        tls_key_pin=spki_pin(tls_leaf.certificate),
        signing=(signer.public(valid_from=now - DAY, valid_until=now + YEARS),),
        encryption=(decryption.public(valid_from=now - DAY, valid_until=now + YEARS),),
        contact=f"duty@{member.agency}.example",
        assertion_keys=(
            AssertionKey(
                key_id=ASSERTION_KEY,
                public=assertion.public_key().public_bytes_raw(),
                valid_from=now - DAY,
                valid_until=now + YEARS,
            ),
        ),
        asserts_roles=member.asserts_roles,
    )
    return TestAgency(
        entry=entry,
        signer=signer,
        decryption=decryption,
        tls_root=tls_root,
        tls_leaf=tls_leaf,
        assertion=assertion,
    )


def _steward(name: str, now: int) -> TestSteward:
    signer = generate_signer(f"{name}-2026")
    tls_root = make_root(name, not_before=now - DAY, not_after=now + YEARS)
    tls_leaf = issue_leaf(
        tls_root, uri=steward_spiffe_id(name), not_before=now - DAY, not_after=now + YEARS
    )
    keyset = signer.public(valid_from=now - DAY, valid_until=now + YEARS)
    steward = Steward(name=name, keyset=keyset, tls_root=tls_root.certificate)
    return TestSteward(
        name=name, signer=signer, tls_root=tls_root, tls_leaf=tls_leaf, steward=steward
    )


def _broker(origin: str, names: Sequence[str], now: int) -> TestBroker:
    seed = secrets.token_bytes(32)
    tls_root = make_root("broker", not_before=now - DAY, not_after=now + YEARS)
    tls_leaf = issue_leaf(
        tls_root, names=(BROKER_NAME, *names), not_before=now - DAY, not_after=now + YEARS
    )
    return TestBroker(
        origin=origin, log_seed=seed, log_key=log_public(seed), tls_root=tls_root, tls_leaf=tls_leaf
    )
