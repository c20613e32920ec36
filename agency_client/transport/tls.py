# SPDX-License-Identifier: Apache-2.0
"""Who we are and whom we expect at the other end of the line: TLS 1.3, a pinned root, a fixed name.

gRPC has no option to refuse TLS 1.2. Cipher suites of TLS 1.3 are apart from the list that it
reads, and the one suite in ours needs an RSA certificate, which no broker has: a handshake below
1.3 fails for want of a common suite. The list is read once, when grpc is first imported, so
`require_tls_1_3` comes before that; a program that imports grpc earlier sets the variable itself.
The broker's gate checks the version of every call as well.
"""

import os
from dataclasses import dataclass, field

CIPHER_SUITES = "GRPC_SSL_CIPHER_SUITES"
_ONLY_TLS_1_3 = "AES128-SHA"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """What a channel shows and trusts, in PEM. Another object means another channel."""

    certificate: bytes
    key: bytes = field(repr=False)
    broker_root: bytes


def require_tls_1_3() -> None:
    """Keep gRPC, if it is not loaded yet, from speaking anything below TLS 1.3."""
    os.environ.setdefault(CIPHER_SUITES, _ONLY_TLS_1_3)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its failures are told as errors of ours
