# SPDX-License-Identifier: Apache-2.0
"""The demonstration's world: folders, stewards, the broker, four agencies and an auditor.

DIR/broker             the broker's folder; nothing in it can be read
DIR/agencies/NAME      an agency's profile, sealed under DIR/passphrase
DIR/steward            the stewards' keys and the federation file
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from agency_client.bootstrap import connect_broker
from agency_client.demo.checks import DemoError
from agency_client.demo.processes import AgencyProcess, BrokerProcess, stop_all
from agency_client.ports.broker import Broker
from agency_client.services.admission import admitted, read_request
from agency_client.services.steward import BrokerDescriptor, StewardKey
from agency_client.services.steward_home import StewardHome, read_text
from keys.directory import Entry, LockEntry, TopicEntry, UnlockEntry
from policy.standard import standard_book

CASES = "trafficking/cases"
ALERTS = "trafficking/alerts"
REFERRALS = "victims/referrals"
MONEY = "money/transfers"
CASEWORK, SHELTERS, FINANCE = "casework", "shelters", "finance"
GR, BG, PROSECUTOR, NGO, AUDITOR = "gr-pol", "bg-pol", "hr-pro", "hr-ngo", "eu-audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Who takes part."""

    agency: str
    name: str
    country: str
    kind: str
    circles: tuple[str, ...] = (CASEWORK,)
    role: str = "agency"
    contact247: bool = False


MEMBERS = (
    Member(
        agency=GR,
        name="Police of Greece",
        country="GR",
        kind="POLICE",
        circles=(CASEWORK, FINANCE),
    ),
    Member(agency=BG, name="Police of Bulgaria", country="BG", kind="POLICE", contact247=True),
    Member(
        agency=PROSECUTOR,
        name="Prosecutor in Croatia",
        country="HR",
        kind="PROSECUTOR",
        circles=(CASEWORK, FINANCE),
    ),
    Member(agency=NGO, name="Shelter in Croatia", country="HR", kind="NGO", circles=(SHELTERS,)),
    Member(agency=AUDITOR, name="Auditor", country="HR", kind="IGO", role="auditor"),
)

TOPICS = (
    TopicEntry(topic=CASES, title="Cases", readers=(CASEWORK,), publishers=(CASEWORK,)),
    TopicEntry(topic=ALERTS, title="Alerts", readers=(CASEWORK,), publishers=(CASEWORK,)),
    TopicEntry(topic=MONEY, title="Transfers of money", readers=(FINANCE,), publishers=(FINANCE,)),
    TopicEntry(
        topic=REFERRALS,
        title="Referrals of victims",
        readers=(CASEWORK, SHELTERS),
        publishers=(CASEWORK, SHELTERS),
        victim_assistance=True,
    ),
)


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that runs, and what the story has learnt so far."""

    folder: Path
    broker: BrokerProcess
    agencies: dict[str, AgencyProcess]
    home: StewardHome
    stewards: tuple[StewardKey, ...] = ()
    published: list[str] = field(default_factory=list)
    granted: str = ""
    """Notice ids of the example records, in the order of the file."""

    @property
    def passphrase_file(self) -> Path:
        """The file with the demonstration's one passphrase."""
        return self.folder / "passphrase"

    async def make(self) -> None:
        """Make everybody's keys, the federation, and start all processes."""
        secret = self._write_passphrase()
        requests, _, _ = await asyncio.gather(
            self._make_agencies(),
            self.broker.administer("init", str(self.broker.folder), "--json"),
            asyncio.to_thread(self._make_stewards, secret),
        )
        await asyncio.to_thread(self._make_federation, requests)
        await self.broker.administer(
            "federation", str(self.broker.folder), str(self.home.bundle_path), "--json"
        )
        await self.broker.start()
        await asyncio.gather(*(self._enrol(one) for one in self.agencies.values()))

    def _write_passphrase(self) -> str:
        secret = secrets.token_urlsafe(18)
        handle = os.open(self.passphrase_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secret + "\n")
        return secret

    async def _make_agencies(self) -> dict[str, Path]:
        async def one(member: Member) -> tuple[str, Path]:
            process = self.agencies[member.agency]
            await process.start(self.passphrase_file)
            answer = await process.order(
                "init",
                agency=member.agency,
                name=member.name,
                country=member.country,
                kind=member.kind,
            )
            return member.agency, Path(answer["request"])

        return dict(await asyncio.gather(*map(one, MEMBERS)))

    def _make_stewards(self, secret: str) -> None:
        names = ("alpha", "beta")
        self.stewards = tuple(self.home.new_key(name, secret, now_ms()) for name in names)

    def _make_federation(self, requests: dict[str, Path]) -> None:
        descriptor = BrokerDescriptor.parse(read_text(self.broker.folder / "broker.json"))
        self.home.create(
            name="Demonstration",
            keys=self.stewards,
            others=(),
            threshold=2,
            broker=descriptor,
            now=now_ms(),
        )
        self.home.publish_rules(self.stewards, *standard_book(), now_ms())
        entries: list[Entry] = list(TOPICS)
        for member in MEMBERS:
            request = read_request(read_text(requests[member.agency]))
            agency = admitted(request, circles=member.circles)
            entries.append(replace(agency, role=member.role, contact247=member.contact247))
        for entry in entries:
            self.home.add(entry, self.stewards, now_ms())

    async def _enrol(self, agency: AgencyProcess) -> None:
        await agency.order("enrol", bundle=str(self.home.bundle_path), broker=self.broker.address)

    async def lock(self, agency: str) -> None:
        """Have one steward lock an agency at the broker."""
        entry = LockEntry(agency=agency, reason="exercise: laptop reported stolen")
        await self._enter(entry, self.stewards[:1])

    async def unlock(self, agency: str) -> None:
        """Have the stewards lift the lock."""
        entry = UnlockEntry(agency=agency, reason="exercise: laptop found")
        await self._enter(entry, self.stewards)

    async def _enter(self, entry: Entry, keys: tuple[StewardKey, ...]) -> None:
        async with self._as_steward() as broker:
            outcome = await self.home.add_online(entry, keys, now_ms(), broker)
        if not outcome.is_applied:
            raise DemoError(f"{outcome.says} lacks signatures")

    @asynccontextmanager
    async def _as_steward(self) -> AsyncIterator[Broker]:
        leaf = self.stewards[0].leaf(now_ms())
        root = self.home.bundle().directory.root_document
        broker = connect_broker(
            self.broker.address,
            certificate_pem=leaf.certificate_pem,
            key_pem=leaf.key_pem,
            broker_root=root.broker_tls_root,
        )
        try:
            yield broker
        finally:
            await broker.close()


def now_ms() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """Return a world in a folder; on leaving, every process has ended."""
    (folder / "agencies").mkdir(mode=0o700)
    world = World(
        folder=folder,
        broker=BrokerProcess(folder / "broker"),
        agencies={
            member.agency: AgencyProcess(member.agency, folder / "agencies" / member.agency)
            for member in MEMBERS
        },
        home=StewardHome(folder / "steward"),
    )
    try:
        yield world
    finally:
        await asyncio.shield(stop_all(tuple(world.agencies.values()), world.broker))
