# SPDX-License-Identifier: Apache-2.0
"""Knows who is calling: the name in the certificate, verified against that name's own roots.

A certificate is verified once and remembered while the directory is the same, for some minutes at
most; whether its party may act is looked at on every call. Refusals of strangers are not written
into the log, which they could fill; those of known parties are counted.
Source: design section 5; research/policy.md 3.2.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from broker.domain.acts import Refusal
from broker.domain.peers import Peer, PeerKind
from broker.errors import BrokerError, Reason
from broker.ports.clock import Clock
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.refusals import Refusals
from keys.directory import Directory
from keys.errors import TrustError
from keys.fields import STEWARD_PREFIX
from keys.framing import listed, sha256
from keys.tls import PeerName, peer_name, spki_pin, thumbprint, valid_until, verified_root

TLS_VERSION = "TLSv1.3"
MAX_KNOWN = 4096
"""Certificates remembered: several of each member of a large federation."""
AGAIN_MS = 600_000
"""A certificate is verified anew after this, so that roots and intermediates that end are seen."""
ACT = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchor:
    """What the directory says that a party's certificates hang on."""

    peer: Peer
    roots: tuple[bytes, ...]
    pin: bytes

    @property
    def root_digests(self) -> tuple[bytes, ...]:
        """SHA-256 of each root."""
        return tuple(map(sha256, self.roots))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A certificate that was verified, and how long that counts."""

    peer: Peer
    until: int


_Hold = tuple[Peer, bytes, bytes]
"""Who showed certificates, of which pinned key, under which root (its SHA-256)."""


class Peers:
    """The parties that one broker serves."""

    def __init__(self, directory: DirectoryKeeping, clock: Clock, refusals: Refusals) -> None:
        self._directory = directory
        self._clock = clock
        self._refusals = refusals
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._under: Directory | None = None
        self._shown: dict[_Hold, int] = {}

    def authenticate(self, leaf_pem: bytes, chain_pem: bytes, tls_version: str) -> Peer:
        """Return whose certificate it is.

        Raises:
            BrokerError: UNAUTHENTICATED, AGENCY_LOCKED.
        """
        if tls_version != TLS_VERSION:
            raise _stranger(f"peer speaks {tls_version or 'no TLS'}")
        peer = self._verified(leaf_pem, chain_pem)
        try:
            self.check(peer)
        except BrokerError as error:
            if error.reason is Reason.AGENCY_LOCKED:
                self.count_refusal(peer, error)
            raise
        return peer

    def count_refusal(self, peer: Peer, error: BrokerError) -> None:
        """Count a call that a party may not make, for the log."""
        name = f"{STEWARD_PREFIX if peer.kind is PeerKind.STEWARD else ''}{peer.name}"
        self._refusals.count(Refusal(act=ACT, agency=name, reason=error.reason.value))

    def check(self, peer: Peer) -> None:
        """Refuse a peer that was locked, retired, or enrolled otherwise since it was verified.

        What hangs on one of several roots of a party holds until that root is dropped: others that
        come or go take nothing from it, and give it nothing.

        Raises:
            BrokerError: UNAUTHENTICATED, AGENCY_LOCKED.
        """
        anchor = _anchor(
            PeerName(name=peer.name, is_steward=peer.kind is PeerKind.STEWARD),
            self._directory.federation.directory,
        )
        if peer.kind is not PeerKind.STEWARD:
            self._directory.standing(peer.name)
        until = self._shown.get((anchor.peer, anchor.pin, peer.root), 0)
        if peer.root not in anchor.root_digests or self._clock.now() > until:
            raise _stranger(f"enrolment of {peer.name} changed, or its certificate has ended")

    def _verified(self, leaf: bytes, chain: bytes) -> Peer:
        directory, now = self._directory.federation.directory, self._clock.now()
        if directory is not self._under:
            self._known.clear()
            self._under = directory
        key = sha256(listed((leaf, chain)))
        known = self._known.get(key)
        if known is not None and now <= known.until:
            self._known.move_to_end(key)
            return known.peer
        peer, pin, ends = _verify(leaf, chain, directory, now)
        self._known[key] = _Known(peer=peer, until=min(ends, now + AGAIN_MS))
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        hold = peer, pin, peer.root
        self._shown[hold] = max(ends, self._shown.get(hold, 0))
        return peer


def _verify(leaf: bytes, chain: bytes, directory: Directory, now: int) -> tuple[Peer, bytes, int]:
    """Return whose certificate it is, verified, the pin it fulfils, and its last valid instant."""
    try:
        anchor = _anchor(peer_name(leaf), directory)
        root = verified_root(leaf, chain, anchor.roots, now)
        pinned = spki_pin(leaf) == anchor.pin if anchor.pin else True
        ends = valid_until(leaf)
    except TrustError as error:
        raise _stranger(error.detail) from None
    if not pinned:
        raise _stranger(f"the key of {anchor.peer.name} is not the one enrolled")
    peer = replace(anchor.peer, certificate=thumbprint(leaf), root=sha256(root))
    return peer, anchor.pin, ends


def _anchor(name: PeerName, directory: Directory) -> _Anchor:
    """Return what the certificates of a name hang on; a steward's root pins no single key."""
    if name.is_steward:
        steward = directory.root_document.steward(name.name)
        if steward is None:
            raise _stranger(f"{name.name} is no steward")
        peer = Peer(kind=PeerKind.STEWARD, name=name.name)
        return _Anchor(peer=peer, roots=(steward.tls_root,), pin=b"")
    entry = directory.agency(name.name)
    if entry is None:
        raise _stranger(f"{name.name} is not enrolled")
    peer = Peer(kind=PeerKind(entry.role), name=name.name)
    return _Anchor(peer=peer, roots=entry.tls_roots, pin=entry.tls_key_pin)


def _stranger(detail: str) -> BrokerError:
    return BrokerError(Reason.UNAUTHENTICATED, detail=detail)
