"""Values in a text: patterns, names with typos in them (gazetteers) and dates, as slot -> normalised value.

Knows the domain's slots and entities, nothing of intents or of the conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache

import dateparser
from rapidfuzz import fuzz, process

from agent.domain import Domain, Entity

# Below this length a typo makes another word ("boot", "book"), so a name has to be exact.
_SHORTEST_FUZZY = 5
_LONGEST_OPEN = 120
_LONGEST_TEXT = 500
# The fuzzy search is linear in words; nobody names a product after this many.
_MOST_WORDS = 300

# "Not the poles, the boots": what is ruled out, up to the end of its clause.
_RULED_OUT = re.compile(
    r"\b(?:not|instead of|rather than)\s+(?:for\s+)?(?:(?:the|my|an?|that|order|number)\b|(?=\S*\d))"
    r"[^,.;:!?]*?(?=[,.;:!?]|\sbut\b|$)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_DAYS = "mon(?:day)?|tue(?:s|sday)?|wed(?:s|nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_NUMBER = r"\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b\d{4}-\d{2}-\d{2}\b",
        r"(?<![\d.,/])\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})(?![\d/])",
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})\b(?:,? \d{{4}}\b)?",
        rf"\b(?:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?",
        rf"\b(?:in (?:{_NUMBER}) (?:day|week|month)s?|(?:{_NUMBER}) (?:day|week|month)s? ago)\b",
        r"\b(?:today|tomorrow|yesterday|the day after tomorrow|the day before yesterday)\b",
        # Short names of days are words of their own ("sat", "sun"), so they need one before them.
        rf"\b(?:last|next|this|on|by|before|until|till|since) (?:{_DAYS})\b",
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    )
)


def extract(text: str, domain: Domain, today: date | None = None, expecting: str | None = None) -> dict[str, str]:
    """Slot -> normalised value for what stands in ``text``; dates as ISO 8601.

    ``expecting`` is the slot that was just asked for: only it takes a whole text, and it comes first where
    several slots share an entity. ``today`` (default: the system's) is what "tomorrow" starts from.
    """
    today = today or date.today()
    found: dict[str, str] = {}
    taken: set[str] = set()
    order = [name for name in (expecting,) if name in domain.slots]
    for name in [n for n in order if n] + [n for n in domain.slots if n != expecting]:
        entity = domain.entities[domain.slots[name].entity]
        if entity.name in taken:
            continue
        value = _find(text, entity, domain.locale, today, asked=name == expecting)
        if value is not None:
            found[name] = value
            taken.add(entity.name)
    return found


def _find(text: str, entity: Entity, locale: str, today: date, *, asked: bool) -> str | None:
    value: str | None
    left = _RULED_OUT.sub(" ", text)
    if entity.kind == "pattern":
        value = find_pattern(left, entity) or find_pattern(text, entity)
    elif entity.kind == "gazetteer":
        value = find_name(left, entity) or find_name(text, entity)
    elif entity.kind == "date":
        day = find_date(text, today, locale)
        value = day.isoformat() if day else None
    else:
        value = " ".join(text.split())[:_LONGEST_TEXT] if asked else None
    if value is None and asked and entity.open:
        value = " ".join(text.split())[:_LONGEST_OPEN]
    return value or None


def find_pattern(text: str, entity: Entity) -> str | None:
    """The first match of the first pattern that matches, without blanks, in the entity's format."""
    for pattern in entity.patterns:
        match = pattern.search(text)
        if match:
            raw = match[1] if pattern.groups and match[1] is not None else match[0]
            return entity.format.replace("{}", re.sub(r"\s+", "", raw))
    return None


def find_name(text: str, entity: Entity) -> str | None:
    """The entity's value whose name, or another name of it, is nearest to some words of the text.

    The similarity is 1 - (insertions + deletions) / (both lengths), ``rapidfuzz.fuzz.ratio``; the longest name
    that is near enough wins.
    """
    words = [w.casefold() for w in _WORD.findall(text)[:_MOST_WORDS]]
    names, longest = _names(tuple(entity.values.items()))
    best: tuple[float, int, str] | None = None
    for size in range(1, longest + 1):
        spans = {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)}
        for span in spans:
            if span in names:
                hit = (1.0, len(span), names[span])
            elif len(span) < _SHORTEST_FUZZY:
                continue
            else:
                near = process.extractOne(span, names.keys(), scorer=fuzz.ratio, score_cutoff=100 * entity.threshold)
                if near is None or len(near[0]) < _SHORTEST_FUZZY:
                    continue
                hit = (near[1] / 100, len(near[0]), names[near[0]])
            # A longer name says more than a shorter one that matches better: "Kestrel 3" over "tent".
            if best is None or (hit[1], hit[0]) > (best[1], best[0]):
                best = hit
    return best[2] if best else None


@lru_cache(maxsize=1024)
def _names(values: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Mapping[str, str], int]:
    """(every name as it is looked for -> its value, words of the longest) of an entity's values."""
    names = {_plain(name): value for value, others in values for name in (value, *others)}
    return names, max((name.count(" ") + 1 for name in names), default=0)


def _plain(name: str) -> str:
    return " ".join(w.casefold() for w in _WORD.findall(name))


def find_date(text: str, today: date, locale: str = "en") -> date | None:
    """The first date in the text. "Friday" is the next one, "last Friday" the one before; day before month
    unless ``locale`` is American.
    """
    spans = sorted((m.start(), -len(m[0]), m[0]) for pattern in _DATES for m in pattern.finditer(text))
    for _, _, span in spans:
        past = span.casefold().startswith(("last ", "since ")) or span.casefold().endswith(" ago")
        bare = re.sub(r"^(?:last|next|this|on|by|before|until|till|since)\s+", "", span, flags=re.IGNORECASE)
        parsed = dateparser.parse(
            bare,
            languages=["en"],
            settings={
                "RELATIVE_BASE": datetime.combine(today, time(12)),
                "PREFER_DATES_FROM": "past" if past else "future",
                "DATE_ORDER": "MDY" if locale.casefold() in ("en-us", "en_us") else "DMY",
            },
        )
        if parsed is not None:
            return parsed.date()
    return None
