"""What a message of the chat asks for: whom, when, by which step; what it leaves out comes from the question before.

A whole question ("trend of Harbor") begins anew and takes its kind's usual period; one that names nobody ("why did it
drop?"), or that is hardly more than a name, a period or a step ("and Intel?", "by week"), goes on with what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from .naming import Named, find_names, of_sector, without_names
from .periods import Granularity
from .setup import Desk
from .spans import Span, UnknownEvent, find_span, find_step, step_for, without_step

Events = Callable[[str, tuple[str, ...]], date | None]
"""From the words of an event ("earnings", "breach") and the companies that it happened to, to its day."""
HISTORICAL = timedelta(days=7)
"""Data that end earlier than so long before today are looked at from their own last day."""
USUAL = timedelta(days=89)
"""The period of a question that names none, unless its kind has another; with the last day."""
USUAL_OF: Mapping[str, timedelta] = {
    "index": timedelta(days=181),
    **dict.fromkeys(("movers", "why"), timedelta(days=6)),
    **dict.fromkeys(("evidence", "count"), timedelta(days=29)),
}
OF_ALL = frozenset(("movers", "sector", "volatility"))
"""Kinds that are about the whole list where nobody is named."""
_MOST = 12
# Words that add nothing to a name, a period or a step.
_FILLERS = re.compile(
    r"\b(?:and|or|also|what|how|about|the|same|for|with|to|in|on|of|ok|okay|please|pls|now|then|only|just|but|instead|it"
    r"|that|this|show|me|give|do|make|over|as|again|them|both|go|by|vs|versus|against|from|since|is|a|an|put|at|thanks)\b"
    r"|[^\w]+",
    re.I,
)
_GOES_ON = re.compile(r"(?:and|or|but|what about|how about|same|only|just|now|ok(?:ay)?)\b", re.I)
_FEELING = re.compile(r"\b(negative|positive|bad|good|critical|friendly|worst|best)\b", re.I)
_FEELINGS = {"bad": "negative", "critical": "negative", "worst": "negative"} | dict.fromkeys(
    ("good", "friendly", "best"), "positive"
)


@dataclass(frozen=True)
class Request:
    """A question, as far as it says; ready for ``queries.Asked``."""

    tickers: tuple[str, ...]
    """Empty: nobody was named, now or before."""
    sectors: tuple[str, ...]
    """Sectors that were named; their companies are among the tickers."""
    since: date
    until: date
    step: Granularity
    feeling: str
    """negative, positive, or empty for both."""
    named_now: bool
    """Whether this message itself says whom it is about."""
    fragment: bool
    """The message is hardly more than a name, a period or a step: the question itself is the one before."""
    unknown: tuple[str, ...]
    """Names that are not on the watch list."""
    event: str
    """An event that the message counts from and of which nothing is known; empty if there is none."""
    today: date
    """The day that the words counted from."""
    historical: bool
    """Whether that is the last day of the data, long past."""

    def remembered(self, kind: str) -> dict[str, str]:
        """What the next message may lean on: values by slot."""
        whom = ", ".join(self.sectors or self.tickers)
        spans = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return spans | {"granularity": self.step, "kind": kind} | ({"company": whom} if whom else {})


def read_request(
    text: str, kind: str, desk: Desk, slots: Mapping[str, str], first: date, last: date, day: date, events: Events
) -> Request:
    """What ``text`` asks, of the kind ``kind``, with what was remembered in ``slots``.

    ``first`` and ``last`` are the days of the first and the last item, ``day`` is the service's own today; ``events``
    says when something happened to the companies that are named or remembered.
    """
    today = today_of(last, day)
    named = find_names(text, desk)
    old = _remembered(slots, desk)
    tickers, sectors = _whom(named, desk) if not _nobody(named) or named.unknown else (old.tickers, old.sectors)
    span = find_span(without_names(text, named), today, lambda words: events(words, tickers))
    values = (not _nobody(named), isinstance(span, Span), find_step(text) is not None, bool(_FEELING.search(text)))
    # "Harbor in June" is a question by itself, unless it goes on ("and Harbor in June?").
    fragment = (sum(values) == 1 or bool(_GOES_ON.match(text))) and not _FILLERS.sub("", _left(text, named, span))
    leans = fragment or (_nobody(named) and not named.unknown and kind not in OF_ALL)
    step = find_step(text)
    if isinstance(span, Span):
        since, until = span.since or first, span.until
    elif leans and old.since is not None and old.until is not None:
        since, until, step = old.since, old.until, step or old.step
    else:
        since, until = today - USUAL_OF.get(kind, USUAL), today
    found = _FEELING.search(text)
    feeling = found[1].lower() if found else ""
    return Request(
        tickers,
        sectors,
        since,
        until,
        step or (old.step if fragment and old.step and isinstance(span, Span) else None) or step_for(since, until),
        _FEELINGS.get(feeling, feeling),
        not _nobody(named),
        fragment,
        named.unknown,
        span.words if isinstance(span, UnknownEvent) else "",
        today,
        today < day,
    )


def today_of(last: date, day: date) -> date:
    """The day that words such as "last week" count from: the last day of the data if that is long past ``day``."""
    return last if day - last > HISTORICAL else day


@dataclass(frozen=True)
class _Remembered:
    tickers: tuple[str, ...]
    sectors: tuple[str, ...]
    since: date | None
    until: date | None
    step: Granularity | None


def _remembered(slots: Mapping[str, str], desk: Desk) -> _Remembered:
    """What an answer before has left in the slots; companies that have gone from the watch list are left out."""
    names = [name for name in slots.get("company", "").split(", ") if name]
    sectors = tuple(name for name in names if of_sector(name, desk.companies))
    tickers = [ticker for sector in sectors for ticker in of_sector(sector, desk.companies)]
    tickers += [name for name in names if name in desk.companies]
    step = slots.get("granularity", "")
    return _Remembered(
        tuple(tickers),
        sectors,
        _day(slots.get("since", "")),
        _day(slots.get("until", "")),
        next((known for known in get_args(Granularity) if known == step), None),
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None


def _nobody(named: Named) -> bool:
    return not (named.tickers or named.sectors or named.everybody)


def _whom(named: Named, desk: Desk) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tickers that are meant, at most ``_MOST``, and the sectors among them."""
    if named.tickers:
        return named.tickers[:_MOST], ()
    if named.sectors:
        tickers = [ticker for sector in named.sectors for ticker in of_sector(sector, desk.companies)]
        return tuple(tickers[:_MOST]), named.sectors
    return (tuple(desk.companies)[:_MOST] if named.everybody else ()), ()


def _left(text: str, named: Named, span: Span | UnknownEvent | None) -> str:
    """What a text says besides names, period, step and feeling."""
    rest = without_names(text, named)
    if span is not None:
        rest = rest.replace(span.words, " ")
    return _FEELING.sub(" ", without_step(rest))
