# SPDX-License-Identifier: Apache-2.0
"""The broker's own certificate and the pool of roots that a TLS client may chain to.

The pool only decides who gets as far as a call: it lets each root vouch for every name, so the
gate verifies each peer again against the roots of its own name. gRPC asks for the configuration at
each handshake, on a thread of its own; both halves are values that are replaced, never changed.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, cast

import grpc

from broker.rpc.services import DirectoryKeeping
from broker.telemetry import log_for
from keys.directory import Directory
from keys.framing import sha256
from keys.tls import CertifiedKey, names_its_own_key, to_pem

_log = log_for("certificates")

Configuration: TypeAlias = grpc.ServerCertificateConfiguration


class Certificates:
    """Gives gRPC the certificate and pool in force."""

    def __init__(
        self, leaf: Callable[[], CertifiedKey], own_root: bytes, directory: DirectoryKeeping
    ) -> None:
        """Remember where both come from.

        Args:
            leaf: returns the certificate to show, the same object until it is renewed.
            own_root: DER; stands in the pool while there is no federation, so that the server
                can start: nobody with a certificate under it passes the gate.
            directory: the enrolled roots.
        """
        self._leaf = leaf
        self._own_root = own_root
        self._directory = directory
        self._given: tuple[CertifiedKey, Directory | None] | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that demand a certificate of every client."""
        fetch = cast("Callable[[], Configuration]", self._fetch)
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), fetch, require_client_authentication=True
        )

    def _fetch(self) -> Configuration | None:
        """Return a new configuration, or None where the last one still holds.

        gRPC takes each configuration over, so one object cannot be given twice.
        """
        given = self._given
        if given and given[0] is self._leaf() and given[1] is self._directory.current:
            return None
        return self._configuration()

    def _configuration(self) -> Configuration:
        leaf, directory = self._leaf(), self._directory.current
        roots = {self._own_root} if directory is None else {*enrolled_roots(directory)}
        pairs = [(leaf.key_pem, leaf.certificate_pem)]
        pool = pool_of(roots) or to_pem(self._own_root)
        made = grpc.ssl_server_certificate_configuration(pairs, root_certificates=pool)
        self._given = leaf, directory
        return made


def pool_of(roots: Iterable[bytes]) -> bytes:
    """Return the roots (DER) in PEM.

    One that is no certificate, or that could pass for somebody else's, is left out: an agency that
    gets such a root into the directory must not take others off the air.
    """
    pool = []
    for root in sorted(roots):
        if names_its_own_key(root):
            pool.append(to_pem(root))
        else:
            _log.warning("root_left_out", sha256=sha256(root).hex())
    return b"".join(pool)


def enrolled_roots(directory: Directory) -> Iterator[bytes]:
    """Yield the TLS roots (DER) of all agencies, auditors and stewards."""
    for agency in directory.agencies():
        yield from agency.tls_roots
    for steward in directory.root_document.stewards:
        yield steward.tls_root
