# SPDX-License-Identifier: Apache-2.0
"""The forms in which a text could lie in the clear, to be searched for where it must not."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator

LEAST_BYTES = 8
"""Shorter needles are found anywhere by chance."""


def forms(text: str) -> Iterator[bytes]:
    """Yield a text in UTF-8, UTF-16, JSON-escaped, hex, and base64 at each of its alignments."""
    plain = text.encode()
    yield plain
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield json.dumps(text)[1:-1].encode()
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for shift in range(3):
        encoded = b64encode(b"\0" * shift + plain)
        yield encoded[4 * (shift > 0) : len(encoded) - 4]


def needles(texts: Iterable[str]) -> set[bytes]:
    """Return every form of every text that is long enough to mean something."""
    return {form for text in texts for form in forms(text) if len(form) >= LEAST_BYTES}
