# SPDX-License-Identifier: Apache-2.0
"""Every file of tests/vectors/refused is refused for the reason that it gives."""

from collections.abc import Callable

import pytest

from agency_client.domain.content import Content
from keys import merkle
from keys.checking import check_frame
from keys.checkpoint import verify_checkpoint
from keys.directory import Directory, SignedEntry
from keys.entries import decode_content
from keys.envelope import FrameHeader, Marking, NoticeHeader, Recipient, Statement
from keys.errors import DirectoryError, OpenError, Reason, TrustError
from keys.framing import sha256, unframe
from keys.grants import Grant, verify_grant
from keys.identities import DecryptionKey
from keys.keyfile import open_secrets
from keys.letters import Letter, LetterHeader, verify_letter
from keys.opening import AttachmentOpener, open_body, open_delivery, verify_delivery
from keys.opening_letters import open_grant, open_granted, open_letter, verify_granted
from keys.recalls import Recall, verify_recall
from keys.root import SignedRoot, verified_roots
from keys.signing import (
    Keyset,
)
from tests.vectors import reading
from tests.vectors.form import FOLDER, REFUSED, Json, load
from tests.vectors.reading import raw, raws


def _refuse_framing(inputs: Json) -> None:
    unframe(inputs["label"], raw(inputs["bytes"]), inputs["count"])


FORMATS: dict[str, Callable[[bytes], object]] = {
    "MARKING": Marking.decode,
    "FRAME_HEADER": FrameHeader.decode,
    "HEADER": NoticeHeader.decode,
    "RECIPIENT": Recipient.decode,
    "STATEMENT": Statement.decode,
    "KEYSET": Keyset.decode,
    "AGENCY": decode_content,
    "GRANT": Grant.decode,
    "RECALL": Recall.decode,
    "LETTER_HEADER": LetterHeader.decode,
    "LETTER": Letter.decode,
}


def _refuse_format(inputs: Json) -> None:
    FORMATS[inputs["format"]](raw(inputs["bytes"]))


def _refuse_content(inputs: Json) -> None:
    """As `agency_client.services.reading` reads what was opened."""
    header = NoticeHeader.decode(raw(inputs["notice_header"]))
    try:
        listed = [one.id for one in Content.decode(raw(inputs["content"])).attachments]
    except ValueError:
        listed = [b"no content document"]
    if listed != [ref.id for ref in header.attachments]:
        raise OpenError(Reason.BODY_INVALID, "no content document of this notice header")


def _refuse_body(inputs: Json) -> None:
    key, header, notice, body = map(raw, inputs.values())
    open_body(key, sha256(header), notice, body)


def _refuse_attachment(inputs: Json) -> None:
    ref = reading.attachment_ref(inputs["attachment"])
    opener = AttachmentOpener(
        raw(inputs["federation"]), inputs["originator"], ref, raw(inputs["attachment_key"])
    )
    opener.update(raw(inputs["ciphertext"]))
    opener.finalize()


def _refuse_frame(inputs: Json) -> None:
    keyset = Keyset.decode(raw(inputs["keyset"]))
    check_frame(reading.frame(inputs["frame"]), keyset, raw(inputs["federation"]))


def _refuse_delivery(inputs: Json) -> None:
    delivered = reading.delivered_frame(inputs["delivery"])
    keyset = Keyset.decode(raw(inputs["keyset"]))
    place = (raw(inputs["federation"]), inputs["agency"], inputs["topic"])
    checked = verify_delivery(delivered, keyset, *place)
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["decryption_seed"]))
    open_delivery(checked, delivered, key)


def _refuse_grant(inputs: Json) -> None:
    originator = Keyset.decode(raw(inputs["keyset"]))
    grantor = Keyset.decode(
        raw(inputs["grantor_keyset" if "grantor_keyset" in inputs else "keyset"])
    )
    signed = reading.signed_grant(inputs["granted"])
    grant = verify_grant(signed, grantor, raw(inputs["federation"]))
    delivered = reading.delivered_frame(inputs["delivery"])
    checked = verify_granted(grant, delivered, originator)
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["decryption_seed"]))
    open_granted(checked, delivered, open_grant(grant, signed.wrap, key))


def _refuse_recall(inputs: Json) -> None:
    keyset = Keyset.decode(raw(inputs["keyset"]))
    verify_recall(reading.signed_recall(inputs["signed"]), keyset, raw(inputs["federation"]))


def _refuse_letter(inputs: Json) -> None:
    keyset = Keyset.decode(raw(inputs["keyset"]))
    signed = reading.signed_letter(inputs["signed"])
    letter = verify_letter(signed, keyset, raw(inputs["federation"]))
    key = DecryptionKey(key_id=inputs["key_id"], seed=raw(inputs["decryption_seed"]))
    open_letter(letter, signed.sealed, key)


def _before(inputs: Json) -> tuple[list[SignedRoot], list[SignedEntry]]:
    """Return the roots and entries of directory.json that come before a case's own."""
    whole = load("directory")["inputs"]
    roots = whole["roots"][: inputs["roots_before"]]
    entries = whole["entries"][: inputs.get("entries_before", 0)]
    return [SignedRoot.decode(raw(one)) for one in roots], [
        SignedEntry.decode(raw(one)) for one in entries
    ]


def _refuse_root(inputs: Json) -> None:
    roots, _ = _before(inputs)
    verified_roots([*roots, *(SignedRoot.decode(raw(one)) for one in inputs["roots"])])


def _refuse_directory(inputs: Json) -> None:
    roots, entries = _before(inputs)
    directory = Directory.start(roots).with_entries(entries)
    own = [SignedEntry.decode(raw(one)) for one in inputs["entries"]]
    directory = directory.with_entries(own)
    if directory.is_behind_root:
        raise DirectoryError(Reason.ROOT_INVALID, "must not be acted on")


def _refuse_checkpoint(inputs: Json) -> None:
    verify_checkpoint(inputs["note"], inputs["origin"], raw(inputs["ed25519"]))


def _refuse_inclusion(inputs: Json) -> None:
    leaf, index, size, root, proof = inputs.values()
    merkle.verify_inclusion(raw(leaf), index, raws(proof), size, raw(root))


def _refuse_consistency(inputs: Json) -> None:
    old, new, old_root, new_root, proof = inputs.values()
    merkle.verify_consistency(old, new, raws(proof), raw(old_root), raw(new_root))


def _refuse_key(inputs: Json) -> None:
    open_secrets(raw(inputs["key_file"]), inputs["purpose"], raw(inputs["passphrase"]))


REPLAYS = {
    "framing": _refuse_framing,
    "format": _refuse_format,
    "content": _refuse_content,
    "body": _refuse_body,
    "attachment": _refuse_attachment,
    "frame": _refuse_frame,
    "delivery": _refuse_delivery,
    "grant": _refuse_grant,
    "recall": _refuse_recall,
    "letter": _refuse_letter,
    "root": _refuse_root,
    "directory": _refuse_directory,
    "checkpoint": _refuse_checkpoint,
    "inclusion": _refuse_inclusion,
    "consistency": _refuse_consistency,
    "key": _refuse_key,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in (FOLDER / REFUSED).glob("*.json")))
def test_what_must_be_refused_is_refused_for_the_reason_given(name: str) -> None:
    vector = load(f"{REFUSED}/{name}")
    replay = REPLAYS[name.split("-", maxsplit=1)[0]]
    with pytest.raises(TrustError) as refused:
        replay(vector["inputs"])
    assert refused.value.reason == vector["output"]["reason"]
