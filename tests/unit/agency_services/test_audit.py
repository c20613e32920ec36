# SPDX-License-Identifier: Apache-2.0
"""The audit verifies a whole log, and finds and names each kind of tampering with it."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from agency_client.domain.findings import FindingKind
from agency_client.domain.outbox import PublishReceipt
from agency_client.domain.records import Head, ReceivedBatch
from agency_client.domain.views import AuditCheck, AuditReport, Verdict
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from broker.domain import acts
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.envelope import Frame
from keys.framing import sha256
from keys.merkle import hash_leaf
from tests.simulator.agency import EVERYTHING, VIEWER, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import NOW, TOPIC
from tests.simulator.memory_log import MemoryLog
from tests.unit.agency_services.conftest import Opening

HOUR = 3_600_000


@pytest.fixture
def busy(broker: MemoryBroker) -> MemoryBroker:
    """A broker whose log holds 21 entries about others."""
    broker.log.fill(21, NOW)
    return broker


@pytest.fixture
def auditor(open_profile: Opening) -> SimulatedAgency:
    return open_profile("eu-audit")


def check(report: AuditReport, name: str) -> AuditCheck:
    return next(one for one in report.checks if one.name == name)


def failed(report: AuditReport) -> dict[str, int]:
    """Return the entry named by each failed check."""
    return {one.name: one.entry for one in report.checks if one.verdict is Verdict.FAILED}


def flip(log: MemoryLog, index: int) -> None:
    leaf = bytearray(log.leaves[index])
    leaf[len(leaf) // 2] ^= 1
    log.leaves[index] = bytes(leaf)


async def test_an_honest_broker_is_verified(
    gr: SimulatedAgency, ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft(), Draft())
    await ro.receiver.catch_up(EVERYTHING)
    for agency in (gr, ro):
        report = await agency.audit.audit()
        assert report.verdict is Verdict.VERIFIED
        assert report.leaves == busy.log.size
    assert "2 of our receipts" in check(await ro.audit.audit(), "receipts").detail


async def test_an_auditor_without_notices_verifies_the_log(
    auditor: SimulatedAgency, gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    report = await auditor.audit.audit()
    assert report.verdict is Verdict.VERIFIED
    assert report.leaves == busy.log.size == 22


async def test_an_empty_log_is_verified(ro: SimulatedAgency) -> None:
    report = await ro.audit.audit()
    assert report.verdict is Verdict.VERIFIED
    assert report.leaves == 0


async def test_the_audit_pins_what_it_verified(ro: SimulatedAgency, busy: MemoryBroker) -> None:
    await ro.audit.audit()
    busy.log.fill(5, NOW)
    report = await ro.audit.audit()
    assert check(report, "pinned").detail.startswith("21 entries recomputed")
    assert check(report, "checkpoint").detail == "signed for 26 entries, and follows from 21"


async def test_what_was_counted_is_reported(gr: SimulatedAgency, busy: MemoryBroker) -> None:
    await gr.publish(Draft())
    report = await gr.audit.audit()
    assert report.facts["leaves"] == busy.log.size
    assert report.facts["directory_entries"] == gr.federation.directory.size


# A leaf of the log was changed on the broker's disk: the entry is named.


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 21])
async def test_each_flipped_leaf_is_named(
    auditor: SimulatedAgency, broker: MemoryBroker, size: int
) -> None:
    broker.log.fill(size, NOW)
    for index in range(size):
        true = broker.log.leaves[index]
        flip(broker.log, index)
        report = await auditor.audit.audit()
        assert check(report, "log").entry == index
        assert report.verdict is Verdict.FAILED
        broker.log.leaves[index] = true
    assert (await auditor.audit.audit()).verdict is Verdict.VERIFIED


async def test_the_first_of_several_flipped_leaves_is_named(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    for index in (6, 7, 12, 20):
        flip(busy.log, index)
    assert failed(await auditor.audit.audit()) == {"log": 6}


async def test_a_flipped_leaf_is_held_against_the_pinned_checkpoint_too(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    await auditor.audit.audit()
    busy.log.fill(10, NOW)
    flip(busy.log, 13)
    assert failed(await auditor.audit.audit()) == {"log": 13, "pinned": 13}
    assert auditor.store.inbox.finding_count() == 1


async def test_a_flipped_leaf_behind_the_pinned_checkpoint_leaves_that_verified(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    await auditor.audit.audit()
    busy.log.fill(10, NOW)
    flip(busy.log, 25)
    assert failed(await auditor.audit.audit()) == {"log": 25}


def remove(log: MemoryLog) -> None:
    del log.leaves[9]


def swap(log: MemoryLog) -> None:
    log.leaves[9], log.leaves[15] = log.leaves[15], log.leaves[9]


def insert(log: MemoryLog) -> None:
    log.leaves.insert(9, log.leaves[3])


def truncate(log: MemoryLog) -> None:
    del log.leaves[9:]


def empty(log: MemoryLog) -> None:
    log.leaves[9] = b""


def repeat(log: MemoryLog) -> None:
    log.leaves[9] = log.leaves[8]


@pytest.mark.parametrize("tamper", [remove, swap, insert, truncate, empty, repeat])
async def test_the_place_where_the_log_was_changed_is_named(
    auditor: SimulatedAgency, busy: MemoryBroker, tamper: Callable[[MemoryLog], None]
) -> None:
    tamper(busy.log)
    report = await auditor.audit.audit()
    assert failed(report) == {"log": 9}
    assert f"entry {9}" in check(report, "log").detail
    (finding,) = auditor.store.inbox.findings(10)
    assert finding.kind is FindingKind.LOG_FORK


async def test_a_missing_last_leaf_is_said_to_be_missing(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    busy.log.leaves.pop()
    report = await auditor.audit.audit()
    assert check(report, "log").entry == 20
    assert "is missing" in check(report, "log").detail


async def test_a_leaf_in_a_later_block_is_named(
    auditor: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.log.fill(9000, NOW)
    flip(broker.log, 5000)
    told: list[tuple[int, int]] = []
    report = await auditor.audit.audit(lambda done, of: told.append((done, of)))
    assert failed(report) == {"log": 5000}
    assert told == [(4096, 9000), (8192, 9000), (9000, 9000)]


async def test_a_changed_leaf_without_proofs_is_found_though_not_named(
    auditor: SimulatedAgency, busy: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def garbage(_log: LogKind, _index: int, _size: int) -> tuple[Sequence[bytes], bytes]:
        return [secrets.token_bytes(32)] * 5, b""

    flip(busy.log, 3)
    monkeypatch.setattr(auditor.link, "inclusion", garbage)
    report = await auditor.audit.audit()
    assert failed(report) == {"log": -1}
    assert "leads to the root" in check(report, "log").detail


async def test_leaves_served_otherwise_the_second_time_are_no_way_out(
    auditor: SimulatedAgency, busy: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = list(busy.log.leaves)
    flip(busy.log, 3)
    served = [busy.log.leaves, true]

    async def leaves(_log: LogKind, start: int, count: int) -> Sequence[bytes]:
        page = served[0][start : start + count]
        if len(served) > 1:
            served.pop(0)
        return page

    monkeypatch.setattr(auditor.link, "leaves", leaves)
    report = await auditor.audit.audit()
    assert report.verdict is Verdict.FAILED
    assert "served otherwise" in check(report, "log").detail


# Another history was signed.


async def test_a_rewritten_history_is_found(auditor: SimulatedAgency, busy: MemoryBroker) -> None:
    await auditor.audit.audit()
    busy.log.rewritten_from(11, NOW)
    busy.log.fill(3, NOW)
    report = await auditor.audit.audit()
    assert set(failed(report)) == {"checkpoint", "pinned"}
    assert check(report, "log").verdict is Verdict.VERIFIED
    pinned = auditor.store.trust.checkpoint(LogKind.ACTS)
    assert pinned is not None
    assert pinned.size == 21


async def test_a_smaller_tree_is_found_and_its_end_named(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    await auditor.audit.audit()
    busy.log.note = busy.log.signed(15)
    report = await auditor.audit.audit()
    assert failed(report) == {"checkpoint": -1, "pinned": 15}


async def test_a_checkpoint_by_another_key_is_found_and_the_log_held_to_the_pinned_one(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    await auditor.audit.audit()
    checkpoint = Checkpoint(origin=busy.log.origin, size=21, root=busy.log.root)
    busy.log.note = sign_checkpoint(checkpoint, bytes(32))
    flip(busy.log, 2)
    assert failed(await auditor.audit.audit()) == {"checkpoint": -1, "log": 2}


async def test_a_foreign_origin_is_found_and_nothing_else_can_be_said(
    auditor: SimulatedAgency, busy: MemoryBroker
) -> None:
    checkpoint = Checkpoint(origin="other.example/log", size=21, root=busy.log.root)
    busy.log.note = sign_checkpoint(checkpoint, busy.log.seed)
    report = await auditor.audit.audit()
    assert failed(report) == {"checkpoint": -1}
    assert check(report, "log").verdict is Verdict.UNCHECKED


# What the log says about us is not what we were told.


def relog(log: MemoryLog, index: int, **changes: object) -> None:
    """Let the broker have logged, and signed, another act in an entry's place."""
    act = acts.publication(
        originator="gr-pol",
        topic=TOPIC,
        sequence=1,
        statement=sha256(b"another frame"),
        time_ms=NOW,
        salt=secrets.token_bytes(32),
    )
    log.leaves[index] = replace(act, **changes).leaf()  # type: ignore[arg-type]
    log.hashes[index] = hash_leaf(log.leaves[index])


async def test_a_leaf_that_contradicts_a_receipt_is_named(
    gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    await gr.publish(Draft())
    relog(busy.log, 21)
    report = await gr.audit.audit()
    assert failed(report) == {"receipts": 21}
    assert "leaf says something else" in check(report, "receipts").detail
    (finding,) = gr.store.inbox.findings(10)
    assert finding.kind is FindingKind.BAD_LEAF


async def test_a_leaf_that_contradicts_a_delivery_is_named(
    gr: SimulatedAgency, ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    await ro.receiver.catch_up(EVERYTHING)
    relog(busy.log, 22)
    assert failed(await ro.audit.audit()) == {"receipts": 22}


async def test_a_leaf_with_another_time_than_told_is_named(
    gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    (owned,) = gr.store.inbox.owned_leaves(-1, 10)
    fields = dict(owned.fields)
    relog(busy.log, 21, salt=owned.log.salt, fields=fields, time_ms=NOW + 5)
    report = await gr.audit.audit()
    assert failed(report) == {"receipts": 21}
    assert f"leaf states time {NOW + 5}" in check(report, "receipts").detail


async def test_two_receipts_for_one_leaf_are_found(
    gr: SimulatedAgency, busy: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts: list[PublishReceipt] = []
    publish = busy.publish

    def twice(agency: str, frame: Frame) -> PublishReceipt:
        receipts.append(publish(agency, frame))
        return replace(receipts[-1], log=receipts[0].log)

    monkeypatch.setattr(busy, "publish", twice)
    await gr.publish(Draft())
    await gr.publish(Draft())
    assert failed(await gr.audit.audit()) == {"receipts": 21}


async def test_a_receipt_for_an_entry_that_is_not_in_the_log_is_found(
    gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    busy.log.note = busy.log.signed(21)
    gr.clock.now += HOUR
    report = await gr.audit.audit()
    assert failed(report) == {"receipts": 21}
    assert "the log ends at 21 entries" in check(report, "receipts").detail


async def test_a_receipt_of_a_moment_ago_may_be_newer_than_the_checkpoint(
    gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    busy.log.note = busy.log.signed(21)
    report = await gr.audit.audit()
    assert failed(report) == {}
    assert check(report, "receipts").verdict is Verdict.UNCHECKED


async def test_what_arrives_during_the_audit_need_not_be_in_its_checkpoint(
    gr: SimulatedAgency, busy: MemoryBroker
) -> None:
    await gr.publish(Draft())
    checkpoint = gr.link.checkpoint

    async def then_publish(log: LogKind) -> str:
        note = await checkpoint(log)
        await gr.publish(Draft())
        return note

    gr.link.checkpoint = then_publish  # type: ignore[method-assign]
    report = await gr.audit.audit()
    assert report.verdict is Verdict.VERIFIED
    assert report.facts["receipts"] == 1


# What others saw.


def hear(agency: SimulatedAgency, *heads: tuple[int, bytes]) -> None:
    batch = ReceivedBatch(
        subscription="inbox-test",
        frames=(),
        links=(),
        missing=(),
        found=(),
        cursors=(),
        findings=(),
        heads=tuple(
            Head(log=LogKind.ACTS, size=size, root=root, originator="gr-pol", seal_id=b"s" * 16)
            for size, root in heads
        ),
    )
    agency.store.inbox.record(batch, NOW)


async def test_heads_of_the_same_log_are_verified(ro: SimulatedAgency, busy: MemoryBroker) -> None:
    others = MemoryLog(origin=busy.log.origin, seed=busy.log.seed, hashes=busy.log.hashes[:13])
    hear(ro, (13, others.root), (21, busy.log.root))
    report = await ro.audit.audit()
    assert check(report, "heads").detail == "2 heads that others saw are of this log"
    assert ro.store.trust.unchecked_heads(LogKind.ACTS, 10) == ()


async def test_a_head_of_another_log_is_found(ro: SimulatedAgency, busy: MemoryBroker) -> None:
    hear(ro, (13, b"\x07" * 32))
    report = await ro.audit.audit()
    assert "gr-pol saw 13 entries with another root" in check(report, "heads").detail
    assert report.verdict is Verdict.FAILED
    assert [one.originator for one in ro.store.inbox.findings(10)] == ["gr-pol"]


async def test_a_changed_leaf_is_not_held_against_those_who_saw_the_log_before(
    ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    hear(ro, (13, busy.log.root))
    flip(busy.log, 3)
    report = await ro.audit.audit()
    assert failed(report) == {"log": 3}
    assert check(report, "heads").verdict is Verdict.UNCHECKED
    assert [one.originator for one in ro.store.inbox.findings(10)] == [""]
    assert len(ro.store.trust.unchecked_heads(LogKind.ACTS, 10)) == 1


async def test_a_head_ahead_of_a_frozen_log_is_found(
    ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    hear(ro, (40, b"\x07" * 32))
    report = await ro.audit.audit()
    assert "gr-pol saw 40 entries, we are shown 21" in check(report, "heads").detail


# The directory.


async def test_a_changed_entry_of_the_kept_directory_is_named(
    ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    await ro.directory.sync()
    entries = list(ro.store.trust.entries())
    changed = bytearray(entries[3])
    changed[100] ^= 1
    execute(ro, "UPDATE entries SET entry = :value WHERE position = 3", value=bytes(changed))
    assert failed(await ro.audit.audit()) == {"directory": 3}


async def test_a_kept_directory_that_lost_its_end_is_found(
    ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    await ro.directory.sync()
    size = ro.federation.directory.size
    execute(ro, "DELETE FROM entries WHERE position = :last", last=size - 1)
    assert "directory" in failed(await ro.audit.audit())


async def test_another_directory_than_the_one_verified_is_found(
    ro: SimulatedAgency, busy: MemoryBroker
) -> None:
    await ro.directory.sync()
    busy.entries_served = [one.encode() for one in ro.federation.signed_entries[:-1]]
    report = await ro.audit.audit()
    assert failed(report) == {"directory served": -1}
    assert check(report, "directory").verdict is Verdict.VERIFIED


# Our own log of openings.


def execute(agency: SimulatedAgency, statement: str, **values: object) -> None:
    """Change the agency's database as somebody with its key would."""
    with agency.store._database.write() as connection:
        connection.execute(text(statement), values)


@pytest.fixture
async def looked(gr: SimulatedAgency, ro: SimulatedAgency) -> SimulatedAgency:
    """An agency that looked at a notice six times."""
    (outcome,) = (await gr.publish(Draft())).notices
    await ro.receiver.catch_up(EVERYTHING)
    for _ in range(6):
        await ro.viewing.show(outcome.notice_id.hex(), VIEWER)
    return ro


async def test_our_own_log_is_verified(looked: SimulatedAgency) -> None:
    report = await looked.audit.audit()
    assert report.verdict is Verdict.VERIFIED
    assert check(report, "own log").detail == "6 entries of who looked at what"


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE openings SET who = 'Somebody Else' WHERE position = 2", 2),
        ("UPDATE openings SET purpose = '' WHERE position = 3", 3),
        ("UPDATE openings SET notices = '[]' WHERE position = 4", 4),
        ("UPDATE openings SET at_ms = at_ms + 1 WHERE position = 1", 1),
        ("UPDATE openings SET salt = zeroblob(32) WHERE position = 5", 5),
        ("UPDATE openings SET leaf = zeroblob(100) WHERE position = 0", 0),
        ("DELETE FROM openings WHERE position = 2", 2),
        ("UPDATE opening_nodes SET hash = zeroblob(32) WHERE level = 1 AND position = 2", -1),
        ("UPDATE opening_nodes SET hash = zeroblob(32) WHERE level = 2 AND position = 0", -1),
    ],
)
async def test_a_change_of_our_own_log_is_found_and_named(
    looked: SimulatedAgency, statement: str, entry: int
) -> None:
    execute(looked, statement)
    report = await looked.audit.audit()
    assert failed(report) == {"own log": entry}


async def test_an_own_log_that_lost_its_end_since_the_last_audit_is_found(
    looked: SimulatedAgency,
) -> None:
    await looked.audit.audit()
    execute(looked, "DELETE FROM openings WHERE position >= 4")
    execute(looked, "DELETE FROM opening_nodes WHERE level = 0 AND position >= 4")
    assert failed(await looked.audit.audit()) == {"own log": 4}


# What cannot be checked is not verified.


async def test_a_broker_that_is_away_leaves_its_log_unchecked(
    looked: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    report = await looked.audit.audit()
    assert report.verdict is Verdict.UNCHECKED
    assert check(report, "checkpoint").verdict is Verdict.UNCHECKED
    assert check(report, "own log").verdict is Verdict.VERIFIED
    assert looked.store.inbox.finding_count() == 0


async def test_a_broker_that_is_lost_while_the_log_is_read_leaves_it_unchecked(
    auditor: SimulatedAgency, busy: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_log: LogKind, _start: int, _count: int) -> Sequence[bytes]:
        raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")

    monkeypatch.setattr(auditor.link, "leaves", lost)
    report = await auditor.audit.audit()
    assert check(report, "log").verdict is Verdict.UNCHECKED
    assert report.verdict is Verdict.UNCHECKED


async def test_a_broker_that_is_lost_while_the_entry_is_looked_for_fails_all_the_same(
    auditor: SimulatedAgency, busy: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_log: LogKind, _index: int, _size: int) -> tuple[Sequence[bytes], bytes]:
        raise AgencyError(Reason.BROKER_UNREACHABLE, "the connection broke")

    flip(busy.log, 5)
    monkeypatch.setattr(auditor.link, "inclusion", lost)
    report = await auditor.audit.audit()
    assert failed(report) == {"log": -1}
    assert "could not be found out" in check(report, "log").detail


def test_a_report_without_checks_proves_nothing() -> None:
    assert AuditReport(checks=()).verdict is Verdict.UNCHECKED
