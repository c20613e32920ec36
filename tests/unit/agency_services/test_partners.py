# SPDX-License-Identifier: Apache-2.0
"""Partners: whose words were compared, what a change of keys does to that, what is told once."""

from dataclasses import replace

import pytest

from agency_client.domain.partners import (
    Agreed,
    Compared,
    NewsKind,
    PartnerNews,
    PartnerView,
    Standing,
)
from agency_client.domain.words import member_bytes, spoken
from agency_client.errors import AgencyError, Reason
from keys.directory import SuccessorEntry
from tests.simulator.agency import SimulatedAgency
from tests.simulator.federation import DAY, NOW, build_federation

BY = "Ioana Test"


def words_of(agency: SimulatedAgency, partner: str) -> str:
    return spoken(member_bytes(agency.federation.agencies[partner].entry))


def others(agency: SimulatedAgency) -> list[str]:
    return sorted(set(agency.federation.agencies) - {agency.id})


async def compared(agency: SimulatedAgency, partner: str = "ro-pol") -> PartnerView:
    return await agency.partners.verify(partner, words_of(agency, partner), BY)


async def refused(agency: SimulatedAgency, partner: str, words: str) -> Reason:
    before = agency.store.partners.records()
    with pytest.raises(AgencyError) as caught:
        await agency.partners.verify(partner, words, BY)
    assert agency.store.partners.records() == before
    return caught.value.reason


def change_keys(agency: SimulatedAgency, partner: str) -> None:
    """Have the stewards admit other keys under a partner's id."""
    other = build_federation([partner]).agencies[partner].entry
    keyset = replace(other.signing[0], keyset_id="2027-sign")
    agency.federation.replace_agency(partner, signing=(keyset,), tls_key_pin=other.tls_key_pin)


async def test_all_other_members_are_partners(gr: SimulatedAgency) -> None:
    found = await gr.partners.all()
    assert [one.entry.agency for one in found] == others(gr)
    assert {one.compared for one in found} == {Compared.NO}
    assert {one.agreed for one in found} == {Agreed.NO}
    assert {one.standing for one in found} == {Standing.ACTIVE}


async def test_words_that_were_heard_are_remembered_with_who_heard_them(
    gr: SimulatedAgency,
) -> None:
    found = await compared(gr)
    assert (found.compared, found.compared_at, found.compared_by) == (Compared.YES, NOW, BY)
    assert (await gr.reopen().partners.one("ro-pol")).compared is Compared.YES


async def test_the_words_of_another_partner_are_refused(gr: SimulatedAgency) -> None:
    assert await refused(gr, "ro-pol", words_of(gr, "bg-pol")) is Reason.WORDS_DIFFER


async def test_words_that_are_none_are_refused(gr: SimulatedAgency) -> None:
    assert await refused(gr, "ro-pol", "I forgot") is Reason.INVALID_ARGUMENT


async def test_one_does_not_compare_words_with_oneself(gr: SimulatedAgency) -> None:
    assert await refused(gr, "gr-pol", words_of(gr, "gr-pol")) is Reason.INVALID_ARGUMENT


async def test_nobody_s_words_are_compared_with_a_stranger_s(gr: SimulatedAgency) -> None:
    assert await refused(gr, "xx-pol", words_of(gr, "bg-pol")) is Reason.NOT_FOUND


async def test_who_has_left_is_not_compared(gr: SimulatedAgency) -> None:
    gr.federation.retire("ro-pol")
    await gr.directory.sync()
    assert await refused(gr, "ro-pol", words_of(gr, "ro-pol")) is Reason.INVALID_ARGUMENT


@pytest.mark.must("WORD-3")
async def test_other_keys_end_a_comparison(gr: SimulatedAgency) -> None:
    await compared(gr)
    old = words_of(gr, "ro-pol")
    change_keys(gr, "ro-pol")
    await gr.directory.sync()
    assert (await gr.partners.one("ro-pol")).compared is Compared.CHANGED
    assert await refused(gr, "ro-pol", old) is Reason.WORDS_DIFFER
    assert (await compared(gr)).compared is Compared.YES


@pytest.mark.must("WORD-3")
async def test_another_name_leaves_a_comparison(gr: SimulatedAgency) -> None:
    await compared(gr)
    gr.federation.replace_agency("ro-pol", name="Renamed", circles=("others",))
    await gr.directory.sync()
    found = await gr.partners.one("ro-pol")
    assert (found.compared, found.entry.name) == (Compared.YES, "Renamed")


async def test_where_a_partner_stands_is_told(gr: SimulatedAgency) -> None:
    gr.federation.lock("ro-pol")
    gr.federation.retire("hr-ngo")
    gr.federation.replace_agency("bg-pol", agreement_until=NOW + DAY)
    await gr.directory.sync()
    gr.clock.now = NOW + DAY
    standing = {one.entry.agency: one.standing for one in await gr.partners.all()}
    assert standing == {
        **dict.fromkeys(others(gr), Standing.ACTIVE),
        "ro-pol": Standing.LOCKED,
        "hr-ngo": Standing.RETIRED,
        "bg-pol": Standing.ENDED,
    }


async def test_the_first_time_nobody_is_new(gr: SimulatedAgency) -> None:
    assert await gr.partners.news(told=True) == ()


async def test_a_new_member_is_told_once(gr: SimulatedAgency) -> None:
    await gr.partners.news(told=True)
    gr.federation.add_agency("mk-pol")
    await gr.directory.sync()
    (told,) = await gr.partners.news(told=True)
    assert (told.kind, told.agency) == (NewsKind.JOINED, "mk-pol")
    assert await gr.reopen().partners.news(told=True) == ()


async def test_looking_at_the_news_as_a_program_keeps_them_for_the_officers(
    gr: SimulatedAgency,
) -> None:
    await gr.partners.news(told=True)
    gr.federation.add_agency("mk-pol")
    await gr.directory.sync()
    seen = await gr.partners.news(told=False)
    assert seen == await gr.partners.news(told=True) != ()


async def test_the_first_partner_of_all_is_news(gr: SimulatedAgency) -> None:
    for agency in others(gr):
        gr.federation.retire(agency)
    await gr.directory.sync()
    await gr.partners.news(told=True)
    gr.federation.add_agency("mk-pol")
    await gr.directory.sync()
    assert [one.agency for one in await gr.partners.news(told=True)] == ["mk-pol"]


async def test_changed_keys_are_told_once_whether_compared_or_not(gr: SimulatedAgency) -> None:
    await gr.partners.news(told=True)
    change_keys(gr, "ro-pol")
    await gr.directory.sync()
    assert [(one.kind, one.agency) for one in await gr.partners.news(told=True)] == [
        (NewsKind.KEYS_CHANGED, "ro-pol")
    ]
    assert await gr.partners.news(told=True) == ()


async def test_who_left_is_told_with_who_took_over(gr: SimulatedAgency) -> None:
    await gr.partners.news(told=True)
    name = gr.federation.agencies["ro-pol"].entry.name
    gr.federation.add(SuccessorEntry(agency="ro-pol", successor="bg-pol", reason="merged"))
    await gr.directory.sync()
    assert await gr.partners.news(told=True) == (
        PartnerNews(kind=NewsKind.LEFT, agency="ro-pol", name=name, successor="bg-pol"),
    )
    assert (await gr.partners.one("ro-pol")).successor == "bg-pol"


async def test_a_comparison_before_the_first_news_makes_nobody_new(gr: SimulatedAgency) -> None:
    await compared(gr)
    assert await gr.partners.news(told=True) == ()
    assert (await gr.partners.one("ro-pol")).compared is Compared.YES


async def test_a_status_says_what_there_is_to_do_about_partners(gr: SimulatedAgency) -> None:
    await compared(gr)
    await compared(gr, "bg-pol")
    change_keys(gr, "bg-pol")
    member = (await gr.status.status()).membership
    assert (member.not_compared, member.changed) == (len(others(gr)) - 2, ("bg-pol",))
    assert member.agreed is Agreed.NO
    assert member.agreement_until == gr.federation.agencies["gr-pol"].entry.agreement_until
