# SPDX-License-Identifier: Apache-2.0
"""The way to a broker: with an agency's own short-lived certificate, or with one that is given."""

from collections.abc import Callable

from agency_client.bootstrap.keyring import Keyring, check_clock
from agency_client.config import host_port
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.transport.tls import TlsIdentity, require_tls_1_3
from keys.errors import CertificateError
from keys.tls import to_pem

HOUR_MS = 3_600_000


class LeafIssuer:
    """Issues the gateway's certificate under the agency's own root, and the next in good time.

    The same object is returned until half of the certificate's time is over, the clock was set
    back before it, another root of ours issues, or the federation pins another of the broker's.
    """

    def __init__(
        self,
        keyring: Callable[[], Keyring],
        broker_root: Callable[[], bytes],
        clock: Clock,
        hours: int,
    ) -> None:
        """Remember what to issue.

        Args:
            keyring: returns ours.
            broker_root: returns the pinned root of the broker, DER.
            clock: says when.
            hours: validity of a certificate.
        """
        self._keyring = keyring
        self._broker_root = broker_root
        self._clock = clock
        self._validity = hours * HOUR_MS
        self._issued: TlsIdentity | None = None
        self._roots = b"", b""
        self._issued_at = 0

    def __call__(self) -> TlsIdentity:
        """Return what to show and whom to trust now.

        Raises:
            AgencyError: CLOCK_SKEW; by this clock none would be valid.
        """
        now, keyring = self._clock.now_ms(), self._keyring()
        roots = self._broker_root(), keyring.tls_root.certificate
        is_fresh = self._issued_at <= now < self._issued_at + self._validity // 2
        if self._issued is None or not is_fresh or roots != self._roots:
            self._issued = self._issue(keyring, now, roots[0])
            self._issued_at, self._roots = now, roots
        return self._issued

    def _issue(self, keyring: Keyring, now: int, root: bytes) -> TlsIdentity:
        check_clock(keyring, now)
        until = min(now + self._validity, keyring.valid_until)
        # From when the keys were made: a clock that runs ahead is then told by the broker as such.
        leaf = keyring.leaf(keyring.valid_from, until)
        return TlsIdentity(
            certificate=leaf.certificate_pem, key=leaf.key_pem, broker_root=to_pem(root)
        )


def broker_at(address: str, identity: Callable[[], TlsIdentity]) -> Broker:
    """Return the broker at an address; loads gRPC, connects when it is first asked something.

    Raises:
        AgencyError: INVALID_ARGUMENT; the address is not HOST:PORT.
    """
    check_address(address)
    require_tls_1_3()
    from agency_client.transport.broker import GrpcBroker  # noqa: PLC0415 - after the line above

    return GrpcBroker(address, identity)


def check_address(address: str) -> None:
    """Refuse what is not HOST:PORT.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    try:
        host_port(address)
    except ValueError as error:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"the broker's address is not right: {error}", field="broker"
        ) from None


def connect_broker(
    address: str, *, certificate_pem: bytes, key_pem: bytes, broker_root: bytes
) -> Broker:
    """Return the broker at an address, for a caller with a certificate of its own: a steward.

    Args:
        address: HOST:PORT.
        certificate_pem: to show.
        key_pem: its key, not encrypted.
        broker_root: the broker's root as the federation pins it, DER.

    Raises:
        AgencyError: INVALID_ARGUMENT; the address is not HOST:PORT, or the root no certificate.
    """
    try:
        root = to_pem(broker_root)
    except (ValueError, CertificateError):
        raise AgencyError(
            Reason.INVALID_ARGUMENT, "the broker's root is not a certificate"
        ) from None
    identity = TlsIdentity(certificate=certificate_pem, key=key_pem, broker_root=root)
    return broker_at(address, lambda: identity)
