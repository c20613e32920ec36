# SPDX-License-Identifier: Apache-2.0
"""Every command of both programs has help with an example, --json, and a typed answer to misuse."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from agency_client.cli.app import app, run
from broker.cli.app import app as broker_app


def _commands(
    group: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group, info_name=path[-1])
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*path, name))


ALL = [
    pytest.param(command, path, id=" ".join(path))
    for root, name in ((app, "tocsin"), (broker_app, "tocsin-broker"))
    for path, command in _commands(root, (name,))
]


@pytest.mark.parametrize(("command", "path"), ALL)
def test_help_explains_and_shows_an_example(command: click.Command, path: tuple[str, ...]) -> None:
    context = click.Context(command, info_name=" ".join(path))
    text = command.get_help(context)
    examples = text.partition("Examples:")[2]
    assert command.help
    assert " ".join(path) in examples
    assert "--json" in text


@pytest.mark.parametrize(("command", "path"), ALL)
def test_every_option_is_explained(command: click.Command, path: tuple[str, ...]) -> None:
    del path
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


@pytest.mark.parametrize(("command", "path"), ALL)
def test_an_unknown_option_is_usage(
    command: click.Command, path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    del command
    if path[0] == "tocsin":
        assert run([*path[1:], "--no-such-option"]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Traceback" not in printed.err


def test_no_command_takes_a_passphrase_on_the_command_line() -> None:
    for param in ALL:
        command = param.values[0]
        assert isinstance(command, click.Command)
        names = {name for one in command.params for name in one.opts}
        assert not {"--passphrase", "--password"} & names


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["publish", "--no-such"]])
def test_help_and_version_load_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from agency_client.cli.app import run\n"
        f"code = run({arguments!r})\n"
        "heavy = {'grpc', 'rich', 'cryptography', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    if arguments[0] != "publish":
        assert done.returncode == 0, done.stderr
