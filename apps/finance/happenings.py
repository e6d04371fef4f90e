"""When something happened to a company, by the items that speak of it: "since the earnings", "after the breach"."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date

from .setup import Desk

FEWEST = 2
"""Items of a day that make it the day of an event."""
_EARNINGS = re.compile(r"\b(?:earnings|results|figures|numbers|report|quarter)\b", re.I)
_OF_EARNINGS = r"\b(?:earnings|results|q[1-4]|(?:first|second|third|fourth)?[- ]?quarter(?:ly)?|eps)\b"
_SMALL = frozenset(("the", "its", "their", "big", "new", "last", "latest", "first", "and", "of"))


def day_of_event(desk: Desk, words: str, tickers: tuple[str, ...]) -> date | None:
    """The day of the latest earnings, or on which most items of these companies name the event; None if too few do."""
    earnings = _EARNINGS.search(words) is not None
    named = [re.escape(word) for word in re.findall(r"\w+", words.lower()) if word not in _SMALL]
    if not named:
        return None
    pattern = re.compile(_OF_EARNINGS if earnings else rf"\b(?:{'|'.join(named)})", re.I)
    rows = desk.file.read(
        "SELECT mentions.day, text FROM mentions JOIN items ON items.id = item "
        "WHERE ticker IN (SELECT value FROM json_each(?)) AND repost_of IS NULL",
        [json.dumps(tickers)],
    )
    counts = Counter(row["day"] for row in rows if pattern.search(row["text"]))
    busy = [day for day, count in counts.items() if count >= max(FEWEST, max(counts.values()) / 2)]
    if not busy:
        return None
    return date.fromisoformat(max(busy) if earnings else max(busy, key=lambda day: (counts[day], day)))
