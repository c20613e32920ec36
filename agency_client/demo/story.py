# SPDX-License-Identifier: Apache-2.0
"""The story that the demonstration tells, step by step; each step checks what it says."""

import asyncio
import random
import time
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any

from agency_client.demo.audit_steps import auditor_verifies, changed_byte_is_named
from agency_client.demo.checks import DemoError, Step
from agency_client.demo.control_steps import danger_to_life, passed_on, previewed, taken_back
from agency_client.demo.examples import records, records_path
from agency_client.demo.world import (
    BG,
    CASES,
    GR,
    NGO,
    PROSECUTOR,
    REFERRALS,
    World,
)
from agency_client.errors import AgencyError
from keys.errors import TrustError

Act = Callable[[World, Step], Awaitable[None]]
_PARTNERS = (BG, PROSECUTOR)


async def set_up(world: World, step: Step) -> None:
    """Everybody's keys, the federation, the processes."""
    await world.make()
    for name, topics in {
        GR: ["victims/#", "money/#", "trafficking/alerts"],
        BG: ["trafficking/#", "victims/#"],
        PROSECUTOR: ["trafficking/#", "victims/#", "money/#"],
        NGO: ["victims/#"],
    }.items():
        await world.agencies[name].order("listen", topics=topics)
    step.say(
        "A broker and four agencies run on this machine: police in Greece and in Bulgaria, a "
        "prosecutor and a shelter in Croatia. Two stewards signed them into one federation."
    )


async def publish_records(world: World, step: Step) -> None:
    """All example records go in as they are."""
    expected = records()
    answer = await world.agencies[GR].order(
        "publish", path=str(records_path()), topic=CASES, to=[PROSECUTOR]
    )
    accepted = [one for one in answer["notices"] if one["state"] == "accepted"]
    step.check(
        len(accepted) == len(expected),
        f"all {len(expected)} records are accepted, and {len(accepted)} were: {_why(answer)}",
    )
    world.published = [one["id"] for one in sorted(answer["notices"], key=lambda n: n["position"])]
    step.check(len(set(world.published)) == len(expected), "every notice has an id of its own")
    step.say(
        f"The Greek police sealed, signed and published {len(accepted)} notices, and the broker "
        f"holds each on disk ({answer['seconds']:.1f} s).",
        accepted=len(accepted),
    )


def _why(answer: dict[str, Any]) -> str:
    refused = [one for one in answer["notices"] if one["state"] != "accepted"]
    return (
        "; ".join(sorted({f"{one['reason']} {one['message']}" for one in refused})) or "no reason"
    )


async def arrive_at_once(world: World, step: Step) -> None:
    """Each partner has exactly what is meant for it."""
    for name in _PARTNERS:
        expected = _meant_for(world, name)
        held = await _arrived(world, name, expected)
        step.check(held.keys() >= expected, f"{name} holds all that is meant for it")
        surplus = {notice for notice in held if notice in world.published} - expected
        step.check(not surplus, f"{name} holds nothing else, and it holds {len(surplus)} more")
        step.check(max(held.values()) == 1, f"{name} received nothing twice")
        step.say(f"{len(expected)} of them arrived at {name}, verified and opened there.")


def _meant_for(world: World, name: str) -> set[str]:
    country = name[:2].upper()
    return {
        notice
        for notice, record in zip(world.published, records(), strict=True)
        if country not in record.get("not_for", ())
        and (record["tlp"] != "RED" or name == PROSECUTOR)
    }


async def _arrived(world: World, name: str, expected: set[str]) -> dict[str, int]:
    answer = await world.agencies[name].order("await", ids=sorted(expected), within=20.0)
    step_missing = len(answer["missing"])
    if step_missing:
        raise DemoError(f"{step_missing} notices did not arrive at {name}")
    return dict(answer["held"])


async def restricted(world: World, step: Step) -> None:
    """A record that excludes a country does not get there."""
    excluded = {
        notice
        for notice, record in zip(world.published, records(), strict=True)
        if "BG" in record.get("not_for", ())
    }
    held = await _held(world, BG)
    step.check(bool(excluded), "some records exclude Bulgaria")
    step.check(not excluded & held.keys(), "none of those is in Bulgaria")
    there = await _held(world, PROSECUTOR)
    step.check(there.keys() >= excluded - _red(world), "they are in Croatia")
    step.say(
        f"{len(excluded)} records say “not for Bulgaria”: they are in Croatia and not in Bulgaria. "
        "They were not even sealed to its key.",
        excluded=len(excluded),
    )


def _red(world: World) -> set[str]:
    pairs = zip(world.published, records(), strict=True)
    return {notice for notice, record in pairs if record["tlp"] == "RED"}


async def _held(world: World, name: str) -> dict[str, int]:
    answer = await world.agencies[name].order("await", ids=[], within=0.0)
    return dict(answer["held"])


async def red_only_named(world: World, step: Step) -> None:
    """TLP:RED is for named recipients only."""
    red = _red(world)
    police, prosecutor = await _held(world, BG), await _held(world, PROSECUTOR)
    step.check(prosecutor.keys() >= red, "the prosecutor, who is named, holds every TLP:RED record")
    step.check(not red & police.keys(), "nobody else holds one")
    step.say(
        f"{len(red)} records are TLP:RED and name the prosecutor: only the prosecutor has them.",
        red=len(red),
    )


async def sanitised_for_the_shelter(world: World, step: Step) -> None:
    """An NGO receives sanitised referrals and nothing else."""
    ids = {}
    for sanitised in (False, True):
        answer = await world.agencies[BG].order(
            "publish", records=[_referral(sanitised=sanitised)], topic=REFERRALS, to=[]
        )
        step.check(answer["accepted"] == 1, f"the referral is accepted: {_why(answer)}")
        ids[sanitised] = answer["notices"][0]["id"]
    await _arrived(world, NGO, {ids[True]})
    await _arrived(world, PROSECUTOR, set(ids.values()))
    held = await _held(world, NGO)
    step.check(held == {ids[True]: 1}, "the shelter holds the sanitised referral and nothing else")
    step.say(
        "Bulgaria published a referral in full and a sanitised one: the prosecutor has both, the "
        "shelter has the sanitised one and nothing else of all that was published."
    )


def _referral(*, sanitised: bool) -> dict[str, Any]:
    return {
        "type": "VICTIM_REFERRAL",
        "tlp": "AMBER",
        "mode": "EXERCISE",
        "title": "Referral for shelter" + (" (sanitised)" if sanitised else ""),
        "summary": "Adult, needs a safe place from tomorrow." if sanitised else "Invented person.",
        "sanitised": sanitised,
    }


async def changed_byte(world: World, step: Step) -> None:
    """One changed byte on the way, and a signature by somebody else."""
    for how, told in (
        ("byte", "An envelope changed in one byte on the way was refused"),
        ("signature", "An envelope that somebody else signed was refused"),
    ):
        answer = await world.agencies[BG].order(
            "offer-changed", how=how, record=_example(), topic=CASES
        )
        step.check(answer["refused"], f"an envelope with a changed {how} is refused")
        step.check(answer["reason"] in _TAMPERED, f"the reason says why, not {answer['reason']}")
        step.say(f"{told}: {answer['reason']}.", **{how: answer["reason"]})


_TAMPERED = ("SIGNATURE_INVALID", "STATEMENT_MISMATCH", "MALFORMED")


def _example() -> dict[str, Any]:
    return next(one for one in records() if one["tlp"] == "GREEN" and "not_for" not in one)


_LOCKED = frozenset({"AGENCY_LOCKED", "UNAUTHENTICATED"})


async def locked_agency(world: World, step: Step) -> None:
    """A locked agency can do nothing, within a second."""
    began = time.time()
    await world.lock(BG)
    cut = await world.agencies[BG].order("await-trouble", since=began, within=5.0)
    step.check(cut["reason"] in _LOCKED, f"the lock cuts the stream, not {cut['reason']}")
    took = cut["at"] - began
    step.check(took < 1.0, f"the open stream is cut within a second, and it took {took:.2f} s")
    answer = await world.agencies[BG].order(
        "publish", records=[_example()], topic=CASES, to=[], wait=2.0
    )
    step.check(answer["accepted"] == 0, "a locked agency publishes nothing")
    reasons = {answer["problem"], *(one["reason"] for one in answer["notices"])} - {""}
    step.check(
        bool(reasons & _LOCKED),
        f"the reason is the lock, and it is {sorted(reasons)}",
    )
    step.say(
        f"One steward locked the Bulgarian police: {took * 1000:.0f} ms later their open stream "
        f"was cut. What they published then was refused ({min(reasons)}), and waits in their "
        "outbox.",
        reasons=sorted(reasons),
        cut_after_s=round(took, 3),
    )
    await world.unlock(BG)
    sent = await world.agencies[BG].order("send", wait=20.0)
    step.check(sent["waiting"] == 0, "after the lock is lifted it is sent")
    step.say("Two stewards lifted the lock, and it was sent.")


async def killed_while_publishing(world: World, step: Step) -> None:
    """SIGKILL in the middle of a batch: nothing lost, nothing doubled."""
    before = len(await _held(world, PROSECUTOR))
    publishing = asyncio.ensure_future(
        world.agencies[GR].order(
            "publish", path=str(records_path()), topic=CASES, to=[PROSECUTOR], portion=20, wait=30.0
        )
    )
    try:
        await world.agencies[PROSECUTOR].order("await-count", count=before + 20, within=20.0)
        await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - any moment will do
        await world.broker.kill()
        was_busy = not publishing.done()
        await world.broker.start()
        answer = await publishing
    finally:
        publishing.cancel()
    ids = {one["id"] for one in answer["notices"] if one["state"] == "accepted"}
    step.check(len(ids) == len(records()), f"all are accepted in the end: {_why(answer)}")
    held = await _arrived(world, PROSECUTOR, ids)
    step.check(all(held[one] == 1 for one in ids), "each arrived exactly once")
    step.check(max(held.values()) == 1, "nothing at all arrived twice")
    moment = "while it was taking in" if was_busy else "right after it took in"
    step.say(
        f"The broker was killed (SIGKILL) {moment} {len(ids)} more notices and started again: all "
        "of them arrived, each once.",
        killed_while_busy=was_busy,
    )


async def published_while_down(world: World, step: Step) -> None:
    """An agency publishes with the broker away."""
    await world.broker.stop()
    answer = await world.agencies[GR].order(
        "publish", records=[_example()], topic=CASES, to=[], wait=0.2
    )
    step.check(answer["queued"] == 1, "with the broker away a notice is queued durably")
    await world.broker.start()
    sent = await world.agencies[GR].order("send", wait=20.0)
    step.check(sent["waiting"] == 0, "it is sent when the broker is back")
    notice = answer["notices"][0]["id"]
    held = await _arrived(world, BG, {notice})
    step.check(held[notice] == 1, "it arrives once")
    step.say("With the broker stopped, Greece published all the same: sent once it was back, once.")


async def search_two_scripts(world: World, step: Step) -> None:
    """Search in two scripts, offline, over the agency's own store."""
    for script, told in (("GREEK", "in Greek, without accents"), ("CJK", "in Chinese characters")):
        words, notices = _query(world, script)
        answer = await world.agencies[PROSECUTOR].order("search", words=words)
        step.check(bool(set(answer["ids"]) & notices), f"a search {told} finds the notice")
        step.say(f"The prosecutor searched “{words}” ({told}) and found it.", **{script: words})


def _query(world: World, script: str) -> tuple[str, set[str]]:
    """Return words without accents, and the notices about people of that name."""
    pairs = list(zip(world.published, records(), strict=True))
    for _, record in pairs:
        name = record.get("name", "")
        if _is_written_in(name, script):
            same = {notice for notice, other in pairs if other.get("name") == name}
            words = name if script == "GREEK" else f"{name}{record['forename']}"
            return _without_accents(words), same
    raise DemoError(f"no example record has a name in {script}")


def _is_written_in(name: str, script: str) -> bool:
    return {unicodedata.name(letter, "").split(" ")[0] for letter in name} == {script}


def _without_accents(text: str) -> str:
    parts = unicodedata.normalize("NFD", text)
    return "".join(part for part in parts if not unicodedata.combining(part))


STORY: tuple[tuple[str, Act], ...] = (
    ("A federation of four agencies", set_up),
    ("400 notices are published", publish_records),
    ("They arrive at the partners at once", arrive_at_once),
    ("Not for Bulgaria means not for Bulgaria", restricted),
    ("TLP:RED goes to the named agency alone", red_only_named),
    ("The shelter sees what is sanitised for it", sanitised_for_the_shelter),
    ("Forgeries are refused", changed_byte),
    ("Who will read it, said before it goes", previewed),
    ("Only its originator admits somebody to a notice", passed_on),
    ("A notice is taken back", taken_back),
    ("Danger to life", danger_to_life),
    ("A locked agency is out", locked_agency),
    ("The broker is killed while it takes in notices", killed_while_publishing),
    ("An agency publishes while the broker is down", published_while_down),
    ("Search, in two scripts", search_two_scripts),
    ("The auditor verifies the log", auditor_verifies),
    ("One byte of the broker's database is changed", changed_byte_is_named),
)


async def tell(world: World, heard: Callable[[Step], None]) -> list[Step]:
    """Play the story; stop at the first step that does not hold.

    Args:
        world: everything that runs.
        heard: called with each step when it is over.
    """
    steps = []
    for title, act in STORY:
        step, began = Step(title=title), time.monotonic()
        try:
            await act(world, step)
        except (DemoError, AgencyError, TrustError) as error:
            step.problem = str(error)
        step.seconds = time.monotonic() - began
        steps.append(step)
        heard(step)
        if not step.is_held:
            break
    return steps
