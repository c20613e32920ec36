# SPDX-License-Identifier: Apache-2.0
"""Ciphertexts of our own attachments, as files until they are published; keys lie in notices."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from agency_client.errors import AgencyError, Reason
from agency_client.store.database import Database
from agency_client.store.tables import attachments


class SqlAttachments:
    """Attachments of one profile; ciphertexts lie in `folder` under their ids."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def path(self, attachment_id: bytes) -> Path:
        """Return where the ciphertext lies."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder / attachment_id.hex()

    def add(self, attachment_id: bytes, digest: bytes, length: int) -> None:
        """Note a sealed attachment."""
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert(attachments).values(id=attachment_id, digest=digest, length=length)
                )
        except IntegrityError:
            raise AgencyError(
                Reason.ALREADY_EXISTS, "an attachment with this id is in the outbox"
            ) from None

    def pending(self, ids: Sequence[bytes]) -> Sequence[tuple[bytes, bytes, int]]:
        """Return (id, digest, length) of those not uploaded."""
        query = select(attachments).where(
            attachments.c.id.in_(ids), attachments.c.uploaded.is_(False)
        )
        with self._database.read() as connection:
            return tuple((row.id, row.digest, row.length) for row in connection.execute(query))

    def set_uploaded(self, attachment_id: bytes, *, uploaded: bool) -> None:
        """Note whether the broker has it whole."""
        with self._database.write() as connection:
            connection.execute(
                update(attachments)
                .where(attachments.c.id == attachment_id)
                .values(uploaded=uploaded)
            )
