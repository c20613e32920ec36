# SPDX-License-Identifier: Apache-2.0
"""Verifying the agency's own log of openings: every leaf says what its row says, the tree holds.

The head found at one audit is remembered for the next, so that a log which lost its end, or was
written anew, shows. Whoever holds the profile's key could rewrite that memory too. Source: design
section 7.
"""

import asyncio

from agency_client.domain.openings import leaf_fields
from agency_client.domain.records import Opening, PinnedCheckpoint
from agency_client.domain.views import AuditCheck, Verdict
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.logtree import BLOCK, BlockTree
from keys import merkle
from keys.errors import LeafError
from keys.logleaf import check_leaf

OWN_LOG = "openings"
"""Names the own log among the pinned checkpoints."""

NAME = "own log"


async def check_own_log(store: Store, clock: Clock) -> AuditCheck:
    """Verify the own log as the store has it, and remember its head where it is as it should be."""
    try:
        return await asyncio.to_thread(_checked, store, clock.now_ms())
    except AgencyError as error:
        if error.reason is Reason.STORE_INVALID:
            return _failed(error.message)
        return AuditCheck(name=NAME, verdict=Verdict.UNCHECKED, detail=error.message)


def _checked(store: Store, now: int) -> AuditCheck:
    log = store.openings
    size, root = log.head()
    held = store.trust.checkpoint(OWN_LOG)
    if held is not None and size < held.size:
        return _failed(f"it has {size} entries, at the last audit it had {held.size}", size)
    tree = BlockTree([size, held.size if held else size])
    for start in range(0, size, BLOCK):
        rows = log.leaves(start, min(BLOCK, size - start))
        for place, (leaf, salt, opening) in enumerate(rows, start):
            wrong = _wrong(leaf, salt, opening)
            if wrong:
                return _failed(wrong, place)
        tree.add([merkle.hash_leaf(leaf) for leaf, _, _ in rows])
    if tree.size != size or tree.root(size) != root:
        return _failed("its leaves do not give its root", _first_moved(store, size))
    if held is not None and tree.root(held.size) != held.root:
        return _failed("it is not the continuation of what it was at the last audit")
    if held is None or held.size < size:
        pinned = PinnedCheckpoint(size=size, root=root, note="", seen_at=now)
        store.trust.pin(OWN_LOG, pinned)
    return AuditCheck(
        name=NAME, verdict=Verdict.VERIFIED, detail=f"{size} entries of who looked at what"
    )


def _wrong(leaf: bytes, salt: bytes, opening: Opening) -> str:
    """Return how a leaf contradicts its row; empty where it does not."""
    try:
        body = check_leaf(leaf, salt, opening.kind, leaf_fields(opening))
    except LeafError as error:
        return error.detail
    if body.time_ms != opening.at_ms:
        return f"leaf states time {body.time_ms}, its row {opening.at_ms}"
    return ""


def _first_moved(store: Store, size: int) -> int:
    """Return the first place whose leaf is not the one hashed there; -1 where each is."""
    for start in range(0, size, BLOCK):
        rows = store.openings.leaves(start, min(BLOCK, size - start))
        for place in range(start, min(start + BLOCK, size)):
            at = place - start
            if at >= len(rows) or merkle.hash_leaf(rows[at][0]) != store.openings.node(0, place):
                return place
    return -1


def _failed(detail: str, entry: int = -1) -> AuditCheck:
    return AuditCheck(name=NAME, verdict=Verdict.FAILED, detail=detail, entry=entry)
