# SPDX-License-Identifier: Apache-2.0
"""Every file of tests/vectors/refused is refused for the reason that it gives."""

import pytest

from keys import merkle
from keys.checking import check_frame
from keys.checkpoint import verify_checkpoint
from keys.directory import Directory, SignedEntry
from keys.envelope import Marking
from keys.errors import TrustError
from keys.framing import unframe
from keys.identities import DecryptionKey
from keys.keyfile import open_secrets
from keys.opening import open_delivery, verify_delivery
from keys.root import SignedRoot, verified_roots
from keys.signing import (
    Keyset,
)
from tests.vectors import reading
from tests.vectors.form import FOLDER, REFUSED, Json, load
from tests.vectors.reading import raw, raws


def _refuse_framing(inputs: Json) -> None:
    unframe(inputs["label"], raw(inputs["bytes"]), inputs["count"])


def _refuse_marking(inputs: Json) -> None:
    Marking.decode(raw(inputs["marking_bytes"]))


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


def _refuse_root(inputs: Json) -> None:
    verified_roots([SignedRoot.decode(raw(one)) for one in inputs["roots"]])


def _refuse_directory(inputs: Json) -> None:
    directory = Directory.start([SignedRoot.decode(raw(one)) for one in inputs["roots"]])
    directory.with_entries([SignedEntry.decode(raw(one)) for one in inputs["entries"]])


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
    "marking": _refuse_marking,
    "frame": _refuse_frame,
    "delivery": _refuse_delivery,
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
