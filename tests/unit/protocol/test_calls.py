# SPDX-License-Identifier: Apache-2.0
"""Requirements of sections 13, 14 and 11 on the broker's services, read against the document."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from broker.domain.logs import LogKind
from broker.domain.peers import Peer, PeerKind
from broker.errors import BrokerError, Reason
from broker.ports.store import Head, Store
from broker.rpc.access import ACCESS, check_access
from broker.rpc.status import CODES, status_of
from keys.checkpoint import verify_checkpoint
from keys.errors import CertificateError, LeafError
from keys.framing import sha256
from keys.logleaf import check_leaf
from keys.tls import (
    CertifiedKey,
    agency_spiffe_id,
    generate_key,
    issue_leaf,
    make_root,
    peer_name,
    steward_spiffe_id,
)
from tests.simulator.federation import DAY, NOW, YEARS
from tests.unit.protocol.desk import Desk, opened
from tests.unit.protocol.material import READER
from tests.unit.test_protocol import document

AUDITOR = Peer(kind=PeerKind.AUDITOR, name="eu-aud")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a header row that begins so."""
    lines = document().split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return table
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


@pytest.mark.must("RPC-1")
def test_methods_are_for_those_whom_the_document_names() -> None:
    documented: dict[str, set[PeerKind]] = {}
    kinds = (PeerKind.AGENCY, PeerKind.AUDITOR, PeerKind.STEWARD)
    for service, methods, *cells in rows("service"):
        package = "" if service.startswith("grpc.") else "tocsin.v1."
        allowed = {kind for kind, cell in zip(kinds, cells, strict=True) if cell == "yes"}
        for method in methods.split(", "):
            documented[f"/{package}{service}/{method}"] = allowed
    assert documented == {method: {*kinds_} for method, kinds_ in ACCESS.items() if kinds_}
    for method, allowed in documented.items():
        for kind in {*kinds} - allowed:
            with pytest.raises(BrokerError) as caught:
                check_access(method, kind)
            assert caught.value.reason is Reason.DENIED
    with pytest.raises(BrokerError):
        check_access("/tocsin.v1.PublisherService/Unheard", PeerKind.STEWARD)


@pytest.mark.must("RPC-2")
def test_reasons_have_the_codes_that_the_document_names() -> None:
    table = {reason: code for reason, code, *_ in rows("reason | gRPC code")}
    assert table == {reason.value: code.name for reason, code in CODES.items()}
    for reason, code in CODES.items():
        status = status_of(BrokerError(reason, {"agency": READER}, detail="secret"))
        assert status.code == code.value[0]
        assert b"secret" not in status.SerializeToString()
        assert reason.value.encode() in status.details[0].value


@pytest.mark.must("RPC-2")
def test_reasons_of_the_document_are_those_of_the_wire() -> None:
    proto = Path(__file__).parents[3] / "protos" / "tocsin" / "v1" / "error_reason.proto"
    found = set(re.findall(r"ERROR_REASON_(\w+) = [1-9]", proto.read_text(encoding="utf-8")))
    assert found == {row[0] for row in rows("reason | gRPC code")}


# Transport identities.


def leaf(root: CertifiedKey, uri: str, key: bytes | None = None, **times: int) -> bytes:
    given = {"not_before": NOW - DAY, "not_after": NOW + DAY} | times
    issued = issue_leaf(
        root, uri=uri, key=key, not_before=given["not_before"], not_after=given["not_after"]
    )
    return issued.certificate_pem


def authenticate(desk: Desk, certificate: bytes, version: str = "TLSv1.3") -> Peer:
    return desk.services.peers.authenticate(certificate, b"", version)


def unknown(desk: Desk, certificate: bytes, version: str = "TLSv1.3") -> None:
    with pytest.raises(BrokerError) as caught:
        authenticate(desk, certificate, version)
    assert caught.value.reason is Reason.UNAUTHENTICATED


@pytest.mark.must("TLS-1")
def test_only_tls_1_3_counts(desk: Desk) -> None:
    good = desk.federation.agencies[READER].tls_leaf.certificate_pem
    assert authenticate(desk, good) == Peer(kind=PeerKind.AGENCY, name=READER)
    for version in ("TLSv1.2", "TLSv1.1", ""):
        unknown(desk, good, version)


@pytest.mark.must("TLS-2")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://ro-pol.tocsin/other",
        "spiffe://ro-pol.tocsin/gateway/x",
        "spiffe://ro-pol.example/gateway",
        "spiffe://RO-POL.tocsin/gateway",
        "spiffe://steward-steward-a.tocsin/gateway",
        "https://ro-pol.tocsin/gateway",
    ],
)
def test_a_leaf_names_exactly_one_gateway(desk: Desk, uri: str) -> None:
    agency = desk.federation.agencies[READER]
    certificate = leaf(agency.tls_root, uri, agency.tls_leaf.key)
    with pytest.raises(CertificateError):
        peer_name(certificate)
    unknown(desk, certificate)


@pytest.mark.must("TLS-3")
def test_a_name_is_vouched_for_by_its_own_roots_only(desk: Desk) -> None:
    reader, other = desk.federation.agencies[READER], desk.federation.agencies["it-pol"]
    steward = desk.federation.stewards[0]
    foreign = make_root("foreign", not_before=NOW - DAY, not_after=NOW + YEARS)
    for root in (other.tls_root, steward.tls_root, foreign, desk.federation.broker.tls_root):
        unknown(desk, leaf(root, agency_spiffe_id(READER), reader.tls_leaf.key))
        if root is not steward.tls_root:
            unknown(desk, leaf(root, steward_spiffe_id(steward.name)))
    named = leaf(steward.tls_root, steward_spiffe_id(steward.name))
    assert authenticate(desk, named) == Peer(kind=PeerKind.STEWARD, name=steward.name)
    unknown(desk, leaf(reader.tls_root, agency_spiffe_id("xx-unknown")))


@pytest.mark.must("TLS-4")
def test_a_leaf_has_the_pinned_key(desk: Desk) -> None:
    agency = desk.federation.agencies[READER]
    renewed = leaf(agency.tls_root, agency_spiffe_id(READER), agency.tls_leaf.key)
    assert authenticate(desk, renewed).name == READER
    unknown(desk, leaf(agency.tls_root, agency_spiffe_id(READER), generate_key()))


@pytest.mark.must("TLS-5")
@pytest.mark.parametrize(("start", "end"), [(NOW + DAY, NOW + 2 * DAY), (NOW - 2 * DAY, NOW - DAY)])
def test_a_leaf_outside_its_time_is_refused(desk: Desk, start: int, end: int) -> None:
    agency = desk.federation.agencies[READER]
    times = {"not_before": start, "not_after": end}
    unknown(desk, leaf(agency.tls_root, agency_spiffe_id(READER), agency.tls_leaf.key, **times))


@pytest.mark.must("TLS-5")
def test_a_root_is_no_client(desk: Desk) -> None:
    unknown(desk, desk.federation.agencies[READER].tls_root.certificate_pem)


@pytest.mark.must("TLS-6")
async def test_lock_retirement_and_expiry_are_looked_at_on_every_call(desk: Desk) -> None:
    agency, submit = desk.federation.agencies[READER], desk.services.directory.submit
    certificate = agency.tls_leaf.certificate_pem
    peer = authenticate(desk, certificate)
    await submit(desk.federation.lock(READER).encode())
    for call in (lambda: authenticate(desk, certificate), lambda: desk.services.peers.check(peer)):
        with pytest.raises(BrokerError) as caught:
            call()
        assert caught.value.reason is Reason.AGENCY_LOCKED
    await submit(desk.federation.unlock(READER).encode())
    assert authenticate(desk, certificate) == peer
    desk.clock.ms = NOW + 2 * YEARS
    unknown(desk, certificate)
    desk.clock.ms = NOW
    await submit(desk.federation.retire(READER).encode())
    unknown(desk, certificate)


# The broker's logs.


@pytest.mark.must("LOG-11", "LOG-12")
async def test_a_checkpoint_is_persisted_before_it_is_released(tmp_path: Path) -> None:
    saved: list[Head] = []

    class Watched:
        def __init__(self, store: Store) -> None:
            self._store = store
            self.failing: Reason | None = None

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def save_checkpoint(self, log: LogKind, head: Head) -> None:
            if self.failing is not None:
                raise BrokerError(self.failing)
            await self._store.save_checkpoint(log, head)
            saved.append(head)

    watched: list[Watched] = []

    def watch(store: Store) -> Store:
        watched.append(Watched(store))
        return cast("Store", watched[0])

    async with opened(tmp_path, wrap=watch) as desk:
        note = await desk.services.logs.checkpoint(LogKind.ACTS)
        assert [head.note for head in saved] == [note]
        broker = desk.federation.broker
        checkpoint = verify_checkpoint(note, broker.origin, broker.log_key)
        await desk.publish(desk.seal())
        watched[0].failing = Reason.OUTCOME_UNKNOWN
        with pytest.raises(BrokerError):
            await desk.services.logs.checkpoint(LogKind.ACTS)
        for full in (Reason.STORAGE_FULL, Reason.READ_ONLY):
            watched[0].failing = full
            assert await desk.services.logs.checkpoint(LogKind.ACTS) == note
        assert [head.note for head in saved] == [note]
        for head in (
            Head(size=checkpoint.size - 1, root=bytes(32), note="smaller"),
            Head(size=checkpoint.size, root=bytes(32), note="different"),
            Head(size=checkpoint.size + 1, root=bytes(32), note="no continuation"),
        ):
            with pytest.raises(BrokerError) as caught:
                await watched[0]._store.save_checkpoint(LogKind.ACTS, head)
            assert caught.value.reason is Reason.INTERNAL
        last = await desk.store.last_checkpoint(LogKind.ACTS)
        assert last is not None
        assert last.note == note


async def test_the_directory_log_has_its_own_origin_and_leaves(desk: Desk) -> None:
    broker = desk.federation.broker
    note = await desk.services.logs.checkpoint(LogKind.DIRECTORY)
    checkpoint = verify_checkpoint(note, f"{broker.origin}/directory", broker.log_key)
    directory = desk.federation.directory
    assert (checkpoint.size, checkpoint.root) == (directory.size, directory.root)


@pytest.mark.must("LOG-14")
async def test_reading_leaves_is_logged(desk: Desk) -> None:
    before = await desk.store.tree_size(LogKind.ACTS)
    leaves = await desk.services.logs.leaves(AUDITOR, LogKind.ACTS, 0, 3)
    assert len(leaves) == 3
    held = await desk.leaves()
    assert [leaf_.kind for leaf_ in held[before:]] == ["read-log"]
    with pytest.raises(BrokerError):
        await desk.services.logs.leaves(AUDITOR, LogKind.ACTS, 0, 10_001)


@pytest.mark.must("LOG-3")
async def test_directory_entries_are_leaves_of_both_logs(desk: Desk) -> None:
    entry = desk.federation.lock(READER).encode()
    index = await desk.services.directory.submit(entry)
    held = await desk.leaves()
    assert held[-1].kind == "lock"
    assert [name for name, _ in held[-1].fields] == ["agency", "entry", "index"]
    (stored,) = await desk.store.leaves(LogKind.DIRECTORY, index, 1)
    assert sha256(stored) == sha256(entry)
    with pytest.raises(LeafError):
        check_leaf(held[-1].encode(), bytes(32), "lock", {"agency": READER})


async def test_an_entry_is_taken_once_and_in_its_place(desk: Desk) -> None:
    submit = desk.services.directory.submit
    entry = desk.federation.lock(READER)
    first = await submit(entry.encode())
    assert await submit(entry.encode()) == first
    again = replace(entry, signatures=()).encode()
    with pytest.raises(BrokerError) as caught:
        await submit(again)
    assert caught.value.reason is Reason.DIRECTORY_CONFLICT
