"""Spans of time in words: "since May", "from March to June", "since the earnings", "by week", 上周.

A span is resolved against a day that stands for today, and ends there where it is not over. Knows nothing of companies
or items; single dates are read by ``spoken``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from .periods import Granularity, Period
from .spoken import PATTERNS, READERS, shifted

Event = Callable[[str], date | None]
"""From the words of an event ("earnings", "breach") to its day; None where none is known."""

_ATOM = "|".join(rf"(?P<{{0}}{name}>{pattern})" for name, pattern in PATTERNS)
_ONE = _ATOM.replace("{0}", "a_")
_OTHER = _ATOM.replace("{0}", "b_")
_EDGE = r"(?<![\w$@#.-])"
_RANGE = re.compile(rf"{_EDGE}(?:{_ONE})\s*(?:to|until|till?|through|and|[-–—]|到|至)\s*(?:the )?(?:{_OTHER})", re.I)
_SINCE = re.compile(
    rf"\b(?:since|from|after|ever since|as of|starting)\s+(?:the (?:start|beginning) of )?(?:{_ONE})"
    rf"|[自从]?(?:{_OTHER})(?:份)?(?:以来|起|开始|之后|至今)",
    re.I,
)
_UNTIL = re.compile(
    rf"\b(?:until|till?|up to|to the end of|(?<!day )before)\s+(?:{_ONE})|(?:{_OTHER})(?:之前|以前|为止)", re.I
)
_ALONE = re.compile(rf"{_EDGE}(?:{_ONE})", re.I)
_AFTER_EVENT = re.compile(
    r"\b(?:since|after|following) (?:(?:the|its|their|his|her) )?(?:(?:last|latest|previous) )?"
    r"(?P<event>[a-z][a-z -]{2,40}?)"
    r"(?= (?:on|of|for|at|in|by|from|until|was|were|is|did|has|had|came)\b|[?!.,;]|$)"
    r"|[自从]?(?:财报|业绩)(?:发布)?(?:以来|之后|后)",
    re.I,
)
# Words that are a verb or a name more often than a date, unless something before or behind them says otherwise.
_DOUBTFUL = re.compile(r"(?:may|march|mar|sat|sun|mon|fri|second|now|the (?:week|month|quarter|year))\b\.?", re.I)
_LEADS = re.compile(
    r"\b(?:in|of|on|for|during|over|since|from|until|till|by|around|and|to|this|last|through)\s+$", re.I
)
_STEPS: tuple[tuple[str, Granularity], ...] = (
    (r"\b(?:by|per|each|every) day\b|\bdaily\b|\bday by day\b|按[天日]|每[天日]", "day"),
    (r"\b(?:by|per|each|every) week\b|\bweekly\b|\bweek by week\b|按周|每周", "week"),
    (r"\b(?:by|per|each|every) month\b|\bmonthly\b|\bmonth by month\b|按月|每月", "month"),
    (r"\b(?:by|per|each|every) quarter\b|\bquarterly\b|\bquarter by quarter\b|按季度?|每季度?", "quarter"),
)


@dataclass(frozen=True)
class Span:
    """What was said of time, as days that are both included."""

    since: date | None
    """None: from the first item on."""
    until: date
    words: str
    """How it was said."""


@dataclass(frozen=True)
class UnknownEvent:
    """An event that a text counts from, of which nothing is known."""

    words: str


def find_span(text: str, today: date, event: Event = lambda words: None) -> Span | UnknownEvent | None:
    """The first span that the text names; None if it names none. ``today`` is the day that the words count from."""
    if found := _RANGE.search(text):
        first, last = _resolved(found, "a_", today), _resolved(found, "b_", today)
        if first is not None and last is not None:
            if first.first > last.last:
                # "November to February": the first one lies in the year before.
                first = Period(shifted(first.first, -12), first.last)
            return Span(first.first, _not_after(last, today), found[0])
    if found := _SINCE.search(text):
        start = _resolved(found, "a_", today) or _resolved(found, "b_", today)
        if start is not None:
            return Span(start.first, max(today, start.first), found[0])
    if found := _UNTIL.search(text):
        end = _resolved(found, "a_", today) or _resolved(found, "b_", today)
        if end is not None:
            until = end.first - timedelta(days=1) if found[0].lower().startswith("before") else _not_after(end, today)
            return Span(None, until, found[0])
    if found := _AFTER_EVENT.search(text):
        words = (found["event"] or "earnings").strip()
        day, dated = event(words), _alone(text, today)
        if day is None and dated is None:
            return UnknownEvent(words)
        # Of an event that is not known ("since the chief left in August") the date says when.
        first = day or (dated.since if dated else None) or today
        return Span(first, max(today, first), found[0])
    return _alone(text, today)


def find_step(text: str) -> Granularity | None:
    """The step that the text names: "by week", "daily", 按月."""
    return next((step for pattern, step in _STEPS if re.search(pattern, text, re.I)), None)


def without_step(text: str) -> str:
    """The text without the words that name a step."""
    return re.sub("|".join(pattern for pattern, _ in _STEPS), " ", text, flags=re.I)


def step_for(since: date, until: date) -> Granularity:
    """The step that shows a span in 10 to 60 points or so."""
    days = (until - since).days + 1
    return "day" if days <= 45 else "week" if days <= 400 else "month"


def _alone(text: str, today: date) -> Span | None:
    """The first date or period that stands without "since" and the like."""
    for found in _ALONE.finditer(text):
        if _DOUBTFUL.fullmatch(found[0]) and not _LEADS.search(text[: found.start()]):
            continue
        period = _resolved(found, "a_", today)
        if period is not None:
            return Span(period.first, _not_after(period, today), found[0])
    return None


def _not_after(period: Period, today: date) -> date:
    """The end of a period, or today where it has begun and is not over."""
    return today if period.first <= today < period.last else period.last


def _resolved(found: re.Match[str], side: str, today: date) -> Period | None:
    """The period of the atom on one side of a match; None if there is none, or no such day (31 June)."""
    named = {name: text for name, text in found.groupdict().items() if name.startswith(side) and text}
    for name, text in named.items():
        try:
            return READERS[name.removeprefix(side)](text.lower(), today)
        except ValueError:
            return None
    return None
