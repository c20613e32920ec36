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
from keys.tls import PeerName, peer_name, spki_pin, thumbprint, valid_until, verify_peer

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

    def holds_under(self, now: "_Anchor") -> bool:
        """Whether what hung on this hangs on what the directory says `now` all the same.

        A root that is added, to take the place of another later, takes nothing from what is there.
        """
        return (self.peer, self.pin) == (now.peer, now.pin) and set(self.roots) <= set(now.roots)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A certificate that was verified, and how long that counts."""

    anchor: _Anchor
    until: int


class Peers:
    """The parties that one broker serves."""

    def __init__(self, directory: DirectoryKeeping, clock: Clock, refusals: Refusals) -> None:
        self._directory = directory
        self._clock = clock
        self._refusals = refusals
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._under: Directory | None = None
        self._shown: dict[Peer, tuple[_Anchor, int]] = {}

    def authenticate(self, leaf_pem: bytes, chain_pem: bytes, tls_version: str) -> Peer:
        """Return whose certificate it is.

        Raises:
            BrokerError: UNAUTHENTICATED, AGENCY_LOCKED.
        """
        if tls_version != TLS_VERSION:
            raise _stranger(f"peer speaks {tls_version or 'no TLS'}")
        anchor = self._verified(leaf_pem, chain_pem)
        try:
            self.check(anchor.peer)
        except BrokerError as error:
            if error.reason is Reason.AGENCY_LOCKED:
                self.count_refusal(anchor.peer, error)
            raise
        return replace(anchor.peer, certificate=thumbprint(leaf_pem))

    def count_refusal(self, peer: Peer, error: BrokerError) -> None:
        """Count a call that a party may not make, for the log."""
        name = f"{STEWARD_PREFIX if peer.kind is PeerKind.STEWARD else ''}{peer.name}"
        self._refusals.count(Refusal(act=ACT, agency=name, reason=error.reason.value))

    def check(self, peer: Peer) -> None:
        """Refuse a peer that was locked, retired, or enrolled otherwise since it was verified.

        Raises:
            BrokerError: UNAUTHENTICATED, AGENCY_LOCKED.
        """
        anchor = _anchor(
            PeerName(name=peer.name, is_steward=peer.kind is PeerKind.STEWARD),
            self._directory.federation.directory,
        )
        if peer.kind is not PeerKind.STEWARD:
            self._directory.standing(peer.name)
        shown, until = self._shown.get(peer, (None, 0))
        if shown is None or not shown.holds_under(anchor) or self._clock.now() > until:
            raise _stranger(f"enrolment of {peer.name} changed, or its certificate has ended")

    def _verified(self, leaf: bytes, chain: bytes) -> _Anchor:
        directory, now = self._directory.federation.directory, self._clock.now()
        if directory is not self._under:
            self._known.clear()
            self._under = directory
        key = sha256(listed((leaf, chain)))
        known = self._known.get(key)
        if known is not None and now <= known.until:
            self._known.move_to_end(key)
            return known.anchor
        anchor, ends = _verify(leaf, chain, directory, now)
        self._known[key] = _Known(anchor=anchor, until=min(ends, now + AGAIN_MS))
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        shown, until = self._shown.get(anchor.peer, (None, 0))
        self._shown[anchor.peer] = anchor, max(ends, until) if shown == anchor else ends
        return anchor


def _verify(leaf: bytes, chain: bytes, directory: Directory, now: int) -> tuple[_Anchor, int]:
    """Return what a certificate hangs on, verified, and its last valid instant."""
    try:
        anchor = _anchor(peer_name(leaf), directory)
        verify_peer(leaf, chain, anchor.roots, now)
        pinned = spki_pin(leaf) == anchor.pin if anchor.pin else True
        ends = valid_until(leaf)
    except TrustError as error:
        raise _stranger(error.detail) from None
    if not pinned:
        raise _stranger(f"the key of {anchor.peer.name} is not the one enrolled")
    return anchor, ends


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
