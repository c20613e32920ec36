# SPDX-License-Identifier: Apache-2.0
"""Folding text, so that what is typed and what was written come to the same letters. Pure.

Each character is decomposed (NFKD), loses the marks that people leave out (accents, vowel points,
tones), its case and its variant (`ł`, `ß`, `ё`, final sigma, Arabic and Hebrew letter forms,
katakana, digits of any script), and is put together again (NFC). What is neither letter, mark nor
digit becomes a space, or `JOINER` where it stands inside names and numbers.
Not done: transliteration between scripts, `ü` as `ue`, simplified as traditional characters,
similar sounds.
"""

import unicodedata

JOINER = "-"
FIELD_END = "\n"
"""Nothing is joined across it."""
FIELD_MARK = "\x1e"
"""Folds to `FIELD_END`."""

_JOINERS = frozenset(
    "-._'`·"
    "\u00b4\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u055a\u058a\u05be\u05f3\u05f4\ua78b\ua78c"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2018\u2019\u201b\u2027\u2032\u2212\u30a0\u30fb"
    "\u200c"
)
"""Hyphens, apostrophes, dots and the like; the last is the zero-width non-joiner of Persian."""

_OPTIONAL_MARKS = (
    (0x0300, 0x036F),  # Latin, Greek and Cyrillic accents
    (0x0483, 0x0489),
    (0x0591, 0x05C7),  # Hebrew points
    (0x0610, 0x061A),  # Arabic vowels and signs
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x08D3, 0x08FF),
    (0x093C, 0x093C),  # nuktas of Indian scripts
    (0x09BC, 0x09BC),
    (0x0A3C, 0x0A3C),
    (0x0ABC, 0x0ABC),
    (0x0B3C, 0x0B3C),
    (0x0CBC, 0x0CBC),
    (0x0E48, 0x0E4C),  # Thai and Lao tones
    (0x0EC8, 0x0ECC),
    (0x180B, 0x180F),  # variation selectors
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
"""Vowel signs of Indian and South-East Asian scripts are not among them: nobody leaves them out."""

# Letters that have no decomposition, and what people type for them.
_VARIANTS = str.maketrans(
    "łøđðħŧŋıəɨɓɗƙƴƒɛɔґғқҝҡңҥӊҳһҷөүұәךםןףץٱىیےېکڪةۃہھە",
    "loddhtnieibdkyfeoггкккнннххчоууаכמנפצاييييككههههه",  # noqa: RUF001
    "\u0640",  # tatweel, which only stretches a word
) | {ord("æ"): "ae", ord("œ"): "oe", ord("þ"): "th"}

_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = 0x60


def fold(text: str) -> str:
    """Return `text` folded: letters, marks and digits, `JOINER`, `FIELD_END` and spaces."""
    return unicodedata.normalize("NFC", text.translate(_FOLDS))


class _Folds(dict[int, str]):
    """What each code point folds to; filled as code points are met, at most once each."""

    def __missing__(self, code: int) -> str:
        character = unicodedata.normalize("NFC", chr(code))
        parts = JOINER if character in _JOINERS else unicodedata.normalize("NFKD", character)
        folded = unicodedata.normalize("NFC", "".join(map(_fold_part, parts)))
        self[code] = folded
        return folded


_FOLDS = _Folds({ord(FIELD_MARK): FIELD_END})


def _fold_part(part: str) -> str:
    """Fold one character that does not decompose."""
    code, category = ord(part), unicodedata.category(part)
    if part in _JOINERS:
        return JOINER
    if category == "Cf" or any(first <= code <= last for first, last in _OPTIONAL_MARKS):
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(part))
    if code in _KATAKANA:
        return chr(code - _TO_HIRAGANA)
    return part.casefold().translate(_VARIANTS) if category[0] in "LMN" else " "
