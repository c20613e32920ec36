# SPDX-License-Identifier: Apache-2.0
"""What it costs a steward to see who gains and who loses by another rule book.

The whole of `tocsin steward rules diff` but the start of the program and the reading of files: a
federation of 200 agencies of eight kinds in eight countries with ten topics; a core rule that lets
NGOs receive more, one agency's overlay, and overlays of all agencies at once.
"""

import statistics
import time
from collections.abc import Mapping

from agency_client.services.book_differences import differences, scenario_changes
from agency_client.services.rule_books import CheckedBook, checked, tables
from benchmarks.figures import Figure, report
from benchmarks.policy_decision import large_sources
from keys.directory import Directory
from keys.entries import TopicEntry
from policy.sources import WHOLE
from policy.standard import standard_sources
from tests.simulator.agency import working_federation
from tests.simulator.federation import NOW, Member

AGENCIES, TOPICS, RUNS = 200, 10, 1
COUNTRIES = ("GR", "RO", "BG", "IT", "ES", "PH", "TH", "NG")
KINDS = ("POLICE", "BORDER", "PROSECUTOR", "LABOUR", "FIU", "NGO", "HOTLINE", "IGO")
_OVERLAY = """\
@id("gr-000.in") @says("We take no reports of trends.")
forbid (principal == Tocsin::Agency::"gr-000", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when { resource.noticeType == Tocsin::NoticeType::"TREND" };
"""


def run() -> list[Figure]:
    standard = dict(standard_sources())
    ngo = 'principal.kind == Tocsin::Kind::"NGO" || '
    members = _members()
    books = {
        "a core rule about NGOs": {**standard, WHOLE: standard[WHOLE].replace(ngo, "", 1)},
        "one agency's overlay": {**standard, "agencies/gr-000/in.cedar": _OVERLAY},
        "overlays of all agencies": large_sources([one.agency for one in members]),
    }
    directory, before = _directory(members), checked(standard)
    under = f"{AGENCIES} agencies, {TOPICS} topics, by the clock"
    return [
        Figure(
            what=f"compare: {what}", value=_seconds(before, files, directory), unit="s", under=under
        )
        for what, files in books.items()
    ]


def _members() -> list[Member]:
    return [
        Member(
            agency=f"{COUNTRIES[number % 8].lower()}-{number:03}",
            country=COUNTRIES[number % 8],
            kind=KINDS[number // 8 % 8],
        )
        for number in range(AGENCIES)
    ]


def _directory(members: list[Member]) -> Directory:
    federation = working_federation(members)
    for number in range(1, TOPICS):
        circles = ("police",)
        topic = f"trafficking/topic-{number}"
        federation.add(TopicEntry(topic=topic, title="x", readers=circles, publishers=circles))
    return federation.directory


def _seconds(before: CheckedBook, files: Mapping[str, str], directory: Directory) -> float:
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        after = checked(files)
        found = differences(before.book, after.book, directory, NOW)
        scenario_changes(before.book, after.book, tables(before, after))
        taken.append(time.perf_counter() - begun)
        if not found:
            raise RuntimeError("nothing changed")
    return statistics.median(taken)


if __name__ == "__main__":
    report("book_changes", run)
