# SPDX-License-Identifier: Apache-2.0
"""One federation for these tests, made with the programs' own commands, and its broker."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.programs import Shell

TOPIC = "trafficking/cases"


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """A Greek and a Bulgarian agency, one that has retired, and where their broker listens."""

    shell: Shell
    address: str

    @property
    def greek(self) -> tuple[str, str]:
        """The option that chooses the Greek profile."""
        return ("--profile", str(self.shell.folder / "gr-pol"))

    @property
    def bulgarian(self) -> tuple[str, str]:
        """The option that chooses the Bulgarian profile."""
        return ("--profile", str(self.shell.folder / "bg-pol"))


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("federation")
    (folder / "home").mkdir()
    (folder / "passphrase").touch(mode=0o600)
    (folder / "passphrase").write_text("an invented passphrase\n")
    environment = {
        "HOME": str(folder / "home"),
        "TOCSIN_PASSPHRASE_FILE": str(folder / "passphrase"),
        "TOCSIN_PURPOSE": "INVESTIGATION",
        "TOCSIN_CASE": "2026/114",
    }
    return Shell(folder=folder, environment=environment)


@pytest.fixture(scope="session")
def made(shell: Shell) -> Path:
    """Return the folder of a broker that serves a federation; nobody is enrolled yet."""
    folder, home = shell.folder, shell.folder / "steward"
    shell.broker("init", folder / "broker")
    requests = []
    for agency in ("gr-pol", "bg-pol", "ro-old"):
        profile = folder / agency
        about = ["--name", f"Agency {agency}", "--country", agency[:2], "--kind", "police"]
        about.append("--round-the-clock")
        requests.append(shell.did("init", agency, "--profile", profile, *about)["request"])
    admissions = [one for request in requests for one in ("--admit", request)]
    shell.did(
        *["steward", "create-federation", "--home", home, "--name", "Test", "--as", "alpha"],
        *["--broker", folder / "broker" / "broker.json", "--topic", TOPIC, *admissions],
    )
    shell.did("steward", "retire", "ro-old", "--reason", "merged", "--yes", "--home", home)
    shell.broker("federation", folder / "broker", home / "federation.json")
    return folder / "broker"


@pytest.fixture(scope="session")
def federation(shell: Shell, made: Path) -> Iterator[Federation]:
    with shell.serving(made, listen="127.0.0.1:0") as address:
        bundle = shell.folder / "steward" / "federation.json"
        for agency in ("gr-pol", "bg-pol"):
            profile = shell.folder / agency
            shell.did("enrol", bundle, "--profile", profile, "--broker", address, "--yes")
        yield Federation(shell=shell, address=address)
