# SPDX-License-Identifier: Apache-2.0
"""After a recall that everybody answered, no file of broker or agencies holds what was taken back.

Searched are the broker's files as they lie there, the agencies' files likewise, and every page of
the agencies' encrypted databases in clear, free pages and the write-ahead log included. The same
search finds all of it before the recall, and other notices afterwards.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from agency_client.bootstrap import Agency
from agency_client.bootstrap.profile import open_keyring
from agency_client.domain.content import Content
from agency_client.domain.downloads import download_name
from agency_client.domain.notices import Draft
from agency_client.domain.onward import HolderState
from agency_client.domain.post import PostKind
from agency_client.domain.views import NoticeState, Viewer
from agency_client.services.onward import Terms
from broker.storage.sqlite import SqliteStore
from keys.envelope import NoticeHeader
from tests.e2e.plaintext import needles
from tests.integration.agency.pages import clear_pages
from tests.integration.agency.world import DAY, PASSPHRASE, TOPIC, World, draft, now_ms

ORIGINATOR, RECIPIENT, HOLDER, GRANTEE = "gr-pol", "ro-pol", "hr-pol", "bg-pol"
AGENCIES = (ORIGINATOR, RECIPIENT, HOLDER, GRANTEE)
WORD, TITLE, FILE = "qxZwyrbankol", "Vjhwälkgrombit Tsopfnurq", "kzwpholdgraf.jpg"
OTHER = "gwzlumbrafitk"
FOLDED = ("qxzwyrbankol", "vjhwalkgrombit")
KEPT = {"header", "body", "attachment"}
"""What of the sealed an agency keeps."""
SLICE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What of one notice must be nowhere, by what it is.

    Attributes:
        sealed: ciphertexts and wraps, which the broker has.
        opened: what the agencies have of it in clear.
    """

    sealed: dict[str, bytes]
    opened: dict[str, bytes]


def slices(data: bytes) -> Iterable[bytes]:
    """Cut data so finely that some part of it lies whole in whichever page holds any of it."""
    return (data[at : at + SLICE] for at in range(0, max(1, len(data) - SLICE + 1), SLICE))


def held(secret: dict[str, bytes], texts: Iterable[bytes]) -> set[str]:
    """Return what of a secret lies in any of the texts, be it a part only."""
    found = set()
    for text in texts:
        found |= {name for name, data in secret.items() if any(one in text for one in slices(data))}
    return found


def files(folder: Path) -> list[bytes]:
    """Return every file in a folder and the folders in it."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def words(texts: Iterable[bytes]) -> set[str]:
    """Return which of the words lie in the texts; an index leaves a word's first letters out."""
    found = set()
    for text in texts:
        for word in (WORD, *TITLE.split(), FILE):
            if any(form in text for form in needles([word])):
                found.add(word)
        found |= {f"{word} in the index" for word in FOLDED if word[3:].encode() in text}
    return found


ALL_WORDS = {WORD, *TITLE.split(), FILE, *(f"{word} in the index" for word in FOLDED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A notice that everybody has, and a broker and agencies that are open."""

    world: World
    store: SqliteStore
    agencies: dict[str, Agency]
    reference: str
    secret: Secret
    closing: AsyncExitStack

    def pages(self, agency: str) -> list[bytes]:
        folder = self.world.profile(agency)
        key = open_keyring(folder, PASSPHRASE).store_key
        return list(clear_pages(folder / "store.db", key))

    def at_broker(self) -> set[str]:
        """Return what lies in the broker's files."""
        found = files(self.world.folder / "broker")
        return held(self.secret.sealed | self.secret.opened, found) | words(found)

    def at(self, agency: str) -> set[str]:
        """Return what lies in an agency's files, and in its database's pages in clear."""
        found = [*files(self.world.profile(agency)), *self.pages(agency)]
        return held(self.secret.sealed | self.secret.opened, found) | words(found)

    async def close(self) -> None:
        await self.closing.aclose()


def person(name: str) -> Viewer:
    return Viewer(name="desk", officer=name, purpose="INVESTIGATION", case="2026/114")


LIAISON, SUPERVISOR, SYSTEM = person("eleni"), person("nikos"), person("")


def peculiar(folder: Path) -> Draft:
    """Return a draft with peculiar words and an attachment, larger than a database's page."""
    (folder / FILE).write_bytes(secrets.token_bytes(9000))
    text = f"An invented text on {WORD}. {secrets.token_hex(5000)}"
    made = draft(TITLE, text=text, to=[RECIPIENT, HOLDER], regrant="originator")
    return replace(made, attachments=(folder / FILE,))


def others(start: int) -> list[Draft]:
    """Return drafts of several sizes, so that rows come to lie between those of others."""
    return [
        draft(f"{OTHER} {n}", text=secrets.token_hex(40 * n), to=[RECIPIENT, HOLDER])
        for n in range(start, start + 12)
    ]


async def officers(agency: Agency) -> None:
    for viewer, roles in ((LIAISON, ["LIAISON"]), (SUPERVISOR, ["LIAISON", "SUPERVISOR"])):
        await agency.people.register.add(
            viewer.officer,
            roles=roles,
            clearance=0,
            vetted_until=now_ms() + DAY,
            passphrase=viewer.officer.encode(),
            by="test",
        )


def row(world: World, agency: str, notice_id: bytes) -> dict[str, bytes]:
    """Return the columns of a kept notice that hold any of it."""
    key = open_keyring(world.profile(agency), PASSPHRASE).store_key
    connection = dbapi2.connect(str(world.profile(agency) / "store.db"))
    try:
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        columns = ("header", "body", "content", "content_key")
        query = f"SELECT {', '.join(columns)} FROM notices WHERE notice_id = ?"
        (found,) = connection.execute(query, (notice_id,)).fetchall()
        return dict(zip(columns, found, strict=True))
    finally:
        connection.close()


async def secret_of(world: World, store: SqliteStore, notice_id: bytes) -> Secret:
    """Return what there is of a notice, as its recipient and the broker have it."""
    kept = row(world, RECIPIENT, notice_id)
    (ref,) = NoticeHeader.decode(kept["header"]).attachments
    chunk = await store.read_attachment(ORIGINATOR, ref.id, 0, ref.length)
    assert chunk is not None
    assert len(chunk.data) == ref.length
    (listed,) = Content.decode(kept["content"]).attachments
    _, own = kept["header"].split(notice_id)  # what comes before its id, others' headers begin with
    sealed = {"header": own, "body": kept["body"], "attachment": chunk.data}
    for recipient in (ORIGINATOR, RECIPIENT, HOLDER):
        addressed = await store.read(recipient, TOPIC, 0, 100, 1 << 24)
        (mine,) = [one for one in addressed if kept["body"] in {n.body for n in one.frame.notices}]
        sealed[f"wrap of {recipient}"] = mine.wrap
    opened = {"content": kept["content"], "content key": kept["content_key"]}
    return Secret(sealed=sealed, opened=opened | {"attachment key": b64encode(listed.key)})


def cargo(agency: Agency) -> bytes:
    """Return the key of the one grant that an agency knows, as it is sealed to the grantee."""
    (grant,) = agency.wiring.store.post.of_kinds([PostKind.GRANT], 2)
    return grant.cargo


def break_off(agency: Agency, notice_id: bytes, attachment: bytes) -> None:
    """Leave what a download leaves that broke off."""
    (kept,) = agency.wiring.store.inbox.find(notice_id.hex())
    (ref,) = NoticeHeader.decode(kept.header).attachments
    name = download_name(ORIGINATOR, notice_id, ref)
    agency.wiring.store.attachments.path(name).write_bytes(attachment[:5000])


async def exchanged(scene: Scene, *agencies: str) -> None:
    for agency in agencies:
        await scene.agencies[agency].exchange()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    world = await World.make(tmp_path)
    (tmp_path / "broker").mkdir()
    async with AsyncExitStack() as closing:
        store = await SqliteStore.open(tmp_path / "broker" / "broker.db")
        closing.push_async_callback(store.close)
        world.store = store  # type: ignore[assignment]
        world.add(*AGENCIES)
        await world.start()
        closing.push_async_callback(world.stop)
        world.enrol(*AGENCIES)
        agencies = {
            name: await closing.enter_async_context(Agency.connect(world.profile(name), PASSPHRASE))
            for name in AGENCIES
        }
        yield await _shared(world, store, agencies, closing)


async def _shared(
    world: World, store: SqliteStore, agencies: dict[str, Agency], closing: AsyncExitStack
) -> Scene:
    """Publish the notice among others; have it received, searched, shown, saved and granted."""
    originator = agencies[ORIGINATOR]
    await officers(originator)
    await originator.publish(others(1))
    report = await originator.publish(peculiar(world.folder))
    await originator.publish(others(13))
    (world.folder / FILE).unlink()
    notice_id = report.notices[0].notice_id
    reference = f"{ORIGINATOR}/{notice_id.hex()}"
    for name in (ORIGINATOR, RECIPIENT, HOLDER):
        await agencies[name].receive(TOPIC)
    secret = await secret_of(world, store, notice_id)
    await originator.onward.grant(reference, GRANTEE, Terms(), LIAISON)
    secret.sealed["wrap of the grant"] = await asyncio.to_thread(cargo, originator)
    await agencies[GRANTEE].receive(TOPIC)
    for name, agency in agencies.items():
        viewer = LIAISON if name == ORIGINATOR else SYSTEM
        (found,) = (await agency.search(WORD, viewer)).notices
        assert found.reference == reference
        assert (await agency.show(reference, viewer)).content["title"] == TITLE
        target = world.folder / f"saved by {name}"
        await agency.save_attachment(reference, FILE, target, viewer)
        target.unlink()
        await asyncio.to_thread(break_off, agency, notice_id, secret.sealed["attachment"])
    return Scene(
        world=world,
        store=store,
        agencies=agencies,
        reference=reference,
        secret=secret,
        closing=closing,
    )


async def recall(scene: Scene) -> None:
    """Have two officers take it back and everybody answer."""
    originator = scene.agencies[ORIGINATOR]
    act = await originator.recalls.ask(scene.reference, "SOURCE_AT_RISK", LIAISON)
    await originator.people.approve(act.digest.hex(), SUPERVISOR, SUPERVISOR.officer.encode())
    await exchanged(scene, ORIGINATOR, RECIPIENT, HOLDER, GRANTEE, ORIGINATOR)


async def answers(scene: Scene) -> dict[str, HolderState]:
    told = await scene.agencies[ORIGINATOR].recalls.holders(scene.reference)
    return {one.agency: one.state for one in told if one.agency != ORIGINATOR}


async def test_before_a_recall_the_search_finds_all_of_it(scene: Scene) -> None:
    sealed, opened = set(scene.secret.sealed), set(scene.secret.opened)
    assert scene.at_broker() == sealed
    for agency in (RECIPIENT, HOLDER):
        assert scene.at(agency) == KEPT | opened | ALL_WORDS, agency
    granted = {"wrap of the grant"}
    assert scene.at(GRANTEE) == KEPT | granted | opened | ALL_WORDS
    assert scene.at(ORIGINATOR) >= KEPT | granted | opened | ALL_WORDS


async def test_after_everybody_answered_it_is_in_no_file(scene: Scene) -> None:
    await recall(scene)
    gone = HolderState.DESTROYED
    assert await answers(scene) == {RECIPIENT: gone, HOLDER: gone, GRANTEE: gone}
    still = {agency: scene.at(agency) for agency in AGENCIES}
    assert (scene.at_broker(), still) == (set(), {agency: set() for agency in AGENCIES})
    await scene.close()
    closed = {agency: scene.at(agency) for agency in AGENCIES}
    assert (scene.at_broker(), closed) == (set(), {agency: set() for agency in AGENCIES})
    for agency in (ORIGINATOR, RECIPIENT, HOLDER):
        assert any(OTHER.encode() in page for page in scene.pages(agency)), agency


async def test_what_is_held_stays_until_it_is_held_no_longer(scene: Scene) -> None:
    holder = scene.agencies[HOLDER]
    await holder.holds.hold(scene.reference, "art. 5", now_ms() + DAY, SYSTEM)
    await recall(scene)
    assert (await answers(scene))[HOLDER] is HolderState.HELD
    assert scene.at(HOLDER) == KEPT | set(scene.secret.opened) | ALL_WORDS
    assert scene.at(RECIPIENT) == scene.at(ORIGINATOR) == scene.at_broker() == set()
    assert await holder.holds.release(scene.reference, SYSTEM)
    await exchanged(scene, HOLDER, ORIGINATOR)
    assert (await answers(scene))[HOLDER] is HolderState.DESTROYED
    assert (await holder.show(scene.reference, SYSTEM)).state is NoticeState.RECALLED
    await scene.close()
    assert scene.at(HOLDER) == set()
