# SPDX-License-Identifier: Apache-2.0
"""The broker is held to its log: each checkpoint follows from the one before, for everybody."""

import pytest

from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.records import Head, ReceivedBatch
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.envelope import TreeHead
from keys.merkle import EMPTY_ROOT
from tests.simulator.agency import EVERYTHING, Draft, SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import NOW


def pinned_size(agency: SimulatedAgency) -> int:
    pinned = agency.store.trust.checkpoint(LogKind.ACTS)
    return pinned.size if pinned else -1


def finding(agency: SimulatedAgency) -> Finding:
    (found,) = agency.store.inbox.findings(10)
    return found


async def refusal(agency: SimulatedAgency) -> AgencyError:
    """Advance, which must be refused; return the error after checking that nothing was pinned."""
    before = agency.store.trust.checkpoint(LogKind.ACTS)
    with pytest.raises(AgencyError) as caught:
        await agency.checkpoints.advance()
    assert agency.store.trust.checkpoint(LogKind.ACTS) == before
    return caught.value


@pytest.fixture
def signed(broker: MemoryBroker) -> MemoryBroker:
    """The broker with a log of nine entries."""
    broker.log.fill(9, NOW)
    return broker


async def test_the_first_checkpoint_is_pinned_as_it_comes(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    pinned = await ro.checkpoints.advance()
    assert (pinned.size, pinned.root) == (9, signed.log.root)
    assert pinned_size(ro) == 9


async def test_a_larger_checkpoint_takes_its_place_when_it_is_proved_to_follow(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    signed.log.fill(4, NOW)
    await ro.checkpoints.advance()
    assert pinned_size(ro) == 13
    assert signed.calls["consistency acts"] == 1


async def test_an_empty_log_is_pinned_and_may_grow(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    assert (await ro.checkpoints.advance()).size == 0
    broker.log.fill(3, NOW)
    assert (await ro.checkpoints.advance()).size == 3


async def test_the_same_checkpoint_again_changes_nothing(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    first = await ro.checkpoints.advance()
    ro.clock.now += 1000
    assert await ro.checkpoints.advance() == first
    assert signed.calls["consistency acts"] == 0


async def test_an_older_checkpoint_that_comes_late_is_checked_and_not_pinned(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    late = signed.log.signed(5)
    await ro.checkpoints.advance()
    await ro.checkpoints.adopt(late)
    assert pinned_size(ro) == 9
    assert ro.store.inbox.finding_count() == 0


# Forks, rollbacks, foreign keys.


async def test_another_history_is_refused_with_both_notes_as_evidence(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    signed.log.rewritten_from(4, NOW)
    signed.log.fill(2, NOW)
    error = await refusal(ro)
    assert error.reason is Reason.LOG_INVALID
    assert "does not continue" in error.message
    assert (finding(ro).kind, finding(ro).reason) == (FindingKind.LOG_FORK, "not_consistent")


async def test_another_root_for_the_same_size_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    signed.log.rewritten_from(8, NOW)
    error = await refusal(ro)
    assert error.reason is Reason.LOG_INVALID
    assert "equal sizes have different roots" in error.message


async def test_a_smaller_log_is_refused_as_rolled_back(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    signed.log.note = signed.log.signed(7)
    error = await refusal(ro)
    assert error.reason is Reason.LOG_INVALID
    assert finding(ro).reason == "rolled_back"


async def test_a_log_that_became_empty_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    signed.log.note = signed.log.signed(0)
    assert (await refusal(ro)).reason is Reason.LOG_INVALID


async def test_a_broker_without_a_proof_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_proof(_log: LogKind, _old: int, _new: int) -> list[bytes]:
        raise AgencyError(Reason.NOT_FOUND, "no such sizes")

    await ro.checkpoints.advance()
    signed.log.fill(1, NOW)
    monkeypatch.setattr(ro.link, "consistency", no_proof)
    assert "has no proof" in (await refusal(ro)).message


@pytest.mark.parametrize("proof", [[], [bytes(32)] * 3, [b"short"], [bytes(32)] * 126])
async def test_a_proof_that_is_none_is_refused(
    ro: SimulatedAgency,
    signed: MemoryBroker,
    monkeypatch: pytest.MonkeyPatch,
    proof: list[bytes],
) -> None:
    async def wrong_proof(_log: LogKind, _old: int, _new: int) -> list[bytes]:
        return proof

    await ro.checkpoints.advance()
    signed.log.fill(4, NOW)
    monkeypatch.setattr(ro.link, "consistency", wrong_proof)
    assert (await refusal(ro)).reason is Reason.LOG_INVALID


async def test_a_checkpoint_by_another_key_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    checkpoint = Checkpoint(origin=signed.log.origin, size=9, root=signed.log.root)
    signed.log.note = sign_checkpoint(checkpoint, bytes(32))
    assert (await refusal(ro)).reason is Reason.LOG_INVALID
    assert finding(ro).reason == "checkpoint_invalid"


async def test_a_checkpoint_of_another_origin_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    checkpoint = Checkpoint(origin="other.example/log", size=9, root=signed.log.root)
    signed.log.note = sign_checkpoint(checkpoint, signed.log.seed)
    error = await refusal(ro)
    assert "checkpoint of other.example/log" in error.message


async def test_an_empty_log_with_a_root_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    checkpoint = Checkpoint(origin=signed.log.origin, size=0, root=bytes(32))
    signed.log.note = sign_checkpoint(checkpoint, signed.log.seed)
    assert checkpoint.root != EMPTY_ROOT
    assert (await refusal(ro)).reason is Reason.LOG_INVALID


@pytest.mark.parametrize("note", ["", "\n\n", "not a note", "\udcff\n", "x" * 100_000])
async def test_text_that_is_no_note_is_refused(
    ro: SimulatedAgency, signed: MemoryBroker, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    async def served(_log: LogKind) -> str:
        return note

    monkeypatch.setattr(ro.link, "checkpoint", served)
    assert (await refusal(ro)).reason is Reason.LOG_INVALID


async def test_a_broker_that_is_away_is_no_finding(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    assert (await refusal(ro)).reason is Reason.BROKER_UNREACHABLE
    assert ro.store.inbox.finding_count() == 0


# Heads that others signed.


async def hear(ro: SimulatedAgency, head: TreeHead) -> None:
    """Receive a notice of gr-pol whose signed header names this head of the log."""
    ro.broker.force(ro.federation.seal("gr-pol", [b"content"], to=("ro-pol",), log=head))
    await ro.receiver.catch_up(EVERYTHING)


async def findings_of(ro: SimulatedAgency, kind: FindingKind) -> list[Finding]:
    return [one for one in ro.store.inbox.findings(100) if one.kind is kind]


async def test_a_head_that_another_agency_saw_of_the_same_log_is_fine(
    gr: SimulatedAgency, ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await gr.checkpoints.advance()
    await gr.publish(Draft())
    await ro.receiver.catch_up(EVERYTHING)
    signed.log.fill(3, NOW)
    await ro.checkpoints.advance()
    assert ro.store.inbox.finding_count() == 0
    assert ro.store.trust.unchecked_heads(LogKind.ACTS, 10) == ()


async def test_a_log_shown_otherwise_to_another_agency_is_found_by_its_first_notice(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await hear(ro, TreeHead(size=5, root=b"\x07" * 32))
    await ro.checkpoints.advance()
    (found,) = await findings_of(ro, FindingKind.LOG_FORK)
    assert (found.reason, found.originator) == ("head_differs", "gr-pol")
    assert found.seal_id != b""


async def test_a_broker_that_freezes_its_log_for_us_is_found(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    frozen = signed.log.signed(9)
    signed.log.fill(20, NOW)
    head = TreeHead(size=signed.log.size, root=signed.log.root)
    signed.log.note = frozen
    await hear(ro, head)
    await ro.checkpoints.advance()
    (found,) = await findings_of(ro, FindingKind.LOG_FORK)
    assert found.reason == "behind"
    assert "saw 29 entries before, the broker shows us 9" in found.detail


async def test_a_head_that_is_ahead_is_reported_once_and_compared_when_we_get_there(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    signed.log.note = signed.log.signed(9)
    await hear(ro, TreeHead(size=12, root=b"\x07" * 32))
    await ro.checkpoints.advance()
    await ro.checkpoints.advance()
    assert [one.reason for one in await findings_of(ro, FindingKind.LOG_FORK)] == ["behind"]
    signed.log.note = ""
    signed.log.fill(20, NOW)
    await ro.checkpoints.advance()
    reasons = [one.reason for one in await findings_of(ro, FindingKind.LOG_FORK)]
    assert reasons == ["head_differs", "behind"]


async def test_a_directory_shown_otherwise_to_another_agency_is_found(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    head = Head(
        log=LogKind.DIRECTORY, size=2, root=bytes(32), originator="gr-pol", seal_id=b"s" * 16
    )
    keep_head(ro, head)
    (found,) = await ro.checkpoints.compare_heads()
    assert (found.kind, found.reason) == (FindingKind.DIRECTORY_FORK, "head_differs")


def acts_head(size: int, root: bytes) -> Head:
    return Head(log=LogKind.ACTS, size=size, root=root, originator="gr-pol", seal_id=b"s" * 16)


def keep_head(agency: SimulatedAgency, head: Head) -> None:
    """Put a head into the store as if a notice had named it."""
    batch = ReceivedBatch(
        subscription="inbox-test",
        frames=(),
        links=(),
        missing=(),
        found=(),
        cursors=(),
        findings=(),
        heads=(head,),
    )
    agency.store.inbox.record(batch, NOW)


async def test_entries_that_another_agency_saw_and_we_are_not_shown_are_missed(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.advance()
    size = ro.federation.directory.size + 3
    head = Head(
        log=LogKind.DIRECTORY, size=size, root=bytes(32), originator="gr-pol", seal_id=b"s" * 16
    )
    keep_head(ro, head)
    (found,) = await ro.checkpoints.compare_directory_heads()
    assert (found.kind, found.reason) == (FindingKind.DIRECTORY_FORK, "behind")


async def test_entries_that_another_agency_saw_before_us_are_fetched(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    ro.federation.lock("bg-pol")
    directory = ro.federation.directory
    head = Head(
        log=LogKind.DIRECTORY,
        size=directory.size,
        root=directory.root,
        originator="gr-pol",
        seal_id=b"s" * 16,
    )
    keep_head(ro, head)
    assert await ro.checkpoints.compare_directory_heads() == ()
    assert ro.directory.current.directory.is_locked("bg-pol")
    assert broker.calls["entries"] > 0


async def test_a_checkpoint_on_the_stream_that_is_behind_a_head_accuses_nobody(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    await ro.checkpoints.adopt(signed.log.signed(5))
    keep_head(ro, acts_head(9, signed.log.root))
    assert await ro.checkpoints.compare_heads() == ()
    assert len(ro.store.trust.unchecked_heads(LogKind.ACTS, 10)) == 1
    await ro.checkpoints.advance()
    assert ro.store.trust.unchecked_heads(LogKind.ACTS, 10) == ()
    assert ro.store.inbox.finding_count() == 0


async def test_a_head_heard_while_we_ask_accuses_nobody(
    ro: SimulatedAgency, signed: MemoryBroker
) -> None:
    checkpoint = ro.link.checkpoint

    async def then_hear(log: LogKind) -> str:
        note = await checkpoint(log)
        signed.log.fill(3, NOW)
        keep_head(ro, acts_head(signed.log.size, signed.log.root))
        return note

    ro.link.checkpoint = then_hear  # type: ignore[method-assign]
    await ro.checkpoints.advance()
    assert ro.store.inbox.finding_count() == 0
