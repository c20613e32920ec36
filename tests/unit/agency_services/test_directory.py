# SPDX-License-Identifier: Apache-2.0
"""The directory is fetched, verified and kept; nothing of one that does not verify is kept."""

import pytest

from agency_client.domain.findings import FindingKind
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import LogKind
from agency_client.services.directory import verified_directory
from keys.checkpoint import Checkpoint, sign_checkpoint
from keys.directory import SignedEntry
from keys.entries import RuleBookEntry
from keys.errors import TrustError
from keys.root import SignedRoot
from tests.simulator.agency import SimulatedAgency, working_federation
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import Federation
from tests.simulator.rule_books import standard_and


def served(federation: Federation) -> list[bytes]:
    return [one.encode() for one in federation.signed_entries]


async def refusal(agency: SimulatedAgency) -> AgencyError:
    """Sync, which must be refused; return the error after checking that nothing was kept."""
    size, entries = agency.directory.current.directory.size, agency.store.trust.entries()
    with pytest.raises(AgencyError) as caught:
        await agency.directory.sync()
    assert agency.directory.current.directory.size == size
    assert agency.store.trust.entries() == entries
    return caught.value


def finding_reasons(agency: SimulatedAgency) -> list[tuple[FindingKind, str]]:
    return [(one.kind, one.reason) for one in agency.store.inbox.findings(10)]


async def test_new_entries_are_verified_and_kept(ro: SimulatedAgency) -> None:
    for name in ("be-pol", "fr-pol", "it-pol", "es-pol", "pt-pol"):
        ro.federation.add_agency(name)
    assert await ro.directory.sync() is True
    assert ro.directory.current.directory.size == ro.federation.directory.size
    assert list(ro.store.trust.entries()) == served(ro.federation)
    assert await ro.directory.sync() is False


async def test_a_directory_survives_a_restart(ro: SimulatedAgency) -> None:
    ro.federation.lock("bg-pol")
    await ro.directory.sync()
    again = ro.reopen()
    assert again.directory.current.directory.is_locked("bg-pol")
    again.store.close()


async def test_its_checkpoint_is_pinned(ro: SimulatedAgency) -> None:
    await ro.directory.sync()
    pinned = ro.store.trust.checkpoint(LogKind.DIRECTORY)
    assert pinned is not None
    assert (pinned.size, pinned.root) == (
        ro.federation.directory.size,
        ro.federation.directory.root,
    )


async def test_a_new_rule_book_decides_from_then_on(ro: SimulatedAgency) -> None:
    before = ro.directory.current
    book = ro.federation.directory.rule_book
    assert book is not None
    nobody = '@id("F99") @says("Nothing.") forbid (principal, action, resource);'
    ro.federation.add(RuleBookEntry(version=2, schema=book.schema, policies=nobody))
    await ro.directory.sync()
    assert ro.directory.current.rule_book.version == 2
    assert before.rule_book.version == 1


def overlay(text: str) -> str:
    return standard_and(text, "agencies/bg-pol/in.cedar")


SOUND = overlay(
    '@id("bg-pol.x") @says("No.") forbid (principal == Tocsin::Agency::"bg-pol", action, resource);'
)


async def test_a_book_that_the_broker_should_have_refused_is_obeyed_and_told_of_once(
    ro: SimulatedAgency,
) -> None:
    book = ro.federation.directory.rule_book
    assert book is not None
    wide = SOUND.replace('== Tocsin::Agency::"bg-pol"', "is Tocsin::Agency")
    ro.federation.add(RuleBookEntry(version=2, schema=book.schema, policies=wide))
    await ro.directory.sync()
    assert ro.directory.current.rule_book.version == 2
    ro.federation.lock("bg-pol")
    await ro.directory.sync()
    (finding,) = ro.store.inbox.findings(10)
    assert (finding.kind, finding.reason) == (FindingKind.RULE_BOOK, "unsound")
    assert "rule bg-pol.x of agencies/bg-pol/in.cedar reaches beyond bg-pol" in finding.detail


async def test_of_a_book_that_keeps_to_everything_nothing_is_told(ro: SimulatedAgency) -> None:
    book = ro.federation.directory.rule_book
    assert book is not None
    ro.federation.add(RuleBookEntry(version=2, schema=book.schema, policies=SOUND))
    await ro.directory.sync()
    assert ro.directory.current.rule_book.version == 2
    assert finding_reasons(ro) == []


# Refusals.


async def test_a_shorter_directory_is_refused_as_rolled_back(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.entries_served = served(ro.federation)[:-1]
    error = await refusal(ro)
    assert error.reason is Reason.DIRECTORY_INVALID
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "rolled_back")]


async def test_a_directory_that_differs_in_what_is_held_already_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    entries = served(ro.federation)
    broker.entries_served = [entries[1], entries[0], *entries[2:]]
    error = await refusal(ro)
    assert error.reason is Reason.DIRECTORY_INVALID
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "checkpoint_invalid")]


async def test_an_entry_that_too_few_stewards_signed_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    signed = ro.federation.unlock("bg-pol")
    single = SignedEntry(body=signed.body, signatures=signed.signatures[:1])
    broker.entries_served = [*served(ro.federation)[:-1], single.encode()]
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "not_enough_signatures")]


async def test_an_entry_with_a_wrong_signature_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    changed = bytearray(ro.federation.lock("bg-pol").encode())
    changed[-1] ^= 1
    broker.entries_served = [*served(ro.federation)[:-1], bytes(changed)]
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "signature_invalid")]


async def test_a_directory_with_a_hole_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    ro.federation.lock("bg-pol")
    ro.federation.unlock("bg-pol")
    entries = served(ro.federation)
    broker.entries_served = [*entries[:-2], entries[-1]]
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "entry_invalid")]


async def test_entries_that_are_said_to_exist_and_do_not_come_are_missed(
    ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def entries(_start: int) -> tuple[list[bytes], int, str]:
        return [], ro.federation.directory.size + 5, "note"

    monkeypatch.setattr(ro.link, "entries", entries)
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "entries_missing")]


async def test_bytes_that_are_no_entry_are_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.entries_served = [*served(ro.federation), b"\x00\xff"]
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "malformed")]


async def test_a_checkpoint_by_another_key_is_refused(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    directory, origin = ro.federation.directory, f"{ro.federation.broker.origin}/directory"
    checkpoint = Checkpoint(origin=origin, size=directory.size, root=directory.root)
    broker.directory_note = sign_checkpoint(checkpoint, bytes(32))
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "checkpoint_invalid")]


async def test_a_checkpoint_of_the_acts_log_is_not_one_of_the_directory(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.directory_note = broker.log.checkpoint()
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "checkpoint_invalid")]


@pytest.mark.parametrize("roots", [[], [b""], [b"\xff" * 40]])
async def test_roots_that_are_none_are_refused(
    ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch, roots: list[bytes]
) -> None:
    async def served_roots() -> list[bytes]:
        return roots

    monkeypatch.setattr(ro.link, "roots", served_roots)
    error = await refusal(ro)
    assert error.reason is Reason.DIRECTORY_INVALID


async def test_roots_of_another_federation_are_refused(
    ro: SimulatedAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = working_federation()

    async def served_roots() -> list[bytes]:
        return [one.encode() for one in other.signed_roots]

    monkeypatch.setattr(ro.link, "roots", served_roots)
    await refusal(ro)
    assert finding_reasons(ro) == [(FindingKind.DIRECTORY_FORK, "foreign_federation")]


async def test_a_broker_that_is_away_leaves_the_directory_as_it_is(
    ro: SimulatedAgency, broker: MemoryBroker
) -> None:
    broker.away = True
    assert (await refusal(ro)).reason is Reason.BROKER_UNREACHABLE
    assert finding_reasons(ro) == []


def test_a_kept_directory_of_another_federation_is_not_opened(federation: Federation) -> None:
    roots = [one.encode() for one in federation.signed_roots]
    with pytest.raises(AgencyError) as caught:
        verified_directory(roots, [], bytes(32))
    assert caught.value.reason is Reason.FEDERATION_MISMATCH


def test_a_kept_root_without_signatures_is_not_opened(federation: Federation) -> None:
    bare = SignedRoot(body=federation.signed_roots[0].body)
    with pytest.raises(TrustError):
        verified_directory([bare.encode()], [], None)
