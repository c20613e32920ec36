# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM at whatever moment: a quiet end, and a folder as good as before."""

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.attacks.served import SECONDS, crowded, environment, here, serving
from tests.integration.broker.installed import Installed

pytestmark = pytest.mark.e2e

AT = """
import os, signal, sys
number, delay = int(sys.argv.pop(1)), float(sys.argv.pop(1))
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), number))
signal.setitimer(signal.ITIMER_REAL, delay)
from broker.__main__ import main
main()
"""
"""Sends itself a signal after a while; before that an interpreter does not heed any."""
MOMENTS = [
    (number, 0.02 + 0.055 * step)
    for number in (signal.SIGINT, signal.SIGTERM)
    for step in range(15)
]
CODES = {signal.SIGINT: {130}, signal.SIGTERM: {0, -signal.SIGTERM}}
"""A broker that is not one yet ends by SIGTERM as any program does."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return crowded(tmp_path_factory.mktemp("sound"))


def interrupted(moment: tuple[signal.Signals, float], folder: Path) -> tuple[int, str]:
    number, delay = moment
    serve = ("serve", str(folder), "--listen", "127.0.0.1:0")
    ended = subprocess.run(
        [sys.executable, "-c", AT, str(int(number)), str(delay), *serve],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env=environment(TOCSIN_BROKER_DRAIN_SECONDS="0"),
    )
    return ended.returncode, ended.stderr.decode()


def test_thirty_moments_of_a_brokers_life(sound: Installed, tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(len(MOMENTS))]
    for folder in folders:
        shutil.copytree(sound.folder.path, folder)
    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(interrupted, MOMENTS, folders))
    for (number, _), (code, err), folder in zip(MOMENTS, ends, folders, strict=True):
        assert code in CODES[number], err
        assert "Traceback" not in err
        assert not (folder / "address").exists()
        assert all(json.loads(line) for line in err.splitlines())
    for folder in folders[::7]:
        assert here("doctor", str(folder)).code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_impatience_changes_nothing(
    sound: Installed, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with serving(sound) as served:
        for _ in range(5):
            served.process.send_signal(number)
        assert served.process.wait(SECONDS) == code
        events = [event["event"] for event in served.events()[-3:]]
    assert events == ["ready", "draining", "stopped"]
    assert not sound.folder.address.exists()
