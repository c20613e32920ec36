# SPDX-License-Identifier: Apache-2.0
"""Remembers in memory which assertions were used, until they would not count any more anyway.

A restart forgets. An assertion that is bound to an act can then do nothing but that act again, and
acts are done once by themselves.
"""

import threading

MAX_PER_AGENCY = 4096
"""Assertions of ten minutes: one a second for each officer on duty would not come near it."""


class SeenAssertions:
    """Implements `officers.tokens.Replays` for one process; may be used by several threads."""

    def __init__(self, *, most: int = MAX_PER_AGENCY) -> None:
        self._most = most
        self._seen: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()

    def is_first(self, agency: str, assertion_id: str, until: int, now: int) -> bool:
        """Note that an assertion is used; False where it was, or where there is no room to note."""
        with self._lock:
            seen = self._seen.setdefault(agency, {})
            if len(seen) >= self._most:
                self._seen[agency] = seen = {one: end for one, end in seen.items() if end > now}
            if assertion_id in seen or len(seen) >= self._most:
                return False
            seen[assertion_id] = until
            return True
