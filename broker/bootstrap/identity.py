# SPDX-License-Identifier: Apache-2.0
"""The broker's own keys: the root of its TLS certificate and the key that signs its logs.

They open nothing: a broker holds no key of any agency. The certificate is issued anew under the
root at each start and renewed while the broker runs, so only the root has to be kept.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.bootstrap.faults import Kind, SetupError
from broker.ports.clock import Clock, SystemClock
from broker.ports.entropy import SystemEntropy
from keys.checkpoint import log_public
from keys.errors import KeyFileError, Reason
from keys.framing import sha256
from keys.keyfile import read_keyfile, write_keyfile
from keys.tls import BROKER_NAME, CertifiedKey, issue_leaf, make_root, valid_until

PURPOSE = "broker"
DAY_MS = 24 * 3_600_000
ROOT_DAYS = 3650
LEAF_DAYS = 30
RENEW_DAYS = 10
"""A certificate with less than this left is replaced at the next handshake."""
BACKDATE_MS = 3_600_000
"""Agencies whose clocks are behind by less than an hour accept a fresh certificate."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
SEED_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerIdentity:
    """The keys of one broker.

    Attributes:
        root: issues the certificate; agencies pin it through the federation's root document.
        log_seed: signs checkpoints, 32 bytes.
    """

    root: CertifiedKey
    log_seed: bytes = field(repr=False)

    @property
    def log_key(self) -> bytes:
        """The public key of the logs."""
        return log_public(self.log_seed)

    @property
    def log_origin(self) -> str:
        """The name of the logs, unlike any other broker's."""
        return f"{BROKER_NAME}/{sha256(self.log_key)[:8].hex()}"

    def descriptor(self) -> dict[str, str]:
        """Return what the stewards put into the federation's root document."""
        return {
            "log_origin": self.log_origin,
            "log_key": base64.b64encode(self.log_key).decode("ascii"),
            "tls_root": base64.b64encode(self.root.certificate).decode("ascii"),
        }


def create_identity(path: Path, passphrase: bytes) -> BrokerIdentity:
    """Make fresh keys and write them to a key file."""
    now = SystemClock().now()
    root = make_root(
        "Tocsin broker", not_before=now - BACKDATE_MS, not_after=now + ROOT_DAYS * DAY_MS
    )
    identity = BrokerIdentity(root=root, log_seed=SystemEntropy().random(SEED_BYTES))
    held = {"tls-root": root.certificate, "tls-root.key": root.key, "log": identity.log_seed}
    write_keyfile(path, PURPOSE, held, passphrase)
    return identity


def read_identity(path: Path, passphrase: bytes) -> BrokerIdentity:
    """Return the keys of a key file.

    Raises:
        SetupError: missing, open to others, not ours, or not opened by the passphrase.
    """
    try:
        held = read_keyfile(path, PURPOSE, passphrase)
        root = CertifiedKey(certificate=held["tls-root"], key=held["tls-root.key"])
        return BrokerIdentity(root=root, log_seed=held["log"])
    except KeyFileError as error:
        message, advice = _KEY_FILE_FAULTS[error.reason]
        raise SetupError(Kind.CREDENTIAL, message, advice.format(path=path)) from None
    except KeyError:
        message, advice = _KEY_FILE_FAULTS[Reason.KEY_FILE_INVALID]
        raise SetupError(Kind.CREDENTIAL, message, advice.format(path=path)) from None


_KEY_FILE_FAULTS = {
    Reason.KEY_FILE_MISSING: ("the key file is missing", "put it back from your backup: {path}"),
    Reason.KEY_FILE_PERMISSIONS: ("the key file is open to others", "chmod 600 {path}"),
    Reason.KEY_FILE_INVALID: (
        "the key file is not a broker's or is damaged",
        "put it back from your backup: {path}",
    ),
    Reason.PASSPHRASE_WRONG: (
        "the passphrase does not open the key file",
        "check passphrase_file in broker.toml and TOCSIN_BROKER_PASSPHRASE_FILE",
    ),
}


class LeafIssuer:
    """Issues the broker's certificate, and the next one in good time."""

    def __init__(self, root: CertifiedKey, names: Sequence[str], clock: Clock) -> None:
        self._root = root
        self._names = tuple(dict.fromkeys((BROKER_NAME, *LOCAL_NAMES, *names)))
        self._clock = clock
        self._leaf = self._issue()
        self._renew_at = valid_until(self._leaf.certificate) - RENEW_DAYS * DAY_MS

    def __call__(self) -> CertifiedKey:
        """Return the certificate to show now; the same object until it is renewed."""
        if self._clock.now() >= self._renew_at:
            self._leaf = self._issue()
            self._renew_at = valid_until(self._leaf.certificate) - RENEW_DAYS * DAY_MS
        return self._leaf

    def _issue(self) -> CertifiedKey:
        now = self._clock.now()
        until = min(now + LEAF_DAYS * DAY_MS, valid_until(self._root.certificate))
        return issue_leaf(
            self._root, names=self._names, not_before=now - BACKDATE_MS, not_after=until
        )
