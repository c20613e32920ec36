# SPDX-License-Identifier: Apache-2.0
"""Publishes one notice after the other and writes down what it was told, until stdin is closed."""

import asyncio
import json
import os
import random
import sys
from pathlib import Path

from agency_client.bootstrap import Agency
from agency_client.domain.notices import Draft
from agency_client.domain.views import PublishState
from agency_client.intake import read_records
from tests.faults.history import Did, Recorder
from tests.faults.world import TOPICS

PATIENCE_SECONDS = 150.0
"""Attempts are up to 15 s apart, and a broker that is killed all the time is away for many."""


def draft_for(key: str, topic: str) -> Draft:
    record = {"type": "CASE_SUMMARY", "tlp": "AMBER", "mode": "TEST", "title": key, "summary": "-"}
    batch = read_records(json.dumps(record).encode(), topic=topic, to=())
    return batch.drafts[0].draft


async def publish(profile: Path, history: Path) -> None:
    recorder = Recorder(history, profile.name)
    stopping = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with Agency.connect(profile, os.environ["TOCSIN_FAULTS_PASSPHRASE"]) as agency:
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        number = 0
        while not stopping.done():
            number += 1
            key, topic = f"{profile.name}/{number}", random.choice(TOPICS)
            recorder.note(Did.PUBLISH, key=key, topic=topic)
            report = await agency.publish(draft_for(key, topic), wait_s=PATIENCE_SECONDS)
            (outcome,) = report.notices
            if outcome.state is not PublishState.ACCEPTED:
                raise AssertionError(f"{key} is {outcome.state}: {outcome.reason}")
            recorder.note(Did.ACCEPTED, key=key, topic=outcome.topic, sequence=outcome.sequence)
    recorder.close()


if __name__ == "__main__":
    asyncio.run(publish(Path(sys.argv[1]), Path(sys.argv[2])))
