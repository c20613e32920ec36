# SPDX-License-Identifier: Apache-2.0
"""The agency's register of officers: who is in it, and who of them somebody at a desk is.

Whoever holds the profile's passphrase keeps the register; each change stands in the agency's own
log. The directory says which roles the agency may give. An officer's approval key is sealed under
the officer's own passphrase, so that nobody else approves. Source: design section 5.
"""

import asyncio
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agency_client.domain.openings import OpeningKind
from agency_client.domain.people import OfficerRecord
from agency_client.domain.records import Opening
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from keys.errors import FramingError
from keys.fields import check_label
from keys.keyfile import open_secrets, seal_secrets
from officers.errors import OfficerError
from officers.people import Officer, new_pseudonym

MAX_NAME = 64

_PURPOSE = "officer"
_SEED = "approval.ed25519"
_SEED_BYTES = 32


class OfficerRegister:
    """The officers of one agency."""

    def __init__(
        self, *, agency: str, store: Store, directory: DirectoryService, clock: Clock
    ) -> None:
        self._agency = agency
        self._store = store
        self._directory = directory
        self._clock = clock

    async def add(
        self,
        name: str,
        *,
        roles: Sequence[str],
        clearance: int,
        vetted_until: int,
        passphrase: bytes,
        by: str,
    ) -> OfficerRecord:
        """Enter an officer with a fresh pseudonym and approval key. Slow: derives a key.

        Args:
            name: a login, or what `--as` will name.
            roles: what the officer is there for.
            clearance: how far the officer is vetted.
            vetted_until: milliseconds since 1970.
            passphrase: the officer's own.
            by: who enters it.

        Raises:
            AgencyError: INVALID_ARGUMENT, ALREADY_EXISTS; OFFICER_REFUSED for a role that the
                directory does not let this agency give.
            KeyFileError: the passphrase is empty.
        """
        now = self._clock.now_ms()
        seed = secrets.token_bytes(_SEED_BYTES)
        key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
        officer = self._officer(roles, clearance, vetted_until, key.public_bytes_raw())
        _check_name(name)
        self._check_roles(officer)
        if vetted_until <= now:
            raise AgencyError(Reason.INVALID_ARGUMENT, "the vetting has ended", field="vetted")
        record = OfficerRecord(
            name=name,
            officer=officer,
            sealed_key=await asyncio.to_thread(seal_secrets, _PURPOSE, {_SEED: seed}, passphrase),
            added_at=now,
            added_by=by,
        )
        await asyncio.to_thread(self._store.people.add_officer, record)
        await self._write_down("added", record, by)
        return record

    def _officer(
        self, roles: Sequence[str], clearance: int, vetted_until: int, key: bytes
    ) -> Officer:
        try:
            return Officer(
                agency=self._agency,
                pseudonym=new_pseudonym(),
                roles=tuple(sorted(set(roles))),
                clearance=clearance,
                vetted_until=vetted_until,
                approval_key=key,
            )
        except OfficerError as error:
            raise AgencyError(Reason.INVALID_ARGUMENT, error.detail) from None

    def _check_roles(self, officer: Officer) -> None:
        entry = self._directory.current.directory.agency(self._agency)
        beyond = sorted(set(officer.roles) - set(entry.asserts_roles if entry else ()))
        if beyond:
            raise AgencyError(
                Reason.OFFICER_REFUSED,
                f"the directory does not let {self._agency} give the role {beyond[0]}",
                role=beyond[0],
            )

    async def officers(self) -> Sequence[OfficerRecord]:
        """Return the register, by name."""
        return await asyncio.to_thread(self._store.people.officers)

    async def suspend(self, name: str, by: str) -> OfficerRecord:
        """Let an officer do nothing from now on; what was approved before no longer counts.

        Raises:
            AgencyError: OFFICER_UNKNOWN.
        """
        return await self._set_suspended(name, self._clock.now_ms(), "suspended", by)

    async def restore(self, name: str, by: str) -> OfficerRecord:
        """Lift a suspension.

        Raises:
            AgencyError: OFFICER_UNKNOWN.
        """
        return await self._set_suspended(name, 0, "restored", by)

    async def _set_suspended(self, name: str, at_ms: int, how: str, by: str) -> OfficerRecord:
        record = await asyncio.to_thread(self.named, name)
        await self._write_down(how, record, by)
        await asyncio.to_thread(self._store.people.set_suspended, name, at_ms)
        return await asyncio.to_thread(self.named, name)

    async def _write_down(self, how: str, record: OfficerRecord, by: str) -> None:
        opening = Opening(
            kind=OpeningKind.OFFICER,
            at_ms=self._clock.now_ms(),
            who=by,
            purpose=how,
            case=f"{record.name} ({record.officer.pseudonym})",
            notices=(),
        )
        await asyncio.to_thread(self._store.openings.append, opening)

    def named(self, name: str) -> OfficerRecord:
        """Return the officer of that name.

        Raises:
            AgencyError: OFFICER_UNKNOWN.
        """
        found = [one for one in self._store.people.officers() if one.name == name]
        if not found:
            raise _unknown(name)
        return found[0]

    def by_pseudonym(self, pseudonym: str) -> OfficerRecord:
        """Return the officer of that pseudonym.

        Raises:
            AgencyError: OFFICER_UNKNOWN.
        """
        for one in self._store.people.officers():
            if one.officer.pseudonym == pseudonym:
                return one
        raise _unknown(pseudonym)

    def acting(self, viewer: Viewer) -> OfficerRecord | None:
        """Return which officer somebody is; None where the register is empty.

        The one whom `viewer` names, else the one of the login's name, else the only one there is.

        Raises:
            AgencyError: OFFICER_UNKNOWN, OFFICER_NEEDED; OFFICER_REFUSED for one who is suspended.
        """
        register = self._store.people.officers()
        if not register and not viewer.officer:
            return None
        wanted = viewer.officer or viewer.name
        found = [one for one in register if one.name == wanted]
        if not found and viewer.officer:
            raise _unknown(viewer.officer)
        if not found and len(register) != 1:
            raise AgencyError(
                Reason.OFFICER_NEEDED,
                f"there are {len(register)} officers here, and {viewer.name} is none of them",
            )
        record = found[0] if found else register[0]
        if record.suspended_at:
            raise AgencyError(Reason.OFFICER_REFUSED, f"officer {record.name} is suspended")
        return record

    def officer(self, viewer: Viewer, *roles: str) -> OfficerRecord:
        """Return the officer that somebody is, if the officer may act in one of `roles` now.

        Raises:
            AgencyError: as `acting`; OFFICER_NEEDED where the register is empty; OFFICER_REFUSED
                for an officer of other roles, or whose vetting has ended.
        """
        record = self.acting(viewer)
        if record is None:
            raise AgencyError(
                Reason.OFFICER_NEEDED, "this takes an officer, and no officer is registered here"
            )
        now = self._clock.now_ms()
        if record.officer.vetted_until <= now:
            raise AgencyError(
                Reason.OFFICER_REFUSED, f"the vetting of officer {record.name} has ended"
            )
        if roles and not any(record.officer.may_act_as(role, now) for role in roles):
            raise AgencyError(
                Reason.OFFICER_REFUSED,
                f"officer {record.name} has not the role {' or '.join(roles)}",
            )
        return record


def approval_key(record: OfficerRecord, passphrase: bytes) -> Ed25519PrivateKey:
    """Open an officer's approval key. Slow: derives a key.

    Raises:
        KeyFileError: PASSPHRASE_WRONG, or it is damaged.
    """
    held = open_secrets(record.sealed_key, _PURPOSE, passphrase)
    return Ed25519PrivateKey.from_private_bytes(held[_SEED])


def _check_name(name: str) -> None:
    try:
        check_label(name, MAX_NAME)
    except FramingError as error:
        raise AgencyError(Reason.INVALID_ARGUMENT, error.detail, field="name") from None


def _unknown(name: str) -> AgencyError:
    return AgencyError(Reason.OFFICER_UNKNOWN, f"no officer here is called {name}")
