# SPDX-License-Identifier: Apache-2.0
"""A card confirms its agency's entry: signed by that agency, and only for keys of its own."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agency_client.domain.partners import Agreed
from agency_client.errors import AgencyError, Reason
from agency_client.services.cards import Change
from keys.directory import (
    AgencyEntry,
    CardEntry,
    OperationEntry,
    SignedEntry,
    encode_entry,
    sign_card,
)
from keys.entries import encode_content
from keys.errors import DirectoryError, SignatureError, TrustError
from keys.framing import sha256
from tests.simulator.agency import SimulatedAgency
from tests.simulator.broker import MemoryBroker
from tests.simulator.federation import DAY, NOW, build_federation

PHONE = "+40 21 000 0000"


def setting(**values: object) -> Change:
    return lambda held: replace(held, **values)  # type: ignore[arg-type]


async def refusal(agency: SimulatedAgency, **values: object) -> AgencyError:
    size = agency.federation.directory.size
    with pytest.raises(AgencyError) as caught:
        await agency.cards.publish(setting(**values))
    assert agency.federation.directory.size == size
    return caught.value


async def agreed(viewer: SimulatedAgency, agency: str) -> Agreed:
    await viewer.directory.sync()
    return (await viewer.partners.one(agency)).agreed


async def test_a_card_reaches_the_partners_and_confirms_the_entry(
    ro: SimulatedAgency, gr: SimulatedAgency
) -> None:
    card = await ro.cards.publish(setting(phone=PHONE, languages=("RUM", "ENG")))
    assert (card.version, card.phone, card.languages) == (1, PHONE, ("ENG", "RUM"))
    assert await agreed(gr, "ro-pol") is Agreed.YES
    assert (await gr.partners.one("ro-pol")).card == card


async def test_a_later_card_keeps_what_was_not_changed(ro: SimulatedAgency) -> None:
    await ro.cards.publish(setting(phone=PHONE))
    card = await ro.cards.publish(setting(mail="desk@police.example"))
    assert (card.version, card.phone, card.mail) == (2, PHONE, "desk@police.example")
    assert ro.cards.own() == card


async def test_a_member_that_signed_no_card_has_not_confirmed(gr: SimulatedAgency) -> None:
    assert await agreed(gr, "ro-pol") is Agreed.NO


async def test_what_stewards_change_is_confirmed_anew(
    ro: SimulatedAgency, gr: SimulatedAgency
) -> None:
    await ro.cards.publish(setting())
    ro.federation.replace_agency("ro-pol", name="Renamed")
    assert await agreed(gr, "ro-pol") is Agreed.EARLIER
    await ro.cards.publish(setting())
    assert await agreed(gr, "ro-pol") is Agreed.YES


def _foreign(entry: AgencyEntry) -> dict[str, object]:
    other = build_federation([entry.agency]).agencies[entry.agency].entry
    return {
        "tls_roots": other.tls_roots,
        "tls_key_pin": other.tls_key_pin,
        "signing": (*entry.signing, replace(other.signing[0], keyset_id="another")),
        "encryption": (*entry.encryption, replace(other.encryption[0], key_id="another")),
        "country": "XX",
        "kind": "NGO",
    }


@pytest.mark.must("CARD-1")
@pytest.mark.parametrize(
    "part", ["tls_roots", "tls_key_pin", "signing", "encryption", "country", "kind"]
)
async def test_an_entry_with_anything_of_somebody_else_is_not_confirmed(
    ro: SimulatedAgency, part: str
) -> None:
    ours = ro.federation.agencies["ro-pol"].entry
    assert (await ro.status.status()).membership.foreign == ""
    ro.federation.replace_agency("ro-pol", **{part: _foreign(ours)[part]})
    assert (await refusal(ro)).reason is Reason.ADMISSION_DIFFERS
    assert (await ro.status.status()).membership.foreign


async def test_a_key_whose_end_the_stewards_brought_forward_is_still_ours(
    ro: SimulatedAgency,
) -> None:
    (keyset,) = ro.federation.agencies["ro-pol"].entry.signing
    shorter = replace(keyset, valid_until=keyset.valid_until - DAY)
    ro.federation.replace_agency("ro-pol", signing=(shorter,))
    assert (await ro.cards.publish(setting())).version == 1


async def test_an_encryption_key_that_ended_may_be_one_that_we_destroyed(
    ro: SimulatedAgency,
) -> None:
    (key,) = ro.federation.agencies["ro-pol"].entry.encryption
    other = build_federation(["ro-pol"]).agencies["ro-pol"].entry.encryption[0]
    ended = replace(other, key_id="older", valid_from=NOW - 2 * DAY, valid_until=NOW)
    ro.federation.replace_agency("ro-pol", encryption=(ended, key))
    assert (await ro.cards.publish(setting())).version == 1
    ro.clock.now = NOW - 1
    assert (await ro.status.status()).membership.foreign == "an encryption key that is not ours"


async def test_who_is_not_admitted_confirms_nothing(ro: SimulatedAgency) -> None:
    cards = replace(ro.cards, agency="xx-pol")
    with pytest.raises(AgencyError) as caught:
        await cards.publish(setting())
    assert caught.value.reason is Reason.NOT_ENROLLED


@pytest.mark.parametrize(
    "values",
    [
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../../etc/passwd"},
        {"phone": "two\nlines"},
        {"deputies": ("",)},
        {"note": "x" * 201},
        {"deputies": tuple(f"deputy {n}" for n in range(100))},
    ],
    ids=str,
)
async def test_a_card_that_cannot_stand_is_a_wrong_argument(
    ro: SimulatedAgency, values: dict[str, object]
) -> None:
    assert (await refusal(ro, **values)).reason is Reason.INVALID_ARGUMENT


async def test_a_change_does_not_choose_version_or_agency(ro: SimulatedAgency) -> None:
    card = await ro.cards.publish(setting(version=9, agency="bg-pol", admitted=bytes(32)))
    assert (card.agency, card.version) == ("ro-pol", 1)


def overtaken(ro: SimulatedAgency, broker: MemoryBroker, times: int) -> Callable[[str], None]:
    left = [times]

    def call(name: str) -> None:
        if name == "submit_entry" and left[0]:
            left[0] -= 1
            operation = OperationEntry(
                code=f"OP {left[0]}", title="Joint", starts_at=NOW, ends_at=NOW + DAY
            )
            ro.federation.add(operation)

    return call


async def test_a_card_that_was_overtaken_is_signed_anew(
    ro: SimulatedAgency, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "call", overtaken(ro, broker, 2))
    assert (await ro.cards.publish(setting())).version == 1


async def test_a_card_that_is_overtaken_without_end_is_given_up(
    ro: SimulatedAgency, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "call", overtaken(ro, broker, 3))
    with pytest.raises(AgencyError) as caught:
        await ro.cards.publish(setting())
    assert caught.value.reason is Reason.DIRECTORY_CONFLICT
    assert ro.cards.own() is None


def signed_card(agency: SimulatedAgency, of: str, *, by: str, version: int = 1) -> SignedEntry:
    directory = agency.federation.directory
    entry = directory.agency(of)
    assert entry is not None
    card = CardEntry(agency=of, version=version, admitted=sha256(encode_content(entry)))
    body = encode_entry(directory.federation, directory.size, NOW, card)
    return sign_card(SignedEntry(body=body), agency.federation.agencies[by].signer)


def not_taken_in(agency: SimulatedAgency, signed: SignedEntry) -> TrustError:
    with pytest.raises(TrustError) as caught:
        agency.federation.directory.with_entry(signed)
    return caught.value


def test_a_card_by_another_agency_is_refused(gr: SimulatedAgency) -> None:
    assert isinstance(not_taken_in(gr, signed_card(gr, "ro-pol", by="gr-pol")), SignatureError)


async def test_an_older_card_is_refused(gr: SimulatedAgency) -> None:
    await gr.cards.publish(setting())
    error = not_taken_in(gr, signed_card(gr, "gr-pol", by="gr-pol", version=1))
    assert isinstance(error, DirectoryError)


async def test_the_card_of_a_locked_agency_is_refused(gr: SimulatedAgency) -> None:
    gr.federation.lock("gr-pol")
    error = not_taken_in(gr, signed_card(gr, "gr-pol", by="gr-pol"))
    assert isinstance(error, DirectoryError)
    assert (await refusal(gr)).reason is Reason.DIRECTORY_CONFLICT


def test_the_services_of_a_card_say_nothing_of_keys(ro: SimulatedAgency) -> None:
    assert "signing" not in repr(ro.cards)
