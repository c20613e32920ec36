# SPDX-License-Identifier: Apache-2.0
"""Joining a federation: what is pinned stays pinned, and a refused file changes nothing."""

import base64
import json
from contextlib import closing
from pathlib import Path

import pytest

from agency_client.bootstrap import Enrolment, enrol_profile
from agency_client.bootstrap.profile import open_keyring
from agency_client.config import settings_of
from agency_client.domain.findings import FindingKind
from agency_client.errors import AgencyError, Reason
from agency_client.services.invitations import FILE_NAME as INVITATION_FILE
from agency_client.store.profile_store import ProfileStore
from keys.entries import RetireEntry, RuleBookEntry, TopicEntry
from keys.errors import KeyFileError, TrustError
from policy import standard_book
from tests.integration.agency.world import PASSPHRASE, World, made_profile
from tests.simulator.rule_books import standard_and

BROKER = "broker.example:7443"


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = await World.make(tmp_path)
    world.add("gr-pol")
    return world


def enrolled(world: World, *, broker: str = BROKER, **expected: bytes) -> Enrolment:
    return enrol_profile(
        world.profile("gr-pol"),
        PASSPHRASE,
        bundle=world.written_bundle(),
        broker_address=broker,
        **expected,
    )


def refused(world: World, **changed: str | bytes) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        enrolled(world, **changed)  # type: ignore[arg-type]
    return caught.value


def pinned(folder: Path) -> tuple[list[bytes], list[bytes], str]:
    keyring = open_keyring(folder, PASSPHRASE)
    store = ProfileStore(folder, keyring.store_key, keyring.agency)
    held = list(store.trust.roots()), list(store.trust.entries())
    store.close()
    return *held, settings_of(folder).broker


async def test_enrolling_pins_the_federation_and_remembers_the_broker(world: World) -> None:
    view = enrolled(world, expected_federation=world.bundle.directory.federation)
    assert view == Enrolment(
        federation=world.bundle.directory.federation, directory_size=3, agency_active=True
    )
    roots, entries, broker = pinned(world.profile("gr-pol"))
    assert roots == [one.encode() for one in world.bundle.roots]
    assert entries == [one.encode() for one in world.bundle.entries]
    assert broker == BROKER


async def test_a_rule_book_that_its_broker_should_have_refused_is_told_of(world: World) -> None:
    wide = '@id("ro-pol.x") @says("All.") permit (principal, action, resource);'
    policies = standard_and(wide, "agencies/ro-pol/in.cedar")
    world.sign(RuleBookEntry(version=2, schema=standard_book()[0], policies=policies))
    enrolled(world)
    keyring = open_keyring(world.profile("gr-pol"), PASSPHRASE)
    with closing(ProfileStore(world.profile("gr-pol"), keyring.store_key, "gr-pol")) as store:
        (finding,) = store.inbox.findings(10)
    assert finding.kind is FindingKind.RULE_BOOK
    assert "an overlay may only forbid" in finding.detail


async def test_an_agency_that_is_not_admitted_yet_is_told_and_enrols_again(world: World) -> None:
    request = made_profile(world.profile("ro-pol"), "ro-pol")
    first = enrol_profile(
        world.profile("ro-pol"), PASSPHRASE, bundle=world.written_bundle(), broker_address=BROKER
    )
    world.admit(request)
    second = enrol_profile(
        world.profile("ro-pol"), PASSPHRASE, bundle=world.written_bundle(), broker_address=BROKER
    )
    assert (first.agency_active, second.agency_active) == (False, True)
    assert second.directory_size == first.directory_size + 1


async def test_other_keys_under_our_name_are_not_us(world: World, tmp_path: Path) -> None:
    made_profile(tmp_path / "other", "gr-pol")
    view = enrol_profile(
        tmp_path / "other", PASSPHRASE, bundle=world.written_bundle(), broker_address=BROKER
    )
    assert not view.agency_active


async def test_a_retired_agency_is_not_active(world: World) -> None:
    world.sign(RetireEntry(agency="gr-pol", reason="merged"))
    assert not enrolled(world).agency_active


async def test_an_older_file_takes_nothing_away(world: World) -> None:
    old = world.bundle
    world.sign(TopicEntry(topic="later", title="Later", readers=("c",), publishers=("c",)))
    enrolled(world)
    before = pinned(world.profile("gr-pol"))
    world.bundle = old
    view = enrolled(world, broker="other.example:1")
    assert view.directory_size == 4
    assert pinned(world.profile("gr-pol")) == (*before[:2], "other.example:1")


async def test_settings_of_one_s_own_are_kept(world: World) -> None:
    config = world.profile("gr-pol") / "config.toml"
    config.write_text("# ours\ncertificate_hours = 3\n")
    enrolled(world)
    assert settings_of(world.profile("gr-pol")).certificate_hours == 3
    assert config.read_text().startswith("# ours\n")


async def test_another_federation_s_file_is_refused_and_nothing_changes(
    world: World, tmp_path: Path
) -> None:
    enrolled(world)
    before = pinned(world.profile("gr-pol"))
    other = await World.make(tmp_path / "gr-pol")
    other.folder = world.folder
    error = refused(other, broker="evil.example:1")
    assert error.reason is Reason.FEDERATION_MISMATCH
    assert pinned(world.profile("gr-pol")) == before


async def test_a_federation_other_than_expected_is_refused_before_anything_is_kept(
    world: World,
) -> None:
    assert refused(world, expected_federation=bytes(32)).reason is Reason.FEDERATION_MISMATCH
    assert sorted(path.name for path in world.profile("gr-pol").iterdir()) == [
        "agency.key",
        "enrolment.request",
    ]


async def test_another_history_of_the_same_federation_is_refused(world: World) -> None:
    short = world.bundle
    world.sign(TopicEntry(topic="one", title="One", readers=("c",), publishers=("c",)))
    enrolled(world)
    before = pinned(world.profile("gr-pol"))
    world.bundle = short
    world.sign(TopicEntry(topic="two", title="Two", readers=("c",), publishers=("c",)))
    world.sign(TopicEntry(topic="three", title="Three", readers=("c",), publishers=("c",)))
    assert refused(world).reason is Reason.DIRECTORY_INVALID
    assert pinned(world.profile("gr-pol")) == before


async def test_a_changed_entry_is_refused_and_nothing_is_kept(world: World) -> None:
    document = json.loads(world.bundle.text())
    entry = bytearray(base64.b64decode(document["entries"][1]))
    entry[len(entry) // 3] ^= 1
    document["entries"][1] = base64.b64encode(entry).decode()
    path = world.folder / "changed.json"
    path.write_text(json.dumps(document))
    folder = world.profile("gr-pol")
    with pytest.raises(TrustError):
        enrol_profile(folder, PASSPHRASE, bundle=path, broker_address=BROKER)
    assert not (folder / "store.db").exists()
    assert not (folder / "config.toml").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"roots": 1, "entries": []}', "\0"])
async def test_a_file_that_is_no_federation_is_refused(world: World, text: str) -> None:
    path = world.folder / "wrong.json"
    path.write_text(text)
    with pytest.raises(AgencyError) as caught:
        enrol_profile(world.profile("gr-pol"), PASSPHRASE, bundle=path, broker_address=BROKER)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


async def test_a_federation_without_roots_is_refused(world: World) -> None:
    path = world.folder / "wrong.json"
    path.write_text('{"roots": [], "entries": []}')
    with pytest.raises((AgencyError, TrustError)):
        enrol_profile(world.profile("gr-pol"), PASSPHRASE, bundle=path, broker_address=BROKER)


@pytest.mark.parametrize("address", ["", "broker", "broker:0", 'a":1', "unix:/tmp/x", "a:1\nb=2"])
async def test_an_address_that_is_none_is_refused(world: World, address: str) -> None:
    assert refused(world, broker=address).reason is Reason.INVALID_ARGUMENT
    assert not (world.profile("gr-pol") / "config.toml").exists()


async def test_a_wrong_passphrase_enrols_nobody(world: World) -> None:
    with pytest.raises(KeyFileError):
        enrol_profile(
            world.profile("gr-pol"), "other", bundle=world.written_bundle(), broker_address=BROKER
        )
    assert not (world.profile("gr-pol") / "store.db").exists()


async def test_there_must_be_a_profile(world: World) -> None:
    with pytest.raises(AgencyError) as caught:
        enrol_profile(
            world.profile("xx-pol"),
            PASSPHRASE,
            bundle=world.written_bundle(),
            broker_address=BROKER,
        )
    assert caught.value.reason is Reason.PROFILE_MISSING


async def test_a_profile_with_settings_that_are_not_right_is_not_enrolled(world: World) -> None:
    (world.profile("gr-pol") / "config.toml").write_text('brokr = "a:1"')
    assert refused(world).reason is Reason.PROFILE_INVALID


@pytest.mark.parametrize("text", ["{}", ""])
async def test_an_invitation_that_was_changed_in_the_profile_stops_enrolment(
    world: World, text: str
) -> None:
    (world.profile("gr-pol") / INVITATION_FILE).write_text(text)
    before = pinned(world.profile("gr-pol"))
    assert refused(world).reason is Reason.INVITATION_INVALID
    assert pinned(world.profile("gr-pol")) == before
