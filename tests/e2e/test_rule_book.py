# SPDX-License-Identifier: Apache-2.0
"""The rule book's whole life: written, checked, compared, signed by two, in force, kept, printed.

And what the broker refuses of books that were signed with other tools than ours.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agency_client.cli.steward_common import broker_as
from agency_client.errors import AgencyError
from agency_client.services.steward import Proposal, propose_entry
from agency_client.services.steward_home import StewardHome
from keys.entries import RuleBookEntry
from policy.sources import merged
from policy.standard import standard_sources
from tests.e2e.programs import Shell
from tests.e2e.stewards import Place, founded, joined

pytestmark = pytest.mark.e2e

RULES = ("steward", "rules")
OVERLAY = """\
@id("bg-pol.no-trends")
@says("We take no trend reports.")
@basis("National order 7")
forbid (principal == Tocsin::Agency::"bg-pol", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when { resource.noticeType == Tocsin::NoticeType::"TREND" };
"""
TREND = {
    "type": "PURPLE",
    "tlp": "AMBER",
    "title": "Hotel rotation",
    "modus_operandi": "Moved every two nights.",
}
SIGNERS = ("alpha", "beta")


@pytest.fixture(scope="module")
def place(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with founded(shell, tmp_path_factory.mktemp("books")) as place:
        joined(place, "gr-pol")
        joined(place, "bg-pol")
        topic = ("steward", "topic", "trafficking/cases", "--readers", "police")
        place.signed_by_both(*topic, "--publishers", "police")
        yield place


@pytest.fixture
def book(place: Place, tmp_path: Path) -> Path:
    """The standard book's folder, with an overlay of a member's."""
    place.shell.did(*RULES, "new", tmp_path / "book")
    overlay = tmp_path / "book" / "agencies" / "bg-pol" / "in.cedar"
    overlay.parent.mkdir(parents=True)
    overlay.write_text(OVERLAY)
    return tmp_path / "book"


def versions(place: Place, home: Path) -> list[int]:
    place.shell.did("steward", "push", *place.at(home))
    listed = place.shell.did(*RULES, "history", "--home", home)["versions"]
    return [one["version"] for one in listed]


def proposed(place: Place, home: Path, book: Path, name: str) -> Path:
    """Have one steward sign a book as the next version; return what waits, under another name."""
    ran = place.shell.tocsin(*RULES, "publish", book, *place.at(home), "--json")
    assert (ran.code, ran.failure["reason"]) == (8, "NOT_ENOUGH_SIGNATURES")
    return Path(shutil.move(ran.document["pending"], home.parent / name))


def submitted(place: Place, files: dict[str, str], number: int, by: Sequence[str]) -> str:
    """Sign a book with other tools and give it to the broker; return why it is refused, or ""."""
    homes = {name: StewardHome(place.folder / name) for name in SIGNERS}
    secret = Path(place.shell.environment["TOCSIN_PASSPHRASE_FILE"]).read_text().strip()
    keys = [homes[name].key(name, secret) for name in by]
    schema, policies = merged(files)
    entry = RuleBookEntry(version=number, schema=schema, policies=policies)
    now = time.time_ns() // 1_000_000
    proposal: Proposal = propose_entry(homes["alpha"].bundle().directory, entry, now)
    for key in keys:
        proposal = proposal.signed_by(key)

    async def submit() -> None:
        async with broker_as(homes["alpha"], keys[0], place.address) as broker:
            await broker.submit_entry(proposal.signed.encode())

    try:
        asyncio.run(submit())
    except AgencyError as error:
        return error.reason.value
    return ""


def test_a_book_is_checked_compared_signed_by_two_and_in_force(
    place: Place, book: Path, tmp_path: Path
) -> None:
    shell, alpha = place.shell, place.alpha
    known = versions(place, alpha)
    checked = shell.did(*RULES, "check", book)
    assert (checked["failed"], checked["unproven"]) == ([], ["bg-pol.no-trends"])
    compared = shell.did(*RULES, "diff", str(known[-1]), book, "--home", alpha)
    assert compared["added"] == ["bg-pol.no-trends"]
    assert {(*one["agencies"], one["gains"]) for one in compared["differences"]} == {
        ("bg-pol", False)
    }
    done = place.signed_by_both(*RULES, "publish", book)
    assert done["in_force"]
    for home in (alpha, place.beta):
        assert versions(place, home) == [*known, known[-1] + 1]
    shown = shell.did(*RULES, "show", "--home", place.beta, "--html", tmp_path / "rules.html")
    assert (shown["version"], shown["signed_by"]) == (known[-1] + 1, ["alpha", "beta"])
    assert shown["digest"] == checked["digest"]
    assert "We take no trend reports." in (tmp_path / "rules.html").read_text()
    again = tmp_path / "again"
    shell.did(*RULES, "show", "--folder", again, "--home", place.beta)
    assert (again / "agencies" / "bg-pol" / "in.cedar").read_text() == OVERLAY
    (tmp_path / "draft.json").write_text(json.dumps(TREND))
    status = shell.did("status", *place.profile("gr-pol"))
    assert (status["rule_book_version"], status["findings"]) == (known[-1] + 1, 0)
    preview = shell.did(
        *["preview", tmp_path / "draft.json", "--topic", "trafficking/cases"],
        *place.profile("gr-pol"),
    )["notices"][0]
    assert preview["not"]["bg-pol"] == "We take no trend reports."


# Refusals.


def test_a_book_that_breaks_the_lint_is_not_proposed(place: Place, book: Path) -> None:
    overlay = book / "agencies" / "bg-pol" / "in.cedar"
    overlay.write_text(OVERLAY.replace("forbid", "permit"))
    known = versions(place, place.alpha)
    for act in ("check", "publish"):
        options = place.at(place.alpha) if act == "publish" else ()
        ran = place.shell.tocsin(*RULES, act, book, *options, "--json")
        assert (ran.code, ran.failure["reason"]) == (10, "BOOK_INVALID")
    assert not list((place.alpha / "pending").iterdir())
    assert versions(place, place.alpha) == known


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        pytest.param(OVERLAY.replace("forbid", "permit"), "INVALID_ARGUMENT", id="permits"),
        pytest.param(OVERLAY.replace('"bg-pol.', '"gr-pol.'), "INVALID_ARGUMENT", id="another's"),
        pytest.param(OVERLAY.replace('"TREND"', '"RUMOUR"'), "INVALID_ARGUMENT", id="no word"),
    ],
)
def test_a_book_that_two_stewards_signed_with_other_tools_is_refused_by_the_broker(
    rules: str, reason: str, place: Place
) -> None:
    known = versions(place, place.alpha)
    files = {**standard_sources(), "agencies/bg-pol/in.cedar": rules}
    assert submitted(place, files, known[-1] + 1, SIGNERS) == reason
    assert versions(place, place.alpha) == known


def test_one_signature_is_not_enough_for_the_broker(place: Place) -> None:
    known = versions(place, place.alpha)
    files = {**standard_sources(), "agencies/bg-pol/in.cedar": OVERLAY}
    assert submitted(place, files, known[-1] + 1, ["alpha"]) == "NOT_ENOUGH_SIGNATURES"
    assert versions(place, place.alpha) == known


@pytest.mark.parametrize("ahead", [0, -1, 2], ids=["that in force", "an older one", "one ahead"])
def test_another_version_than_the_next_is_refused(ahead: int, place: Place) -> None:
    known = versions(place, place.alpha)
    number = max(known[-1] + ahead, 1)
    assert submitted(place, dict(standard_sources()), number, SIGNERS) == "INVALID_ARGUMENT"
    assert versions(place, place.alpha) == known


def test_of_two_books_of_one_version_the_second_is_refused(
    place: Place, book: Path, tmp_path: Path
) -> None:
    shell = place.shell
    known = versions(place, place.alpha)
    versions(place, place.beta)
    first = proposed(place, place.alpha, book, "first.json")
    (book / "agencies" / "bg-pol" / "in.cedar").unlink()
    second = proposed(place, place.beta, book, "second.json")
    assert shell.did("steward", "sign", first, "--yes", *place.at(place.beta))["in_force"]
    ran = shell.tocsin("steward", "sign", second, "--yes", *place.at(place.alpha), "--json")
    assert ran.code != 0
    assert ran.failure["reason"] in {"DIRECTORY_CONFLICT", "INVALID_ARGUMENT"}
    assert versions(place, place.alpha) == [*known, known[-1] + 1]
    shown = shell.did(*RULES, "show", "--home", place.alpha)
    assert "bg-pol.no-trends" in [one["id"] for one in shown["rules"]]
