# SPDX-License-Identifier: Apache-2.0
"""Vectors of the federation: keysets, certificates, roots, directory entries, the directory."""

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys import merkle
from keys.changes import (
    AssertionKey,
    CardEntry,
    OperationEntry,
    RevokeEntry,
    SuccessorEntry,
)
from keys.checkpoint import log_public
from keys.directory import Directory, SignedEntry, encode_entry, sign_card, sign_entry
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RetireEntry,
    RuleBookEntry,
    TopicEntry,
    UnlockEntry,
    encode_content,
)
from keys.framing import framed, sha256
from keys.root import RootDocument, SignedRoot, Steward, federation_id, sign_root
from keys.signing import PAYLOAD_CARD, PAYLOAD_ENTRY, PAYLOAD_ROOT, ed25519_input, pae
from keys.tls import peer_name, spki_pin
from tests.vectors.cast import (
    AGENCIES,
    DAY,
    END,
    HOUR,
    LATER,
    LATER_STEWARD,
    LATER_TOPIC,
    NOW,
    ORIGIN,
    STEWARDS,
    TOPIC,
    Cast,
    secret,
)
from tests.vectors.form import Json, Vector
from tests.vectors.rules import POLICIES, SCHEMA

LOG_SEED = "broker log"
AT_SEALING = 2 + len(AGENCIES)
"""Entries of the directory under which the frame is sealed: rule book, topic, agencies."""
AT_ROTATION = 8
"""Entries that were there when version 2 of the root was made."""
BOTH = STEWARDS[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The federation as it is at the end of the vectors, and the cast that made it."""

    cast: Cast
    roots: tuple[SignedRoot, ...]
    entries: tuple[SignedEntry, ...]
    states: tuple[Directory, ...]
    """The directory after no entry, after one, and so on."""

    @property
    def federation(self) -> bytes:
        return federation_id(self.roots[0])

    @property
    def at_sealing(self) -> Directory:
        return self.states[AT_SEALING]

    @property
    def at_end(self) -> Directory:
        return self.states[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An entry, who signs it (stewards; the agency itself for a card), and when."""

    content: Entry
    by: tuple[str, ...]
    issued_at: int

    def signed(self, cast: Cast, federation: bytes, index: int) -> SignedEntry:
        """Return it as entry `index` of a federation's directory."""
        one = SignedEntry(body=encode_entry(federation, index, self.issued_at, self.content))
        sign = sign_card if isinstance(self.content, CardEntry) else sign_entry
        for signer in self.by:
            one = sign(one, cast.signer(signer))
        return one


def tell(cast: Cast) -> Story:
    """Return the federation: a root, eight entries, a second root, and the entries behind it."""
    first = signed_root(first_root(cast), cast, BOTH)
    roots: tuple[SignedRoot, ...] = (first,)
    signed: list[SignedEntry] = []
    states = [Directory.start(roots)]
    for index, step in enumerate(steps(cast)):
        if index == AT_ROTATION:
            second = second_root(cast, first, states[-1])
            roots = (first, signed_root(second, cast, (*BOTH, LATER_STEWARD)))
            states[-1] = states[-1].with_roots(roots)
        signed.append(step.signed(cast, states[0].federation, index))
        states.append(states[-1].with_entry(signed[-1]))
    return Story(cast=cast, roots=roots, entries=tuple(signed), states=tuple(states))


def first_root(cast: Cast) -> RootDocument:
    """Return version 1: three stewards, two of whom must sign."""
    return RootDocument(
        version=1,
        name="Example federation",
        threshold=2,
        stewards=tuple(_steward(cast, name) for name in STEWARDS),
        log_origin=ORIGIN,
        log_key=log_public(secret(LOG_SEED)),
        broker_tls_root=cast.tls_root("broker").certificate,
        created_at=NOW - DAY,
        expires_at=END,
        previous=bytes(32),
    )


def second_root(cast: Cast, first: SignedRoot, directory: Directory) -> RootDocument:
    """Return version 2: another steward in the place of alpha."""
    return RootDocument(
        version=2,
        name="Example federation",
        threshold=2,
        stewards=tuple(_steward(cast, name) for name in ("beta", LATER_STEWARD, "gamma")),
        log_origin=ORIGIN,
        log_key=log_public(secret(LOG_SEED)),
        broker_tls_root=cast.tls_root("broker").certificate,
        created_at=LATER + DAY,
        expires_at=END,
        previous=sha256(first.body),
        directory_size=directory.size,
        directory_root=directory.root,
    )


def _steward(cast: Cast, name: str) -> Steward:
    return Steward(
        name=name, keyset=cast.signer(name).public(), tls_root=cast.tls_root(name).certificate
    )


def signed_root(document: RootDocument, cast: Cast, by: tuple[str, ...]) -> SignedRoot:
    """Return a version signed by stewards."""
    signed = SignedRoot(body=document.encode())
    for steward in by:
        signed = sign_root(signed, cast.signer(steward))
    return signed


def steps(cast: Cast) -> list[Step]:
    """Return every entry in its order."""
    begin: list[Entry] = [
        RuleBookEntry(version=1, schema=SCHEMA, policies=POLICIES),
        _topic(),
        *(agency_entry(cast, agency) for agency in AGENCIES),
    ]
    later: list[tuple[Entry, tuple[str, ...]]] = [
        (LockEntry(agency="ro-pol", reason="suspected theft of keys"), ("gamma",)),
        (UnlockEntry(agency="ro-pol", reason="keys found untouched"), BOTH),
        (RetireEntry(agency="hr-ngo", reason="left the agreement"), BOTH),
    ]
    return [
        *(
            Step(content=entry, by=BOTH, issued_at=NOW - HOUR + at)
            for at, entry in enumerate(begin)
        ),
        *(Step(content=entry, by=by, issued_at=LATER + at) for at, (entry, by) in enumerate(later)),
        *(
            Step(content=entry, by=by, issued_at=LATER + 2 * DAY + at)
            for at, (entry, by) in enumerate(_under_root_2(cast))
        ),
    ]


def _under_root_2(cast: Cast) -> list[tuple[Entry, tuple[str, ...]]]:
    now = ("beta", LATER_STEWARD)
    return [
        (_later_topic(), now),
        (_operation(), now),
        (_card(cast), ("gr-pol",)),
        (_revocation(cast), now),
        (SuccessorEntry(agency="ro-pol", successor="gr-pol", reason="merged by law"), now),
    ]


def _operation() -> OperationEntry:
    return OperationEntry(
        code="OP-LANTERN", title="Lantern", starts_at=NOW - DAY, ends_at=END - DAY
    )


def _card(cast: Cast) -> CardEntry:
    return CardEntry(
        agency="gr-pol",
        version=1,
        admitted=sha256(encode_content(agency_entry(cast, "gr-pol"))),
        phone="+30 210 0000000",
        mail="desk@gr-pol.example",
        languages=("el", "en"),
        competence=("arrest", "search"),
        time_zone="Europe/Athens",
        deputies=("Desk officer", "Head of unit"),
        note="Nights: ask for the duty officer.",
    )


def _revocation(cast: Cast) -> RevokeEntry:
    return RevokeEntry(
        agency="ro-pol",
        what="keyset",
        key_id=cast.signer("ro-pol").public().keyset_id,
        from_index=9,
        reason="laptop stolen",
    )


def _topic() -> TopicEntry:
    return TopicEntry(
        topic=TOPIC,
        title="Labour exploitation",
        readers=("eu", "victims"),
        publishers=("eu",),
        victim_assistance=True,
        min_clearance="2",
    )


def _later_topic() -> TopicEntry:
    return TopicEntry(
        topic=LATER_TOPIC, title="Recruitment online", readers=("eu",), publishers=("eu",)
    )


def agency_entry(cast: Cast, agency: str) -> AgencyEntry:
    """Return an agency's entry."""
    police = agency.endswith("pol")
    return AgencyEntry(
        agency=agency,
        name=f"Example agency {agency}",
        country=agency[:2].upper(),
        kind="POLICE" if police else "NGO",
        circles=("eu", "night-duty") if police else ("victims",),
        contact247=police,
        agreement_until=END,
        operations=(("OP-LANTERN", END - DAY),) if police else (),
        tls_roots=(cast.tls_root(agency).certificate,),
        tls_key_pin=spki_pin(cast.tls_leaf(agency).certificate),
        signing=(cast.signer(agency).public(),),
        encryption=(cast.encryption(agency),),
        contact=f"duty@{agency}.example",
        assertion_keys=(_assertion_key(agency),) if police else (),
        asserts_roles=("ANALYST", "LIAISON") if police else (),
    )


def _assertion_key(agency: str) -> AssertionKey:
    public = ed25519.Ed25519PrivateKey.from_private_bytes(secret(f"{agency} assertion"))
    return AssertionKey(
        key_id="officers",
        public=public.public_key().public_bytes_raw(),
        valid_from=NOW - DAY,
        valid_until=END,
    )


def vectors(story: Story) -> list[Vector]:
    """Return the cases about who is in the federation."""
    kinds = (
        *("rule-book", "topic", "agency", "", "", "lock", "unlock", "retire", "under-root-2"),
        *("operation", "card", "revoke", "successor"),
    )
    return [
        _keyset(story),
        _certificate(story),
        _root(story, 0, "root", "The first root document, signed by two of three stewards."),
        _root(
            story,
            1,
            "root-rotation",
            "Version 2 replaces a steward: signed by two of version 1's and two of version 2's.",
        ),
        *(_entry(story, index, kind) for index, kind in enumerate(kinds) if kind),
        _directory(story),
    ]


def _keyset(story: Story) -> Vector:
    keyset = story.cast.signer("gr-pol").public()
    return Vector(
        name="keyset",
        about="An agency's public signing keys, from their seeds.",
        section="4",
        inputs={
            "keyset_id": keyset.keyset_id,
            "ed25519_seed": secret("gr-pol ed25519"),
            "mldsa65_seed": secret("gr-pol mldsa65"),
            "valid_from": keyset.valid_from,
            "valid_until": keyset.valid_until,
        },
        steps={"ed25519": keyset.ed25519, "mldsa65": keyset.mldsa65},
        output={"keyset": keyset.encode()},
    )


def _certificate(story: Story) -> Vector:
    root, leaf = story.cast.tls_root("gr-pol"), story.cast.tls_leaf("gr-pol")
    public = x509.load_der_x509_certificate(leaf.certificate).public_key()
    info = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Vector(
        name="certificate",
        about="An agency's TLS root and the certificate of its gateway.",
        section="13",
        inputs={"root": root.certificate, "leaf": leaf.certificate, "valid_at": NOW},
        steps={"leaf_spki": info},
        output={
            "spiffe_id": peer_name(leaf.certificate).spiffe_id,
            "tls_key_pin": spki_pin(leaf.certificate),
        },
    )


def _root(story: Story, index: int, name: str, about: str) -> Vector:
    signed = story.roots[index]
    document = RootDocument.decode(signed.body)
    inputs: Json = {"document": document}
    if index:
        inputs["previous"] = story.roots[index - 1].encode()
    return Vector(
        name=name,
        about=about,
        section="9",
        inputs=inputs,
        steps={
            "stewards": [steward.encode() for steward in document.stewards],
            **_signed_steps(PAYLOAD_ROOT, signed),
        },
        output={"signed_root": signed.encode(), "federation": story.federation},
    )


def _entry(story: Story, index: int, kind: str) -> Vector:
    signed, step = story.entries[index], steps(story.cast)[index]
    by = " and ".join(step.by)
    payload_type = PAYLOAD_CARD if isinstance(step.content, CardEntry) else PAYLOAD_ENTRY
    return Vector(
        name=f"entry-{kind}",
        about=f"Directory entry {index}, signed by {by}.",
        section="10",
        inputs={
            "federation": story.federation,
            "index": index,
            "issued_at": step.issued_at,
            "entry": step.content,
        },
        steps={"content": encode_content(step.content), **_signed_steps(payload_type, signed)},
        output={
            "signed_entry": signed.encode(),
            "leaf_hash": merkle.hash_leaf(signed.encode()),
        },
    )


def _signed_steps(payload_type: str, signed: SignedRoot | SignedEntry) -> Json:
    encoded = pae(payload_type, signed.body)
    return {
        "body": signed.body,
        "payload_type": payload_type,
        "pae": encoded,
        "ed25519_input": ed25519_input(encoded),
        "signatures": [
            {"keyset_id": keyset_id, "signature": signature}
            for keyset_id, signature in signed.signatures
        ],
    }


def _directory(story: Story) -> Vector:
    book = story.at_end.rule_book
    assert book is not None
    hashes = list(story.at_end.leaf_hashes)
    return Vector(
        name="directory",
        about="A whole directory: its roots and entries in order, and its state at the end.",
        section="10",
        inputs={
            "roots": [one.encode() for one in story.roots],
            "entries": [one.encode() for one in story.entries],
        },
        steps={
            "leaf_hashes": hashes,
            "directory_roots": [merkle.root(hashes[:size]) for size in range(len(hashes) + 1)],
            "rule_book_framed": framed(
                "tocsin/rule-book/v1", book.schema.encode(), book.policies.encode()
            ),
        },
        output={
            "federation": story.federation,
            "size": story.at_end.size,
            "root": story.at_end.root,
            "rule_book": {"version": book.version, "digest": book.digest},
            "active": [one for one in AGENCIES if story.at_end.active(one)],
            "retired": [one for one in AGENCIES if story.at_end.is_retired(one)],
        },
    )
