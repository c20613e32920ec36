# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: INP001 - a program by itself, not part of a package
"""An agency's own system in forty lines: publishes what it is given, then follows a topic.

    python examples/publish_and_follow.py PROFILE TOPIC < records.jsonl

PROFILE is enrolled (`tocsin init`, `tocsin enrol`), and its config.toml names the file with its
passphrase: `passphrase_file = "/run/secrets/gr-pol"`. What is published is durable in the profile
before the broker is tried; what comes is verified, opened and stored before it is shown. Ctrl-C
ends it, and it goes on where it stopped when it is started again.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from agency_client import Agency, AgencyError, Viewer, read_records


async def publish_and_follow(profile: Path, topic: str, records: bytes) -> None:
    """Publish records, then say what arrives until Ctrl-C."""
    batch = read_records(records, topic=topic, to=())
    for one in batch.refused:
        _say(f"line {one.line}: {one.message}")
    async with Agency.connect(profile) as agency:
        report = await agency.publish([one.draft for one in batch.drafts])
        for notice in report.notices:
            _say(f"{notice.state} {notice.notice_id.hex()} {notice.message}".rstrip())
        looking = Viewer(name="case system", purpose="INVESTIGATION")
        async for view in agency.subscribe(topic, viewer=looking, troubled=_waiting):
            _say(f"received {view.reference} {view.marking.mode} TLP:{view.marking.tlp}")


def _waiting(problem: AgencyError) -> None:
    _say(f"waiting: {problem.message}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        given = sys.stdin.buffer.read()
        asyncio.run(publish_and_follow(Path(sys.argv[1]), sys.argv[2], given))
