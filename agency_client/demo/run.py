# SPDX-License-Identifier: Apache-2.0
"""Runs the demonstration in a folder and leaves nothing behind, unless it is told to keep it."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agency_client.demo.checks import Step
from agency_client.demo.kept import write_readme
from agency_client.demo.story import STORY, tell
from agency_client.demo.world import a_world
from agency_client.errors import AgencyError, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How it went."""

    steps: tuple[Step, ...]
    kept: Path | None

    @property
    def is_held(self) -> bool:
        """Whether the whole story was told and every step held."""
        return len(self.steps) == len(STORY) and all(step.is_held for step in self.steps)


async def run_demo(heard: Callable[[Step], None], *, keep: Path | None = None) -> Told:
    """Tell the story.

    Args:
        heard: called with each step when it is over.
        keep: an empty or new folder that is left behind; otherwise everything is deleted.

    Raises:
        AgencyError: PROFILE_EXISTS; `keep` holds something.
    """
    folder = await asyncio.to_thread(_prepared, keep)
    try:
        async with a_world(folder) as world:
            steps = await tell(world, heard)
        if keep is not None:
            write_readme(folder, world)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return Told(steps=tuple(steps), kept=keep)


def _prepared(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    keep.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(keep.iterdir()):
        raise AgencyError(Reason.PROFILE_EXISTS, f"{keep} is not empty")
    return keep.resolve()
