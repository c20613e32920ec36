# SPDX-License-Identifier: Apache-2.0
"""Roots and histories of a directory that must be refused, one failure each.

A refused history goes on from the one in directory.json. Its signatures verify unless they are it.
"""

from dataclasses import replace

from keys.directory import SignedEntry
from keys.entries import (
    AgencyEntry,
    Entry,
    LockEntry,
    RuleBookEntry,
)
from keys.errors import Reason
from keys.framing import u32
from keys.root import RootDocument, SignedRoot, sign_root
from keys.signing import PAYLOAD_ENTRY, SIGNATURE_BYTES
from tests.vectors.cast import DAY, END, LATER, NOW, STEWARDS, Cast, secret
from tests.vectors.federation import (
    AT_ROTATION,
    AT_SEALING,
    BOTH,
    Step,
    Story,
    agency_entry,
    first_root,
    signed_root,
)
from tests.vectors.form import Json, Vector, refusal, with_item

LAST = len(STEWARDS)
RootCase = tuple[str, str, list[SignedRoot], Reason]
HistoryCase = tuple[str, str, int, list[SignedEntry], Reason]
"""Name, about, how many entries of directory.json come before, what follows, reason."""
UNDER_BOTH_ROOTS = {
    "agency-after-retirement",
    "behind-its-root",
    "of-another-past",
    "signed-under-the-root-before",
}
"""Histories that are read under both roots of directory.json, the others under the first."""


def vectors(story: Story) -> list[Vector]:
    """Return the refusals of roots and of directories."""
    histories = [*_signed_wrongly(story), *_out_of_place(story), *_contradicting(story)]
    return [
        *(
            refusal(f"root-{name}", about, "9", _rotation(story, roots), reason.value)
            for name, about, roots, reason in [*_roots(story), *_rotations(story)]
        ),
        *(
            refusal(
                f"directory-{name}",
                about,
                "10",
                {
                    "roots_before": 2 if name in UNDER_BOTH_ROOTS else 1,
                    "entries_before": before,
                    "entries": [entry.encode() for entry in entries],
                },
                reason.value,
            )
            for name, about, before, entries, reason in histories
        ),
    ]


def _rotation(story: Story, roots: list[SignedRoot]) -> Json:
    """Return the roots, of which the first is left out where it is that of directory.json."""
    before = int(roots[0] == story.roots[0])
    return {"roots_before": before, "roots": [root.encode() for root in roots[before:]]}


def _roots(story: Story) -> list[RootCase]:
    cast, first = story.cast, story.roots[0]
    document = first_root(cast)
    unsigned = SignedRoot(body=with_item(first.body, 3, u32(0)))
    above = SignedRoot(body=with_item(first.body, 3, u32(LAST + 1)))
    for name in STEWARDS:
        above = sign_root(above, cast.signer(name))
    late = replace(document, created_at=END, expires_at=END + DAY)
    forged = first.with_signature("gamma-2026", bytes(SIGNATURE_BYTES))
    return [
        (
            "below-threshold",
            "The first root with one signature of two.",
            [replace(first, signatures=first.signatures[:1])],
            Reason.NOT_ENOUGH_SIGNATURES,
        ),
        ("threshold-of-none", "Its threshold is 0.", [unsigned], Reason.MALFORMED),
        (
            "threshold-above-its-stewards",
            "Its threshold is 4 and it has three stewards, who all signed.",
            [above],
            Reason.MALFORMED,
        ),
        (
            "one-signature-wrong",
            "Two stewards signed, and a third signature does not verify.",
            [forged],
            Reason.SIGNATURE_INVALID,
        ),
        (
            "signed-after-its-keys",
            "Made when its stewards' keys had ended.",
            [signed_root(late, cast, BOTH)],
            Reason.EXPIRED,
        ),
        (
            "first-version-missing",
            "A federation that begins with version 2.",
            [story.roots[1]],
            Reason.ROOT_INVALID,
        ),
    ]


def _rotations(story: Story) -> list[RootCase]:
    first, second = story.roots
    good = RootDocument.decode(second.body)
    all_three = (*BOTH, "delta")
    changed = {
        "version-left-out": ("Version 3 follows version 1.", replace(good, version=3)),
        "of-another-past": (
            "Version 2 names another version 1.",
            replace(good, previous=secret("another root")),
        ),
        "older-than-the-last": (
            "Version 2 is older than version 1.",
            replace(good, created_at=NOW - 2 * DAY),
        ),
    }
    few = Reason.NOT_ENOUGH_SIGNATURES
    return [
        (
            "rotation-without-the-new",
            "Version 2 without two of its own stewards.",
            [first, replace(second, signatures=second.signatures[:2])],
            few,
        ),
        (
            "rotation-without-the-old",
            "Version 2 without two of version 1's.",
            [first, replace(second, signatures=second.signatures[1:])],
            few,
        ),
        *(
            (
                f"rotation-{name}",
                about,
                [first, signed_root(document, story.cast, all_three)],
                Reason.ROOT_INVALID,
            )
            for name, (about, document) in changed.items()
        ),
    ]


def _lock(agency: str) -> LockEntry:
    return LockEntry(agency=agency, reason="suspected theft of keys")


def _made(
    story: Story, index: int, entry: Entry, by: tuple[str, ...] = BOTH, at: int = LATER
) -> SignedEntry:
    return Step(content=entry, by=by, issued_at=at).signed(story.cast, story.federation, index)


def _signed_wrongly(story: Story) -> list[HistoryCase]:
    first, last = story.entries[0], story.entries[AT_ROTATION]
    few = Reason.NOT_ENOUGH_SIGNATURES
    forged = _made(story, AT_SEALING, _lock("ro-pol"), ("gamma",)).with_signature(
        "alpha-2026", bytes(SIGNATURE_BYTES)
    )
    old = SignedEntry(body=last.body)
    for name in BOTH:
        signer = story.cast.signer(name)
        old = old.with_signature(signer.keyset_id, signer.sign(PAYLOAD_ENTRY, old.body))
    return [
        (
            "below-threshold",
            "Entry 0 with one signature of two.",
            0,
            [replace(first, signatures=first.signatures[:1])],
            few,
        ),
        (
            "lock-unsigned",
            "A lock that nobody signed.",
            AT_SEALING,
            [_made(story, AT_SEALING, _lock("ro-pol"), ())],
            few,
        ),
        (
            "one-signature-wrong",
            "A lock, which needs one signature, with one that verifies and one that does not.",
            AT_SEALING,
            [forged],
            Reason.SIGNATURE_INVALID,
        ),
        (
            "signed-under-the-root-before",
            "Entry 8 with the signatures of two stewards of version 1, of whom version 2 has one.",
            AT_ROTATION,
            [old],
            few,
        ),
    ]


def _out_of_place(story: Story) -> list[HistoryCase]:
    entries, invalid = list(story.entries), Reason.ENTRY_INVALID
    foreign = Step(content=_lock("ro-pol"), by=BOTH, issued_at=LATER)
    early = _made(story, AT_SEALING, _lock("ro-pol"), at=NOW - DAY)
    other = _made(story, AT_ROTATION - 1, _lock("hr-ngo"), at=LATER + 2)
    return [
        ("entry-replayed", "Entry 0 twice.", 1, entries[:1], invalid),
        ("entry-omitted", "Entry 0, then entry 2.", 1, [entries[2]], invalid),
        (
            "older-than-the-entry-before",
            "An entry that was issued before the one it follows.",
            AT_SEALING,
            [early],
            invalid,
        ),
        (
            "foreign-federation",
            "An entry for another federation.",
            AT_SEALING,
            [foreign.signed(story.cast, secret("another federation"), AT_SEALING)],
            Reason.FOREIGN_FEDERATION,
        ),
        (
            "of-another-past",
            "Version 2 of the root names another history of eight entries.",
            AT_ROTATION - 1,
            [other],
            Reason.ROOT_INVALID,
        ),
        (
            "behind-its-root",
            "Seven entries, where version 2 of the root says that there are eight.",
            AT_ROTATION - 1,
            [],
            Reason.ROOT_INVALID,
        ),
    ]


def _contradicting(story: Story) -> list[HistoryCase]:
    cast = story.cast
    entry, book = agency_entry(cast, "ro-pol"), story.at_sealing.rule_book
    assert book is not None
    other = _other_keys(cast, entry)
    dropped = replace(entry, signing=(), encryption=())
    one_by_one: list[tuple[str, str, int, list[Entry]]] = [
        (
            "other-keys-under-a-known-id",
            "An agency's entry with other keys under the keyset id that it had.",
            AT_SEALING,
            [replace(entry, signing=other.signing)],
        ),
        (
            "other-encryption-key-under-a-known-id",
            "An agency's entry with another key under the encryption key id that it had.",
            AT_SEALING,
            [replace(entry, encryption=other.encryption)],
        ),
        (
            "other-keys-under-a-dropped-id",
            "One entry drops the agency's keys, the next brings others under their ids.",
            AT_SEALING,
            [dropped, other],
        ),
        (
            "role-changed",
            "An agency becomes an auditor.",
            AT_SEALING,
            [replace(entry, role="auditor")],
        ),
        ("lock-of-nobody", "A lock of an agency that is not there.", AT_SEALING, [_lock("xx-pol")]),
        (
            "rule-book-left-out",
            "Version 3 of the rule book follows version 1.",
            AT_SEALING,
            [RuleBookEntry(version=3, schema=book.schema, policies=book.policies)],
        ),
    ]
    retired = Step(content=agency_entry(cast, "hr-ngo"), by=("beta", "delta"), issued_at=END - DAY)
    return [
        *(
            (
                name,
                about,
                before,
                [_made(story, before + at, one) for at, one in enumerate(contents)],
                Reason.ENTRY_INVALID,
            )
            for name, about, before, contents in one_by_one
        ),
        (
            "agency-after-retirement",
            "An entry of the agency that retired with entry 7.",
            AT_ROTATION,
            [retired.signed(cast, story.federation, AT_ROTATION)],
            Reason.ENTRY_INVALID,
        ),
    ]


def _other_keys(cast: Cast, entry: AgencyEntry) -> AgencyEntry:
    """Return an agency's entry with another's keys under its ids."""
    signing, encryption = cast.signer("gr-pol").public(), cast.encryption("gr-pol")
    return replace(entry, signing=(signing,), encryption=(encryption,))
