# SPDX-License-Identifier: Apache-2.0
"""The story's chapter on control: who will read it, who else is admitted, taken back, danger."""

from typing import Any

from agency_client.demo.checks import Step
from agency_client.demo.world import ALERTS, BG, GR, MONEY, NGO, PROSECUTOR, World

_WITHIN = 15.0
LISTENER, SUPERVISOR, DUTY = "demo", "eleni", "duty"
WORD = "Wolframstrasse"
"""A word of the notice that is taken back: a search for it finds nothing then."""


async def previewed(world: World, step: Step) -> None:
    """Before anything is sent an officer sees who will read it, and why not the others."""
    view = await world.agencies[GR].order("preview", record=_transfer(), topic=MONEY, to=[])
    step.check(view["readers"] == [PROSECUTOR], f"the prosecutor reads it, not {view['readers']}")
    step.check({BG, NGO} <= set(view["refused"]), "the preview names those who will not")
    step.check(all(view["refused"].values()), "it says why, for each of them")
    named = await world.agencies[GR].order(
        "preview", record=_transfer(victim=True), topic=ALERTS, to=[]
    )
    step.check(
        "identifies" in named["warnings"], "it warns of a victim's telephone number for everybody"
    )
    step.say(
        f"Greece looked first: {PROSECUTOR} will read it, {BG} will not (“{view['refused'][BG]}”), "
        f"nor {NGO} (“{view['refused'][NGO]}”). Of another draft it was warned that it gives "
        "a victim's telephone number to everybody.",
        refused=view["refused"],
    )


def _transfer(*, victim: bool = False) -> dict[str, Any]:
    record: dict[str, Any] = {
        "type": "FREE_TEXT",
        "tlp": "AMBER",
        "mode": "EXERCISE",
        "title": "Transfers to a recruiter",
        "text": f"Three transfers, collected in {WORD} (invented).",
        "handling": ["H2"],
        "regrant": "originator",
    }
    if victim:
        record |= {
            "type": "YELLOW",
            "tlp": "GREEN",
            "persons": [
                {
                    "status": "MISSING",
                    "name": "Invented",
                    "forename": "Person",
                    "phones": [{"number": "+302100000000"}],
                }
            ],
        }
        del record["text"]
    return record


async def passed_on(world: World, step: Step) -> None:
    """A recipient admits nobody; it asks, and the originator admits."""
    transfers = [_transfer(), _transfer() | {"title": "Another"}]
    answer = await world.agencies[GR].order("publish", records=transfers, topic=MONEY, to=[])
    step.check(answer["accepted"] == len(transfers), "two notices are published in one envelope")
    world.granted, other = (f"{GR}/{one['id']}" for one in answer["notices"])
    for name in (GR, PROSECUTOR):
        await world.agencies[name].order(
            "await-state", notice=other, state="current", within=_WITHIN
        )
    tried = await world.agencies[PROSECUTOR].order("grant-anyway", notice=world.granted, target=BG)
    step.check(tried["client"] == "NOT_ORIGINATOR", "a recipient's own client admits nobody")
    step.check(tried["broker"] == "DENIED", f"nor does the broker, and it says {tried['broker']}")
    step.say(
        "The prosecutor holds it, handling H2. Its client would not pass it on (NOT_ORIGINATOR); a "
        f"grant that it signed all the same was refused by the broker ({tried['broker']}).",
        refused_grant=tried,
    )
    await _asked_and_refused(world, step)
    await _asked_and_granted(world, step)
    shown = await world.agencies[BG].order("show", notice=other)
    step.check(shown["refused"] == "UNKNOWN_NOTICE", "the rest of the envelope stays closed")
    step.say("The other notice of the same envelope stays closed to Bulgaria.")


async def _asked_and_refused(world: World, step: Step) -> None:
    request = await _ask(world, BG, "They may know something.")
    await world.agencies[GR].order("refuse", request=request, reason="Say what they need it for.")
    decided = await world.agencies[PROSECUTOR].order(
        "await-decision", request=request, within=_WITHIN
    )
    step.check(decided["state"] == "refused", "the originator refuses a request")
    step.say(
        "It asked that Bulgaria, which reads no notice of that topic, be admitted: refused "
        f"(“{decided['reason']}”)."
    )


async def _asked_and_granted(world: World, step: Step) -> None:
    request = await _ask(world, BG, "They know the accounts.")
    given = await world.agencies[GR].order("grant", request=request)
    step.check(given["state"] == "granted", "what was asked for Bulgaria is granted")
    digits = world.granted.rpartition("/")[2]
    arrived = await world.agencies[BG].order("await", ids=[digits], within=_WITHIN)
    step.check(not arrived["missing"], "the granted notice arrives in Bulgaria's open stream")
    shown = await world.agencies[BG].order("show", notice=world.granted)
    step.check(WORD in shown["content"].get("text", ""), "Bulgaria reads it")
    step.say("It asked again and said why: Greece granted this one notice, and Bulgaria has it.")


async def _ask(world: World, target: str, why: str) -> str:
    asked = await world.agencies[PROSECUTOR].order(
        "request", notice=world.granted, target=target, why=why
    )
    request = str(asked["request"])
    await world.agencies[GR].order("await-request", request=request, within=_WITHIN)
    return request


async def taken_back(world: World, step: Step) -> None:
    """Two officers take a notice back: it is destroyed at every holder, which says so."""
    for name, roles in ((LISTENER, ["LIAISON"]), (SUPERVISOR, ["SUPERVISOR"])):
        await world.agencies[GR].order("officer", name=name, roles=roles)
    recall = await world.agencies[GR].order(
        "recall", notice=world.granted, asks=LISTENER, approves=SUPERVISOR
    )
    step.check(recall["alone"] == "APPROVAL_NEEDED", "one officer alone takes nothing back")
    step.check(
        (recall["state"], recall["sent"]) == ("done", True),
        "with a supervisor's approval it is done",
    )
    answered = await world.agencies[GR].order(
        "await-holders",
        notice=world.granted,
        states={BG: "destroyed", PROSECUTOR: "destroyed"},
        within=_WITHIN,
    )
    for name in (BG, PROSECUTOR):
        shown = await world.agencies[name].order("show", notice=world.granted)
        step.check(shown["state"] == "recalled", f"{name} shows that it was taken back")
        step.check(not shown["content"], f"nothing of it is left at {name}")
        found = await world.agencies[name].order("search", words=WORD)
        step.check(
            world.granted.rpartition("/")[2] not in found["ids"], f"a search at {name} finds it not"
        )
    step.say(
        "One Greek officer could not take it back (APPROVAL_NEEDED); with a supervisor it was "
        f"done. {BG} and {PROSECUTOR} destroyed text, key and index, and signed that they did.",
        holders=answered["states"],
    )


async def danger_to_life(world: World, step: Step) -> None:
    """A duty officer opens what the rules keep from that officer; the originator is told."""
    for name, roles in ((LISTENER, ["ANALYST"]), (DUTY, ["DUTY_247"])):
        await world.agencies[BG].order("officer", name=name, roles=roles)
    record = _transfer() | {"purposes": ["PREVENTION"], "title": "Seen at the border"}
    answer = await world.agencies[GR].order("publish", records=[record], topic=ALERTS, to=[])
    step.check(answer["accepted"] == 1, "the alert is accepted")
    notice = f"{GR}/{answer['notices'][0]['id']}"
    await world.agencies[GR].order("await-state", notice=notice, state="current", within=_WITHIN)
    await world.agencies[PROSECUTOR].order(
        "await", ids=[answer["notices"][0]["id"]], within=_WITHIN
    )
    shut = await world.agencies[BG].order("show", notice=notice)
    step.check(shut["refused"] == "UNKNOWN_NOTICE", "for that purpose the officer may not read it")
    opened = await world.agencies[BG].order("break-glass", notice=notice, officer=DUTY)
    step.check(opened["content"].get("title") == "Seen at the border", "the duty officer reads it")
    told = await world.agencies[GR].order("await-told", notice=notice, within=_WITHIN)
    step.check(told["by"] == BG, "the originator is told who did")
    step.say(
        "A Bulgarian duty officer opened, for danger to life, what its purpose kept from everybody "
        f"there; Greece was told at once: {told['officer']} at {BG}, ticket {told['ticket']}.",
        told=told,
    )
