# SPDX-License-Identifier: Apache-2.0
"""Six words that two people read to each other on the telephone to compare keys.

66 bits, of a function that takes a tenth of a second and 64 MiB for each try: whoever wants keys of
his own with somebody else's words tries 2^66 times at that price. Compared are all six or nothing.
Not here: who compared them, and what follows. Source: docs/protocol.md section 10.
"""

import re
from functools import lru_cache

from agency_client.domain.word_list import WORDS
from agency_client.errors import AgencyError, Reason
from keys.entries import AgencyEntry
from keys.framing import framed, listed, sha256
from keys.stretching import stretched

COUNT = 6
BITS_EACH = 11

_SALT = b"tocsin/words/v1\x00"
"""Fixed: both sides must find the same words. It keeps this use apart from all others."""
_MEMBER = "tocsin/member/v1"
_BYTES = 9
_KNOWN = frozenset(WORDS)


def member_bytes(entry: AgencyEntry) -> bytes:
    """Return what an agency's words name: who it is, and every key that speaks or reads for it.

    Not its name for people, circles and dates: these the stewards change, and none of them lets
    anybody else speak for it.
    """
    return framed(
        _MEMBER,
        entry.agency.encode(),
        entry.country.encode(),
        entry.kind.encode(),
        listed(entry.tls_roots),
        entry.tls_key_pin,
        listed(keyset.encode() for keyset in entry.signing),
        listed(key.encode() for key in entry.encryption),
        listed(key.encode() for key in entry.assertion_keys),
    )


@lru_cache(maxsize=256)
def spoken(data: bytes) -> str:
    """Return the six words of some bytes, with spaces between. Slow on purpose."""
    drawn = int.from_bytes(stretched(data, _SALT, _BYTES), "big")
    number = drawn >> (8 * _BYTES - COUNT * BITS_EACH)
    places = (number >> (BITS_EACH * at) & (len(WORDS) - 1) for at in reversed(range(COUNT)))
    return " ".join(WORDS[place] for place in places)


def fingerprint(data: bytes) -> str:
    """Return 128 bits of the SHA-256 in hex, grouped: for programs, and for those who can paste."""
    digits = sha256(data).hex()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def check_spoken(given: str, data: bytes, what: str) -> None:
    """Refuse words, as somebody heard and typed them, that are not the words of `data`.

    Args:
        given: six words; capitals and what stands between them do not matter.
        data: what they should be the words of.
        what: it, for people.

    Raises:
        AgencyError: INVALID_ARGUMENT, they are not six words of the list; WORDS_DIFFER, they are
            the words of something else.
    """
    heard = re.findall(r"[^\W\d_]+", given.lower())
    if len(heard) != COUNT:
        raise AgencyError(
            Reason.INVALID_ARGUMENT, f"{len(heard)} words were given, expected {COUNT}"
        )
    unknown = [at for at, word in enumerate(heard, 1) if word not in _KNOWN]
    if unknown:
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"word {unknown[0]} is not in the list: ask for it again, letter by letter",
        )
    if " ".join(heard) != spoken(data):
        raise AgencyError(
            Reason.WORDS_DIFFER,
            f"these are not the words of {what}: what you hold is not what they hold",
        )
