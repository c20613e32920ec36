# SPDX-License-Identifier: Apache-2.0
"""Shares of a recovery secret: made, read as a person types them, and put together again.

The arithmetic, the list of words and the checksum are SLIP-39's, through `shamir-mnemonic`, without
a passphrase and with one group. That library takes no care of timing; it works here on a secret
that is used once, on a machine where somebody sits. Messages never repeat a word of a share. Not
here: what the secret opens (`keys.recovery`). Source: SLIP-0039.
"""

import re
from dataclasses import dataclass, field

from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.wordlist import WORDLIST

from agency_client.errors import AgencyError, Reason
from keys.recovery import MAX_SHARES, MIN_NEEDED, SECRET_BYTES, ShareSet

WORDS = 33
"""That many give 256 bits with number, place and checksum."""
TELLING_LETTERS = 4
"""The first four letters of each word of the list are its own."""

_EXPONENT = 0
"""The secret has 256 bits, so stretching it adds nothing; a passphrase there is none."""
_BY_LETTERS: dict[str, str] = {word[:TELLING_LETTERS]: word for word in WORDLIST}
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryShare:
    """One custodian's share.

    Attributes:
        number: of the set that it belongs to.
        place: which of the set it is, from 1.
        needed: how many of the set give the secret.
        words: the share itself.
    """

    number: int
    place: int
    needed: int
    words: tuple[str, ...] = field(repr=False)


def check_counts(needed: int, shares: int) -> None:
    """Refuse numbers of custodians that no set has.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    if not MIN_NEEDED <= needed <= shares <= MAX_SHARES:
        raise AgencyError(
            Reason.INVALID_ARGUMENT,
            f"{needed} of {shares} custodians cannot be: at least {MIN_NEEDED} are needed, "
            f"no more than there are, and there are {MAX_SHARES} at most",
        )


def split(secret: bytes, *, needed: int, shares: int) -> tuple[RecoveryShare, ...]:
    """Return the shares of a secret; each was tried before it is handed out: paper lasts.

    Raises:
        AgencyError: INVALID_ARGUMENT.
    """
    check_counts(needed, shares)
    made = generate_mnemonics(
        1, [(needed, shares)], secret, extendable=True, iteration_exponent=_EXPONENT
    )
    read = tuple(read_share(text) for text in made[0])
    for start in range(shares):
        chosen = [read[(start + step) % shares] for step in range(needed)]
        if _combined(chosen) != secret:
            raise AgencyError(Reason.INTERNAL, "the shares that were made do not give the secret")
    return read


def read_share(text: str) -> RecoveryShare:
    """Read a share as a person gives it: in any case, with numbers and commas, four letters a word.

    Raises:
        AgencyError: SHARE_REFUSED; it is none, or not as it was written down.
    """
    words = [_word(place, given) for place, given in enumerate(_WORD.findall(text.lower()), 1)]
    if len(words) != WORDS:
        raise _refused(f"a share has {WORDS} words, and this has {len(words)}")
    try:
        share = Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        raise _refused(
            "the checksum is wrong: a word is misread or missing, or two changed places"
        ) from None
    if (share.group_count, len(share.value)) != (1, SECRET_BYTES) or share.iteration_exponent:
        raise _refused("it is a share of something else than an agency's keys")
    return RecoveryShare(
        number=share.identifier,
        place=share.index + 1,
        needed=share.member_threshold,
        words=tuple(words),
    )


def _word(place: int, given: str) -> str:
    word = _BY_LETTERS.get(given[:TELLING_LETTERS], "")
    if not given or not word.startswith(given):
        raise _refused(f"word {place} is not in the list of words of shares")
    return word


class Gathering:
    """The shares given so far for one recovery copy."""

    def __init__(self, wanted: ShareSet) -> None:
        """Gather shares of the set `wanted`."""
        self.wanted = wanted
        self._given: dict[int, RecoveryShare] = {}

    @property
    def missing(self) -> int:
        """How many more are needed."""
        return max(0, self.wanted.needed - len(self._given))

    @property
    def places(self) -> tuple[int, ...]:
        """Which were given."""
        return tuple(sorted(self._given))

    def add(self, share: RecoveryShare) -> None:
        """Take one more.

        Raises:
            AgencyError: SHARE_REFUSED; it is of another set, or was given before.
        """
        if share.number != self.wanted.number or share.needed != self.wanted.needed:
            raise _refused(
                f"it is of set {share.number}, and the recovery copy is opened by set "
                f"{self.wanted.number}: another agency's, or from before shares were made anew"
            )
        if share.place in self._given:
            raise _refused(f"share {share.place} was given already: another custodian's is needed")
        self._given[share.place] = share

    def secret(self) -> bytes:
        """Return the secret.

        Raises:
            AgencyError: SHARES_MISSING; SHARE_REFUSED where they do not fit each other.
        """
        if self.missing:
            raise AgencyError(
                Reason.SHARES_MISSING,
                f"{len(self._given)} of {self.wanted.needed} shares were given",
            )
        return _combined(list(self._given.values())[: self.wanted.needed])


def _combined(shares: list[RecoveryShare]) -> bytes:
    try:
        secret: bytes = combine_mnemonics([" ".join(one.words) for one in shares])
    except MnemonicError:
        raise _refused("the shares do not fit each other, though each is whole") from None
    return secret


def _refused(message: str) -> AgencyError:
    return AgencyError(Reason.SHARE_REFUSED, message)
