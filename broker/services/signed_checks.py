# SPDX-License-Identifier: Apache-2.0
"""What frames, letters, grants and recalls are all asked: who signed, with what, when, to whom.

Pure checks against the federation and a time. A keyset or key counts at the place in the log where
what it made is taken in, so that a stolen old key cannot date anything back.
Source: docs/protocol.md sections 15 and 23.1.
"""

from enum import StrEnum

from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason
from broker.services.federation import Federation
from keys.signing import Keyset


class Cause(StrEnum):
    """Why something has to be sealed anew; stands in the metadata of RESEAL_REQUIRED."""

    KEYSET = "keyset"
    """The signing keyset has ended or is revoked."""

    DIRECTORY = "directory"
    """The frame names a directory that never was."""

    POLICY = "policy"
    """The rules allowed it when it was sealed and do not now."""

    KEY = "key"
    """A recipient's encryption key is not one that may be sealed to."""


def stale(cause: Cause, agency: str = "", *, rules: str = "") -> BrokerError:
    """Return the refusal of what has to be sealed anew; metadata that is empty is left out."""
    named = {"agency": agency, "cause": cause.value, "rules": rules}
    return BrokerError(Reason.RESEAL_REQUIRED, {key: text for key, text in named.items() if text})


def keyset_of(federation: Federation, caller: str, signer: str, keyset_id: str) -> Keyset:
    """Return the keyset by which `caller` says that it signed, whatever its validity.

    Raises:
        BrokerError: NOT_ORIGINATOR for what another agency signed; SIGNATURE_INVALID.
    """
    if signer != caller:
        raise BrokerError(Reason.NOT_ORIGINATOR)
    keyset = federation.directory.keyset(signer, keyset_id)
    if keyset is None:
        raise BrokerError(Reason.SIGNATURE_INVALID, detail="the directory has no such keyset")
    return keyset


def check_clock(made_at: int, settings: Settings, now: int) -> None:
    """Refuse what is dated too far from now.

    Raises:
        BrokerError: CLOCK_SKEW.
    """
    if not now - settings.frame_age_ms <= made_at <= now + settings.clock_ahead_ms:
        raise BrokerError(Reason.CLOCK_SKEW, detail=f"made at {made_at}, it is {now}")


def check_keyset(federation: Federation, agency: str, keyset_id: str, now: int) -> None:
    """Refuse what was signed by a keyset that has ended or was revoked since.

    Raises:
        BrokerError: RESEAL_REQUIRED.
    """
    keyset = federation.directory.keyset(agency, keyset_id)
    revoked = federation.directory.revoked_from(agency, "keyset", keyset_id)
    if keyset is None or revoked is not None or not keyset.is_valid_at(now):
        raise stale(Cause.KEYSET, agency)


def check_key(federation: Federation, agency: str, key_id: str, now: int) -> None:
    """Refuse what is sealed to a key that may not be sealed to now.

    Raises:
        BrokerError: RESEAL_REQUIRED.
    """
    directory = federation.directory
    entry = directory.agency(agency)
    keys = entry.encryption if entry and not directory.is_retired(agency) else ()
    known = any(key.key_id == key_id and key.is_valid_at(now) for key in keys)
    if not known or directory.revoked_from(agency, "encryption", key_id) is not None:
        raise stale(Cause.KEY, agency)
