# SPDX-License-Identifier: Apache-2.0
"""The tables of what the agency keeps of its people; of the same database as `store.tables`."""

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, text

from agency_client.store.columns import bytes_column, int_column, text_column
from agency_client.store.tables import metadata

officers = Table(
    "officers",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("pseudonym"),
    text_column("roles"),
    int_column("clearance"),
    int_column("vetted_until"),
    bytes_column("approval_key"),
    bytes_column("sealed_key"),
    int_column("added_at"),
    text_column("added_by"),
    int_column("suspended_at"),
    UniqueConstraint("pseudonym"),
)

acts = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    bytes_column("digest"),
    text_column("kind"),
    bytes_column("act"),
    text_column("notice"),
    text_column("summary"),
    text_column("requester"),
    text_column("requested_by"),
    int_column("requested_at"),
    text_column("purpose"),
    text_column("case_reference"),
    text_column("approver"),
    int_column("approved_at"),
    bytes_column("approval"),
    int_column("done_at"),
    UniqueConstraint("digest"),
)

break_glass = Table(
    "break_glass",
    metadata,
    Column("number", Integer, primary_key=True),
    text_column("notice"),
    text_column("officer"),
    text_column("opened_by"),
    int_column("opened_at"),
    text_column("reason"),
    text_column("ticket"),
    text_column("rules"),
    int_column("reviewed_at"),
    text_column("reviewed_by"),
    text_column("outcome"),
    Index("break_glass_unreviewed", "number", sqlite_where=text("reviewed_at = 0")),
)
