"""A desk over an empty data folder, and items to put on it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from apps.finance.setup import Desk
from apps.finance.times import Clock

from .conftest import NOW, by_word

FIRST = date(2026, 5, 4)
WORDS = ("harvest", "margin", "bridge", "copper", "dinner", "window", "signal", "garden", "ladder", "market", "velvet")


def rows(day: int, feeling: str, count: int, ticker: str = "HRBR") -> list[Mapping[str, Any]]:
    """Items on a company, none a repost of another: "loss" is negative, "profit" positive, anything else neutral.

    ``day`` counts from FIRST.
    """
    made = random.Random(f"{day} {feeling} {ticker}")
    when = FIRST + timedelta(days=day)
    return [
        {
            "text": f"${ticker} {feeling} {' '.join(made.choices(WORDS, k=12))}",
            "published": f"{when}T12:{minute:02}:00Z",
            "source": "Wire",
        }
        for minute in range(count)
    ]


def take(desk: Desk, *items: list[Mapping[str, Any]]) -> None:
    """One ingest of all these items, read by word."""
    desk.ingester(by_word, Clock(NOW)).take_rows("test", [row for some in items for row in some])
