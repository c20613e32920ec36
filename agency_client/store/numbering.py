# SPDX-License-Identifier: Apache-2.0
"""The numbers that an outlet gave to recipients, in SQL: the last given and the last accepted.

Both are kept so that a refusal can be unwound. Always part of the caller's transaction, together
with the frame that carries the numbers. Source: design section 4, "Gaps".
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from agency_client.domain.records import FIRST_LINK, Link, OutboxFrame
from agency_client.errors import AgencyError, Reason
from agency_client.store.tables import send_chain


def read_links(
    connection: Connection, outlet: bytes, topic: str, agencies: Sequence[str]
) -> Mapping[str, Link]:
    """Return the last number given to each agency; FIRST_LINK where there is none."""
    query = select(send_chain).where(send_chain.c.outlet == outlet, send_chain.c.topic == topic)
    known = {
        row.agency: Link(seq=row.seq, statement_hash=row.prev) for row in connection.execute(query)
    }
    return {agency: known.get(agency, FIRST_LINK) for agency in agencies}


def extend_chain(connection: Connection, frame: OutboxFrame) -> None:
    """Note the numbers of a frame as given.

    Raises:
        AgencyError: CHAIN_BROKEN; one does not follow the last given, as when two publishers write
        one outlet without its lock.
    """
    agencies = [agency for agency, _ in frame.recipients]
    given = read_links(connection, frame.outlet, frame.topic, agencies)
    for agency, seq in frame.recipients:
        if seq != given[agency].seq + 1:
            raise AgencyError(
                Reason.CHAIN_BROKEN,
                f"number {seq} to {agency} does not follow, expected {given[agency].seq + 1}",
                agency=agency,
            )
    statement = insert(send_chain)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["outlet", "topic", "agency"],
            set_={"seq": statement.excluded.seq, "prev": statement.excluded.prev},
        ),
        [
            {
                "outlet": frame.outlet,
                "topic": frame.topic,
                "agency": agency,
                "seq": seq,
                "prev": frame.statement_hash,
                "accepted_seq": FIRST_LINK.seq,
                "accepted_prev": FIRST_LINK.statement_hash,
            }
            for agency, seq in frame.recipients
        ],
    )


def accept_chain(connection: Connection, frame: OutboxFrame) -> None:
    """Note the numbers of a frame as accepted by the broker."""
    connection.execute(
        update(send_chain)
        .where(
            send_chain.c.outlet == frame.outlet,
            send_chain.c.topic == frame.topic,
            send_chain.c.agency == bindparam("to"),
        )
        .values(accepted_seq=bindparam("number"), accepted_prev=frame.statement_hash),
        [{"to": agency, "number": seq} for agency, seq in frame.recipients],
    )


def rewind_chain(connection: Connection, outlet: bytes, topic: str) -> None:
    """Take back the numbers that were given and not accepted."""
    connection.execute(
        update(send_chain)
        .where(send_chain.c.outlet == outlet, send_chain.c.topic == topic)
        .values(seq=send_chain.c.accepted_seq, prev=send_chain.c.accepted_prev)
    )
