# SPDX-License-Identifier: Apache-2.0
"""What letters, grants and recalls are all asked: who signed, with what, when, to which key.

Pure checks against the federation and a time. Who may say what about which notice is asked by the
service of each. Source: docs/protocol.md section 21.
"""

from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason
from broker.services.admitting import Cause
from broker.services.federation import Federation
from keys.signing import Keyset


def keyset_of(federation: Federation, caller: str, signer: str, keyset_id: str) -> Keyset:
    """Return the keyset by which `caller` says that it signed.

    Raises:
        BrokerError: NOT_ORIGINATOR for what another agency signed; SIGNATURE_INVALID.
    """
    if signer != caller:
        raise BrokerError(Reason.NOT_ORIGINATOR)
    keyset = federation.directory.keyset(signer, keyset_id)
    if keyset is None:
        raise BrokerError(Reason.SIGNATURE_INVALID, detail="the directory has no such keyset")
    return keyset


def check_current(keyset: Keyset, made_at: int, settings: Settings, now: int) -> None:
    """Refuse what is dated too far from now, or signed by a keyset that has ended since.

    Raises:
        BrokerError: CLOCK_SKEW, RESEAL_REQUIRED.
    """
    if not now - settings.frame_age_ms <= made_at <= now + settings.clock_ahead_ms:
        raise BrokerError(Reason.CLOCK_SKEW, detail=f"made at {made_at}, it is {now}")
    if not keyset.is_valid_at(now):
        raise BrokerError(Reason.RESEAL_REQUIRED, {"cause": Cause.KEYSET.value})


def check_key(federation: Federation, agency: str, key_id: str, now: int) -> None:
    """Refuse what is sealed to a key that may not be sealed to now.

    Raises:
        BrokerError: RESEAL_REQUIRED.
    """
    entry = federation.directory.agency(agency)
    keys = entry.encryption if entry else ()
    is_retired = federation.directory.is_retired(agency)
    if is_retired or not any(one.key_id == key_id and one.is_valid_at(now) for one in keys):
        raise BrokerError(Reason.RESEAL_REQUIRED, {"agency": agency, "cause": Cause.KEY.value})
