# SPDX-License-Identifier: Apache-2.0
"""A federation of two stewards on two machines, their broker, and members that join it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.programs import Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A federation of its own: two stewards on two machines, a broker, one member."""

    shell: Shell
    folder: Path
    address: str
    words: str

    @property
    def alpha(self) -> Path:
        """The first steward's folder."""
        return self.folder / "alpha"

    @property
    def beta(self) -> Path:
        """The second steward's folder."""
        return self.folder / "beta"

    def profile(self, agency: str) -> tuple[str, Path]:
        """The option that chooses an agency's profile."""
        return ("--profile", self.folder / agency)

    def init(self, agency: str, *more: object) -> dict[str, str]:
        """Make an agency's keys."""
        about = ["--country", agency[:2].upper(), "--kind", "POLICE"]
        return self.shell.did("init", agency, *self.profile(agency), *about, *more)

    def size(self) -> int:
        """How many entries the broker has, as the first steward sees it."""
        pushed = self.shell.did("steward", "push", *self.at(self.alpha))
        return int(pushed["entries"])

    def at(self, home: Path) -> tuple[object, ...]:
        """The options of a steward who acts at the broker."""
        return ("--home", home, "--broker", self.address)

    def signed_by_both(self, *act: object, words: str = "") -> dict[str, object]:
        """Propose as alpha, sign as beta, at the broker."""
        compare = ("--words", words) if words else ()
        proposed = self.shell.tocsin(*act, *compare, *self.at(self.alpha), "--json")
        assert (proposed.code, proposed.failure["reason"]) == (8, "NOT_ENOUGH_SIGNATURES")
        self.shell.did("steward", "push", *self.at(self.beta))
        pending = proposed.document["pending"]
        agreeing = compare or ("--yes",)
        return self.shell.did("steward", "sign", pending, *agreeing, *self.at(self.beta))


@contextmanager
def founded(shell: Shell, folder: Path) -> Iterator[Place]:
    """Found a federation in `folder` and serve it; nobody is a member yet."""
    alpha, beta = folder / "alpha", folder / "beta"
    shell.broker("init", folder / "broker")
    made = shell.did("steward", "new-key", "beta", "--home", beta)
    about = ["--name", "Members", "--as", "alpha", "--with", made["public_file"], "--home", alpha]
    descriptor = folder / "broker" / "broker.json"
    shell.tocsin(*["steward", "create-federation", *about, "--broker", descriptor])
    shutil.move(alpha / "pending" / "root.json", folder / "root.json")
    shell.did("steward", "sign", folder / "root.json", "--yes", "--home", beta)
    shutil.copy(beta / "federation.json", alpha / "federation.json")
    rules = beta / "pending" / "entry-0.json"
    shell.did("steward", "sign", rules, "--yes", "--home", alpha)
    shutil.copy(alpha / "federation.json", beta / "federation.json")
    shell.broker("federation", folder / "broker", alpha / "federation.json")
    with shell.serving(folder / "broker", listen="127.0.0.1:0") as address:
        invited = invite(shell, folder, address, "gr-pol")
        yield Place(shell=shell, folder=folder, address=address, words=invited["words"])


def invite(shell: Shell, folder: Path, address: str, agency: str) -> dict[str, str]:
    """Have the first steward invite an agency."""
    about = ["--name", f"Police {agency}", "--broker", address, "--home", folder / "alpha"]
    return shell.did("steward", "invite", agency, *about, "--out", folder / f"{agency}.invitation")


def joined(place: Place, agency: str) -> None:
    """Have an agency join: invited, admitted by both stewards, enrolled."""
    file = invite(place.shell, place.folder, place.address, agency)["file"]
    made = place.init(agency, "--invitation", file, "--words", place.words)
    admit = ("steward", "admit", made["request"], "--circle", "police")
    place.signed_by_both(*admit, words=made["words"])
    bundle = place.beta / "federation.json"
    assert place.shell.did("enrol", bundle, *place.profile(agency))["active"]
