# SPDX-License-Identifier: Apache-2.0
"""The form of a vector file, and what earlier files keep of values that are random when made.

A file is one case. README.md describes the form for other implementers.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography import x509

from keys.errors import FramingError
from keys.framing import listed, unlisted

FOLDER = Path(__file__).parent
REFUSED = "refused"

Json = dict[str, Any]


def plain(value: object) -> Any:
    """Return a value as JSON has it: bytes in hex, dataclasses as objects, tuples as arrays."""
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One case.

    Attributes:
        name: also the file's name.
        about: one sentence.
        section: of docs/protocol.md.
        inputs: what a replay starts from.
        steps: every value between, in order.
        output: what comes out; for a refusal, `{"reason": ...}`.
    """

    name: str
    about: str
    section: str
    inputs: Json
    steps: Json = field(default_factory=dict)
    output: Json

    def text(self) -> str:
        """Return the file's text."""
        return json.dumps(plain(self), ensure_ascii=False, indent=2) + "\n"


def refusal(name: str, about: str, section: str, inputs: Json, reason: str) -> Vector:
    """Return a case that must be refused for `reason`."""
    return Vector(
        name=f"{REFUSED}/{name}",
        about=about,
        section=section,
        inputs=inputs,
        output={"reason": reason},
    )


def with_item(data: bytes, index: int, item: bytes) -> bytes:
    """Return framed bytes, whose label is item 0, with one item replaced, whatever it is."""
    items = unlisted(data)
    items[index] = item
    return listed(items)


def load(name: str, folder: Path = FOLDER) -> Json:
    """Return the file of a case as parsed JSON."""
    parsed: Json = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return parsed


def parts(name: str) -> tuple[Json, Json, Json]:
    """Return inputs, steps and output of a case."""
    vector = load(name)
    return vector["inputs"], vector["steps"], vector["output"]


class Kept:
    """All bytes in earlier files: what was random then is used again where it still verifies."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self._values = set(values)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return what the files of a folder hold; nothing where there are none."""
        found: set[bytes] = set()
        for path in sorted(folder.rglob("*.json")):
            for value in _hex_strings(json.loads(path.read_text(encoding="utf-8"))):
                _collect(value, found)
        return cls(found)

    def add(self, value: bytes) -> bytes:
        """Keep a new value too, so that it is the same wherever this run needs it; return it."""
        self._values.add(value)
        return value

    def of_length(self, length: int) -> list[bytes]:
        """Return the values of exactly `length` bytes, in order."""
        return sorted(one for one in self._values if len(one) == length)

    def first(self, length: int, fits: Callable[[bytes], bool]) -> bytes | None:
        """Return the first value of `length` bytes that fits, where there is one."""
        return next(filter(fits, self.of_length(length)), None)

    def certificates(self) -> list[bytes]:
        """Return the values that are certificates, in order."""
        return sorted(filter(_is_certificate, self._values))


def _hex_strings(value: object) -> Iterator[bytes]:
    if isinstance(value, str):
        try:
            yield bytes.fromhex(value)
        except ValueError:
            return
    elif isinstance(value, dict):
        for held in value.values():
            yield from _hex_strings(held)
    elif isinstance(value, list):
        for held in value:
            yield from _hex_strings(held)


def _collect(value: bytes, found: set[bytes]) -> None:
    """Add a value and, where it is framed, everything in it."""
    if value in found:
        return
    found.add(value)
    try:
        items = unlisted(value)
    except FramingError:
        return
    for item in items:
        _collect(item, found)


def _is_certificate(value: bytes) -> bool:
    if not value.startswith(b"\x30\x82"):
        return False
    try:
        x509.load_der_x509_certificate(value)
    except ValueError:
        return False
    return True
