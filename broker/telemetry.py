# SPDX-License-Identifier: Apache-2.0
"""What the operator sees of a running broker: events as JSON lines, and numbers.

An event is a name and fields, never prose. Ids, topics, reasons and log indices are enough to
follow a frame through all parties; contents, keys and certificates never come here. Numbers are
served on a loopback address where the operator asks for them, nowhere else.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

Log = structlog.typing.FilteringBoundLogger

_STAMPS: tuple[structlog.typing.Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Write events, also those of libraries, as JSON lines to `stream` (standard error).

    Args:
        level: debug, info, warning or error.
        stream: where to.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    target = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[
            *_STAMPS,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _route_libraries(target, max(number, logging.WARNING))


def _route_libraries(target: TextIO, level: int) -> None:
    """Give what libraries log through the standard module the same form, from warnings up."""
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_STAMPS,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)


def log_for(area: str) -> Log:
    """Return the log of one area of the broker."""
    log: Log = structlog.get_logger(area=area)
    return log


@dataclass(slots=True, kw_only=True)
class Sparing:
    """Lets a burst of events through and then so many a second; those between are counted.

    For what a peer can cause as often as it likes: it must not fill the disk.

    Attributes:
        burst: events let through at once.
        per_second: events let through on and on.
    """

    burst: int = 500
    per_second: float = 20.0
    _left: float = field(init=False)
    _seen_at: float = 0.0
    _unshown: int = 0

    def __post_init__(self) -> None:
        self._left = self.burst

    def admit(self, now: float) -> int | None:
        """Return how many events before this one were left out, or None to leave it out, too.

        Args:
            now: seconds of a clock that does not go back.
        """
        self._left = min(self.burst, self._left + (now - self._seen_at) * self.per_second)
        self._seen_at = now
        if self._left < 1:
            self._unshown += 1
            return None
        self._left -= 1
        unshown, self._unshown = self._unshown, 0
        return unshown


UNDECIDED = Counter(
    "tocsin_broker_undecided", "decisions that the rule book could not take", ["act"], registry=None
)
"""Every one is a denial and an alarm; counted where decisions are taken, for the whole process."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The broker's numbers. Labels are method names and reasons, never who or what."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    calls: Counter = field(init=False)
    refusals: Counter = field(init=False)
    incidents: Counter = field(init=False)
    streams: Gauge = field(init=False)

    def __post_init__(self) -> None:
        made: dict[str, Any] = {
            "calls": Counter(
                "tocsin_broker_calls", "calls ended", ["method", "code"], registry=self.registry
            ),
            "refusals": Counter(
                "tocsin_broker_refusals", "refusals by reason", ["reason"], registry=self.registry
            ),
            "incidents": Counter(
                "tocsin_broker_incidents", "faults of the broker", registry=self.registry
            ),
            "streams": Gauge(
                "tocsin_broker_streams", "open streams", ["method"], registry=self.registry
            ),
        }
        for name, metric in made.items():
            object.__setattr__(self, name, metric)
        self.registry.register(UNDECIDED)


def serve_metrics(metrics: Metrics, host: str, port: int) -> Callable[[], None]:
    """Serve the numbers over HTTP until the function that is returned is called."""
    server, thread = start_http_server(port, addr=host, registry=metrics.registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
