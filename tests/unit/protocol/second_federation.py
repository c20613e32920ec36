# SPDX-License-Identifier: Apache-2.0
"""A second implementation, written from docs/protocol.md alone: roots and the directory.

Sections 9 and 10. Imports nothing of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.protocol.primitives import (
    items_of,
    leaf_hash,
    need,
    read,
    sha,
    tree_root,
    verify,
)
from tests.unit.protocol.second_formats import (
    bounded,
    entry_content,
    form,
    hash32,
    key_id,
    label,
    number,
    record,
    size,
    steward,
    time,
)

ROOT = "application/vnd.tocsin.root.v1"
ENTRY = "application/vnd.tocsin.directory-entry.v1"
CARD = "application/vnd.tocsin.card.v1"
MAX_ENTRY = 2097152


@dataclass(frozen=True)
class Root:
    body: bytes
    threshold: int
    keysets: Mapping[str, bytes]
    created_at: int
    directory_size: int
    directory_root: bytes


_root = record(
    "tocsin/root/v1",
    version=number(8, 1),
    name=label,
    threshold=number(4, 1, 32),
    stewards=lambda data: [steward(one) for one in items_of(data)],
    log_origin=form(r"[!-*,-~]{1,64}"),
    log_key=hash32,
    broker_tls_root=bounded,
    created_at=time,
    expires_at=time,
    previous=hash32,
    directory_size=number(8),
    directory_root=hash32,
)


def read_root(body: bytes) -> tuple[Root, dict[str, Any]]:
    found = _root(body)
    names = [one["name"] for one in found["stewards"]]
    halves = [one["keyset"][half] for one in found["stewards"] for half in ("ed25519", "mldsa65")]
    ids = {one["keyset"]["keyset_id"] for one in found["stewards"]}
    need(names == sorted(set(names)) and 1 <= len(names) <= 32)
    need(len(ids) == len(names) and len(set(halves)) == 2 * len(names))
    need(found["threshold"] <= len(names) and found["created_at"] < found["expires_at"])
    need((found["version"] == 1) == (found["previous"] == bytes(32)))
    need((found["directory_size"] == 0) == (found["directory_root"] == sha(b"")))
    need(found["version"] > 1 or found["directory_size"] == 0)
    keysets = [
        read("tocsin/steward/v1", one, 3)[1]
        for one in items_of(read("tocsin/root/v1", body, 12)[3])
    ]
    root = Root(
        body=body,
        threshold=found["threshold"],
        keysets={read("tocsin/keyset/v1", one, 5)[0].decode(): one for one in keysets},
        created_at=found["created_at"],
        directory_size=found["directory_size"],
        directory_root=found["directory_root"],
    )
    return root, found


def signed(label_: str, data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return a signed object's body, and its signatures by keyset id."""
    body, listed = read(label_, data, 2)
    pairs = [items_of(pair) for pair in items_of(listed)]
    need(all(len(pair) == 2 and len(pair[1]) == 3373 for pair in pairs))
    ids = [key_id(pair[0]) for pair in pairs]
    need(ids == sorted(set(ids)))
    return body, dict(zip(ids, [pair[1] for pair in pairs], strict=True))


def count(root: Root, kind: str, body: bytes, signatures: Mapping[str, bytes], at: int) -> int:
    """Return how many stewards signed; one signature that does not count refuses all."""
    named = [keyset_id for keyset_id in signatures if keyset_id in root.keysets]
    for keyset_id in named:
        verify(root.keysets[keyset_id], kind, body, signatures[keyset_id], at)
    return len(named)


def read_roots(given: Sequence[bytes]) -> list[Root]:
    need(given)
    roots: list[Root] = []
    for version, one in enumerate(given, 1):
        body, signatures = signed("tocsin/signed-root/v1", one)
        root, found = read_root(body)
        need(found["version"] == version)
        if roots:
            last = roots[-1]
            need(found["previous"] == sha(last.body) and root.created_at >= last.created_at)
            need(root.directory_size >= last.directory_size)
        for by in (*roots[-1:], root):
            need(count(by, ROOT, body, signatures, root.created_at) >= by.threshold)
        roots.append(root)
    return roots


_entry = record(
    "tocsin/directory-entry/v1",
    federation=hash32,
    index=number(8),
    issued_at=time,
    content=entry_content,
)


@dataclass(kw_only=True)
class State:
    """What the entries so far say."""

    agencies: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[tuple[str, str, str], tuple[bytes, ...]] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    retired: set[str] = field(default_factory=set)
    rule_book: int = 0
    cards: dict[str, int] = field(default_factory=dict)
    revoked: dict[tuple[str, str, str], int] = field(default_factory=dict)
    bytes_of: dict[str, bytes] = field(default_factory=dict)

    def apply(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "agency":
            self._replace(content)
        elif kind == "card":
            self._confirm(content)
        elif kind == "revoke":
            self._revoke(content)
        elif kind == "successor":
            need(content["agency"] != content["successor"])
            for name in (content["agency"], content["successor"]):
                need(name in self.agencies and name not in self.retired)
            self.retired.add(content["agency"])
        elif kind == "rule-book-entry":
            need(content["version"] == self.rule_book + 1)
            self.rule_book = content["version"]
        elif kind in {"lock", "unlock", "retire"}:
            agency = content["agency"]
            need(agency in self.agencies and agency not in self.retired)
            if kind == "retire":
                self.retired.add(agency)
            elif kind == "lock":
                self.locked.add(agency)
            else:
                self.locked.discard(agency)

    def _confirm(self, card: dict[str, Any]) -> None:
        agency = card["agency"]
        need(agency in self.active and card["admitted"] == sha(self.bytes_of[agency]))
        need(card["version"] == self.cards.get(agency, 0) + 1)
        self.cards[agency] = card["version"]

    def _revoke(self, content: dict[str, Any]) -> None:
        use = "signing" if content["what"] == "keyset" else "encryption"
        name = content["agency"], use, content["key_id"]
        need(name in self.keys)
        self.revoked[name] = min(content["from_index"], self.revoked.get(name, 1 << 63))

    def check_card(
        self, card: dict[str, Any], signatures: Mapping[str, bytes], body: bytes, at: int
    ) -> None:
        """Check the one signature of a card, by a keyset of its agency."""
        need(len(signatures) == 1)
        ((id_, signature),) = signatures.items()
        need((card["agency"], "signing", id_) not in self.revoked)
        items = read("tocsin/agency/v1", self.bytes_of.get(card["agency"], b""), 16)
        keysets = {read("tocsin/keyset/v1", one, 5)[0].decode(): one for one in items_of(items[11])}
        need(id_ in keysets)
        verify(keysets[id_], CARD, body, signature, at)

    def _replace(self, content: dict[str, Any]) -> None:
        agency = content["agency"]
        need(agency not in self.retired)
        need(self.agencies.get(agency, content)["role"] == content["role"])
        for one in content["signing"]:
            self._hold(agency, "signing", one["keyset_id"], (one["ed25519"], one["mldsa65"]))
        for one in content["encryption"]:
            self._hold(agency, "encryption", one["key_id"], (one["public"],))
        self.agencies[agency] = content

    def _hold(self, agency: str, use: str, id_: str, keys: tuple[bytes, ...]) -> None:
        need(self.keys.setdefault((agency, use, id_), keys) == keys)

    @property
    def active(self) -> list[str]:
        return sorted({*self.agencies} - self.locked - self.retired)


@dataclass(frozen=True, kw_only=True)
class Directory:
    federation: bytes
    root: bytes
    state: State


def read_directory(signed_roots: Sequence[bytes], entries: Sequence[bytes]) -> Directory:
    roots = read_roots(signed_roots)
    federation, state, issued = sha(roots[0].body), State(), 0
    hashes: list[bytes] = []
    for index, one in enumerate(entries):
        need(len(one) <= MAX_ENTRY)
        body, signatures = signed("tocsin/signed-entry/v1", one)
        found = _entry(body)
        kind, content = found["content"]
        need(found["federation"] == federation and size(index.to_bytes(8, "big")) == found["index"])
        need(found["issued_at"] >= issued)
        issued = found["issued_at"]
        if kind == "card":
            state.check_card(content, signatures, body, issued)
        else:
            in_force = [root for root in roots if root.directory_size <= index][-1]
            wanted = 1 if kind == "lock" else in_force.threshold
            need(count(in_force, ENTRY, body, signatures, issued) >= wanted)
        if kind == "agency":
            state.bytes_of[content["agency"]] = read("tocsin/directory-entry/v1", body, 4)[3]
        state.apply(kind, content)
        hashes.append(leaf_hash(one))
        need(all(_fits(root, hashes) for root in roots))
    need(len(hashes) >= roots[-1].directory_size)
    return Directory(federation=federation, root=tree_root(hashes), state=state)


def _fits(root: Root, hashes: Sequence[bytes]) -> bool:
    return root.directory_size != len(hashes) or root.directory_root == tree_root(hashes)
