# SPDX-License-Identifier: Apache-2.0
"""A federation with real profiles on disk, and a real broker in this process, stored in memory.

The broker can be stopped and started again on its port; its store is kept, as one on a disk is.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from agency_client.bootstrap import create_profile, enrol_profile
from agency_client.domain.notices import Draft, draft_of
from agency_client.services.admission import admitted, read_request
from agency_client.services.steward import (
    BrokerDescriptor,
    Bundle,
    StewardKey,
    propose_entry,
    propose_root,
)
from broker.domain.limits import Settings
from broker.ports.clock import SystemClock
from broker.ports.entropy import SystemEntropy
from broker.rpc.certificates import Certificates
from broker.rpc.server import RpcServer
from broker.services.assembly import Services, assemble
from broker.telemetry import Metrics
from keys.checkpoint import log_public
from keys.entries import Entry, LockEntry, RuleBookEntry, TopicEntry, UnlockEntry
from keys.root import SignedRoot
from keys.tls import BROKER_NAME, CertifiedKey, issue_leaf, make_root
from policy.standard import standard_book
from tests.simulator.store import MemoryStore

PASSPHRASE = "an invented passphrase"
TOPIC = "trafficking/cases"
DAY = 86_400_000
CIRCLE = "casework"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def made_profile(folder: Path, agency: str, *, passphrase: str = PASSPHRASE) -> Path:
    """Make a profile and return its request."""
    return create_profile(
        folder,
        agency=agency,
        name=f"Agency {agency}",
        country=agency[:2].upper(),
        kind="POLICE",
        contact="duty desk",
        contact247=True,
        agreement_until=now_ms() + 365 * DAY,
        passphrase=passphrase,
    )


@cache
def _template(agency: str) -> tempfile.TemporaryDirectory[str]:
    """Make an agency's profile once for all tests: sealing and opening keys takes its time."""
    folder: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory()
    made_profile(Path(folder.name) / agency, agency)
    return folder


def copied_profile(folder: Path, agency: str) -> Path:
    """Put an agency's profile into a new folder and return its request."""
    shutil.copytree(Path(_template(agency).name) / agency, folder)
    return folder / "enrolment.request"


def draft(title: str = "A title", **fields: object) -> Draft:
    """Return a draft that every agency of the circle may have."""
    record = {
        "type": "FREE_TEXT",
        "tlp": "AMBER",
        "mode": "EXERCISE",
        "title": title,
        "text": "An invented text.",
        **fields,
    }
    return draft_of(record, now=now_ms(), topic=TOPIC)


@dataclass(kw_only=True)
class World:
    """Stewards, a broker, and profiles under `folder`."""

    folder: Path
    stewards: tuple[StewardKey, ...]
    root: CertifiedKey
    leaf: CertifiedKey
    log_seed: bytes
    bundle: Bundle
    store: MemoryStore
    port: int = 0
    server: RpcServer | None = None
    services: Services | None = None
    settings: Settings = field(default_factory=lambda: Settings(heartbeat_ms=500))

    @classmethod
    async def make(cls, folder: Path) -> "World":
        now = now_ms()
        root = make_root("broker", not_before=now - DAY, not_after=now + 365 * DAY)
        leaf = issue_leaf(
            root, names=(BROKER_NAME,), not_before=now - DAY, not_after=now + 30 * DAY
        )
        seed, stewards = bytes(range(32)), tuple(StewardKey.generate(n, now) for n in ("a1", "b2"))
        descriptor = BrokerDescriptor(
            log_origin="broker.tocsin/test", log_key=log_public(seed), tls_root=root.certificate
        )
        proposal = propose_root(
            name="Test",
            stewards=[one.steward for one in stewards],
            threshold=2,
            broker=descriptor,
            now=now,
        )
        for steward in stewards:
            proposal = proposal.signed_by(steward)
        assert isinstance(proposal.signed, SignedRoot)
        world = cls(
            folder=folder,
            stewards=stewards,
            root=root,
            leaf=leaf,
            log_seed=seed,
            bundle=Bundle.of([proposal.signed]),
            store=await MemoryStore.open(),
        )
        schema, policies = standard_book()
        world.sign(RuleBookEntry(version=1, schema=schema, policies=policies))
        world.sign(TopicEntry(topic=TOPIC, title="Cases", readers=(CIRCLE,), publishers=(CIRCLE,)))
        return world

    def sign(self, entry: Entry) -> bytes:
        """Sign an entry into the federation file and return it."""
        proposal = propose_entry(self.bundle.directory, entry, now_ms())
        for steward in self.stewards:
            proposal = proposal.signed_by(steward)
        self.bundle = self.bundle.with_entry(proposal.signed)  # type: ignore[arg-type]
        return proposal.signed.encode()

    def admit(self, request: Path, *, circles: Sequence[str] = (CIRCLE,)) -> bytes:
        return self.sign(admitted(read_request(request.read_text()), circles=circles))

    def profile(self, agency: str) -> Path:
        return self.folder / agency

    def add(self, *agencies: str) -> None:
        """Make and admit agencies; they are enrolled with `enrol`."""
        for agency in agencies:
            self.admit(copied_profile(self.profile(agency), agency))

    def written_bundle(self) -> Path:
        path = self.folder / "federation.json"
        path.write_text(self.bundle.text())
        return path

    def enrol(self, *agencies: str) -> None:
        for agency in agencies:
            enrol_profile(
                self.profile(agency),
                PASSPHRASE,
                bundle=self.written_bundle(),
                broker_address=self.address,
            )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve what the store holds, on the port of the last time."""
        services = await assemble(
            store=self.store,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            log_seed=self.log_seed,
            settings=self.settings,
        )
        await services.directory.load_federation(
            [one.encode() for one in self.bundle.roots],
            [one.encode() for one in self.bundle.entries],
        )
        certificates = Certificates(lambda: self.leaf, self.root.certificate, services.directory)
        server = RpcServer(
            services=services,
            certificates=certificates,
            entropy=SystemEntropy(),
            metrics=Metrics(),
        )
        self.port = await server.start("127.0.0.1", self.port)
        self.server, self.services = server, services

    async def stop(self) -> None:
        """Break everything off, as a kill would."""
        if self.server is not None:
            await self.server.stop(0)
        self.server = None

    async def submit(self, entry: bytes) -> None:
        assert self.services is not None
        await self.services.directory.submit(entry)

    async def lock(self, agency: str) -> None:
        await self.submit(self.sign(LockEntry(agency=agency, reason="exercise")))

    async def unlock(self, agency: str) -> None:
        await self.submit(self.sign(UnlockEntry(agency=agency, reason="exercise")))


@contextmanager
def mode_of(path: Path, mode: int) -> Iterator[None]:
    """Give a file other rights for a while."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)
