# SPDX-License-Identifier: Apache-2.0
"""What the figures are taken of: agencies with keys, notices, frames of them, numbered in order."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from keys import merkle
from keys.directory import (
    AgencyEntry,
    Directory,
    Entry,
    RuleBookEntry,
    SignedEntry,
    TopicEntry,
    encode_entry,
    sign_entry,
)
from keys.envelope import (
    NO_PREVIOUS,
    Frame,
    Marking,
    NoticeHeader,
    Recipient,
    RuleBookRef,
    Statement,
    TreeHead,
)
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.identities import DecryptionKey, generate_decryption_key
from keys.opening import DeliveredFrame, DeliveredNotice
from keys.recipients import EncryptionKey
from keys.root import NO_PREVIOUS as NO_ROOT
from keys.root import RootDocument, SignedRoot, Steward, sign_root
from keys.sealing import NoticeDraft, SealRecipient, seal_frame
from keys.signers import SeedSigner, Signer, generate_signer
from keys.signing import Keyset
from policy import standard_book

NOTICE_BYTES = 2048
TOPIC = "trafficking/labour"
COUNTRIES = ("GR", "RO", "BG", "IT", "ES", "PH", "TH", "NG")
YEAR = 365 * 86_400_000
MARKING = Marking(type="YELLOW", tlp="AMBER", handling=("H0",), purposes=("INVESTIGATION",))
NO_HEAD = TreeHead(size=0, root=merkle.EMPTY_ROOT)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def draft(content: bytes) -> NoticeDraft:
    """Return a new notice, valid from now on."""
    now = now_ms()
    header = NoticeHeader(notice_id=new_uuid7(now), valid_from=now, expires_at=now + YEAR)
    return NoticeDraft(header=header, content=content)


def random_drafts(count: int, size: int = NOTICE_BYTES) -> list[NoticeDraft]:
    """Return new notices; random letters, so that nothing could be gained by compressing."""
    return [draft(secrets.token_hex(size // 2).encode()) for _ in range(count)]


@dataclass(kw_only=True)
class Outlet:
    """Seals frames of one agency to all that it has keys of, numbered as its outbox would."""

    originator: str
    signer: Signer
    federation: bytes
    keys: Mapping[str, EncryptionKey]
    topic: str = TOPIC
    rule_book: RuleBookRef = field(default_factory=lambda: RuleBookRef(version=1, digest=bytes(32)))
    directory: TreeHead = NO_HEAD
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _sealed: int = 0
    _last: bytes = NO_PREVIOUS

    def seal(self, notices: Sequence[NoticeDraft]) -> Frame:
        """Seal the next frame."""
        frame = seal_frame(
            federation=self.federation,
            topic=self.topic,
            marking=MARKING,
            outlet=self.id,
            created_at=now_ms(),
            rule_book=self.rule_book,
            directory=self.directory,
            log=NO_HEAD,
            recipients=[
                SealRecipient(
                    agency=agency, key=key, named=False, seq=self._sealed + 1, prev=self._last
                )
                for agency, key in self.keys.items()
            ],
            notices=notices,
            originator=self.originator,
            signer=self.signer,
        )
        self._sealed, self._last = self._sealed + 1, sha256(frame.statement)
        return frame


@dataclass(frozen=True, kw_only=True)
class Agencies:
    """A number of agencies, the first of which seals to all of them."""

    count: int
    now: int = field(default_factory=now_ms)
    federation: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @cached_property
    def names(self) -> list[str]:
        return [f"agency-{number:03}" for number in range(self.count)]

    @cached_property
    def keys(self) -> list[DecryptionKey]:
        return [generate_decryption_key("key-1") for _ in self.names]

    @cached_property
    def public_keys(self) -> dict[str, EncryptionKey]:
        span = {"valid_from": self.now - YEAR, "valid_until": self.now + YEAR}
        return {name: key.public(**span) for name, key in zip(self.names, self.keys, strict=True)}

    @cached_property
    def signer(self) -> SeedSigner:
        return generate_signer("keyset-1")

    @cached_property
    def keyset(self) -> Keyset:
        return self.signer.public(valid_from=self.now - YEAR, valid_until=self.now + YEAR)

    def directory(self) -> Directory:
        """Return a signed directory of the agencies, one topic that all read, the standard book."""
        schema, policies = standard_book()
        entries: list[Entry] = [
            TopicEntry(topic=TOPIC, title="Labour", readers=("all",), publishers=("all",)),
            RuleBookEntry(version=1, schema=schema, policies=policies),
        ]
        entries += [
            AgencyEntry(
                agency=name,
                name=name,
                country=COUNTRIES[number % len(COUNTRIES)],
                kind="POLICE",
                circles=("all",),
                agreement_until=self.now + YEAR,
                tls_roots=(b"none",),
                tls_key_pin=bytes(32),
                signing=(self.keyset,),
                encryption=(key,),
            )
            for number, (name, key) in enumerate(self.public_keys.items())
        ]
        steward = generate_signer("steward-key")
        directory = Directory.start([self._root(steward)])
        for entry in entries:
            body = encode_entry(directory.federation, directory.size, self.now, entry)
            directory = directory.with_entry(sign_entry(SignedEntry(body=body), steward))
        return directory

    def _root(self, steward: SeedSigner) -> SignedRoot:
        keyset = steward.public(valid_from=self.now - YEAR, valid_until=self.now + YEAR)
        document = RootDocument(
            version=1,
            name="Benchmark",
            threshold=1,
            stewards=(Steward(name="steward", keyset=keyset, tls_root=b"none"),),
            log_origin="log.example",
            log_key=bytes(32),
            broker_tls_root=b"none",
            created_at=self.now - YEAR,
            expires_at=self.now + YEAR,
            previous=NO_ROOT,
        )
        return sign_root(SignedRoot(body=document.encode()), steward)

    def outlet(self) -> Outlet:
        """Return a new outlet of the first agency."""
        return Outlet(
            originator=self.names[0],
            signer=self.signer,
            federation=self.federation,
            keys=self.public_keys,
        )


def delivered(frame: Frame, agency: str) -> DeliveredFrame:
    """Return the frame as a broker hands it to one of its recipients."""
    statement = Statement.decode(frame.statement)
    agencies = [Recipient.decode(record).agency for record in frame.recipients]
    index = agencies.index(agency)
    hashes = [merkle.hash_leaf(record) for record in frame.recipients]
    path = merkle.inclusion_path(hashes, index) if statement.recipient_count > 1 else ()
    return DeliveredFrame(
        header=frame.header,
        statement=frame.statement,
        signature=frame.signature,
        recipient=frame.recipients[index],
        recipient_index=index,
        recipient_path=tuple(path),
        wrap=frame.wraps[index],
        notices=tuple(
            DeliveredNotice(index=place, header=notice.header, body=notice.body)
            for place, notice in enumerate(frame.notices)
        ),
    )
