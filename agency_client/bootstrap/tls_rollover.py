# SPDX-License-Identifier: Apache-2.0
"""How one root of an agency's TLS certificates takes the other's place, in three steps.

    added      a second root beside the first; the stewards are asked to admit both
    switched   certificates are issued under the second, which the directory has by then
    dropped    the first is left out and its key destroyed; the stewards are asked to admit that

Between two steps both roots count, so that no program of the profile is kept out whichever it
shows. The gateway's key, and with it the pin in the directory, stays the same throughout. Source:
design section 5; docs/membership.md, "The life of keys".
"""

import asyncio
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from agency_client.bootstrap.agency import Agency
from agency_client.bootstrap.connecting import HOUR_MS, connect_broker
from agency_client.bootstrap.keyring import BACKDATED_MS, DAY_MS, Keyring, new_root
from agency_client.bootstrap.profile import change_keyring, open_keyring
from agency_client.bootstrap.renewal import check_settled
from agency_client.domain.moments import show_instant
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry

TLS_OVERLAP_DAYS = 7
"""A certificate lives that long at most (`certificate_hours`)."""


class Step(StrEnum):
    """A step of a rollover."""

    ADDED = "added"
    SWITCHED = "switched"
    DROPPED = "dropped"


def next_step(keyring: Keyring) -> Step:
    """Return which step is the next."""
    if len(keyring.tls_roots) == 1:
        return Step.ADDED
    return Step.SWITCHED if keyring.issuing == 0 else Step.DROPPED


def root_added(keyring: Keyring, entry: AgencyEntry | None, now: int) -> Keyring:
    """Return the keys with a second root, under which nothing is issued yet.

    Args:
        keyring: ours.
        entry: ours in the directory.
        now: milliseconds since 1970.

    Raises:
        AgencyError: NOT_ENROLLED; RENEWAL_WAITS, also while the directory has a root that we left
            out; ROOT_NEEDED, there are two already.
    """
    known = check_settled(keyring, entry)
    if len(keyring.tls_roots) > 1:
        raise AgencyError(Reason.ROOT_NEEDED, "the last rollover of TLS roots is not over yet")
    if not set(known.tls_roots) <= set(keyring.request.tls_roots):
        raise AgencyError(
            Reason.RENEWAL_WAITS, "the directory still has the TLS root that we left out"
        )
    root = new_root(keyring.agency, now)
    roots = (*keyring.tls_roots, root)
    return replace(
        keyring,
        tls_roots=roots,
        former_root=b"",
        request=replace(keyring.request, tls_roots=tuple(one.certificate for one in roots)),
    )


def root_switched(keyring: Keyring, entry: AgencyEntry | None, now: int) -> Keyring:
    """Return the keys with the second root issuing.

    Raises:
        AgencyError: NOT_ENROLLED; RENEWAL_WAITS, the directory does not have that root: nobody
            would let us in; ROOT_NEEDED, there is no second root that does not issue yet.
    """
    check_settled(keyring, entry)
    if next_step(keyring) is not Step.SWITCHED:
        raise AgencyError(Reason.ROOT_NEEDED, "there is no second TLS root to change to")
    return replace(keyring, issuing=1, issuing_since=now)


def root_dropped(
    keyring: Keyring, entry: AgencyEntry | None, now: int, overlap_days: int
) -> Keyring:
    """Return the keys without the first root, whose key is gone.

    Args:
        keyring: ours.
        entry: ours in the directory.
        now: milliseconds since 1970.
        overlap_days: for so long the second root must have been issuing.

    Raises:
        AgencyError: NOT_ENROLLED; RENEWAL_WAITS; ROOT_NEEDED, certificates are issued under the
            first root, or were not long ago.
    """
    check_settled(keyring, entry)
    if next_step(keyring) is not Step.DROPPED:
        raise AgencyError(Reason.ROOT_NEEDED, "certificates are issued under the only other root")
    over = keyring.issuing_since + overlap_days * DAY_MS
    if now < over:
        raise AgencyError(
            Reason.ROOT_NEEDED, f"a program may show the old TLS root until {show_instant(over)}"
        )
    former, root = keyring.tls_roots
    return replace(
        keyring,
        tls_roots=(root,),
        issuing=0,
        former_root=former.certificate,
        request=replace(keyring.request, tls_roots=(root.certificate,)),
    )


async def take_step(
    agency: Agency, folder: Path, passphrase: str | bytes, overlap_days: int
) -> tuple[Step, Keyring]:
    """Take the next step for a profile that is open; return which it was, and the keys.

    The second root issues only after the broker has let us in under it once.

    Args:
        agency: the profile, open.
        folder: where it lies.
        passphrase: opens its keys.
        overlap_days: as for `root_dropped`.

    Raises:
        AgencyError: as the steps and `change_keyring`; the broker does not let us in, or is not
            there. Nothing is changed then.
    """
    await agency.status()  # fetches the directory
    directory, now = agency.directory, agency.wiring.clock.now_ms()
    entry = directory.agency(agency.agency_id)
    held = await asyncio.to_thread(open_keyring, folder, passphrase)
    step = next_step(held)
    if step is Step.SWITCHED:
        broker_root = directory.root_document.broker_tls_root
        address = agency.wiring.broker.address
        await check_let_in(root_switched(held, entry, now), address, broker_root, now)

    def taken(keyring: Keyring) -> Keyring:
        match step:
            case Step.ADDED:
                return root_added(keyring, entry, now)
            case Step.SWITCHED:
                return root_switched(keyring, entry, now)
            case Step.DROPPED:
                return root_dropped(keyring, entry, now, overlap_days)

    return step, await asyncio.to_thread(change_keyring, folder, passphrase, taken)


async def check_let_in(keyring: Keyring, address: str, broker_root: bytes, now: int) -> None:
    """Ask the broker for something with a certificate as these keys issue it.

    Args:
        keyring: as it is going to be.
        address: HOST:PORT of the broker.
        broker_root: as the federation pins it, DER.
        now: milliseconds since 1970.

    Raises:
        AgencyError: the broker does not let us in, or is not there.
    """
    leaf = keyring.leaf(now - BACKDATED_MS, now + HOUR_MS)
    broker = connect_broker(
        address, certificate_pem=leaf.certificate_pem, key_pem=leaf.key_pem, broker_root=broker_root
    )
    try:
        await broker.roots()
    finally:
        await broker.close()
