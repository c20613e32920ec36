# SPDX-License-Identifier: Apache-2.0
"""An agency's process that follows a topic and says when each notice was handed to it.

Started by `benchmarks.live`. A notice is verified, stored and written into the agency's own log of
openings before it is handed out; the search index is filled beside that.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from agency_client.bootstrap import Agency
from benchmarks.parties import SINGLE_TOPIC
from tests.faults.world import PASSPHRASE


async def follow(profile: Path) -> None:
    """Follow until stdin is closed."""
    stopping = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with Agency.connect(profile, PASSPHRASE) as agency:
        following = asyncio.create_task(_say(agency))
        await asyncio.wait((stopping, following), return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _say(agency: Agency) -> None:
    async for view in agency.subscribe(SINGLE_TOPIC):
        said = {"notice": view.notice_id.hex(), "at": time.monotonic_ns()}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(follow(Path(sys.argv[1])))
