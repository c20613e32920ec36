# SPDX-License-Identifier: Apache-2.0
"""Trees, notes and checkpoints against what others published.

Trees: RFC 9162 section 2.1.5's example of seven leaves, by its letters, and the eight leaves whose
roots Certificate Transparency's own tests have. Notes: C2SP signed-note and golang.org/x/mod's
sumdb/note. Checkpoint: C2SP tlog-checkpoint.
"""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keys.checkpoint import Checkpoint, key_id, log_public, sign_checkpoint, verify_checkpoint
from keys.errors import CheckpointError, ProofError
from keys.merkle import (
    consistency_path,
    hash_children,
    hash_leaf,
    inclusion_path,
    root,
    verify_consistency,
    verify_inclusion,
)

# RFC 9162 section 2.1.5, figure 3:
#
#                hash
#               /    \
#              k      l
#             / \    / \
#            g   h  i   j
#           /|  /| /|   |
#           a b c d e f d6

D = [f"d{number}".encode() for number in range(7)]
LEAVES = [hash_leaf(data) for data in D]
A, B, C, D3, E, F, J = LEAVES
G, H, II = hash_children(A, B), hash_children(C, D3), hash_children(E, F)
K, L = hash_children(G, H), hash_children(II, J)
HASH = hash_children(K, L)
HASH_0 = hash_children(G, C)
HASH_1 = K
HASH_2 = hash_children(K, II)


def test_the_trees_of_the_rfcs_example() -> None:
    roots = {3: HASH_0, 4: HASH_1, 6: HASH_2, 7: HASH}
    assert {size: root(LEAVES[:size]) for size in roots} == roots


@pytest.mark.parametrize(
    ("index", "path"), [(0, [B, H, L]), (3, [C, G, L]), (4, [F, J, K]), (6, [II, K])]
)
def test_the_inclusion_proofs_of_the_rfcs_example(index: int, path: list[bytes]) -> None:
    assert inclusion_path(LEAVES, index) == path
    verify_inclusion(LEAVES[index], index, path, 7, HASH)
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[index], index, path[::-1], 7, HASH)


@pytest.mark.parametrize(
    ("old", "old_root", "path"),
    [(3, HASH_0, [C, D3, G, L]), (4, HASH_1, [L]), (6, HASH_2, [II, J, K])],
)
def test_the_consistency_proofs_of_the_rfcs_example(
    old: int, old_root: bytes, path: list[bytes]
) -> None:
    assert consistency_path(LEAVES, old) == path
    verify_consistency(old, 7, path, old_root, HASH)
    with pytest.raises(ProofError):
        verify_consistency(old, 7, [HASH, *path[1:]], old_root, HASH)


CT_LEAVES = [
    hash_leaf(bytes.fromhex(data))
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_the_roots_of_certificate_transparencys_leaves() -> None:
    assert tuple(root(CT_LEAVES[:size]).hex() for size in range(9)) == CT_ROOTS


@pytest.mark.parametrize("size", range(1, 9))
def test_every_proof_leads_to_certificate_transparencys_roots(size: int) -> None:
    leaves, roots = CT_LEAVES[:size], [bytes.fromhex(one) for one in CT_ROOTS]
    for index in range(size):
        verify_inclusion(leaves[index], index, inclusion_path(leaves, index), size, roots[size])
        old, path = index + 1, consistency_path(leaves, index + 1)
        verify_consistency(old, size, path, roots[old], roots[size])


NOTES = {
    "C2SP": (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        (
            "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
            "OBH3mFXmRKuwHjG1Yu72IneyaQM="
        ),
    ),
    "Go": (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        (
            "If you think cryptography is the answer to your problem,\n"
            "then you don't know what your problem is.\n"
        ),
        (
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
            "KvqfqdngotpRZb6KE6RyyBwJnAM="
        ),
    ),
}
GO_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"


@pytest.mark.parametrize("source", NOTES)
def test_published_notes_have_our_key_ids_and_signed_text(source: str) -> None:
    verifier, text, encoded = NOTES[source]
    name, stated, key = verifier.split("+", 2)
    public = base64.b64decode(key)[1:]
    signature = base64.b64decode(encoded)
    assert base64.b64decode(key)[:1] == b"\x01"
    assert key_id(name, public).hex() == stated == signature[:4].hex()
    Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode() + b"\n")


def test_a_published_private_key_signs_its_published_note() -> None:
    verifier, text, encoded = NOTES["Go"]
    seed = base64.b64decode(GO_PRIVATE)[1:]
    assert log_public(seed) == base64.b64decode(verifier.split("+", 2)[2])[1:]
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    assert key_id("PeterNeumann", log_public(seed)) + signature == base64.b64decode(encoded)


def test_a_checkpoint_by_a_published_key_is_a_note_as_go_writes_it() -> None:
    seed = base64.b64decode(GO_PRIVATE)[1:]
    head = Checkpoint(origin="PeterNeumann", size=7, root=HASH)
    note = sign_checkpoint(head, seed)
    assert note.startswith(head.body() + "\n— PeterNeumann x08go")
    assert verify_checkpoint(note, "PeterNeumann", log_public(seed)) == head


EXAMPLE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q"
    "1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)


def test_c2sps_checkpoint_has_our_form() -> None:
    """Its key is not published, so that its form is what is checked: only the key is missed."""
    origin, size, encoded, *_ = EXAMPLE.split("\n")
    head = Checkpoint(origin=origin, size=int(size), root=base64.b64decode(encoded))
    assert EXAMPLE.startswith(head.body() + "\n")
    with pytest.raises(CheckpointError, match="no signature by the log's key"):
        verify_checkpoint(EXAMPLE, origin, log_public(bytes(32)))
