# SPDX-License-Identifier: Apache-2.0
"""The audit's look at the directory: every entry we keep replayed, then held to the broker's.

Source: design section 5; docs/protocol.md section 10.
"""

import asyncio

from agency_client.domain.views import AuditCheck, Verdict
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.ports.store import Store
from agency_client.services.checkpoints import CheckpointService
from agency_client.services.directory import DirectoryService
from keys import merkle
from keys.directory import Directory, SignedEntry
from keys.errors import TrustError
from keys.root import SignedRoot

NAME = "directory"


async def check_directory(
    store: Store, service: DirectoryService, checkpoints: CheckpointService
) -> list[AuditCheck]:
    """Verify the kept directory from its first root on, and the one that the broker serves now."""
    kept = await asyncio.to_thread(_replayed, store, service.current.id)
    return [kept, await _served(service, checkpoints)]


def _replayed(store: Store, federation: bytes) -> AuditCheck:
    try:
        directory = Directory.start([SignedRoot.decode(one) for one in store.trust.roots()])
    except TrustError as error:
        return _failed(NAME, f"the federation's roots do not verify: {error.detail}")
    if directory.federation != federation:
        return _failed(NAME, "the roots kept are of another federation")
    for place, entry in enumerate(store.trust.entries()):
        try:
            directory = directory.with_entry(SignedEntry.decode(entry))
        except TrustError as error:
            return _failed(NAME, f"an entry does not verify: {error.detail}", place)
    pinned = store.trust.checkpoint(LogKind.DIRECTORY)
    if pinned is not None and not _begins(directory, pinned.size, pinned.root):
        return _failed(NAME, f"not the directory of {pinned.size} entries that the broker signed")
    return AuditCheck(
        name=NAME,
        verdict=Verdict.VERIFIED,
        detail=f"{directory.size} entries, each signed by the stewards",
    )


def _begins(directory: Directory, size: int, root: bytes) -> bool:
    """Whether the tree of `size` and `root` is the beginning of a directory."""
    return size <= directory.size and merkle.root(directory.leaf_hashes[:size]) == root


async def _served(service: DirectoryService, checkpoints: CheckpointService) -> AuditCheck:
    name = "directory served"
    try:
        await service.sync()
        found = await checkpoints.compare_directory_heads()
    except AgencyError as error:
        if error.reason in (Reason.DIRECTORY_INVALID, Reason.FEDERATION_MISMATCH):
            return _failed(name, error.message)
        return AuditCheck(name=name, verdict=Verdict.UNCHECKED, detail=error.message)
    if found:
        return _failed(name, found[0].detail)
    size = service.current.directory.size
    return AuditCheck(
        name=name, verdict=Verdict.VERIFIED, detail=f"{size} entries as the broker signed them"
    )


def _failed(name: str, detail: str, entry: int = -1) -> AuditCheck:
    return AuditCheck(name=name, verdict=Verdict.FAILED, detail=detail, entry=entry)
