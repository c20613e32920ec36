# SPDX-License-Identifier: Apache-2.0
"""The limits table: each number with its reason. The limits of a frame are in `keys.envelope`."""

from dataclasses import dataclass

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

MAX_CHUNK_BYTES = 1 << 20
"""One chunk is one row and one message, well below the 4 MiB of a message."""
MAX_ATTACHMENT_BYTES = 256 << 20
"""Scans and short video; more than that belongs on a carrier between two agencies."""
DEFAULT_CHUNK_BYTES = 256 << 10
MAX_PULL_FRAMES = 100
MAX_WAIT_MS = 30_000
"""Long polls end before the common proxy timeout of a minute."""
MAX_LEAVES = 10_000
MAX_MAIL = 100
"""Of the largest letters, some 2 MiB."""
MAX_MAIL_BYTES = 3 << 20
"""An answer with mail stays well below the 4 MiB of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator or a test may set. The defaults are meant for use.

    Attributes:
        heartbeat_ms: a session is never silent for longer.
        checkpoint_ms: a session gets a new checkpoint at most this often.
        batch_frames: frames read, decided and logged at once for one session.
        batch_bytes: bytes of the same; bounds the memory of a session with much credit.
        max_sessions_per_agency: live streams of one agency.
        clock_ahead_ms: how far a frame may come from the future.
        frame_age_ms: how long an outbox may hold a sealed frame.
        upload_age_ms: what no frame references dies after this.
        upload_bytes_per_agency: bytes of unreferenced attachments of one agency.
        refusals_burst: refusals of one agency that get a leaf each before they are counted only.
        refusals_refill_ms: one more of them is allowed after this.
        cards_per_day: contact cards that one agency may enter into the directory.
        mail_burst: letters and grants from one agency to another at once; a mass of recalls is
            answered by as many attestations.
        mail_refill_ms: one more of them is allowed after this.
        upkeep_ms: how often attachments are collected, counted refusals written and expired notices
            destroyed.
    """

    heartbeat_ms: int = 15_000
    checkpoint_ms: int = 5_000
    batch_frames: int = 64
    batch_bytes: int = 4 << 20
    max_sessions_per_agency: int = 64
    clock_ahead_ms: int = 5 * MINUTE_MS
    frame_age_ms: int = 30 * DAY_MS
    upload_age_ms: int = DAY_MS
    upload_bytes_per_agency: int = 4 << 30
    refusals_burst: int = 100
    refusals_refill_ms: int = 1_000
    cards_per_day: int = 24
    mail_burst: int = 10_000
    mail_refill_ms: int = 1_000
    upkeep_ms: int = MINUTE_MS
