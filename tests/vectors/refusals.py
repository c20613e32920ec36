# SPDX-License-Identifier: Apache-2.0
"""Vectors that must be refused, one failure each. Their signatures verify unless they are it."""

from collections.abc import Callable
from dataclasses import replace

from keys import merkle
from keys.checkpoint import log_public, sign_checkpoint
from keys.directory import SignedEntry, sign_entry
from keys.envelope import Frame, SealedNotice
from keys.errors import Reason
from keys.framing import framed, listed, sha256
from keys.signing import PAYLOAD_ENTRY
from tests.simulator.federation import delivery_of
from tests.vectors import sealing
from tests.vectors.cast import AGENCIES, SEAL_KEY_ID, TOPIC, secret
from tests.vectors.federation import LOG_SEED, Story
from tests.vectors.form import Json, Vector, refusal
from tests.vectors.log import PASSPHRASE, checkpoint, key_file, leaf_hashes
from tests.vectors.sealing import CONTENTS, SEAL_KEY, Sealed, record, sealed_notice, wrapped

Part = tuple[bytes, bytes]


def vectors(sealed: Sealed) -> list[Vector]:
    """Return all refusals."""
    return [
        *_framings(),
        *_markings(sealed),
        *_frames(sealed),
        *_deliveries(sealed),
        *_federations(sealed.story),
        *_logs(),
        *_key_files(sealed),
    ]


def _framings() -> list[Vector]:
    whole = framed("tocsin/example/v1", b"one", b"two")
    malformed = Reason.MALFORMED.value
    return [
        refusal(
            f"framing-{name}",
            about,
            "2",
            {"label": "tocsin/example/v1", "count": 2, "bytes": data},
            malformed,
        )
        for name, about, data in (
            ("truncated", "The last item lacks its last byte.", whole[:-1]),
            ("trailing", "One byte follows the last item.", whole + b"\x00"),
            ("other-label", "The label is another.", framed("tocsin/example/v2", b"one", b"two")),
            ("third-item", "A third item follows.", whole + listed((b"",))),
        )
    ]


def _markings(sealed: Sealed) -> list[Vector]:
    encoded = sealing.frame_header(sealed.story).marking.encode()
    purposes = listed((b"INVESTIGATION", b"VICTIM_PROTECTION"))
    turned = listed((b"VICTIM_PROTECTION", b"INVESTIGATION"))
    about = "Codes of a list in another order than ascending."
    data = encoded.replace(purposes, turned)
    assert data != encoded
    reason = Reason.MALFORMED.value
    return [refusal("marking-unsorted", about, "5", {"marking_bytes": data}, reason)]


def _frames(sealed: Sealed) -> list[Vector]:
    frame, inputs = sealed.frame, sealing.frame_inputs(sealed)
    notices = frame.notices
    swapped = (
        SealedNotice(header=notices[0].header, body=notices[1].body),
        SealedNotice(header=notices[1].header, body=notices[0].body),
        notices[2],
    )
    classical = frame.signature[:64] + bytes(len(frame.signature) - 64)
    as_entry = sealed.cast.signer("gr-pol").sign(PAYLOAD_ENTRY, frame.statement)
    cases = [
        (
            "body-swapped",
            "Two bodies changed places.",
            replace(frame, notices=swapped),
            Reason.STATEMENT_MISMATCH,
        ),
        (
            "notice-missing",
            "The last notice is left out.",
            replace(frame, notices=notices[:2]),
            Reason.STATEMENT_MISMATCH,
        ),
        (
            "signature-classical-only",
            "The ML-DSA half is zero.",
            replace(frame, signature=classical),
            Reason.SIGNATURE_INVALID,
        ),
        (
            "signature-of-another-type",
            "The statement is signed as a directory entry.",
            replace(frame, signature=as_entry),
            Reason.SIGNATURE_INVALID,
        ),
        (
            "recipients-out-of-order",
            "Signed, but its recipients are not ascending by agency.",
            _signed(sealed, parts=lambda parts: parts[::-1]),
            Reason.RECIPIENTS_INVALID,
        ),
        (
            "originator-not-a-recipient",
            "Signed, but not sealed to its originator.",
            _signed(sealed, parts=lambda parts: parts[1:]),
            Reason.RECIPIENTS_INVALID,
        ),
        (
            "notice-id-repeated",
            "Signed, but two notices have one id.",
            _signed(sealed, repeat=True),
            Reason.REPEATED_ID,
        ),
        (
            "foreign-federation",
            "Signed, but for another federation.",
            _signed(sealed, federation=secret("another federation")),
            Reason.FOREIGN_FEDERATION,
        ),
    ]
    return [
        refusal(f"frame-{name}", about, "7", {**inputs, "frame": one}, reason.value)
        for name, about, one, reason in cases
    ]


def _signed(
    sealed: Sealed,
    *,
    parts: Callable[[list[Part]], list[Part]] = list,
    repeat: bool = False,
    federation: bytes | None = None,
) -> Frame:
    """Return a small frame that its originator signed although it is wrong."""
    cast, held = sealed.cast, secret(SEAL_KEY)
    header = sealing.frame_header(sealed.story, federation=federation).encode()
    digest = sha256(header)
    recipients = []
    for agency in AGENCIES[:2]:
        wrap = wrapped(cast, digest, agency, held)
        recipients.append((record(agency, wrap).encode(), wrap))
    headers = sealing.notice_headers(cast)[:1] * (2 if repeat else 1)
    notices = [sealed_notice(cast, digest, one, CONTENTS[0], held) for one in headers]
    return sealing.signed_frame(cast, header, parts(recipients), notices)


def _deliveries(sealed: Sealed) -> list[Vector]:
    inputs: Json = {
        **sealing.frame_inputs(sealed),
        "agency": "hr-ngo",
        "topic": TOPIC,
        "key_id": SEAL_KEY_ID,
        "decryption_seed": secret("hr-ngo decryption"),
        "delivery": delivery_of(sealed.frame, "hr-ngo", (1,)),
    }
    delivered = inputs["delivery"]
    lying = _sealed_to_another_key(sealed)
    cases: list[tuple[str, str, Json, Reason]] = [
        (
            "of-another-recipient",
            "It was made for ro-pol.",
            {"delivery": delivery_of(sealed.frame, "ro-pol", (1,))},
            Reason.NOT_A_RECIPIENT,
        ),
        (
            "wrong-topic",
            "It comes on another topic than the one subscribed to.",
            {"topic": "trafficking/online"},
            Reason.WRONG_TOPIC,
        ),
        (
            "wrong-place",
            "The recipient's place is another than its path proves.",
            {"delivery": replace(delivered, recipient_index=2)},
            Reason.PROOF_INVALID,
        ),
        (
            "path-missing",
            "One notice of three without its path.",
            {"delivery": replace(delivered, notices=(replace(delivered.notices[0], path=()),))},
            Reason.PROOF_INVALID,
        ),
        (
            "shown-and-withheld",
            "Notice 1 is delivered and said to be withheld.",
            {"delivery": replace(delivered, withheld=(0, 1, 2))},
            Reason.REPEATED_ID,
        ),
        (
            "other-seal-key",
            "Signed, but the wrap holds another key than committed to.",
            {"delivery": delivery_of(lying, "hr-ngo")},
            Reason.COMMITMENT_MISMATCH,
        ),
        (
            "wrap-of-another-key",
            "The decryption key is not the one sealed to.",
            {"decryption_seed": secret("ro-pol decryption")},
            Reason.WRAP_INVALID,
        ),
    ]
    return [
        refusal(f"delivery-{name}", about, "8", {**inputs, **changed}, reason.value)
        for name, about, changed, reason in cases
    ]


def _sealed_to_another_key(sealed: Sealed) -> Frame:
    cast, header = sealed.cast, sealed.frame.header
    wraps = {
        "gr-pol": sealed.frame.wraps[0],
        "hr-ngo": wrapped(cast, sha256(header), "hr-ngo", secret("another seal key")),
    }
    recipients = [(record(agency, wrap).encode(), wrap) for agency, wrap in wraps.items()]
    return sealing.signed_frame(cast, header, recipients, [sealed.frame.notices[0]])


def _federations(story: Story) -> list[Vector]:
    roots, entries = list(story.roots), list(story.entries)
    short = replace(roots[0], signatures=roots[0].signatures[:1])
    old_only = replace(roots[1], signatures=roots[1].signatures[:2])
    new_only = replace(roots[1], signatures=roots[1].signatures[1:])
    one_steward = sign_entry(SignedEntry(body=entries[0].body), story.cast.signer("alpha"))
    few = Reason.NOT_ENOUGH_SIGNATURES
    return [
        refusal(f"{kind}-{name}", about, section, inputs, reason.value)
        for kind, name, about, section, inputs, reason in (
            (
                "root",
                "below-threshold",
                "The first root with one signature of two.",
                "9",
                {"roots": [short.encode()]},
                few,
            ),
            (
                "root",
                "rotation-without-the-new",
                "Version 2 without two of its own stewards.",
                "9",
                {"roots": [roots[0].encode(), old_only.encode()]},
                few,
            ),
            (
                "root",
                "rotation-without-the-old",
                "Version 2 without two of version 1's.",
                "9",
                {"roots": [roots[0].encode(), new_only.encode()]},
                few,
            ),
            (
                "root",
                "first-version-missing",
                "A federation that begins with version 2.",
                "9",
                {"roots": [roots[1].encode()]},
                Reason.ROOT_INVALID,
            ),
            (
                "directory",
                "below-threshold",
                "Entry 0 with one signature of two.",
                "10",
                {"roots": [roots[0].encode()], "entries": [one_steward.encode()]},
                few,
            ),
            (
                "directory",
                "entry-replayed",
                "Entry 0 twice.",
                "10",
                {"roots": [roots[0].encode()], "entries": [entries[0].encode()] * 2},
                Reason.ENTRY_INVALID,
            ),
            (
                "directory",
                "entry-omitted",
                "Entry 0, then entry 2.",
                "10",
                {
                    "roots": [roots[0].encode()],
                    "entries": [entries[0].encode(), entries[2].encode()],
                },
                Reason.ENTRY_INVALID,
            ),
        )
    ]


def _logs() -> list[Vector]:
    head, hashes = checkpoint(), leaf_hashes()
    note = sign_checkpoint(head, secret("another log"))
    path = merkle.inclusion_path(hashes, 3)
    consistent = merkle.consistency_path(hashes, 3)
    inclusion: Json = {
        "leaf_hash": hashes[3],
        "index": 3,
        "size": head.size,
        "root": head.root,
    }
    consistency: Json = {
        "old": 3,
        "new": head.size,
        "old_root": merkle.root(hashes[:3]),
        "new_root": head.root,
    }
    proof = Reason.PROOF_INVALID.value
    return [
        refusal(
            "checkpoint-of-another-key",
            "Signed by another key in the log's name.",
            "11",
            {"note": note, "origin": head.origin, "ed25519": log_public(secret(LOG_SEED))},
            Reason.CHECKPOINT_INVALID.value,
        ),
        refusal(
            "inclusion-too-long",
            "A proof with one hash more.",
            "11",
            {**inclusion, "proof": [*path, path[-1]]},
            proof,
        ),
        refusal(
            "inclusion-too-short",
            "A proof without its last hash.",
            "11",
            {**inclusion, "proof": path[:-1]},
            proof,
        ),
        refusal(
            "inclusion-of-another-leaf",
            "Leaf 4 proved as leaf 3.",
            "11",
            {**inclusion, "leaf_hash": hashes[4], "proof": path},
            proof,
        ),
        refusal(
            "consistency-of-another-past",
            "From a size 3 that has another root.",
            "11",
            {**consistency, "old_root": merkle.root(hashes[1:4]), "proof": consistent},
            proof,
        ),
        refusal(
            "consistency-from-nothing",
            "A proof from size 0.",
            "11",
            {**consistency, "old": 0, "old_root": merkle.EMPTY_ROOT, "proof": []},
            proof,
        ),
    ]


def _key_files(sealed: Sealed) -> list[Vector]:
    inputs: Json = {
        "purpose": "agency",
        "passphrase": PASSPHRASE,
        "key_file": key_file(sealed.cast),
    }
    return [
        refusal(f"key-file-{name}", about, "12", {**inputs, **changed}, reason.value)
        for name, about, changed, reason in (
            (
                "wrong-passphrase",
                "The passphrase is another.",
                {"passphrase": PASSPHRASE + b"!"},
                Reason.PASSPHRASE_WRONG,
            ),
            (
                "other-purpose",
                "A broker's file is asked for.",
                {"purpose": "broker"},
                Reason.KEY_FILE_INVALID,
            ),
        )
    ]
