"""Slips of the keyboard, mended before the model reads a message: unknown words, one edit away from one of the app's.

The text that was typed stays what it is everywhere else: values, notes and the store take it as it came.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from rapidfuzz.distance import OSA

# Shorter words have too many neighbours ("form", "from"); so has a word of five letters with one of them exchanged.
_SHORTEST = 5
_SHORTEST_EXCHANGE = 6
# A word that the app's texts use less often may be a slip itself.
_LEAST_USES = 3
_KEPT = 4096

_WORD = re.compile(r"[^\W\d_]+")
# A word by itself: no part of an address, of a contraction, or of a number.
_ALONE = re.compile(r"(?<![\w@.'’/-])[^\W\d_]+(?![\w@'’/-]|\.\w)")


class Spelling:
    """The vocabulary of one app. Safe for many threads."""

    def __init__(self, texts: Iterable[str], is_word: Callable[[str], bool]) -> None:
        """``texts`` are what the app's people write and read; ``is_word`` says of a word in lower case whether it is
        one in general, so that it is left alone though it is none of the app's.
        """
        self._uses = Counter(word.casefold() for text in texts for word in _WORD.findall(text))
        self._is_word = is_word
        # A first letter is seldom mistyped, so the candidates are those that share it.
        self._frequent: defaultdict[str, list[str]] = defaultdict(list)
        for word, uses in self._uses.items():
            if uses >= _LEAST_USES and len(word) >= _SHORTEST - 1:
                self._frequent[word[0]].append(word)
        self._nearest = functools.lru_cache(_KEPT)(self._find_nearest)

    def mended(self, text: str) -> str:
        """The text with each slip replaced by the word that was most likely meant."""
        return _ALONE.sub(lambda match: self._nearest(match[0].casefold()) or match[0], text)

    def _find_nearest(self, word: str) -> str | None:
        """The app's most used word that is one edit (also two letters in turn) away; None if ``word`` is no slip."""
        if len(word) < _SHORTEST or word in self._uses or self._is_word(word):
            return None
        near = (other for other in self._frequent[word[0]] if _is_near(word, other))
        return max(near, key=self._uses.__getitem__, default=None)


def _is_near(word: str, other: str) -> bool:
    if OSA.distance(word, other, score_cutoff=1) > 1:
        return False
    exchanged = len(word) == len(other) and sorted(word) != sorted(other)
    return not exchanged or len(word) >= _SHORTEST_EXCHANGE
