# SPDX-License-Identifier: Apache-2.0
"""Everything one profile remembers, behind `ports.store.Store`."""

from pathlib import Path

from agency_client.store.attachments import SqlAttachments
from agency_client.store.database import Database
from agency_client.store.endings import SqlEndings
from agency_client.store.key_uses import SqlKeyUses
from agency_client.store.locks import FileLocks
from agency_client.store.marker import Marker
from agency_client.store.openings import SqlOpeningLog
from agency_client.store.outbox import SqlOutbox
from agency_client.store.partners import SqlPartners
from agency_client.store.people import SqlPeople
from agency_client.store.post import SqlPostOffice
from agency_client.store.search import SqlSearchIndex
from agency_client.store.shelf import SqlInbox
from agency_client.store.trust import SqlTrust


class ProfileStore:
    """The store of the profile in `folder`: `store.db`, `attachments/` and `locks/`."""

    def __init__(self, folder: Path, key: bytes, agency: str) -> None:
        """Open the store; `key` is the 32-byte database key.

        Raises:
            AgencyError: STORE_INVALID, STORE_NEWER, STORE_FAILED.
        """
        self._database = Database(folder / "store.db", key)
        self.outbox = SqlOutbox(self._database, agency, Marker(folder / "locks" / "outlet-marker"))
        self.inbox = SqlInbox(self._database, agency)
        self.search = SqlSearchIndex(self._database)
        self.trust = SqlTrust(self._database)
        self.openings = SqlOpeningLog(self._database)
        self.partners = SqlPartners(self._database)
        self.people = SqlPeople(self._database, agency)
        self.post = SqlPostOffice(self._database, agency)
        self.endings = SqlEndings(self._database, folder / "attachments")
        self.key_uses = SqlKeyUses(self._database)
        self.attachments = SqlAttachments(self._database, folder / "attachments")
        self.locks = FileLocks(folder / "locks")

    def close(self) -> None:
        """Let files go."""
        self._database.close()
