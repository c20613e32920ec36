# SPDX-License-Identifier: Apache-2.0
"""A steward ends a key: what is asked for, what refuses it, and what stands in the directory."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from agency_client.cli.app import run
from agency_client.services.admission import admitted
from agency_client.services.steward import BrokerDescriptor, describe
from agency_client.services.steward_home import StewardHome
from keys.directory import RevokeEntry
from tests.simulator.federation import build_federation

PASSPHRASE = "an invented passphrase"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StewardHome:
    world, now = build_federation(["gr-pol"]), time.time_ns() // 1_000_000
    secret = tmp_path / "pass.txt"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    monkeypatch.setenv("TOCSIN_PASSPHRASE_FILE", str(secret))
    made = StewardHome(tmp_path / "steward")
    keys = [made.new_key(name, PASSPHRASE, now) for name in ("alpha", "beta")]
    broker = BrokerDescriptor(
        log_origin=world.broker.origin,
        log_key=world.broker.log_key,
        tls_root=world.broker.tls_root.certificate,
    )
    made.create(name="Test", keys=keys, others=(), threshold=2, broker=broker, now=now)
    made.add(admitted(world.agencies["gr-pol"].entry, circles=("police",)), keys, now)
    return made


@pytest.fixture
def keyset_id(home: StewardHome) -> str:
    entry = home.bundle().directory.agency("gr-pol")
    assert entry is not None
    return entry.signing[0].keyset_id


def revoke(home: StewardHome, *arguments: str) -> int:
    line = ["steward", "revoke", "gr-pol", "--home", str(home.path), "--reason", "laptop stolen"]
    return run([*line, *arguments])


def test_a_keyset_ends_at_an_index_of_the_log(home: StewardHome, keyset_id: str) -> None:
    assert revoke(home, "--keyset", keyset_id, "--from-index", "41", "--yes") == 0
    assert home.bundle().directory.revoked_from("gr-pol", "keyset", keyset_id) == 41


def test_nobody_seals_to_a_revoked_encryption_key(home: StewardHome) -> None:
    entry = home.bundle().directory.agency("gr-pol")
    assert entry is not None
    (key,) = entry.encryption
    assert home.bundle().directory.encryption_key("gr-pol", key.valid_from) == key
    assert revoke(home, "--encryption", key.key_id, "--yes") == 0
    assert home.bundle().directory.encryption_key("gr-pol", key.valid_from) is None


def test_one_steward_cannot_revoke_alone(home: StewardHome, keyset_id: str) -> None:
    line = ("--keyset", keyset_id, "--from-index", "41", "--yes", "--as", "alpha")
    assert revoke(home, *line) == 8
    assert home.bundle().directory.revoked_from("gr-pol", "keyset", keyset_id) is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("--yes",), 2),
        (("--keyset", "a", "--encryption", "b", "--from-index", "1", "--yes"), 2),
        (("--keyset", "a", "--yes"), 2),
        (("--keyset", "no-such-key", "--from-index", "1", "--yes"), 3),
        (("--keyset", "a", "--from-index", "-1", "--yes"), 2),
    ],
    ids=["no key", "two keys", "no index", "a key that it never had", "no index of a log"],
)
def test_what_names_no_key_of_the_agency_changes_nothing(
    home: StewardHome, line: Sequence[str], code: int
) -> None:
    before = home.bundle_path.read_bytes()
    assert revoke(home, *line) == code
    assert home.bundle_path.read_bytes() == before
    assert not (home.path / "pending").exists()


def test_without_a_person_s_yes_nothing_is_revoked(home: StewardHome, keyset_id: str) -> None:
    before = home.bundle_path.read_bytes()
    assert revoke(home, "--keyset", keyset_id, "--from-index", "41") != 0
    assert home.bundle_path.read_bytes() == before


def test_a_second_steward_reads_which_key_ends_and_where() -> None:
    entry = RevokeEntry(
        agency="gr-pol", what="keyset", key_id="2026-sign", from_index=7, reason="stolen"
    )
    assert describe(entry) == "end of keyset 2026-sign of gr-pol from log entry 7 on: stolen"
