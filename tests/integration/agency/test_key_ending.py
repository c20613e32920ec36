# SPDX-License-Identifier: Apache-2.0
"""An encryption key that is over is destroyed once all was received that it opens, and not before.

Keys are made ten days ago and rotated two days ago, so that by the clock of today the old one is
over and nothing waits.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agency_client.bootstrap import Agency
from agency_client.bootstrap.keyring import Keyring
from agency_client.bootstrap.profile import change_keyring
from agency_client.bootstrap.renewal import rotated
from agency_client.bootstrap.system import SystemClock
from agency_client.cli.exits import Exit
from agency_client.domain.delivery import CaughtUp, Draining, SubscriptionEvent
from agency_client.domain.letter_contents import BreakGlass
from agency_client.domain.openings import OpeningKind
from agency_client.domain.post import Arrived, PostItem, PostKind, PostState
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import SubscriptionStream
from agency_client.services.admission import admitted
from agency_client.services.letters import about
from agency_client.services.references import place_of
from agency_client.transport.broker import GrpcBroker
from keys.changes import RevokeEntry
from keys.entries import AgencyEntry, TopicEntry
from keys.fields import new_uuid7
from keys.framing import sha256
from keys.grants import seal_grant
from keys.logleaf import encode_leaf
from keys.places import NoticePlace
from tests.integration.agency.test_following import Listener
from tests.integration.agency.world import (
    CIRCLE,
    DAY,
    PASSPHRASE,
    World,
    copied_profile,
    draft,
    now_ms,
)

OTHER_TOPIC = "missing/persons"
LOOKING = Viewer(name="officer 7")

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.make(tmp_path)
    world.sign(
        TopicEntry(topic=OTHER_TOPIC, title="Other", readers=(CIRCLE,), publishers=(CIRCLE,))
    )
    for agency in ("gr-pol", "ro-pol"):
        request = copied_profile(world.profile(agency), agency)
        change_keyring(world.profile(agency), PASSPHRASE, aged)
        world.admit(request)
    await world.start()
    world.enrol("gr-pol", "ro-pol")
    yield world
    await world.stop()


@pytest.fixture
async def greek(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as agency:
        yield agency


@pytest.fixture
async def romanian(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as agency:
        yield agency


def aged(keyring: Keyring) -> Keyring:
    """Return keys that were made ten days earlier."""
    request = keyring.request
    signing = [replace(one, valid_from=one.valid_from - 10 * DAY) for one in request.signing]
    sealed = [replace(one, valid_from=one.valid_from - 10 * DAY) for one in request.encryption]
    request = replace(request, signing=tuple(signing), encryption=tuple(sealed))
    return replace(keyring, request=request)


def entry_of(world: World, agency: str) -> AgencyEntry:
    entry = world.bundle.directory.agency(agency)
    assert entry is not None
    return entry


async def rotate(world: World, agency: str, *, days_ago: float = 2, overlap_days: int = 0) -> str:
    """Rotate an agency's keys some days ago, have them admitted, and return the old one's id."""
    entry, at = entry_of(world, agency), now_ms() - int(days_ago * DAY)
    old = entry.encryption[-1].key_id
    keyring = change_keyring(
        world.profile(agency), PASSPHRASE, lambda ring: rotated(ring, entry, at, overlap_days)
    )
    await world.submit(world.sign(admitted(keyring.request, known=entry)))
    return old


def held(agency: Agency) -> set[str]:
    return set(agency.wiring.key_ending.keys.encryption_ids)


def ends(agency: Agency) -> list[tuple[str, str]]:
    """Return what our own log says of ended keys: who, which."""
    leaves = agency.wiring.store.openings.leaves(0, 1000)
    return [(one.who, one.case) for _, _, one in leaves if one.kind == OpeningKind.KEY_END]


async def titles(agency: Agency) -> set[str]:
    return {view.content["title"] for view in await agency.inbox(viewer=LOOKING)}


async def refusal(agency: Agency, key_id: str, *, lose_unread: bool = False) -> Reason:
    """Return why a key is not destroyed; it must be there afterwards."""
    with pytest.raises(AgencyError) as caught:
        await agency.destroy_key(key_id, LOOKING, lose_unread=lose_unread)
    assert ends(agency) == []
    return caught.value.reason


async def test_a_key_that_is_over_is_destroyed_and_what_it_opened_is_read_on(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish(draft("before"))
    old = await rotate(world, "ro-pol")
    await romanian.destroy_key(old, LOOKING)
    assert old not in held(romanian)
    assert ends(romanian) == [("officer 7", old)]
    await greek.publish(draft("after"))
    report = await romanian.receive("trafficking/#")
    assert report.findings == ()
    assert await titles(romanian) == {"before", "after"}
    found = await romanian.search("before", LOOKING)
    assert [hit.content["title"] for hit in found.notices] == ["before"]


async def test_what_lies_in_a_topic_that_nobody_follows_is_received_first(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish(replace(draft("elsewhere"), topic=OTHER_TOPIC))
    await romanian.receive("trafficking/#")
    assert await titles(romanian) == set()
    old = await rotate(world, "ro-pol")
    await romanian.destroy_key(old, LOOKING)
    assert await titles(romanian) == {"elsewhere"}


async def test_the_directory_may_list_a_destroyed_key_and_next_time_does_not(
    world: World, romanian: Agency
) -> None:
    old = await rotate(world, "ro-pol")
    await romanian.destroy_key(old, LOOKING)
    assert await romanian.membership.card() is None
    await romanian.membership.publish_card(lambda card: card)
    assert world.services is not None
    directory = world.services.directory.federation.directory
    assert directory.is_confirmed("ro-pol")
    await romanian.wiring.directory.sync()
    at = now_ms()
    keyring = change_keyring(
        world.profile("ro-pol"),
        PASSPHRASE,
        lambda ring: rotated(ring, romanian.directory.agency("ro-pol"), at, 0),
    )
    assert old not in {one.key_id for one in keyring.request.encryption}


async def test_receiving_destroys_what_is_over_by_itself(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish([draft("before"), replace(draft("elsewhere"), topic=OTHER_TOPIC)])
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    await romanian.receive("trafficking/#")
    assert old not in held(romanian)
    assert ends(romanian) == [("by itself", old)]
    assert await titles(romanian) == {"before", "elsewhere"}


async def test_a_listener_destroys_what_is_over_and_is_shown_only_what_it_follows(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish([draft("before"), replace(draft("elsewhere"), topic=OTHER_TOPIC)])
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    listener = Listener(romanian)
    await greek.publish(draft("after"))
    await listener.titled("before", "after")
    await listener.stop()
    assert old not in held(romanian)
    assert listener.titles == ["before", "after"]
    assert listener.troubles == []
    assert "elsewhere" in await titles(romanian)


async def test_a_key_that_cannot_be_destroyed_now_stops_no_listener(
    world: World, greek: Agency, romanian: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    await greek.publish(draft("before"))
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()

    def busy(*_: object) -> None:
        raise AgencyError(Reason.PROFILE_IN_USE, "another process changes the keys")

    monkeypatch.setattr(type(romanian.wiring.key_ending.keys), "destroy", busy)
    listener = Listener(romanian)
    await listener.titled("before")
    await listener.until(lambda: listener.troubles == [Reason.PROFILE_IN_USE])
    await greek.publish(draft("after"))
    await listener.titled("after")
    await listener.stop()
    assert old in held(romanian)


@pytest.mark.parametrize("lose_unread", [False, True])
async def test_a_key_to_which_partners_may_seal_is_never_destroyed(
    world: World, romanian: Agency, *, lose_unread: bool
) -> None:
    only = entry_of(world, "ro-pol").encryption[0].key_id
    assert await refusal(romanian, only, lose_unread=lose_unread) is Reason.KEY_COUNTS
    old = await rotate(world, "ro-pol", overlap_days=30)
    await romanian.wiring.directory.sync()
    assert await refusal(romanian, old, lose_unread=lose_unread) is Reason.KEY_COUNTS
    newest = entry_of(world, "ro-pol").encryption[-1].key_id
    assert await refusal(romanian, newest, lose_unread=lose_unread) is Reason.KEY_COUNTS
    assert held(romanian) == {only, newest}


async def test_a_key_that_no_steward_has_admitted_yet_is_the_newest_all_the_same(
    world: World, romanian: Agency
) -> None:
    entry, at = entry_of(world, "ro-pol"), now_ms() - 2 * DAY
    keyring = change_keyring(
        world.profile("ro-pol"), PASSPHRASE, lambda ring: rotated(ring, entry, at, 0)
    )
    for key in keyring.decryption:
        assert await refusal(romanian, key.key_id) is Reason.KEY_COUNTS


async def test_a_key_that_is_not_ours_is_not_found(romanian: Agency) -> None:
    assert await refusal(romanian, "2000-01-01-seal") is Reason.NOT_FOUND


async def test_a_key_that_ended_just_now_is_kept_for_clocks_that_are_behind(
    world: World, romanian: Agency
) -> None:
    old = await rotate(world, "ro-pol", days_ago=0.5)
    assert await refusal(romanian, old) is Reason.KEY_NEEDED
    await romanian.wiring.directory.sync()
    await romanian.receive("trafficking/#")
    assert old in held(romanian)
    await romanian.destroy_key(old, LOOKING, lose_unread=True)
    assert old not in held(romanian)


class FortyDaysAhead(SystemClock):
    """A clock that was set wrong; so little that certificates are valid still."""

    def now_ms(self) -> int:
        return super().now_ms() + 40 * DAY


async def test_a_clock_of_ours_that_is_ahead_ends_no_key_before_its_time(
    world: World, greek: Agency, romanian: Agency
) -> None:
    """Partners seal to it still; by the broker's log it is not over."""
    old = await rotate(world, "ro-pol", overlap_days=30)
    await romanian.receive("trafficking/#")
    await romanian.wiring.directory.sync()
    mistaken = replace(romanian.wiring.key_ending, clock=FortyDaysAhead())
    assert mistaken.due() == (old,)
    with pytest.raises(AgencyError) as caught:
        await mistaken.check_received(old)
    assert caught.value.reason is Reason.KEY_COUNTS
    assert await mistaken.end(mistaken.due()) == ()
    assert old in held(romanian)


async def test_a_revoked_key_is_destroyed_at_once_and_our_entry_stays_ours(
    world: World, romanian: Agency
) -> None:
    old = await rotate(world, "ro-pol", overlap_days=30)
    revoked = RevokeEntry(
        agency="ro-pol", what="encryption", key_id=old, from_index=0, reason="stolen"
    )
    await world.submit(world.sign(revoked))
    await romanian.wiring.directory.sync()
    await romanian.destroy_key(old, LOOKING)
    assert old not in held(romanian)
    await romanian.membership.publish_card(lambda card: card)


async def test_without_the_broker_nothing_is_destroyed_unless_what_is_unread_is_given_up(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish(draft("never read"))
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    await world.stop()
    assert await refusal(romanian, old) is Reason.BROKER_UNREACHABLE
    await romanian.destroy_key(old, LOOKING, lose_unread=True)
    await world.start()
    report = await romanian.receive("trafficking/#")
    assert len(report.findings) == 1
    assert await titles(romanian) == set()


async def test_a_stream_that_the_broker_ends_before_all_has_come_destroys_nothing(
    world: World, greek: Agency, romanian: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    await greek.publish(draft("before"))
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    monkeypatch.setattr(GrpcBroker, "subscribe", cut_short(GrpcBroker.subscribe))
    assert await refusal(romanian, old) is Reason.KEY_NEEDED
    await romanian.receive("trafficking/#")
    assert old in held(romanian)


def cut_short(subscribe: Callable[..., AbstractAsyncContextManager[SubscriptionStream]]) -> object:
    """Return how to subscribe to a broker that drains before it has sent all that it has."""

    @asynccontextmanager
    async def subscribing(*args: object, **named: object) -> AsyncIterator[SubscriptionStream]:
        async with subscribe(*args, **named) as stream:
            whole = stream.events

            async def events() -> AsyncIterator[SubscriptionEvent]:
                async for event in whole():
                    if isinstance(event, CaughtUp):
                        yield Draining()
                        return
                    yield event

            stream.events = events  # type: ignore[method-assign]
            yield stream

    return subscribing


async def test_mail_that_was_not_read_keeps_its_key(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await romanian.publish(draft("ours"))
    await greek.receive("trafficking/#")
    (row,) = greek.wiring.store.inbox.rows((1,))
    said = BreakGlass(officer="officer-1", reason="a child in danger", ticket="T-1", at=now_ms())
    store = greek.wiring.store
    letter = about(
        row,
        place_of(store, row),
        PostKind.BREAK_GLASS,
        sender="gr-pol",
        to="ro-pol",
        now=now_ms(),
    )
    await greek.wiring.post.put([replace(letter, content=said.encode())])
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    with pytest.raises(AgencyError) as caught:
        await romanian.wiring.key_ending.check_received(old)
    assert caught.value.reason is Reason.KEY_NEEDED
    assert await romanian.wiring.key_ending.end((old,)) == ()
    await romanian.destroy_key(old, LOOKING)
    assert old not in held(romanian)
    _, (read,) = await romanian.mail(0)
    assert (read.kind, read.content) == (PostKind.BREAK_GLASS, said.encode())


def keep_grant(agency: Agency, entry: AgencyEntry) -> None:
    """Keep a grant to us, of a notice that was not fetched yet."""
    at, directory = now_ms(), agency.directory
    place = NoticePlace(statement=sha256(b"statement"), index=0, leaf_hash=sha256(b"leaf"))
    assert directory.rule_book is not None
    granted = seal_grant(
        bytes(32),
        federation=directory.federation,
        place=place,
        notice_id=new_uuid7(at),
        grantor="gr-pol",
        grantee=entry.agency,
        key=entry.encryption[0],
        rule_book=directory.rule_book.digest,
        granted_at=at,
        expires_at=at + DAY,
        signer=agency.wiring.signing(),
    )
    item = PostItem(
        kind=PostKind.GRANT,
        name=sha256(granted.grant),
        sender="gr-pol",
        recipient=entry.agency,
        originator="gr-pol",
        place=place,
        created_at=at,
        until=at + DAY,
        signed=granted.grant,
        cargo=granted.wrap,
        state=PostState.RECEIVED,
    )
    agency.wiring.store.post.arrive(Arrived(after=0, items=(item,)))


async def test_a_granted_notice_that_was_not_fetched_keeps_its_key(
    world: World, romanian: Agency
) -> None:
    keep_grant(romanian, entry_of(world, "ro-pol"))
    old = await rotate(world, "ro-pol")
    await romanian.wiring.directory.sync()
    assert await refusal(romanian, old) is Reason.KEY_NEEDED


async def test_a_receiver_of_the_profile_elsewhere_is_not_pushed_aside(
    world: World, romanian: Agency, tmp_path: Path
) -> None:
    old = await rotate(world, "ro-pol")
    async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as another:
        with another.wiring.store.locks.receiver():
            assert await refusal(romanian, old) is Reason.PROFILE_IN_USE
    assert old in held(romanian)


async def tocsin(world: World, *words: str) -> tuple[int, dict[str, object]]:
    """Run the command as a process of its own; return its exit code and what it prints, or why."""
    secret = world.folder / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    options = ("--profile", str(world.profile("ro-pol")), "--passphrase-file", str(secret))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agency_client", *words, *options, "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, told = await process.communicate()
    document: dict[str, object] = json.loads(out or told.splitlines()[-1])
    return process.returncode or 0, document


async def test_the_command_asks_and_destroys_with_a_yes_only(
    world: World, greek: Agency, romanian: Agency
) -> None:
    await greek.publish(draft("before"))
    old = await rotate(world, "ro-pol")
    code, _ = await tocsin(world, "keys", "destroy", old)
    assert code == Exit.USAGE
    assert old in held(romanian)
    code, told = await tocsin(world, "keys", "destroy", old, "--yes")
    assert (code, told["destroyed"], told["received_before"]) == (Exit.DONE, old, True)
    assert old not in held(romanian)
    assert await titles(romanian) == {"before"}
    _, listed = await tocsin(world, "keys")
    assert old not in {one["id"] for one in listed["keys"]}  # type: ignore[attr-defined]


async def test_the_command_refuses_the_newest_key(world: World, romanian: Agency) -> None:
    only = entry_of(world, "ro-pol").encryption[0].key_id
    code, told = await tocsin(world, "keys", "destroy", only, "--yes", "--lose-unread")
    assert code == Exit.REFUSED
    assert "KEY_COUNTS" in str(told)
    assert held(romanian) == {only}


async def test_a_time_that_is_not_in_the_broker_s_log_ends_no_key(
    world: World, romanian: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await rotate(world, "ro-pol")
    whole = GrpcBroker.inclusion

    async def forged(*args: Any) -> tuple[Sequence[bytes], bytes]:
        path, _ = await whole(*args)
        return path, encode_leaf("publish", now_ms() + DAY, {}, bytes(32))

    monkeypatch.setattr(GrpcBroker, "inclusion", forged)
    assert await refusal(romanian, old) is Reason.LOG_INVALID
    assert old in held(romanian)
