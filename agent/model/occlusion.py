"""Which words weighed most: the fall of a probability when a piece of the text is left out.

One batch of as many texts as there are pieces, which costs about 2.8 single passes for a short message.
Knows nothing of models: it is given a function from texts to probabilities.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Probabilities = Callable[[Sequence[str]], Sequence[float]]
"""Texts to the probability of one intent in each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of a text, or a few in a row of a long one."""

    start: int
    end: int
    """Of the text's characters: ``text[start:end]`` is the piece."""
    weight: float
    """How far the probability falls without it, -1 to 1; negative if the piece spoke against the intent."""


def weigh(text: str, probabilities: Probabilities, most: int) -> list[Piece]:
    """Every piece of the text in its order. Of a text with more words than ``most`` a piece is several words.

    ``probabilities`` is called once, with the whole text first.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    size = -(-len(words) // max(1, most)) or 1
    spans = [(group[0][0], group[-1][1]) for group in (words[i : i + size] for i in range(0, len(words), size))]
    whole, *without = probabilities([text, *(leave_out(text, [span]) for span in spans)])
    return [Piece(start, end, whole - rest) for (start, end), rest in zip(spans, without, strict=True)]


def leave_out(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text without the characters of ``spans``, single spaces between what remains."""
    kept, at = [], 0
    for start, end in sorted(spans):
        kept.append(text[at:start])
        at = end
    kept.append(text[at:])
    return " ".join(" ".join(kept).split())
