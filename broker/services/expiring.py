# SPDX-License-Identifier: Apache-2.0
"""Destroys notices whose validity has ended, and overwrites attachments that are no more.

A frame that does not let itself be read keeps no other from being destroyed.
"""

import asyncio

from broker.domain.acts import Act, expiry
from broker.domain.deliveries import StoredFrame
from broker.errors import BrokerError
from broker.services.mailroom import Mailroom
from broker.telemetry import log_for

AT_ONCE = 16
"""Frames destroyed in one write, of up to 2 MiB each."""

_log = log_for("expiring")


class Expiring:
    """Destroys what has expired for one broker."""

    def __init__(self, room: Mailroom) -> None:
        self._room = room

    async def do(self) -> int:
        """Destroy all that has expired; return of how many frames.

        Raises:
            BrokerError: of the store.
        """
        now = self._room.clock.now()
        count = 0
        while keys := await self._room.store.expired(now, AT_ONCE):
            done = await asyncio.gather(*(self._destroy(key, now) for key in keys))
            count += sum(done)
            if not any(done):
                break
        while await self._room.store.erase():
            pass
        return count

    async def _destroy(self, key: tuple[str, int], now: int) -> bool:
        def act_of(frame: StoredFrame, indices: tuple[int, ...]) -> Act:
            return expiry(frame, indices, now, salt)

        salt = self._room.salt()
        try:
            is_done = await self._room.store.destroy_expired(key, now, act_of)
        except BrokerError as error:
            _log.warning("not_destroyed", topic=key[0], sequence=key[1], reason=error.reason.value)
            return False
        self._room.destroyed.tell([key])
        return is_done
