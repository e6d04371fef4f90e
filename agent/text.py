"""What every text of a person goes through before anything else sees it: normalisation and limits.

Knows nothing of languages or models; the language guard reads ``Prediction.unknown_share``, which the tokenizer
measures. Personal data is masked elsewhere (``agent.redaction``).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from agent.errors import BadInputError

# Invisible letters and marks outside category Cf: grapheme joiner, Hangul fillers, Khmer inherent vowels.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_JOINER = "\u200d"
_MODIFIERS = frozenset("\ufe0e\ufe0f") | frozenset(map(chr, range(0x1F3FB, 0x1F400)))

# NFC sorts runs of combining marks in quadratic time, so a text far over the limit never reaches it.
_SLACK = 4


def clean(text: str, max_chars: int) -> str:
    """The text in NFC on one line, without control, zero-width and direction marks; 1 to ``max_chars`` long.

    Raises BadInputError with code "empty", "too_long" or "not_text" (a lone surrogate, or nothing but
    characters that cannot be seen). Emoji alone are a text.
    """
    if len(text) > _SLACK * max_chars:
        raise _too_long(len(text), max_chars)
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadInputError("not_text", "The text holds half a character (a lone surrogate). Send valid Unicode.")
    normal = unicodedata.normalize("NFC", text)
    shown = "".join(char for place, char in enumerate(normal) if _is_kept(normal, place, char))
    result = " ".join(shown.split())
    if not result:
        if text.strip():
            raise BadInputError("not_text", "The text holds no character that can be seen. Write a few words.")
        raise BadInputError("empty", "The text is empty. Write a few words.")
    if len(result) > max_chars:
        raise _too_long(len(result), max_chars)
    return result


def _too_long(length: int, limit: int) -> BadInputError:
    return BadInputError("too_long", f"The text has {length} characters; at most {limit} are taken. Shorten it.")


def _is_kept(text: str, place: int, char: str) -> bool:
    if char.isspace():
        return True
    if char == _JOINER:
        return _joins_emoji(text, place)
    # Cc control, Cf format (zero-width, direction, tags, soft hyphen, byte order mark), Cs surrogates.
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs") and char not in _INVISIBLE


def _joins_emoji(text: str, place: int) -> bool:
    """Whether the joiner at ``place`` stands between two symbols, as in a family or a profession."""
    before = place - 1
    while before >= 0 and text[before] in _MODIFIERS:
        before -= 1
    around = (text[before] if before >= 0 else "", text[place + 1 : place + 2])
    return all(char and unicodedata.category(char) == "So" for char in around)


def bare_words(text: str) -> str:
    """The text's words alone, in lower case with single blanks: what stays the same however it is typed."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def has_words(text: str) -> bool:
    """Whether the text has a letter or a digit of any script; emoji and punctuation alone have none."""
    return any(char.isalnum() for char in text)


def text_key(text: str) -> str:
    """What two texts have in common that count as one: their words, whatever their case and the spaces between."""
    return " ".join(text.casefold().split())


def fraction(key: str) -> float:
    """A number in [0, 1) that depends on ``key`` alone, to split or sample in a stable way."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
