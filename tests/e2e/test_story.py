# SPDX-License-Identifier: Apache-2.0
"""A liaison officer's day at the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import TOPIC, Federation

pytestmark = pytest.mark.e2e

MISSING = {
    "type": "MISSING_PERSON",
    "tlp": "AMBER",
    "mode": "EXERCISE",
    "title": "Missing since Tuesday",
    "persons": [
        {
            "status": "MISSING",
            "name": "Παπαδόπουλος",
            "forename": "Άννα",
            "aliases": [{"name": "Papadopoulos", "kind": "name in Latin script"}],
        }
    ],
}
REQUEST = {
    "type": "REQUEST",
    "tlp": "AMBER",
    "mode": "TEST",
    "kind": "VEHICLE_CHECK",
    "question": "Whose white van is this?",
    "reasons": "Seen at two farms.",
}


def publish(federation: Federation, record: dict[str, Any], *options: str) -> str:
    """Publish a record and return its reference."""
    given = json.dumps(record).encode()
    told = federation.shell.did("publish", "-", "--topic", TOPIC, *options, given=given)
    assert told["accepted"] == 1
    (notice,) = told["notices"]
    return str(notice["reference"])


def receive(federation: Federation, *profile: str) -> int:
    """Receive what is waiting and return how many notices came."""
    told = federation.shell.did("watch", "trafficking/#", "--once", *profile)
    assert told["findings"] == []
    return int(told["notices"])


def findings(federation: Federation) -> list[list[dict[str, Any]]]:
    profiles = (federation.greek, federation.bulgarian)
    return [federation.shell.did("audit", "findings", *at)["findings"] for at in profiles]


@pytest.fixture(scope="module", autouse=True)
def found_before(federation: Federation) -> list[list[dict[str, Any]]]:
    """What other stories of this federation left: an originator is told of a break-glass."""
    for profile in (federation.greek, federation.bulgarian):
        receive(federation, *profile)
    return findings(federation)


def shown(federation: Federation, reference: str, *profile: str) -> dict[str, Any]:
    return federation.shell.did("show", reference, *profile)


def test_a_notice_is_received_found_in_another_script_read_and_dealt_with(
    federation: Federation,
) -> None:
    shell, profile = federation.shell, federation.bulgarian
    reference = publish(federation, MISSING, *federation.greek)
    receive(federation, *profile)
    for words in ("Παπαδοπουλος", "παπαδόπουλος άννα", "Papadopoulos"):
        found = shell.did("search", words, *profile)["notices"]
        assert reference in [one["reference"] for one in found], words
    page = shell.tocsin("show", reference, "--purpose", "INVESTIGATION", *profile)
    assert "Άννα" in page.out
    assert page.out.startswith("=== EXERCISE  TLP:AMBER  MISSING_PERSON notice")
    shell.did("ack", reference, "--by", "duty desk", *profile)
    assert shown(federation, reference, *profile)["acknowledged_by"] == "duty desk"
    new = shell.did("inbox", "--new", *profile)["notices"]
    assert reference not in [one["reference"] for one in new]


def test_a_request_is_answered_and_the_answer_names_it(federation: Federation) -> None:
    request = publish(federation, REQUEST, *federation.greek)
    receive(federation, *federation.bulgarian)
    reply = {
        "type": "REPLY",
        "tlp": "AMBER",
        "mode": "TEST",
        "in_reply_to": request,
        "outcome": "ANSWERED",
        "summary": "A hire company's.",
    }
    answer = publish(federation, reply, "--to", "gr-pol", *federation.bulgarian)
    receive(federation, *federation.greek)
    assert shown(federation, answer, *federation.greek)["content"]["in_reply_to"] == request


def test_a_superseded_notice_says_so_on_every_view(federation: Federation) -> None:
    shell, profile = federation.shell, federation.bulgarian
    old = publish(federation, REQUEST, *federation.greek)
    receive(federation, *profile)
    new = publish(federation, {**REQUEST, "supersedes": [old]}, *federation.greek)
    receive(federation, *profile)
    for at in (profile, federation.greek):
        document = shown(federation, old, *at)
        assert (document["state"], document["superseded_by"]) == ("superseded", new)
        assert f"!!! SUPERSEDED: read {new} instead" in shell.tocsin("show", old, *at).out
        (row,) = [line for line in shell.tocsin("inbox", *at).out.splitlines() if old in line]
        assert "SUPERSEDED" in row
        current = shell.did("inbox", "--current", *at)["notices"]
        assert old not in [one["reference"] for one in current]
        assert new in [one["reference"] for one in current]


def test_every_view_says_whether_it_is_an_exercise(federation: Federation) -> None:
    shell, at, modes = federation.shell, federation.greek, ("ACTUAL", "EXERCISE", "TEST")
    given = json.dumps([{**REQUEST, "mode": mode} for mode in modes]).encode()
    preview = shell.tocsin("preview", "-", "--topic", TOPIC, *at, given=given).out
    told = shell.did("publish", "-", "--topic", TOPIC, *at, given=given)
    ids = dict(zip([one["reference"] for one in told["notices"]], modes, strict=True))
    for mode in modes:
        assert any(line.split("  ")[1] == mode for line in preview.splitlines())
    for arguments in (("inbox",), ("search", "white van"), ("ack", *ids)):
        lines = shell.tocsin(*arguments, *at).out.splitlines()
        for reference, mode in ids.items():
            (row,) = [line for line in lines if reference in line]
            assert mode in row, arguments
    for reference, mode in ids.items():
        page = shell.tocsin("show", reference, *at).out.splitlines()
        assert page[0] == page[-1]
        assert page[0].startswith(f"=== {mode}  TLP:AMBER  REQUEST notice")
        assert shown(federation, reference, *at)["mode"] == mode


def test_a_file_travels_with_a_notice(federation: Federation, tmp_path: Path) -> None:
    shell, profile = federation.shell, federation.bulgarian
    photo, notice = tmp_path / "photo.jpg", tmp_path / "notice.json"
    photo.write_bytes(bytes(range(256)) * 500)
    notice.write_text(json.dumps(REQUEST))
    told = shell.did("attach", notice, photo, "--topic", TOPIC, *federation.greek)
    (published,) = told["notices"]
    receive(federation, *profile)
    listed = shown(federation, published["reference"], *profile)["attachments"]
    assert [(one["name"], one["bytes"]) for one in listed] == [("photo.jpg", 128_000)]
    saved = tmp_path / "saved.jpg"
    save = ("save", published["reference"], "photo.jpg", "--output", saved)
    assert shell.did(*save, *profile)["bytes"] == 128_000
    assert saved.read_bytes() == photo.read_bytes()
    again = shell.tocsin(*save, "--json", *profile)
    assert (again.code, again.failure["reason"]) == (6, "FILE_EXISTS")
    missing = shell.tocsin("save", published["reference"], "x.jpg", "--json", *profile)
    assert (missing.code, missing.failure["reason"]) == (3, "ATTACHMENT_UNKNOWN")


def test_a_locked_agency_is_told_so_everywhere(federation: Federation) -> None:
    shell, at = federation.shell, federation.bulgarian
    act = ("--reason", "exercise", "--home", shell.folder / "steward")
    shell.did("steward", "lock", "bg-pol", *act, "--broker", federation.address)
    try:
        status = shell.tocsin("status", "--json", *at)
        assert (status.code, status.failure["reason"]) == (5, "AGENCY_LOCKED")
        assert (status.document["locked"], status.document["broker_reachable"]) == (True, True)
        topics = shell.tocsin("topics", "--json", *at)
        assert (topics.code, topics.failure["reason"]) == (5, "AGENCY_LOCKED")
        assert shell.tocsin("inbox", *at).code == 0
    finally:
        shell.did("steward", "unlock", "bg-pol", *act, "--broker", federation.address)
    assert shell.did("status", *at)["locked"] is False


def test_all_of_it_verifies(
    federation: Federation, found_before: list[list[dict[str, Any]]]
) -> None:
    for at in (federation.greek, federation.bulgarian):
        told = federation.shell.did("audit", "verify", *at)
        assert told["verdict"] == "verified"
    assert findings(federation) == found_before


def test_whoever_waits_for_a_long_log_sees_how_far_it_is(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = ("audit", "verify", *federation.greek)
    assert federation.shell.tocsin(*verify, watched=True).err == ""
    monkeypatch.setattr("agency_client.cli.audit._LONG_LOG", 1)
    assert "reading the log" in federation.shell.tocsin(*verify, watched=True).err
    assert federation.shell.tocsin(*verify).err == ""
