# SPDX-License-Identifier: Apache-2.0
"""Bad input at the command line: a stable reason, its exit code, what to do, and nothing lost."""

import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from agency_client.bootstrap.profile import open_keyring
from agency_client.errors import Reason
from agency_client.store.database import Database
from agency_client.store.locks import FileLocks
from agency_client.store.tables import SCHEMA_VERSION
from keys.tls import BROKER_NAME, CertifiedKey, issue_leaf, make_root
from tests.e2e.conftest import TOPIC, Federation
from tests.e2e.programs import Shell

pytestmark = pytest.mark.e2e

PASSPHRASE = "an invented passphrase"
GOOD = {"type": "FREE_TEXT", "tlp": "GREEN", "mode": "TEST", "title": "t", "text": "invented"}
SECRET = "Ελένη Επινόητη"
DAY = 86_400_000


def record(**changed: object) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


MISSING = {"type": "MISSING_PERSON", "tlp": "GREEN"}
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "truncated": (record()[:-5], "NOT_JSON"),
    "oversized": (record(text="x" * (1 << 20)), "RECORD_TOO_LARGE"),
    "nested": (b"[" * 100_000 + b"]" * 100_000, "TOO_DEEP"),
    "a key twice": (record()[:-1] + b', "title": "other"}', "REPEATED_KEY"),
    "not UTF-8": (record(title="é").replace(b"\\u00e9", b"\xe9"), "NOT_UTF8"),
    "UTF-16": (record().decode().encode("utf-16"), "NOT_UTF8"),
    "NUL": (record(title="a\0b"), "FORBIDDEN_CHARACTER"),
    "a raw NUL": (record() + b"\0", "NOT_JSON"),
    "turned text": (record(title="a\u202eb"), "FORBIDDEN_CHARACTER"),
    "half a character": (record(title="\ud800"), "FORBIDDEN_CHARACTER"),
    "a wrong type": (record(title=7), "WRONG_TYPE"),
    "an unknown field": (record(titel="x"), "UNKNOWN_FIELD"),
    "an unknown type": (record(type="YELOW"), "UNKNOWN_TYPE"),
    "an impossible date": (record(review_on="2026-02-30"), "IMPOSSIBLE_DATE"),
    "before 1970": (record(expires_at="1969-12-31T23:59:59Z"), "IMPOSSIBLE_DATE"),
    "after 9999": (record(expires_at="+10000-01-01T00:00:00Z"), "WRONG_FORMAT"),
    "beyond 2^53": (
        json.dumps({**MISSING, "persons": [{"status": "MISSING", "weight_kg": 2**60}]}).encode(),
        "NUMBER_OUT_OF_RANGE",
    ),
    "no number": (record()[:-1] + b', "a": NaN}', "NUMBER_OUT_OF_RANGE"),
    "no record": (b"\n", "EMPTY_INPUT"),
    "an alias": (b"a: &a [x]\nb: *a\n", "ALIAS"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_record_that_cannot_be_published_is_named_with_its_reason(
    shell: Shell, what: str, tmp_path: Path
) -> None:
    data, reason = UNREADABLE[what]
    path = tmp_path / "given.json"
    path.write_bytes(data)
    ran = shell.tocsin("publish", path, "--topic", TOPIC, "--json", "--profile", tmp_path)
    assert (ran.code, ran.failure["reason"]) == (2, "RECORDS_REFUSED")
    (refusal,) = ran.document["refusals"]
    assert (refusal["reason"], refusal["line"]) == (reason, 1)
    assert refusal["message"]


def test_good_records_are_not_held_up_unless_all_or_nothing(federation: Federation) -> None:
    given = record() + b"\n" + record(title=7) + b"\n"
    arguments = ("publish", "-", "--topic", TOPIC, "--json", *federation.greek)
    none = federation.shell.tocsin(*arguments, "--all-or-nothing", given=given)
    assert (none.code, none.document["accepted"], none.document["refused"]) == (2, 0, 1)
    assert none.failure["message"] == "1 of 2 records were refused, so none was published"
    one = federation.shell.tocsin(*arguments, given=given)
    assert (one.code, one.document["accepted"], one.document["refused"]) == (8, 1, 1)


ADDRESSED = {
    "an unknown topic": (["--topic", "no/such"], 3, "TOPIC_UNKNOWN"),
    "an unknown recipient": (["--topic", TOPIC, "--to", "xx-none"], 3, "UNKNOWN_RECIPIENT"),
    "a retired recipient": (["--topic", TOPIC, "--to", "ro-old"], 5, "RETIRED_RECIPIENT"),
    "nobody": (["--topic", TOPIC], 5, "EMPTY_AUDIENCE"),
}


@pytest.mark.parametrize("to", ADDRESSED)
def test_a_record_that_cannot_get_there_is_not_queued(federation: Federation, to: str) -> None:
    shell, (options, code, reason) = federation.shell, ADDRESSED[to]
    given = record(not_for=["BG"]) if to == "nobody" else record()
    ran = shell.tocsin("publish", "-", *options, "--json", *federation.greek, given=given)
    assert (ran.code, ran.failure["reason"]) == (code, "RECORDS_REFUSED")
    (refusal,) = ran.document["refusals"]
    assert refusal["reason"] == reason
    assert refusal["advice"]
    assert shell.did("outbox", "list", *federation.greek)["notices"] == 0


@pytest.fixture
def copied(federation: Federation, tmp_path: Path) -> Path:
    """Return a copy of the Greek profile, to be spoilt."""
    folder = tmp_path / "gr-pol"
    shutil.copytree(federation.shell.folder / "gr-pol", folder)
    return folder


def _passphrase_of(shell: Shell, path: Path, written: bytes, mode: int) -> Shell:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_bytes(written)
    return replace(shell, environment={**shell.environment, "TOCSIN_PASSPHRASE_FILE": str(path)})


@pytest.mark.parametrize(
    ("written", "mode", "reason"),
    [
        (b"wrong\n", 0o600, "PASSPHRASE_WRONG"),
        (PASSPHRASE.encode(), 0o644, "PASSPHRASE_FILE"),
        (b"two\nlines\n", 0o600, "PASSPHRASE_FILE"),
        (b"\xff\xfe\n", 0o600, "PASSPHRASE_FILE"),
        (b"", 0o600, "PASSPHRASE_FILE"),
        (b"x" * 5000, 0o600, "PASSPHRASE_FILE"),
    ],
)
def test_a_passphrase_that_does_not_do_opens_nothing(
    federation: Federation, tmp_path: Path, written: bytes, mode: int, reason: str
) -> None:
    shell = _passphrase_of(federation.shell, tmp_path / "given", written, mode)
    ran = shell.tocsin("inbox", "--json", *federation.greek)
    assert (ran.code, ran.failure["reason"], ran.out) == (4, reason, "")


def _newer(profile: Path) -> None:
    database = Database(profile / "store.db", open_keyring(profile, PASSPHRASE).store_key)
    with database.write() as connection:
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"))
    database.close()


SPOILT: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "no key file": (lambda at: (at / "agency.key").unlink(), 4, "KEY_FILE_MISSING"),
    "a key file open to all": (
        lambda at: (at / "agency.key").chmod(0o644),
        4,
        "KEY_FILE_PERMISSIONS",
    ),
    "half a key file": (
        lambda at: (at / "agency.key").write_bytes((at / "agency.key").read_bytes()[:1000]),
        4,
        "KEY_FILE_INVALID",
    ),
    "no settings": (lambda at: (at / "config.toml").unlink(), 4, "NOT_ENROLLED"),
    "misspelt settings": (
        lambda at: (at / "config.toml").write_text('brokr = "x:1"\n'),
        4,
        "PROFILE_INVALID",
    ),
    "a database that is none": (
        lambda at: (at / "store.db").write_bytes(bytes(range(256)) * 64),
        1,
        "STORE_INVALID",
    ),
    "a newer database": (_newer, 6, "STORE_NEWER"),
    "nothing at all": (shutil.rmtree, 3, "PROFILE_MISSING"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_profile_that_is_not_right_is_told_and_left_alone(
    shell: Shell, copied: Path, what: str
) -> None:
    spoil, code, reason = SPOILT[what]
    spoil(copied)
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    ran = shell.tocsin("inbox", "--json", "--profile", copied)
    assert (ran.code, ran.failure["reason"], ran.out) == (code, reason, "")
    assert all(path.read_bytes() == data for path, data in before.items())


def test_a_profile_that_another_process_receives_into_is_in_use(
    federation: Federation,
) -> None:
    folder = federation.shell.folder / "bg-pol"
    with FileLocks(folder / "locks").receiver():
        ran = federation.shell.tocsin("watch", TOPIC, "--once", "--json", *federation.bulgarian)
    assert (ran.code, ran.failure["reason"]) == (6, "PROFILE_IN_USE")


@pytest.mark.parametrize("days", [-400, 8 * 365])
def test_a_clock_that_cannot_be_right_is_told(
    federation: Federation, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = time.time_ns() + days * DAY * 1_000_000
    with monkeypatch.context() as patched:
        patched.setattr("agency_client.bootstrap.system.time.time_ns", lambda: wrong)
        ran = federation.shell.tocsin("inbox", "--json", *federation.greek)
    assert (ran.code, ran.failure["reason"]) == (1, "CLOCK_SKEW")


def test_another_federation_s_file_changes_nothing(
    federation: Federation, copied: Path, tmp_path: Path
) -> None:
    shell, other = federation.shell, tmp_path / "other"
    shell.did(
        *["steward", "create-federation", "--home", other, "--name", "Other", "--as", "gamma"],
        *["--broker", shell.folder / "broker" / "broker.json"],
    )
    enrol = ("enrol", other / "federation.json", "--broker", "127.0.0.1:1", "--profile", copied)
    ran = shell.tocsin(*enrol, "--yes", "--json")
    assert (ran.code, ran.failure["reason"]) == (4, "FEDERATION_MISMATCH")
    unasked = shell.tocsin(*enrol, "--json")
    assert (unasked.code, unasked.failure["reason"]) == (2, "CONFIRMATION_NEEDED")
    told = shell.tocsin(*enrol, "--fingerprint", "0000 0000", "--json")
    assert (told.code, told.failure["reason"]) == (4, "FEDERATION_MISMATCH")
    assert federation.address in (copied / "config.toml").read_text()


def _certified(names: tuple[str, ...], *, begins: int, ends: int) -> CertifiedKey:
    now = time.time_ns() // 1_000_000
    root = make_root("foreign", not_before=now - 9 * DAY, not_after=now + 9 * DAY)
    return issue_leaf(root, names=names, not_before=now + begins, not_after=now + ends)


@contextmanager
def _answering(folder: Path, *, tls: ssl.TLSVersion | None) -> Iterator[str]:
    """Listen as something that is not the broker: without TLS, or under a foreign root."""
    context = None
    if tls is not None:
        leaf = _certified((BROKER_NAME,), begins=-DAY, ends=DAY)
        (folder / "tls.pem").write_bytes(leaf.certificate_pem + leaf.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "tls.pem")
        context.set_alpn_protocols(["h2"])
        context.minimum_version = context.maximum_version = tls
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=_answer, args=(listening, context))
        serving.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def _answer(listening: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            try:
                if context is None:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                else:
                    context.wrap_socket(connection, server_side=True).close()
            except OSError:
                continue


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        (None, "does not speak TLS"),
        (ssl.TLSVersion.TLSv1_3, "another root than the federation's broker"),
        (ssl.TLSVersion.TLSv1_2, "does not finish a handshake of TLS 1.3"),
    ],
)
def test_what_is_not_the_federation_s_broker_gets_nothing(
    federation: Federation, tmp_path: Path, tls: ssl.TLSVersion | None, said: str
) -> None:
    with _answering(tmp_path, tls=tls) as address:
        environment = {**federation.shell.environment, "TOCSIN_BROKER": address}
        shell = replace(federation.shell, environment=environment)
        ran = shell.apart("topics", "--json", *federation.greek)
    assert (ran.code, ran.failure["reason"]) == (7, "BROKER_UNREACHABLE")
    assert said in ran.failure["message"]


def test_with_the_broker_away_a_notice_waits_and_goes_once_it_is_back(
    federation: Federation,
) -> None:
    environment = {**federation.shell.environment, "TOCSIN_BROKER": "127.0.0.1:1"}
    away = replace(federation.shell, environment=environment)
    queued = away.tocsin(
        *["publish", "-", "--topic", TOPIC, "--wait", "0.1", "--json", *federation.greek],
        given=record(),
    )
    assert (queued.code, queued.failure["reason"]) == (8, "QUEUED")
    (notice,) = queued.document["notices"]
    assert away.tocsin("show", notice["reference"], *federation.greek).code == 0
    assert away.tocsin("status", "--json", *federation.greek).failure["exit"] == 7
    assert away.tocsin("audit", "verify", "--json", *federation.greek).failure["exit"] == 11
    sent = federation.shell.did("outbox", "send", *federation.greek)
    assert (sent["accepted"], sent["waiting"]) == (1, 0)
    assert federation.shell.did("outbox", "send", *federation.greek)["accepted"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["show", "xyz"], 2, "INVALID_ARGUMENT"),
        (["show", "0123456789"], 3, "UNKNOWN_NOTICE"),
        (["inbox", "--type", "YELOW"], 2, "USAGE"),
        (["inbox", "--topic", "Not A Topic"], 2, "INVALID_ARGUMENT"),
        (["search", "!!!"], 2, "INVALID_ARGUMENT"),
        (["watch", "#/x", "--once"], 2, "INVALID_ARGUMENT"),
        (["watch", "no/such", "--once"], 3, "TOPIC_UNKNOWN"),
        (["watch", "#", "--once", "--type", "RED"], 2, "USAGE"),
        (["publish", "no-such-file"], 3, "FILE"),
        (["publish", "-", "--wait", "nan"], 2, "USAGE"),
        (["publish", "-", "--wait", "inf"], 2, "USAGE"),
        (["attach", "-", "no-such-file"], 3, "FILE"),
    ],
)
def test_a_wrong_argument_is_told_with_its_reason(
    federation: Federation, arguments: list[str], code: int, reason: str
) -> None:
    ran = federation.shell.tocsin(*arguments, "--json", *federation.greek)
    assert (ran.code, ran.failure["reason"]) == (code, reason)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["lock", "xx-none", "--reason", "x"], 3, "NOT_FOUND"),
        (["lock", "Not An Id", "--reason", "x"], 2, "INVALID_ARGUMENT"),
        (["topic", "Not A Topic", "--readers", "a", "--publishers", "a"], 2, "INVALID_ARGUMENT"),
        (["retire", "gr-pol", "--reason", "x"], 2, "CONFIRMATION_NEEDED"),
        (["admit", "no-such-file"], 3, "FILE"),
        (["lock", "gr-pol", "--reason", "x", "--as", "nobody"], 4, "KEY_FILE_MISSING"),
    ],
)
def test_a_steward_s_wrong_argument_changes_nothing(
    federation: Federation, arguments: list[str], code: int, reason: str
) -> None:
    home = federation.shell.folder / "steward"
    before = (home / "federation.json").read_bytes()
    ran = federation.shell.tocsin("steward", *arguments, "--home", home, "--json")
    assert (ran.code, ran.failure["reason"]) == (code, reason)
    assert (home / "federation.json").read_bytes() == before


def test_a_new_agency_needs_a_circle_and_a_known_one_keeps_its_own(
    federation: Federation, tmp_path: Path
) -> None:
    shell, home = federation.shell, tmp_path / "steward"
    shutil.copytree(shell.folder / "steward", home)
    about = ["--name", "New", "--country", "MK", "--kind", "NGO"]
    request = shell.did("init", "mk-new", "--profile", tmp_path / "mk", *about)["request"]
    admit = ("steward", "admit", "--yes", "--home", home)
    refused = shell.tocsin(*admit, request, "--json")
    assert (refused.code, refused.failure["reason"]) == (2, "CIRCLE_MISSING")
    assert "in a" in shell.did(*admit, request, "--circle", "a")["act"]
    known = shell.folder / "gr-pol" / "enrolment.request"
    assert "in members" in shell.did(*admit, known)["act"]


def test_what_was_acknowledged_before_a_wrong_id_is_told(federation: Federation) -> None:
    shell, at = federation.shell, federation.greek
    told = shell.did("publish", "-", "--topic", TOPIC, *at, given=record(title="to be dealt with"))
    reference = told["notices"][0]["reference"]
    ran = shell.tocsin("ack", reference, "0123456789", "--json", *at)
    assert (ran.code, ran.failure["reason"]) == (8, "UNKNOWN_NOTICE")
    assert [one["reference"] for one in ran.document["notices"]] == [reference]


def test_a_folder_here_is_not_a_profile_of_that_name(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(federation.shell.folder)
    ran = federation.shell.tocsin("status", "--profile", "gr-pol", "--json")
    assert (ran.code, ran.failure["reason"]) == (3, "PROFILE_MISSING")
    assert "./gr-pol" in ran.failure["advice"]


def test_making_a_profile_over_another_is_refused_before_a_passphrase_is_asked_for(
    federation: Federation,
) -> None:
    shell = replace(federation.shell, environment={"HOME": federation.shell.environment["HOME"]})
    about = ("--name", "Other", "--country", "GR", "--kind", "POLICE")
    ran = shell.tocsin("init", "gr-pol", *about, "--json", *federation.greek)
    assert (ran.code, ran.failure["reason"]) == (6, "PROFILE_EXISTS")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--country", "QQ"), ("--kind", "POLICE-ISH"), ("--agreement-until", "2020-01-01")],
)
def test_an_agency_that_could_not_be_admitted_gets_no_keys(
    shell: Shell, tmp_path: Path, option: str, value: str
) -> None:
    about = {"--name": "Other", "--country": "GR", "--kind": "POLICE", option: value}
    options = [one for pair in about.items() for one in pair]
    ran = shell.tocsin("init", "gr-new", *options, "--json", "--profile", tmp_path / "new")
    assert ran.code == 2
    assert ran.failure["advice"]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_what_goes_wrong_is_told_without_content_or_passphrase(
    federation: Federation, tmp_path: Path, debug: list[str]
) -> None:
    publish = ("publish", "-", "--topic", TOPIC, *debug, *federation.greek)
    ran = federation.shell.tocsin(*publish, given=record(title=SECRET + "\u202e"))
    wrong = _passphrase_of(federation.shell, tmp_path / "given", b"zwetschgenbaum\n", 0o600)
    shut = wrong.tocsin("inbox", *debug, *federation.greek)
    assert (ran.code, shut.code) == (2, 4)
    assert ("debug: " in ran.err, "debug: " in shut.err) == (bool(debug), bool(debug))
    for told in (ran.err, shut.err):
        assert "what to do" in told
        assert not any(word in told for word in (*SECRET.split(), "zwetschgenbaum", PASSPHRASE))


def test_every_reason_that_is_tested_here_is_one(federation: Federation) -> None:
    del federation
    named = {reason for _, _, reason in ADDRESSED.values()}
    named |= {reason for _, _, reason in SPOILT.values() if not reason.startswith("KEY_FILE")}
    assert named <= set(Reason)
