# SPDX-License-Identifier: Apache-2.0
"""When an encryption key of ours is over, so that nothing more can come that is sealed to it. Pure.

The broker takes in a frame, letter or grant only while the key that it is sealed to counts, by its
own clock and directory (docs/protocol.md section 15, CAUSE `key`): whatever waits at partners is
refused after that and sealed anew. So what is sealed to a key that is over lies at the broker
already or will never be. That it was fetched from there is `services.key_ending`'s business.
"""

from collections.abc import Collection

from agency_client.domain.moments import DAY_MS, show_instant
from agency_client.errors import AgencyError, Reason
from keys.directory import Directory
from keys.entries import AgencyEntry
from keys.recipients import EncryptionKey

MARGIN_MS = DAY_MS
"""By so much the broker's clock may be behind ours; it goes by its own when a key ends.

That it is not behind by more is looked up in its log (`services.key_ending`).
"""


def check_over(
    key_id: str, held: Collection[str], request: AgencyEntry, directory: Directory, now: int
) -> None:
    """Refuse an encryption key to which something may still be sealed.

    Args:
        key_id: the key.
        held: ids of the private keys that we have.
        request: what we ask the stewards to publish of us.
        directory: verified.
        now: milliseconds since 1970.

    Raises:
        AgencyError: NOT_FOUND, we have no such key; KEY_COUNTS, partners may seal to it, or no
            other takes its place; KEY_NEEDED, it ended less than `MARGIN_MS` ago.
    """
    if key_id not in held:
        known = ", ".join(sorted(held))
        raise AgencyError(Reason.NOT_FOUND, f"no encryption key of ours is {key_id}: {known}")
    newest = directory.encryption_key(request.agency, now)
    if newest is None or newest.key_id == key_id or newest.key_id not in held:
        raise AgencyError(Reason.KEY_COUNTS, f"no other key of ours takes the place of {key_id}")
    if directory.revoked_from(request.agency, "encryption", key_id) is not None:
        return
    key = _published(key_id, request, directory)
    if key is not None and now < key.valid_until:
        raise AgencyError(
            Reason.KEY_COUNTS, f"{key_id} counts until {show_instant(key.valid_until)}"
        )
    if key is not None and now < key.valid_until + MARGIN_MS:
        over = show_instant(key.valid_until + MARGIN_MS)
        raise AgencyError(
            Reason.KEY_NEEDED, f"{key_id} has ended, and by a slow clock counts until {over}"
        )


def over(
    held: Collection[str], request: AgencyEntry, directory: Directory, now: int
) -> tuple[str, ...]:
    """Return which of our encryption keys are over, in order of id."""
    return tuple(one for one in sorted(held) if _is_over(one, held, request, directory, now))


def _is_over(
    key_id: str, held: Collection[str], request: AgencyEntry, directory: Directory, now: int
) -> bool:
    try:
        check_over(key_id, held, request, directory, now)
    except AgencyError:
        return False
    return True


def _published(key_id: str, request: AgencyEntry, directory: Directory) -> EncryptionKey | None:
    """Return a key of ours as the stewards published it, else as we asked them to."""
    entry = directory.agency(request.agency)
    entries = (entry, request) if entry is not None else (request,)
    keys = (one for each in entries for one in each.encryption)
    return next((one for one in keys if one.key_id == key_id), None)
