# SPDX-License-Identifier: Apache-2.0
"""The operator's commands on folders that are not as they should be: a code and one sentence."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2

from broker.bootstrap.folder import DataFolder
from broker.cli.exits import Exit
from broker.domain.logs import LogKind
from broker.ports.store import Head
from broker.storage.heads import HeadsFile
from tests.integration.attacks.served import Finished, crowded, here, load, run, serving
from tests.integration.broker.installed import Installed, install

pytestmark = pytest.mark.e2e

COMMANDS = ((), ("init",), ("federation",), ("serve",), ("status",), ("doctor",))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A folder with a federation; tests damage copies of it."""
    made = install(tmp_path_factory.mktemp("sound"))
    load(made)
    return made


@pytest.fixture
def folder(sound: Installed, tmp_path: Path) -> Path:
    copied = tmp_path / "broker"
    shutil.copytree(sound.folder.path, copied)
    return copied


def sentences(ended: Finished) -> list[str]:
    """Return what was said: one sentence, and what to do; nothing else, and no trace."""
    said = ended.err.splitlines()
    assert said
    assert said[0].startswith("tocsin-broker: ")
    assert "inside the broker" not in said[0]
    assert all(line.startswith("  what to do: ") for line in said[1:])
    assert len(said) <= 2
    return said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(command: tuple[str, ...]) -> None:
    helped = here(*command, "--help")
    assert (helped.code, helped.err) == (Exit.DONE, "")
    assert "Examples:" in helped.out
    assert "--json" in helped.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("serve",),
        ("serve", "one", "two"),
        ("serve", "--nope", "x"),
        ("federation", "x"),
        ("init", "x", "--dns", "no name"),
        ("init", "x", "--dns", "new\nline"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_told_and_nothing_is_done(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = here(*arguments)
    assert refused.code == Exit.USAGE
    sentences(refused)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "status", "doctor"])
def test_a_folder_without_a_broker_is_told(command: str, tmp_path: Path) -> None:
    refused = here(command, str(tmp_path))
    assert refused.code == Exit.NOT_FOUND
    assert "there is no broker" in sentences(refused)[0]


def rewrite(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def opened_to_others(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(0o640)


def newer(folder: Path) -> None:
    connection = dbapi2.connect(str(folder / "broker.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def rotten(folder: Path) -> None:
    content = bytearray((folder / "broker.db").read_bytes())
    for place in range(2 * 16384, len(content), 997):
        content[place] ^= 0xFF
    (folder / "broker.db").write_bytes(content)


def exchanged_entry(folder: Path) -> None:
    connection = dbapi2.connect(str(folder / "broker.db"))
    connection.execute("UPDATE entries SET body = x'00' WHERE leaf_index = 1")
    connection.commit()
    connection.close()


def cut_log(folder: Path) -> None:
    HeadsFile(folder / "broker.db.heads").write(LogKind.ACTS, Head(size=999, root=bytes(32)))


DAMAGED: dict[str, tuple[Callable[[Path], object], Exit, str]] = {
    "wrong passphrase": (
        rewrite("keys/passphrase", b"wrong\n"),
        Exit.CREDENTIAL,
        "does not open the key file",
    ),
    "empty passphrase": (rewrite("keys/passphrase", b"\n"), Exit.CREDENTIAL, "is empty"),
    "passphrase open to others": (
        opened_to_others("keys/passphrase"),
        Exit.CREDENTIAL,
        "is open to others",
    ),
    "no passphrase": (
        lambda folder: (folder / "keys/passphrase").unlink(),
        Exit.CREDENTIAL,
        "cannot be read",
    ),
    "key file open to others": (
        opened_to_others("keys/broker.key"),
        Exit.CREDENTIAL,
        "is open to others",
    ),
    "damaged key file": (rewrite("keys/broker.key", b"junk"), Exit.CREDENTIAL, "is damaged"),
    "no database": (rewrite("broker.db", b"junk" * 9999), Exit.BAD, "is not a broker's database"),
    "newer database": (newer, Exit.CONFLICT, "written by a newer version"),
    "rotten database": (rotten, Exit.BAD, "the database is damaged"),
    "another entry in the directory": (
        exchanged_entry,
        Exit.BAD,
        "is not one that this broker can serve",
    ),
    "a shorter log than was signed": (cut_log, Exit.BAD, "does not hold the log"),
    "damaged heads": (rewrite("broker.db.heads", b"["), Exit.BAD, "the database is damaged"),
    "deep heads": (
        rewrite("broker.db.heads", b"[" * 100_000),
        Exit.BAD,
        "the database is damaged",
    ),
    "unknown setting": (rewrite("broker.toml", b"lissen = 'x'"), Exit.USAGE, "unknown setting"),
    "a setting out of range": (
        rewrite("broker.toml", b"drain_seconds = nan"),
        Exit.USAGE,
        "setting drain_seconds",
    ),
    "settings that are no TOML": (
        rewrite("broker.toml", b"\x00\xff"),
        Exit.USAGE,
        "broker.toml cannot be read",
    ),
    "deep settings": (
        rewrite("broker.toml", b"a = " + b"[" * 5000),
        Exit.USAGE,
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_broker_does_not_start_on_what_is_not_right(damage: str, folder: Path) -> None:
    spoil, code, told = DAMAGED[damage]
    spoil(folder)
    refused = here("serve", str(folder), "--listen", "127.0.0.1:0")
    assert (refused.code, refused.out) == (code, "")
    assert told in sentences(refused)[0]
    assert not (folder / "address").exists()


@pytest.mark.parametrize("damage", DAMAGED)
def test_the_doctor_finds_what_keeps_a_broker_from_starting(damage: str, folder: Path) -> None:
    DAMAGED[damage][0](folder)
    found = here("doctor", str(folder), "--json")
    assert (found.code, found.err) == (Exit.BAD, "")
    checks = json.loads(found.out)["checks"]
    assert [check["advice"] != "" for check in checks if check["outcome"] == "bad"] == [True]


DESCRIPTORS = (b"", b"{}", b"[]", b"\xff\xfe", b'{"tls_root": 1, "log_origin": 2}', b"[" * 100_000)


@pytest.mark.parametrize("content", DESCRIPTORS, ids=range(len(DESCRIPTORS)))
def test_a_damaged_descriptor_is_told(content: bytes, folder: Path) -> None:
    (folder / "broker.json").write_bytes(content)
    looked, found = here("status", str(folder)), here("doctor", str(folder), "--json")
    assert looked.code == found.code == Exit.BAD
    assert "broker.json is missing or damaged" in sentences(looked)[0]
    bad = [one["name"] for one in json.loads(found.out)["checks"] if one["outcome"] == "bad"]
    assert bad == ["descriptor"]


@pytest.mark.parametrize("written", [b"", b"\xff\xff", b"nonsense", b"127.0.0.1:1"])
def test_a_damaged_address_makes_a_broker_one_that_does_not_answer(
    written: bytes, folder: Path
) -> None:
    (folder / "address").write_bytes(written)
    assert here("status", str(folder)).code == Exit.UNREACHABLE
    with DataFolder(folder).held():
        (folder / "serving.lock").write_bytes(written)
        looked = here("status", str(folder), "--json")
    assert json.loads(looked.out)["state"] == "not_answering"


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "192.0.2.1:0"])
def test_an_address_that_cannot_be_listened_on_is_told(host: str, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = host.format(port=taken.getsockname()[1])
        refused = here("serve", str(folder), "--listen", address)
    assert refused.code == Exit.CONFLICT
    assert f"{address} cannot be listened on" in sentences(refused)[0]


def test_a_folder_that_is_served_is_left_alone(tmp_path: Path) -> None:
    made = crowded(tmp_path)
    path = str(made.folder.path)
    with serving(made) as served:
        for arguments in (("serve", path), ("federation", path, str(made.bundle))):
            refused = run(*arguments)
            assert refused.code == Exit.CONFLICT
            assert "another broker is using" in sentences(refused)[0]
        assert run("init", path).code == Exit.CONFLICT
        assert run("status", path).code == Exit.DONE
        assert served.end() == Exit.DONE


def test_a_federation_file_that_was_changed_is_refused_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    made = install(tmp_path)
    held = json.loads(made.federation.bundle())
    held["entries"][1] = held["entries"][2]
    made.bundle.write_text(json.dumps(held), "utf-8")
    refused = run("federation", str(made.folder.path), str(made.bundle))
    assert refused.code == Exit.BAD
    assert "does not verify" in sentences(refused)[0]
    made.bundle.write_text(made.federation.bundle(), "utf-8")
    assert run("federation", str(made.folder.path), str(made.bundle)).code == Exit.DONE


def test_errors_can_be_had_as_data_and_debug_shows_places_alone(folder: Path) -> None:
    (folder / "keys/passphrase").write_text("correct horse\n")
    refused = here("serve", str(folder), "--json", "--debug")
    told, *places = refused.err.splitlines()
    assert json.loads(told)["exit"] == refused.code == Exit.CREDENTIAL
    assert places
    assert all(line.startswith("debug: ") for line in places)
    assert "correct horse" not in refused.err
