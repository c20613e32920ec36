# SPDX-License-Identifier: Apache-2.0
"""What the agency keeps of its people, in SQL: officers, acts of two, break-glass."""

from collections.abc import Sequence

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from agency_client.domain.people import (
    ActKind,
    BreakGlassUse,
    OfficerRecord,
    TwoPersonAct,
)
from agency_client.errors import AgencyError, Reason
from agency_client.store.database import Database
from agency_client.store.people_tables import acts, break_glass, officers
from officers.approvals import Approval
from officers.errors import OfficerError
from officers.people import Officer


class SqlPeople:
    """The people of one agency."""

    def __init__(self, database: Database, agency: str) -> None:
        self._database = database
        self._agency = agency

    def officers(self) -> Sequence[OfficerRecord]:
        """Return the register, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(officers).order_by(officers.c.name)).all()
        return tuple(map(self._record, rows))

    def add_officer(self, record: OfficerRecord) -> None:
        """Enter an officer."""
        officer = record.officer
        values = {
            "name": record.name,
            "pseudonym": officer.pseudonym,
            "roles": " ".join(officer.roles),
            "clearance": officer.clearance,
            "vetted_until": officer.vetted_until,
            "approval_key": officer.approval_key,
            "sealed_key": record.sealed_key,
            "added_at": record.added_at,
            "added_by": record.added_by,
            "suspended_at": record.suspended_at,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(officers).values(values))
        except IntegrityError:
            raise AgencyError(
                Reason.ALREADY_EXISTS, "an officer of that name is in the register"
            ) from None

    def set_suspended(self, name: str, at_ms: int) -> None:
        """Note since when an officer may do nothing; 0 lifts it."""
        with self._database.write() as connection:
            connection.execute(
                update(officers).where(officers.c.name == name).values(suspended_at=at_ms)
            )

    def _record(self, row: Row[tuple[object, ...]]) -> OfficerRecord:
        try:
            officer = Officer(
                agency=self._agency,
                pseudonym=row.pseudonym,
                roles=tuple(row.roles.split()),
                clearance=row.clearance,
                vetted_until=row.vetted_until,
                approval_key=row.approval_key,
                is_suspended=row.suspended_at > 0,
            )
        except OfficerError:
            raise AgencyError(Reason.STORE_INVALID, "the register of officers is damaged") from None
        return OfficerRecord(
            name=row.name,
            officer=officer,
            sealed_key=row.sealed_key,
            added_at=row.added_at,
            added_by=row.added_by,
            suspended_at=row.suspended_at,
        )

    def add_act(self, act: TwoPersonAct) -> None:
        """Keep an act that waits for its second person."""
        values = {
            "digest": act.digest,
            "kind": act.kind.value,
            "act": act.act,
            "notice": act.notice,
            "summary": act.summary,
            "requester": act.requester,
            "requested_by": act.requested_by,
            "requested_at": act.requested_at,
            "purpose": act.purpose,
            "case_reference": act.case,
        }
        try:
            with self._database.write() as connection:
                connection.execute(insert(acts).values(values))
        except IntegrityError:
            raise AgencyError(Reason.ALREADY_EXISTS, "the very same act is kept") from None

    def acts(self, limit: int) -> Sequence[TwoPersonAct]:
        """Return acts, newest first."""
        query = select(acts).order_by(acts.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return tuple(_act(row) for row in connection.execute(query))

    def act(self, digest: bytes) -> TwoPersonAct | None:
        """Return the act of that digest."""
        with self._database.read() as connection:
            row = connection.execute(select(acts).where(acts.c.digest == digest)).one_or_none()
        return None if row is None else _act(row)

    def add_approval(self, approval: Approval) -> None:
        """Keep an approval of a kept act; a newer one replaces the one before."""
        with self._database.write() as connection:
            connection.execute(
                update(acts)
                .where(acts.c.digest == approval.act)
                .values(
                    approver=approval.officer,
                    approved_at=approval.approved_at,
                    approval=approval.signature,
                )
            )

    def approvals(self, digest: bytes) -> Sequence[Approval]:
        """Return the approvals of an act."""
        query = select(acts).where(acts.c.digest == digest, acts.c.approved_at > 0)
        with self._database.read() as connection:
            return tuple(
                Approval(
                    agency=self._agency,
                    officer=row.approver,
                    act=row.digest,
                    approved_at=row.approved_at,
                    signature=row.approval,
                )
                for row in connection.execute(query)
            )

    def set_done(self, digest: bytes, at_ms: int) -> None:
        """Note that an act was done; the first time stays."""
        with self._database.write() as connection:
            connection.execute(
                update(acts)
                .where(acts.c.digest == digest, acts.c.done_at == 0)
                .values(done_at=at_ms)
            )

    def add_break_glass(self, use: BreakGlassUse) -> int:
        """Keep a use; return its number."""
        values = {
            "notice": use.notice,
            "officer": use.officer,
            "opened_by": use.opened_by,
            "opened_at": use.opened_at,
            "reason": use.reason,
            "ticket": use.ticket,
            "rules": "\n".join(use.rules),
        }
        query = insert(break_glass).values(values).returning(break_glass.c.number)
        with self._database.write() as connection:
            return int(connection.execute(query).scalar_one())

    def break_glass_uses(self, *, unreviewed: bool) -> Sequence[BreakGlassUse]:
        """Return uses, oldest first: all, or those without a review."""
        query = select(break_glass).order_by(break_glass.c.number)
        if unreviewed:
            query = query.where(break_glass.c.reviewed_at == 0)
        with self._database.read() as connection:
            return tuple(_use(row) for row in connection.execute(query))

    def set_reviewed(self, number: int, at_ms: int, by: str, outcome: str) -> None:
        """Note a review; the first one stays."""
        with self._database.write() as connection:
            connection.execute(
                update(break_glass)
                .where(break_glass.c.number == number, break_glass.c.reviewed_at == 0)
                .values(reviewed_at=at_ms, reviewed_by=by, outcome=outcome)
            )


def _act(row: Row[tuple[object, ...]]) -> TwoPersonAct:
    return TwoPersonAct(
        kind=ActKind(row.kind),
        act=row.act,
        notice=row.notice,
        summary=row.summary,
        requester=row.requester,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        purpose=row.purpose,
        case=row.case_reference,
        approver=row.approver,
        approved_at=row.approved_at,
        done_at=row.done_at,
    )


def _use(row: Row[tuple[object, ...]]) -> BreakGlassUse:
    return BreakGlassUse(
        number=row.number,
        notice=row.notice,
        officer=row.officer,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        reason=row.reason,
        ticket=row.ticket,
        rules=tuple(filter(None, row.rules.split("\n"))),
        reviewed_at=row.reviewed_at,
        reviewed_by=row.reviewed_by,
        outcome=row.outcome,
    )
