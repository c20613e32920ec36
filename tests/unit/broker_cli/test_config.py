# SPDX-License-Identifier: Apache-2.0
"""Settings: where each comes from, and what is refused."""

import re
from pathlib import Path

import pytest

from broker.config import BrokerConfig, ConfigError, host_port, load_config

REPOSITORY = Path(__file__).parents[3]


def write(folder: Path, text: str) -> Path:
    (folder / "broker.toml").write_text(text, "utf-8")
    return folder


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_config(tmp_path).address == ("127.0.0.1", 7443)


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, 'listen = "[::1]:1"')).address == ("::1", 1)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_BROKER_LISTEN", "127.0.0.1:2")
    assert load_config(write(tmp_path, 'listen = "127.0.0.1:1"')).address[1] == 2


def test_the_command_line_wins_over_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_BROKER_LISTEN", "127.0.0.1:2")
    assert load_config(tmp_path, listen="127.0.0.1:3").address[1] == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('listne = "127.0.0.1:1"', "unknown setting listne"),
        ('listen = "here"', "setting listen"),
        ('listen = "127.0.0.1:65536"', "setting listen"),
        ('listen = "::1:70"', "setting listen"),
        ("drain_seconds = -1", "setting drain_seconds"),
        ('log_level = "loud"', "setting log_level"),
        ('metrics_listen = "0.0.0.0:9464"', "setting metrics_listen"),
        ('names = ["a b"]', "setting names.0"),
        ("listen = ", "broker.toml cannot be read"),
    ],
)
def test_what_is_not_a_setting_is_refused_by_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize("value", ["", ":1", "host", "host:", "host:x", "host:-1", "host:\u0661"])
def test_a_bad_address_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port"):
        host_port(value)


def test_each_setting_is_documented_with_its_default() -> None:
    text = (REPOSITORY / "docs/broker-configuration.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `?([^|`]*?)`? \|", text, re.MULTILINE))
    defaults = {name: field.default for name, field in BrokerConfig.model_fields.items()}
    shown = {
        name: str(value) if value not in ("", ()) else "none" for name, value in defaults.items()
    }
    assert rows == {name: value.removesuffix(".0") for name, value in shown.items()}


def test_the_example_in_deploy_is_a_configuration(tmp_path: Path) -> None:
    text = (REPOSITORY / "deploy/broker.toml").read_text("utf-8")
    assert load_config(write(tmp_path, text)).names == ("broker.example.org",)
