# SPDX-License-Identifier: Apache-2.0
"""An agency enters its own card into the directory, nothing else, and not too often."""

import pytest

from broker.domain.limits import DAY_MS
from broker.errors import Reason
from keys.changes import CardEntry, RevokeEntry
from keys.directory import SignedEntry, encode_entry, sign_card
from keys.entries import AgencyEntry, Entry, LockEntry, encode_content
from keys.framing import sha256
from tests.simulator.federation import KEY, KEYSET
from tests.unit.broker_services.world import World, refusal


def card(world: World, agency: str = "gr-pol", version: int = 1) -> CardEntry:
    entry = world.federation.directory.agency(agency)
    assert isinstance(entry, AgencyEntry)
    return CardEntry(
        agency=agency, version=version, admitted=sha256(encode_content(entry)), phone="+30 210"
    )


def signed(world: World, entry: Entry, by: str = "gr-pol") -> SignedEntry:
    federation = world.federation
    at = max(federation.directory.issued_at, federation.now)
    body = encode_entry(federation.id, federation.directory.size, at, entry)
    return sign_card(SignedEntry(body=body), federation.agencies[by].signer)


async def enter(world: World, entry: Entry, by: str = "gr-pol", caller: str = "") -> int:
    made = signed(world, entry, by)
    index = await world.services.directory.submit(made.encode(), card_of=caller or by)
    world.federation.directory = world.federation.directory.with_entry(made)
    return index


async def test_a_card_is_in_force_at_once_and_in_the_log(world: World) -> None:
    index = await enter(world, card(world))
    current = world.services.directory.current
    assert current is not None
    assert current.is_confirmed("gr-pol")
    assert world.acts("directory")[-1].fields["index"] == index


async def test_the_same_card_again_has_the_same_answer(world: World) -> None:
    made = signed(world, card(world)).encode()
    first = await world.services.directory.submit(made, card_of="gr-pol")
    assert await world.services.directory.submit(made, card_of="gr-pol") == first


@pytest.mark.must("DIR-16")
async def test_another_s_card_and_any_other_entry_are_refused(world: World) -> None:
    size = world.federation.directory.size
    lock = world.federation.propose(LockEntry(agency="ro-pol", reason="stolen"))
    for entry in (signed(world, card(world, "ro-pol"), by="ro-pol"), lock):
        error = await refusal(world.services.directory.submit(entry.encode(), card_of="gr-pol"))
        assert error.reason is Reason.DENIED
    assert world.services.directory.current is not None
    assert world.services.directory.current.size == size
    assert world.acts("refuse")[-1].fields["agency"] == "gr-pol"


async def test_a_steward_cannot_enter_a_card_that_the_agency_did_not_sign(world: World) -> None:
    made = world.federation.propose(card(world), by=["alpha", "beta"])
    error = await refusal(world.services.directory.submit(made.encode()))
    assert error.reason is Reason.NOT_ENOUGH_SIGNATURES


async def test_too_many_cards_in_a_day_are_refused_until_the_next(world: World) -> None:
    for version in range(1, 25):
        await enter(world, card(world, version=version))
    more = signed(world, card(world, version=25)).encode()
    error = await refusal(world.services.directory.submit(more, card_of="gr-pol"))
    assert (error.reason, error.metadata["limit"]) == (Reason.LIMIT_EXCEEDED, "cards_per_day")
    world.clock.time += DAY_MS
    assert await world.services.directory.submit(more, card_of="gr-pol") >= 0


@pytest.mark.must("DIR-20")
async def test_a_revoked_keyset_publishes_nothing_any_more(world: World) -> None:
    frame = world.seal("gr-pol")
    revoke = RevokeEntry(
        agency="gr-pol", what="keyset", key_id=KEYSET, from_index=0, reason="stolen"
    )
    await world.submit(revoke)
    error = await refusal(world.services.publishing.publish("gr-pol", frame))
    assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "keyset")


async def test_a_frame_sealed_to_a_revoked_key_is_to_be_sealed_anew(world: World) -> None:
    frame = world.seal("gr-pol")
    revoke = RevokeEntry(
        agency="ro-pol", what="encryption", key_id=KEY, from_index=0, reason="stolen"
    )
    await world.submit(revoke)
    error = await refusal(world.services.publishing.publish("gr-pol", frame))
    assert (error.reason, error.metadata["cause"]) == (Reason.RESEAL_REQUIRED, "key")
