# SPDX-License-Identifier: Apache-2.0
"""An agency joins as the documents say: invited, compared by words, admitted by two, confirmed.

Each step is first tried as somebody would who exchanged something on the way.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.programs import Ran, Shell
from tests.e2e.stewards import Place, founded, invite, joined

pytestmark = pytest.mark.e2e

FOREIGN = "abandon ability able about above absent"
DAY = 86_400


@pytest.fixture(scope="module")
def place(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with founded(shell, tmp_path_factory.mktemp("members")) as place:
        yield place


@pytest.fixture(scope="module")
def greek(place: Place) -> Place:
    """The place with a Greek member that has confirmed its entry."""
    joined(place, "gr-pol")
    place.shell.did("card", "set", "--phone", "+30 210 0000000", *place.profile("gr-pol"))
    return place


def refused(ran: Ran, reason: str) -> str:
    assert ran.code != 0
    assert ran.failure["reason"] == reason
    return str(ran.failure["message"])


def test_an_invitation_with_other_words_makes_no_keys(place: Place) -> None:
    file = invite(place.shell, place.folder, place.address, "mk-pol")["file"]
    options = ["--country", "MK", "--kind", "POLICE", *place.profile("mk-pol")]
    ran = place.shell.tocsin(
        *["init", "mk-pol", *options, "--invitation", file, "--words", FOREIGN, "--json"]
    )
    refused(ran, "WORDS_DIFFER")
    assert not (place.folder / "mk-pol").exists()


def test_an_invitation_is_for_the_agency_it_names(place: Place) -> None:
    file = invite(place.shell, place.folder, place.address, "mk-pol")["file"]
    options = ["--country", "AL", "--kind", "POLICE", *place.profile("al-pol")]
    ran = place.shell.tocsin("init", "al-pol", *options, "--invitation", file, "--yes", "--json")
    assert "it invites mk-pol" in refused(ran, "INVITATION_INVALID")
    assert not (place.folder / "al-pol").exists()


def test_an_invitation_changed_on_the_way_is_refused(place: Place) -> None:
    path = Path(invite(place.shell, place.folder, place.address, "mk-pol")["file"])
    document = json.loads(path.read_text())
    other = json.loads(
        Path(invite(place.shell, place.folder, "127.0.0.1:1", "mk-pol")["file"]).read_text()
    )
    path.write_text(json.dumps({**document, "invitation": other["invitation"]}))
    options = ["--country", "MK", "--kind", "POLICE", *place.profile("mk-pol")]
    ran = place.shell.tocsin("init", "mk-pol", *options, "--invitation", path, "--yes", "--json")
    refused(ran, "INVITATION_INVALID")


def test_an_invited_agency_joins_no_other_federation(place: Place, shell: Shell) -> None:
    file = invite(place.shell, place.folder, place.address, "si-pol")["file"]
    place.init("si-pol", "--invitation", file, "--words", place.words)
    other = place.folder / "other"
    shell.did(
        *["steward", "create-federation", "--home", other, "--name", "Other", "--as", "gamma"],
        *["--broker", place.folder / "broker" / "broker.json"],
    )
    ran = shell.tocsin("enrol", other / "federation.json", *place.profile("si-pol"), "--json")
    refused(ran, "FEDERATION_MISMATCH")


def test_a_request_with_other_words_is_admitted_by_neither_steward(place: Place) -> None:
    made = place.init("it-pol", "--name", "Police it-pol")
    read_out = place.shell.did("card", "words", *place.profile("it-pol"))["words"]
    assert read_out == made["words"]
    before = (place.alpha / "federation.json").read_bytes()
    admit = ("steward", "admit", made["request"], "--circle", "police", "--home", place.alpha)
    refused(place.shell.tocsin(*admit, "--words", FOREIGN, "--json"), "WORDS_DIFFER")
    assert not list((place.alpha / "pending").iterdir())
    unasked = place.shell.tocsin(*admit, "--json")
    refused(unasked, "CONFIRMATION_NEEDED")
    assert made["words"] not in unasked.err
    assert (place.alpha / "federation.json").read_bytes() == before


def test_the_second_steward_compares_words_too(greek: Place) -> None:
    made = greek.init("es-pol", "--name", "Police es-pol")
    admit = ("steward", "admit", made["request"], "--circle", "police", "--words", made["words"])
    proposed = greek.shell.tocsin(*admit, *greek.at(greek.alpha), "--json")
    pending = Path(proposed.document["pending"])
    sign = ("steward", "sign", pending, *greek.at(greek.beta), "--json")
    refused(greek.shell.tocsin(*sign, "--words", FOREIGN), "WORDS_DIFFER")
    size = greek.size()
    pending.unlink()
    assert "es-pol" not in json.dumps(greek.shell.did("steward", "directory", "--home", greek.beta))
    assert greek.size() == size


def test_a_card_is_seen_and_confirms_until_the_stewards_change_the_entry(greek: Place) -> None:
    at = greek.profile("gr-pol")
    assert greek.shell.did("card", "show", *at)["entry"] == "YES"
    act = ("steward", "rename", "gr-pol", "--name", "Hellenic Police")
    assert greek.signed_by_both(*act)["in_force"]
    shown = greek.shell.did("card", "show", *at)
    assert (shown["entry"], shown["name"]) == ("EARLIER", "Hellenic Police")
    assert greek.shell.did("card", "set", *at)["card"]["phone"] == "+30 210 0000000"
    assert greek.shell.did("status", *at)["membership"]["entry"] == "YES"


def test_a_card_that_cannot_stand_is_told(greek: Place) -> None:
    at = (*greek.profile("gr-pol"), "--json")
    refused(greek.shell.tocsin("card", "set", "--time-zone", "Mars", *at), "INVALID_ARGUMENT")
    refused(greek.shell.tocsin("card", "set", "--language", "XX", *at), "USAGE")


def test_partners_compare_words_and_are_told_who_is_new(greek: Place) -> None:
    at = greek.profile("gr-pol")
    shell = greek.shell
    shell.tocsin("partners", "ls", *at)
    joined(greek, "bg-pol")
    (news,) = shell.did("status", *at)["news"]
    assert (news["kind"], news["agency"]) == ("joined", "bg-pol")
    assert "new member bg-pol" in shell.tocsin("partners", "ls", *at).err
    assert "new member" not in shell.tocsin("status", *at).out
    words = shell.did("card", "show", *greek.profile("bg-pol"))["words"]
    shown = shell.did("partners", "show", "bg-pol", *at)
    assert (shown["words"], shown["entry"]) == ("NO", "NO")
    assert words not in json.dumps(shown)
    verify = ("partners", "verify", "bg-pol", *at)
    refused(shell.tocsin(*verify, "--words", FOREIGN, "--json"), "WORDS_DIFFER")
    assert shell.did(*verify, "--words", words)["words"] == "YES"
    assert [one["words"] for one in shell.did("partners", "ls", *at)["partners"]] == ["YES"]
    refused(shell.tocsin("partners", "show", "gr-pol", *at, "--json"), "INVALID_ARGUMENT")
    refused(shell.tocsin("partners", "show", "xx-pol", *at, "--json"), "NOT_FOUND")


def test_an_operation_has_dates_and_members_and_its_end_is_told(greek: Place) -> None:
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * DAY))
    made = ("steward", "operation", "JO ADRIA", "--title", "Coast", "--from", "2026-01-01")
    assert greek.signed_by_both(*made, "--until", soon)["in_force"]
    assert greek.signed_by_both("steward", "member", "gr-pol", "--join", "JO ADRIA")["in_force"]
    ran = greek.shell.tocsin("status", *greek.profile("gr-pol"))
    (line,) = [one for one in ran.out.splitlines() if one.startswith("operation")]
    assert soon in line
    assert "SOON" in line
    greek.size()
    (agency,) = [
        one
        for one in greek.shell.did("steward", "directory", "--home", greek.alpha)["agencies"]
        if one["agency"] == "gr-pol"
    ]
    assert agency["operations"] == f"JO ADRIA until {soon}"
    act = ("steward", "member", "gr-pol", "--join", "JO X", *greek.at(greek.alpha), "--json")
    refused(greek.shell.tocsin(*act), "NOT_FOUND")


def test_stewards_elsewhere_are_told_by_their_words_and_only_those_of_the_root_sign(
    shell: Shell, place: Place, tmp_path: Path
) -> None:
    made = {
        name: shell.did("steward", "new-key", name, "--home", tmp_path / name)
        for name in ("bob", "cyd", "eve")
    }
    others = [one for name in ("bob", "cyd") for one in ("--with", made[name]["public_file"])]
    about = ["--name", "Three", "--as", "ada", "--home", tmp_path / "ada", *others]
    descriptor = place.folder / "broker" / "broker.json"
    founded = shell.tocsin("steward", "create-federation", *about, "--broker", descriptor)
    for name in ("bob", "cyd"):
        assert f"steward {name}: {made[name]['words']}" in founded.err
    root = tmp_path / "ada" / "pending" / "root.json"
    refused = shell.tocsin("steward", "sign", root, "--home", tmp_path / "eve", "--yes", "--json")
    assert refused.failure["message"] == "eve is no steward of this federation with these keys"
    signed = shell.tocsin("steward", "sign", root, "--home", tmp_path / "bob", "--yes")
    assert signed.code == 0
    assert f"steward cyd: {made['cyd']['words']}" in signed.err
    assert "the other stewards put a copy" in signed.err


def test_keys_of_somebody_who_is_no_steward_sign_nothing(place: Place) -> None:
    place.shell.did("steward", "new-key", "mallory", "--home", place.alpha)
    act = ["steward", "lock", "gr-pol", "--reason", "exercise", *place.at(place.alpha)]
    before = place.size()
    refused = place.shell.tocsin(*act, "--as", "mallory", "--json")
    assert refused.failure["message"] == "mallory is no steward of this federation with these keys"
    assert place.size() == before
    topic = ["steward", "topic", "a/b", "--readers", "x", "--publishers", "x"]
    ran = place.shell.tocsin(*topic, *place.at(place.alpha), "--json")
    assert ran.document["signatures"] == 1
    Path(ran.document["pending"]).unlink()
    (place.alpha / "mallory.key").unlink()
