# SPDX-License-Identifier: Apache-2.0
"""Readers: a few threads with a connection each that cannot write."""

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlcipher3 import dbapi2

from broker.storage.connecting import connect_reader
from broker.storage.faults import closed, internal, named

T = TypeVar("T")


class Readers:
    """Runs queries beside the writer."""

    def __init__(self, database: Path, count: int) -> None:
        """Open the connections.

        Raises:
            sqlcipher3.dbapi2.Error: the database cannot be read.
        """
        self._closed = False
        self._free: queue.SimpleQueue[dbapi2.Connection] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="store-reader")
        for _ in range(count):
            self._free.put(connect_reader(database))

    async def run(self, query: Callable[[dbapi2.Connection], T]) -> T:
        """Run a query on what is committed.

        Raises:
            BrokerError: INTERNAL where the database does not give it; DRAINING after `close`.
        """
        if self._closed:
            raise closed()
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, query)

    def _run(self, query: Callable[[dbapi2.Connection], T]) -> T:
        # There are as many connections as threads, so one is always free.
        connection = self._free.get_nowait()
        try:
            return query(connection)
        except dbapi2.Error as error:
            raise internal(named(error)) from error
        finally:
            self._free.put(connection)

    async def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._closed = True
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        self._pool.shutdown()
        while not self._free.empty():
            self._free.get_nowait().close()
