# SPDX-License-Identifier: Apache-2.0
"""Officers at the command line: nothing is shown without a reason, nor to whom the rules refuse."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.conftest import TOPIC, Federation
from tests.e2e.programs import Shell
from tests.e2e.test_story import MISSING, publish, receive

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A profile with officers, and a notice that it keeps."""

    shell: Shell
    profile: tuple[str, str]
    reference: str

    def add(self, name: str, *options: str) -> str:
        """Enter an officer with a passphrase of their own; return where that is."""
        path = self.shell.folder / f"{name}.txt"
        path.touch(mode=0o600)
        path.write_text(f"the passphrase of {name}\n")
        secret = ("--officer-passphrase-file", str(path))
        self.shell.did("officers", "add", name, *options, *secret, *self.profile)
        return str(path)


@pytest.fixture
def desk(federation: Federation, tmp_path: Path) -> Desk:
    """A copy of the Bulgarian profile: officers in the one of all tests would be in their way."""
    reference = publish(federation, MISSING, *federation.greek)
    receive(federation, *federation.bulgarian)
    copy = tmp_path / "bg-pol"
    shutil.copytree(federation.shell.folder / "bg-pol", copy)
    shell = replace(federation.shell, folder=tmp_path)
    return Desk(shell=shell, profile=("--profile", str(copy)), reference=reference)


def without(shell: Shell, *names: str) -> Shell:
    kept = {name: value for name, value in shell.environment.items() if name not in names}
    return replace(shell, environment=kept)


@pytest.mark.parametrize("name", ["TOCSIN_PURPOSE", "TOCSIN_CASE"])
@pytest.mark.parametrize("command", ["inbox", "show", "search", "ack", "save", "watch", "preview"])
def test_nothing_is_shown_before_it_is_said_why(name: str, command: str, desk: Desk) -> None:
    arguments = {
        "inbox": (),
        "search": ("van",),
        "save": (desk.reference, "photo.jpg"),
        "watch": ("#",),
        "preview": (str(desk.shell.folder / "none.json"),),
    }.get(command, (desk.reference,))
    (desk.shell.folder / "none.json").write_text("{}")
    shell = without(desk.shell, name)
    ran = shell.tocsin(command, *arguments, "--json", *desk.profile)
    assert (ran.code, ran.failure["reason"]) == (2, "PURPOSE_NEEDED")
    assert f"--{name.removeprefix('TOCSIN_').lower()}" in ran.failure["advice"]


def test_purpose_and_case_may_be_settings_of_the_profile(desk: Desk) -> None:
    config = Path(desk.profile[1]) / "config.toml"
    config.write_text(config.read_text() + 'purpose = "INVESTIGATION"\ncase = "2026/7"\n')
    shell = without(desk.shell, "TOCSIN_PURPOSE", "TOCSIN_CASE")
    assert shell.did("show", desk.reference, *desk.profile)["reference"] == desk.reference
    config.write_text(config.read_text().replace("INVESTIGATION", "CURIOSITY"))
    ran = shell.tocsin("show", desk.reference, "--json", *desk.profile)
    assert ran.failure["reason"] == "PROFILE_INVALID"


def test_an_officer_reads_what_the_rules_let_that_officer_read(desk: Desk) -> None:
    shell, profile = desk.shell, desk.profile
    desk.add("maria", "--role", "analyst", "--clearance", "1")
    assert shell.did("show", desk.reference, *profile)["reference"] == desk.reference
    refused = shell.tocsin("show", desk.reference, "--purpose", "STATISTICS", "--json", *profile)
    assert refused.failure["reason"] == "UNKNOWN_NOTICE"
    listed = shell.did("inbox", "--purpose", "STATISTICS", *profile)["notices"]
    assert listed == []
    assert shell.did("search", "Παπαδοπουλος", "--purpose", "statistics", *profile)["notices"] == []


def test_which_officer_it_is_has_to_be_said_where_there_are_several(desk: Desk) -> None:
    shell, profile = desk.shell, desk.profile
    desk.add("maria", "--role", "ANALYST")
    desk.add("ivan", "--role", "ANALYST")
    ran = shell.tocsin("inbox", "--json", *profile)
    assert (ran.code, ran.failure["reason"]) == (2, "OFFICER_NEEDED")
    assert shell.did("inbox", "--as", "ivan", *profile)["notices"]
    assert shell.tocsin("inbox", "--as", "nobody", "--json", *profile).failure["reason"] == (
        "OFFICER_UNKNOWN"
    )
    shell.did("officers", "suspend", "ivan", *profile)
    ran = shell.tocsin("inbox", "--as", "ivan", "--json", *profile)
    assert (ran.code, ran.failure["reason"]) == (5, "OFFICER_REFUSED")
    shell.did("officers", "restore", "ivan", *profile)
    assert shell.did("inbox", "--as", "ivan", *profile)["notices"]


def test_the_register_is_listed_without_anything_secret(desk: Desk) -> None:
    desk.add("maria", "--role", "LIAISON", "--role", "SUPERVISOR", "--vetted-until", "2027-06-30")
    (officer,) = desk.shell.did("officers", "ls", *desk.profile)["officers"]
    assert (officer["name"], officer["roles"]) == ("maria", ["LIAISON", "SUPERVISOR"])
    assert officer["vetted_until"].startswith("2027-06-30")
    assert not {"sealed_key", "approval_key"} & officer.keys()


def test_an_officers_passphrase_has_to_be_there_and_private(desk: Desk) -> None:
    open_to_all = desk.shell.folder / "open.txt"
    open_to_all.write_text("x\n")
    open_to_all.chmod(0o644)
    add = ["officers", "add", "maria", "--role", "ANALYST", "--json", *desk.profile]
    assert desk.shell.tocsin(*add).failure["reason"] == "PASSPHRASE_NEEDED"
    ran = desk.shell.tocsin(*add, "--officer-passphrase-file", open_to_all)
    assert ran.failure["reason"] == "PASSPHRASE_FILE"
    assert desk.shell.did("officers", "ls", *desk.profile)["officers"] == []


def test_an_act_that_nobody_asked_for_is_not_approved(desk: Desk) -> None:
    secret = desk.add("eleni", "--role", "SUPERVISOR")
    assert desk.shell.did("acts", *desk.profile)["acts"] == []
    ran = desk.shell.tocsin(
        *["approve", "3f9a1c0d77b2", "--as", "eleni", "--json"],
        *["--officer-passphrase-file", secret, *desk.profile],
    )
    assert (ran.code, ran.failure["reason"]) == (3, "ACT_UNKNOWN")


def test_red_is_published_by_two(desk: Desk, federation: Federation) -> None:
    shell, profile = desk.shell, desk.profile
    desk.add("maria", "--role", "LIAISON")
    secret = desk.add("eleni", "--role", "SUPERVISOR")
    path = shell.folder / "red.json"
    path.write_text(json.dumps({**MISSING, "tlp": "RED", "title": "Two want it"}))
    publishing = ["publish", str(path), "--topic", TOPIC, "--to", "gr-pol", "--as", "maria"]
    ran = shell.tocsin(*publishing, "--json", *profile)
    assert ran.code == 5
    assert "tocsin publish --act" in ran.out
    (act,) = shell.did("acts", *profile)["acts"]
    assert (act["kind"], act["state"]) == ("release", "waiting")
    name = act["digest"][:12]
    shown = shell.did("acts", name, "--as", "eleni", *profile)["release"]
    assert (shown["notice"]["title"], shown["to"]) == ("Two want it", ["gr-pol"])
    early = shell.tocsin("publish", "--act", name, "--as", "maria", "--json", *profile)
    assert (early.code, "APPROVAL_NEEDED" in early.out) == (5, True)
    shell.did("approve", name, "--as", "eleni", "--officer-passphrase-file", secret, *profile)
    done = shell.did("publish", "--act", name, "--as", "maria", *profile)
    assert done["accepted"] == 1
    again = shell.tocsin("publish", "--act", name, "--as", "maria", "--json", *profile)
    assert "ALREADY_EXISTS" in again.out
    receive(federation, *federation.greek)
    got = shell.did("show", act["notice"], *federation.greek)
    assert got["content"]["title"] == "Two want it"


@pytest.mark.parametrize("given", [(), ("x.json", "--act", "3f9a1c0d77b2")])
def test_publishing_takes_files_or_an_act(given: tuple[str, ...], desk: Desk) -> None:
    assert desk.shell.tocsin("publish", *given, *desk.profile).code == 2


def test_break_glass_opens_at_once_and_is_reviewed_by_somebody_else(
    desk: Desk, federation: Federation
) -> None:
    shell, profile = desk.shell, desk.profile
    reference = publish(federation, {**MISSING, "purposes": ["PREVENTION"]}, *federation.greek)
    receive(federation, *profile)
    desk.add("duty", "--role", "DUTY_247")
    desk.add("eleni", "--role", "SUPERVISOR")
    show = ["show", reference, "--as", "duty", "--purpose", "THREAT_TO_LIFE", "--json", *profile]
    assert shell.tocsin(*show).failure["reason"] == "UNKNOWN_NOTICE"
    danger = ["--reason", "a child in danger", "--ticket", "4711"]
    refused = shell.tocsin("break-glass", reference, *danger, "--as", "eleni", "--json", *profile)
    assert (refused.code, refused.failure["reason"]) == (5, "OFFICER_REFUSED")
    opened = shell.did("break-glass", reference, *danger, "--as", "duty", *profile)
    assert opened["reference"] == reference
    (use,) = shell.did("review", *profile)["uses"]
    assert (use["notice"], use["opened_by"], use["reviewed_at"]) == (reference, "duty", "")
    assert shell.did("status", *profile)["people"]["break_glass_to_review"] == 1
    told = shell.tocsin("status", *profile).out
    assert "to review   1 break-glass, by " in told
    number = str(use["number"])
    by_duty = ["review", number, "--outcome", "fine", "--as", "duty", "--json", *profile]
    assert shell.tocsin(*by_duty).failure["reason"] == "OFFICER_REFUSED"
    reviewed = shell.did("review", number, "--outcome", "justified", "--as", "eleni", *profile)
    assert reviewed["use"]["reviewed_by"].startswith("eleni")
    assert shell.did("status", *profile)["people"]["break_glass_to_review"] == 0
    assert "nobody here" not in shell.tocsin("review", *profile).out


def test_a_review_says_what_was_found(desk: Desk) -> None:
    desk.add("eleni", "--role", "SUPERVISOR")
    ran = desk.shell.tocsin("review", "1", "--as", "eleni", "--json", *desk.profile)
    assert (ran.code, ran.failure["reason"]) == (2, "OUTCOME_NEEDED")
    ran = desk.shell.tocsin(
        "review", "1", "--outcome", "fine", "--as", "eleni", "--json", *desk.profile
    )
    assert (ran.code, ran.failure["reason"]) == (3, "ACT_UNKNOWN")


def test_who_looked_at_a_notice_is_read_by_a_supervisor_alone(desk: Desk) -> None:
    desk.add("maria", "--role", "LIAISON")
    desk.add("eleni", "--role", "SUPERVISOR")
    log = ["audit", "openings", *desk.profile]
    assert desk.shell.tocsin(*log, "--as", "maria", "--json").failure["reason"] == "OFFICER_REFUSED"
    desk.shell.did("inbox", *desk.profile, "--as", "maria")
    entries = desk.shell.did(*log, "--as", "eleni")["entries"]
    assert entries[0]["what"] == "list"
    assert entries[0]["who"].startswith("maria")
    again = desk.shell.did(*log, "--as", "eleni", "--limit", "1")["entries"]
    assert again[0]["what"] == "log"
