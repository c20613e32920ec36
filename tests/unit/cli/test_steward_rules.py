# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward rules`: what is checked, compared, signed and shown, and what is refused."""

import json
import shutil
import time
from pathlib import Path

import pytest

from agency_client.cli.app import run
from agency_client.services.steward import BrokerDescriptor, Proposal, propose_entry
from agency_client.services.steward_home import StewardHome
from keys.directory import RuleBookEntry
from policy import standard_book
from policy.sources import SCENARIOS, SCHEMA, WHOLE, merged, split
from policy.standard import standard_sources
from tests.simulator.federation import TOPIC, build_federation

PASSPHRASE = "an invented passphrase"
STANDARD = standard_sources()
OVERLAY = """\
@id("ro-pol.no-trends")
@says("We take <b>no</b> trend reports.")
@basis("National order 7 & 8")
forbid (principal == Tocsin::Agency::"ro-pol", action == Tocsin::Action::"deliver",
        resource is Tocsin::Notice)
when { resource.noticeType == Tocsin::NoticeType::"TREND" };
"""


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stewards' folder; the federation has the standard book, a topic and two agencies."""
    schema, policies = standard_book()
    world, now = build_federation(["gr-pol", "ro-pol"]), time.time_ns() // 1_000_000
    topic = world.directory.topic(TOPIC)
    assert topic is not None
    made = StewardHome(tmp_path_factory.mktemp("steward"))
    made.create(
        name="Test",
        keys=[made.new_key(name, PASSPHRASE, now) for name in ("alpha", "beta")],
        others=(),
        threshold=2,
        broker=BrokerDescriptor(
            log_origin=world.broker.origin,
            log_key=world.broker.log_key,
            tls_root=world.broker.tls_root.certificate,
        ),
        now=now,
        entries=[
            RuleBookEntry(version=1, schema=schema, policies=policies),
            topic,
            *(one.entry for one in world.agencies.values()),
        ],
    )
    return made.path


@pytest.fixture
def home(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StewardHome:
    secret = tmp_path / "pass.txt"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    shutil.copytree(founded, tmp_path / "steward")
    monkeypatch.setenv("TOCSIN_PASSPHRASE_FILE", str(secret))
    monkeypatch.setenv("TOCSIN_STEWARD_HOME", str(tmp_path / "steward"))
    return StewardHome(tmp_path / "steward")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The standard book's folder with an overlay of ro-pol's."""
    assert run(["steward", "rules", "new", str(tmp_path / "book")]) == 0
    overlay = tmp_path / "book" / "agencies" / "ro-pol" / "in.cedar"
    overlay.parent.mkdir(parents=True)
    overlay.write_text(OVERLAY)
    return tmp_path / "book"


def rules(*arguments: object) -> int:
    return run(["steward", "rules", *map(str, arguments), "--json"])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def version(home: StewardHome) -> int:
    book = home.bundle().directory.rule_book
    return book.version if book else 0


def test_the_standard_book_passes_and_each_of_its_rules_is_proven(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rules("new", tmp_path / "book") == 0
    capsys.readouterr()
    assert rules("check", tmp_path / "book") == 0
    document = told(capsys)
    assert (document["failed"], document["unproven"]) == ([], [])


def test_a_rule_that_no_scenario_shows_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert rules("check", folder) == 0
    assert told(capsys)["unproven"] == ["ro-pol.no-trends"]


BROKEN = {
    "an overlay that permits": ("agencies/ro-pol/in.cedar", "forbid", "permit"),
    "a forbid with a typo": ("core/core.cedar", 'Tlp::"RED" }', 'Tlp::"REDD" }'),
    "an attribute nobody knows": ("core/core.cedar", "resource.sanitised", "resource.sanitized"),
    "two rules of one id": ("core/core.cedar", "F02-tlp-red-officer", "F03-tlp-red-no-onward"),
    "a rule without a sentence": ("core/core.cedar", '@says("TLP:RED is never', '@sais("'),
    "no rules but a picture": ("core/picture.png", "", ""),
    "scenarios that do not read": (SCENARIOS, '"cases"', '"case"'),
    "a lost schema": (SCHEMA, "entity Agency", "entity Bureau"),
}


@pytest.mark.parametrize(("name", "old", "new"), BROKEN.values(), ids=BROKEN)
def test_a_broken_book_is_not_published(
    name: str, old: str, new: str, home: StewardHome, folder: Path
) -> None:
    path = folder / name
    text = path.read_text() if path.exists() else ""
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert rules("check", folder) == 10
    assert rules("publish", folder) == 10
    assert version(home) == 1


def test_a_book_that_decides_a_scenario_otherwise_is_not_published(
    home: StewardHome, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    core = folder / WHOLE
    core.write_text(core.read_text().replace('Kind::"NGO"', 'Kind::"IGO"', 1))
    capsys.readouterr()
    assert rules("check", folder) == 10
    failed = told(capsys)["failed"]
    assert isinstance(failed, list)
    assert [one["case"] for one in failed] == ["NGO no raw", "NGO sanitised but wrong topic"]
    assert rules("publish", folder) == 10
    assert version(home) == 1


def test_two_stewards_sign_the_next_version_and_every_version_is_kept(
    home: StewardHome, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rules("publish", folder) == 0
    assert version(home) == 2
    capsys.readouterr()
    assert rules("history") == 0
    versions = told(capsys)["versions"]
    assert isinstance(versions, list)
    assert [(one["version"], one["signed_by"]) for one in versions] == [
        (1, ["alpha", "beta"]),
        (2, ["alpha", "beta"]),
    ]
    assert rules("show", "--version", "2", "--folder", tmp_path / "again") == 0
    again = {
        path.relative_to(tmp_path / "again").as_posix(): path.read_text()
        for path in (tmp_path / "again").rglob("*")
        if path.is_file()
    }
    assert again == {**STANDARD, "agencies/ro-pol/in.cedar": OVERLAY}
    assert rules("show", "--version", "1", "--folder", tmp_path / "again") == 6


def test_one_steward_alone_leaves_a_proposal(home: StewardHome, folder: Path) -> None:
    assert rules("publish", folder, "--as", "alpha") == 8
    assert version(home) == 1
    (pending,) = (home.path / "pending").iterdir()
    assert run(["steward", "sign", str(pending), "--as", "beta", "--yes"]) == 0
    assert version(home) == 2


def propose(home: StewardHome, path: Path, files: dict[str, str], number: int = 2) -> Path:
    """Have one steward sign a book with other tools."""
    schema, policies = merged(files)
    entry = RuleBookEntry(version=number, schema=schema, policies=policies)
    now = time.time_ns() // 1_000_000
    proposal = propose_entry(home.bundle().directory, entry, now)
    path.write_text(proposal.signed_by(home.key("alpha", PASSPHRASE)).text())
    return path


def sign(path: Path) -> int:
    return run(["steward", "sign", str(path), "--as", "beta", "--yes"])


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {**STANDARD, "agencies/ro-pol/in.cedar": OVERLAY.replace("forbid", "permit")},
            id="an overlay that permits",
        ),
        pytest.param(
            {**STANDARD, WHOLE: STANDARD[WHOLE].replace('Kind::"NGO"', 'Kind::"IGO"')},
            id="a scenario decided otherwise",
        ),
    ],
)
def test_the_second_steward_s_program_checks_the_book_too(
    files: dict[str, str], home: StewardHome, tmp_path: Path
) -> None:
    assert sign(propose(home, tmp_path / "proposal.json", files)) == 2
    assert version(home) == 1


@pytest.mark.parametrize("number", [1, 3])
def test_a_book_of_another_number_than_the_next_is_refused(
    number: int, home: StewardHome, tmp_path: Path
) -> None:
    path = propose(home, tmp_path / "proposal.json", dict(STANDARD), number)
    assert sign(path) != 0
    assert version(home) == 1


def test_of_two_books_of_one_version_the_second_is_refused(
    home: StewardHome, tmp_path: Path
) -> None:
    other = {**STANDARD, "agencies/ro-pol/in.cedar": OVERLAY}
    first = propose(home, tmp_path / "first.json", dict(STANDARD))
    second = propose(home, tmp_path / "second.json", other)
    assert sign(first) == 0
    assert sign(second) != 0
    book = home.bundle().directory.rule_book
    assert book is not None
    assert (book.version, dict(split(book.schema, book.policies))) == (2, dict(STANDARD))
    assert len(Proposal.parse(second.read_text()).signed.signatures) == 1


def test_who_loses_what_is_told(
    home: StewardHome, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    capsys.readouterr()
    assert rules("diff", "1", folder) == 0
    document = told(capsys)
    assert document["added"] == ["ro-pol.no-trends"]
    because = "We take <b>no</b> trend reports. (ro-pol.no-trends)"
    assert document["differences"] == [
        {"agencies": ["ro-pol"], "gains": False, "what": what, "because": because}
        for what in (
            "receive TREND notices at TLP:AMBER, AMBER+STRICT, CLEAR, GREEN, when not named",
            "receive TREND notices, when named",
        )
    ]
    assert rules("diff", folder, folder) == 0
    assert told(capsys)["differences"] == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("diff", "1", "9"), 3),
        (("diff", "1", "no-such-folder"), 3),
        (("diff", "1", "1", "--topic", "no/such"), 3),
        (("show", "--version", "9"), 3),
        (("show", "--version", "0"), 2),
        (("check", "no-such-folder"), 3),
    ],
)
def test_what_is_not_there_is_told(line: tuple[str, ...], code: int, home: StewardHome) -> None:
    del home
    assert rules(*line) == code


def test_the_page_has_every_rule_with_its_proof_and_nothing_that_runs(
    home: StewardHome, folder: Path, tmp_path: Path
) -> None:
    assert rules("publish", folder) == 0
    assert rules("show", "--html", tmp_path / "rules.html") == 0
    page = (tmp_path / "rules.html").read_text()
    assert "We take &lt;b&gt;no&lt;/b&gt; trend reports." in page
    assert "Basis: National order 7 &amp; 8" in page
    assert "TLP:RED is never shared onward." in page
    assert "<td>RED is never passed on</td>" in page
    assert "<script" not in page.lower()
    assert page.count("No scenario of the book shows this rule.") == 1
    assert version(home) == 2
