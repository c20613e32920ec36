# SPDX-License-Identifier: Apache-2.0
"""What we remember of the other members, in SQL: told of, and words compared."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.partners import PartnerRecord
from agency_client.store.database import Database
from agency_client.store.tables import partners


class SqlPartners:
    """Our memory of the other members."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self) -> Mapping[str, PartnerRecord]:
        """Return what is remembered, by agency."""
        with self._database.read() as connection:
            return {
                row.agency: PartnerRecord(
                    told=row.told,
                    compared=row.compared,
                    compared_at=row.compared_at,
                    compared_by=row.compared_by,
                )
                for row in connection.execute(select(partners))
            }

    def set_told(self, marks: Mapping[str, bytes]) -> None:
        """Remember of what our officers were told."""
        if not marks:
            return
        statement = insert(partners)
        with self._database.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["agency"], set_={"told": statement.excluded.told}
                ),
                [{"agency": agency, "told": mark} for agency, mark in marks.items()],
            )

    def set_compared(self, agency: str, mark: bytes, at_ms: int, by: str) -> None:
        """Remember that the words of these keys were compared; an earlier comparison goes."""
        values = {"compared": mark, "compared_at": at_ms, "compared_by": by}
        statement = insert(partners).values(agency=agency, **values)
        with self._database.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["agency"], set_=values)
            )
