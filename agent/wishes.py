"""What a message says of what its writer wants and does not want: "no horror", "something light, under 20".

Pure functions over the words that a catalogue's items are described with; no model. What they do not find is left to
the ranking, which reads the whole message.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

MOST_WORDS = 4
"""Words of the longest attribute value that is looked for in a message."""
_WORD = re.compile(r"\w+(?:['’-]\w+)*|,")
_SENTENCE = re.compile(r"[.!?;\n]+(?!\d)|,? but ", re.IGNORECASE)
_NO = frozenset(
    ["no", "not", "nothing", "without", "never", "none", "avoid", "dont", "hate", "hates", "dislike", "dislikes"]
)
_LESS = frozenset({"less", "fewer"})
_OR = frozenset({"or", "nor"})
_AGAIN = frozenset({"again", "fine", "okay", "ok"})
# Words that may stand between a "no" and what it is about: "nothing too violent", "I do not want any more horror".
_FILLERS = (
    "a an any anything the that this is its it of too very so much more want wants wanna like likes love need please "
    "see read watch buy give me show us with in mood for at all really ever into or nor and to as be"
)
_BETWEEN = frozenset(_FILLERS.split())
_NOT_MONEY = r"(?!\d)(?!\s*(?:%|-?\s*(?:years?|yrs?|minutes?|hours?|pages?|players?|people)))"
_MONEY = rf"(?:[$€£]\s*)?(\d{{1,6}}(?:[.,]\d{{1,2}})?){_NOT_MONEY}"
_MOST = re.compile(
    r"\b(?:under|below|less than|cheaper than|up to|at most|(?:no|not) more than|(?:not|nothing) (?:over|above)|"
    rf"max(?:imum)?(?: of)?)\s+{_MONEY}",
    re.IGNORECASE,
)
_LEAST = re.compile(
    rf"(?<!nothing )(?<!not )(?<!no )\b(?:over|above|more than|at least|min(?:imum)?(?: of)?)\s+{_MONEY}",
    re.IGNORECASE,
)
_AGE = re.compile(
    r"\b(\d{1,2})[\s-]*(?:year|yr)s?[\s-]*olds?\b|\b(?:aged?|age of)\s+(\d{1,2})\b|\b(?:who|she|he) is (\d{1,2})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says, by the words of the catalogue, in lower case."""

    want: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    """Wanted less of, this time."""
    allow: tuple[str, ...] = ()
    """Not unwanted any more: "horror is fine again"."""
    torn: tuple[str, ...] = ()
    """Wanted and unwanted in one message; they are in ``avoid``, not in ``want``."""
    price_least: float | None = None
    price_most: float | None = None
    age: float | None = None


def read_wishes(text: str, values: Container[str]) -> Said:
    """What ``text`` says in terms of ``values``, the attributes' words in lower case.

    A "no" reaches over filler words to the next value, and on to those that "or" and "and" join to it, not past the end
    of its sentence.
    """
    said: dict[str, set[str]] = {"want": set(), "avoid": set(), "less": set(), "allow": set()}
    for sentence in _SENTENCE.split(text):
        words = [word.casefold().replace("’", "'") for word in _WORD.findall(sentence)]
        mood = "want"
        place = 0
        while place < len(words):
            value, length = _value_at(words, place, values)
            if value is not None:
                found = "allow" if mood == "want" and _is_fine(words[place + length :]) else mood
                said[found].add(value)
                place += length
                continue
            word, rest = words[place], words[place + 1 :]
            if word in _NO or word.endswith("n't"):
                mood = "avoid"
            elif word in _LESS:
                mood = "less"
            elif word == ",":
                mood = mood if _OR & set(rest) else "want"
            elif word not in _BETWEEN or (word == "and" and rest[:1] in (["a"], ["an"], ["some"])):
                mood = "want"
            place += 1
    avoid = said["avoid"] - said["allow"]
    return Said(
        want=tuple(sorted(said["want"] - avoid - said["less"])),
        avoid=tuple(sorted(avoid)),
        less=tuple(sorted(said["less"] - avoid)),
        allow=tuple(sorted(said["allow"])),
        torn=tuple(sorted(avoid & said["want"])),
        price_least=_amount(_LEAST, text),
        price_most=_amount(_MOST, text),
        age=_amount(_AGE, text),
    )


def _value_at(words: list[str], place: int, known: Container[str]) -> tuple[str | None, int]:
    """The longest value that begins there, in the singular or the plural, and how many words it has."""
    for length in range(min(MOST_WORDS, len(words) - place), 0, -1):
        phrase = " ".join(words[place : place + length])
        others = (phrase.replace(" ", "-"), phrase.replace("-", " "), phrase.removesuffix("s"), f"{phrase}s")
        for form in (phrase, *others):
            if form in known:
                return form, length
    return None, 0


def _is_fine(rest: list[str]) -> bool:
    """Whether a sentence goes on, after a value, with "is fine again" or the like."""
    near = set(rest[1:4])
    return rest[:1] == ["again"] or (rest[:1] in (["is"], ["are"]) and bool(near & _AGAIN) and not near & _NO)


def _amount(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    if found is None:
        return None
    return float(next(group for group in found.groups() if group).replace(",", "."))
