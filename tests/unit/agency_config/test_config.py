# SPDX-License-Identifier: Apache-2.0
"""Where settings come from, and what is refused as one."""

from pathlib import Path

import pytest

from agency_client.cli.help import ENVIRONMENT
from agency_client.config import (
    _KEYS,
    PROFILE_VARIABLE,
    describe,
    host_port,
    profile_folder,
    settings_of,
    with_broker,
)
from agency_client.errors import AgencyError, Reason


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (PROFILE_VARIABLE, *(key.variable for key in _KEYS.values())):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    folder = tmp_path / "profile"
    folder.mkdir()
    return folder


def origins(folder: Path) -> dict[str, tuple[str, str]]:
    return {one.name: (one.value, one.origin) for one in describe(folder)}


def refusal(folder: Path) -> str:
    with pytest.raises(AgencyError) as refused:
        settings_of(folder)
    assert refused.value.reason is Reason.PROFILE_INVALID
    return refused.value.message


def test_without_a_file_the_defaults_hold(profile: Path) -> None:
    settings = settings_of(profile)
    assert (settings.broker, settings.passphrase_file, settings.certificate_hours) == ("", None, 24)
    assert origins(profile)["certificate_hours"] == ("24", "default")


def test_the_environment_goes_before_the_file(
    profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profile / "config.toml").write_text('broker = "one.example:7443"\ncertificate_hours = 2\n')
    monkeypatch.setenv("TOCSIN_BROKER", "two.example:7443")
    assert settings_of(profile).broker == "two.example:7443"
    found = origins(profile)
    assert found["broker"] == ("two.example:7443", "environment")
    assert found["certificate_hours"] == ("2", "config.toml")


def test_a_passphrase_file_is_meant_from_the_profile(profile: Path) -> None:
    (profile / "config.toml").write_text('passphrase_file = "pass"')
    assert settings_of(profile).passphrase_file == profile / "pass"


def test_a_passphrase_file_of_the_environment_is_meant_from_where_one_is(
    profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_PASSPHRASE_FILE", "pass")
    assert settings_of(profile).passphrase_file == tmp_path / "pass"


def test_an_absolute_passphrase_file_is_meant_as_it_is(profile: Path) -> None:
    (profile / "config.toml").write_text('passphrase_file = "/run/secrets/pass"')
    assert settings_of(profile).passphrase_file == Path("/run/secrets/pass")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('brokr = "a:1"', "did you mean broker?"),
        ("[broker]\nhost = 'a'", "broker is not right"),
        ('broker = "no-port"', "expected HOST:PORT"),
        ('broker = "a:70000"', "the port is not a number"),
        ("broker = 7443", "expected a text"),
        ("certificate_hours = 0", "from 1 to 168"),
        ("certificate_hours = 169", "from 1 to 168"),
        ("certificate_hours = true", "from 1 to 168"),
        ("certificate_hours = 1.5", "from 1 to 168"),
        ('certificate_hours = "\u0663"', "from 1 to 168"),
        ("passphrase_file = 1", "expected a text"),
        ('passphrase_file = "a\\u0000b"', "expected a text"),
        ("broker = ", "is not TOML"),
        ("a = " + "[" * 5000, "config.toml"),
        ("# " + "x" * (64 << 10), "larger than"),
    ],
)
def test_a_setting_that_is_not_right_is_refused_by_name(
    profile: Path, text: str, told: str
) -> None:
    (profile / "config.toml").write_text(text)
    assert told in refusal(profile)


def test_a_file_that_is_not_text_is_refused(profile: Path) -> None:
    (profile / "config.toml").write_bytes(b"broker = '\xff'")
    assert "not UTF-8" in refusal(profile)


def test_a_folder_in_its_place_is_refused(profile: Path) -> None:
    (profile / "config.toml").mkdir()
    assert "cannot be read" in refusal(profile)


def test_a_variable_that_is_not_right_is_refused_by_name(
    profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_CERTIFICATE_HOURS", "soon")
    assert refusal(profile).startswith("TOCSIN_CERTIFICATE_HOURS is not right")


def test_every_variable_is_explained_by_the_help() -> None:
    assert {key.variable for key in _KEYS.values()} | {PROFILE_VARIABLE} <= set(ENVIRONMENT)


def test_a_plain_name_is_a_profile_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert profile_folder("gr-pol") == Path("/data/tocsin/profiles/gr-pol")
    assert profile_folder() == profile_folder("") == Path("/data/tocsin/profiles/default")


def test_anything_with_a_slash_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/officer")
    assert profile_folder("./gr-pol") == tmp_path / "gr-pol"
    assert profile_folder("/srv/gr-pol") == Path("/srv/gr-pol")
    assert profile_folder("~/gr-pol") == Path("/home/officer/gr-pol")
    assert profile_folder(".") == tmp_path
    assert profile_folder("~nobody-knows/x") == tmp_path / "~nobody-knows" / "x"


def test_a_path_with_nul_is_refused() -> None:
    with pytest.raises(AgencyError) as refused:
        profile_folder("a\0b")
    assert refused.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("chosen", "origin"), [("mine", "environment"), ("other", "option"), ("", "default")]
)
def test_the_profile_says_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: str, origin: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv(PROFILE_VARIABLE, "mine")
    assert origins(profile_folder(chosen))["profile"][1] == origin


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("broker.example:7443", ("broker.example", 7443)),
        ("127.0.0.1:1", ("127.0.0.1", 1)),
        ("[::1]:7443", ("::1", 7443)),
    ],
)
def test_host_and_port_are_told_apart(value: str, expected: tuple[str, int]) -> None:
    assert host_port(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        ":1",
        "a",
        "a:",
        "a:0",
        "a:65536",
        "a:-1",
        "::1:7443",
        "a b:1",
        "dns:///a:1",
        "a\n:1",
        'a":1',
        "\u0430:1",
    ],
)
def test_what_is_not_host_and_port_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port"):
        host_port(value)


def test_another_broker_leaves_all_else_as_it_was() -> None:
    text = '# ours\nbroker = "a:1" # old\ncertificate_hours = 2\n'
    assert with_broker(text, "b:2") == '# ours\nbroker = "b:2"\ncertificate_hours = 2\n'
    assert with_broker("certificate_hours = 2", "b:2") == 'certificate_hours = 2\nbroker = "b:2"\n'
    assert with_broker("", "b:2") == 'broker = "b:2"\n'
