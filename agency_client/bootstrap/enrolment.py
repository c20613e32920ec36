# SPDX-License-Identifier: Apache-2.0
"""Joining a federation: its file is verified, its first root pinned, its broker remembered.

May be repeated with a newer file of the same federation. What is pinned is never replaced: a file
of another federation, or of another history of the same, is refused and changes nothing.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agency_client.bootstrap.connecting import check_address
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import open_keyring, open_store
from agency_client.bootstrap.system import SystemClock
from agency_client.config import FILE_NAME, settings_of, with_broker
from agency_client.errors import AgencyError, Reason
from agency_client.ports.store import Store
from agency_client.services.directory import federation_of, judge_book, verified_directory
from agency_client.services.invitations import FILE_NAME as INVITATION_FILE
from agency_client.services.invitations import Invited, check_invited, read_invitation
from agency_client.services.steward import Bundle
from agency_client.services.steward_home import read_text, write_whole
from keys.directory import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a profile is enrolled in; `agency_active`: the stewards admitted it with these keys."""

    federation: bytes
    directory_size: int
    agency_active: bool


def enrol_profile(
    folder: Path,
    passphrase: str | bytes,
    *,
    bundle: Path,
    broker_address: str,
    expected_federation: bytes | None = None,
) -> Enrolment:
    """Verify a federation file, pin it in the profile, and remember where the broker is.

    Args:
        folder: the profile.
        passphrase: opens its keys.
        bundle: `federation.json`, from a steward.
        broker_address: HOST:PORT.
        expected_federation: 32 bytes, where its id is known from elsewhere.

    Raises:
        AgencyError: PROFILE_MISSING, INVALID_ARGUMENT, INVITATION_INVALID, FEDERATION_MISMATCH,
            DIRECTORY_INVALID, or of the store; nothing is changed then.
        TrustError: the file does not verify, or the key file does not open.
    """
    check_address(broker_address)
    settings_of(folder)
    invited = invitation_of(folder)
    offered = Bundle.parse(read_text(bundle))
    found = offered.directory.federation
    if expected_federation is not None and found != expected_federation:
        raise _mismatch(found, expected_federation)
    if invited is not None and found != invited.invitation.federation:
        raise _mismatch(found, invited.invitation.federation)
    keyring = open_keyring(folder, passphrase)
    if invited is not None:
        check_invited(invited, keyring.agency)
    with closing(open_store(folder, keyring)) as store:
        directory = _adopt(store, offered, keyring.agency)
    _remember(folder / FILE_NAME, broker_address)
    return _view(keyring, directory)


def invitation_of(folder: Path) -> Invited | None:
    """Return the invitation that a profile was made after, if it was.

    Raises:
        AgencyError: INVITATION_INVALID; it is not what was accepted.
    """
    path = folder / INVITATION_FILE
    return read_invitation(read_text(path)) if path.exists() else None


def _adopt(store: Store, offered: Bundle, agency: str) -> Directory:
    """Extend what is pinned by what is offered; where it is older, what is pinned stays."""
    trust = store.trust
    roots, entries = list(trust.roots()), list(trust.entries())
    pin = verified_directory(roots, [], None).federation if roots else None
    if pin is not None and pin != offered.directory.federation:
        raise _mismatch(offered.directory.federation, pin)
    offered_roots = _continued(roots, [one.encode() for one in offered.roots])
    offered_entries = _continued(entries, [one.encode() for one in offered.entries])
    directory = verified_directory(offered_roots, offered_entries, pin)
    if len(offered_entries) > len(entries):
        judge_book(federation_of(agency, directory), store, SystemClock().now_ms())
    if offered_roots != roots:
        trust.set_roots(offered_roots)
    trust.add_entries(len(entries), offered_entries[len(entries) :])
    return directory


def _continued(held: Sequence[bytes], offered: Sequence[bytes]) -> list[bytes]:
    """Return the longer of two lists of which one begins with the other.

    Raises:
        AgencyError: DIRECTORY_INVALID; neither does.
    """
    shared = min(len(held), len(offered))
    if list(held[:shared]) != list(offered[:shared]):
        raise AgencyError(
            Reason.DIRECTORY_INVALID,
            "the file tells another history of this federation than the one that is pinned",
        )
    return list(offered if len(offered) > len(held) else held)


def _mismatch(found: bytes, expected: bytes) -> AgencyError:
    return AgencyError(
        Reason.FEDERATION_MISMATCH,
        f"the file is of federation {found.hex()[:32]}, expected {expected.hex()[:32]}",
    )


def _remember(path: Path, address: str) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != with_broker(text, address):
        write_whole(path, with_broker(text, address))


def _view(keyring: Keyring, directory: Directory) -> Enrolment:
    is_published = keyring.is_published_in(directory.agency(keyring.agency))
    return Enrolment(
        federation=directory.federation,
        directory_size=directory.size,
        agency_active=is_published and directory.active(keyring.agency),
    )
