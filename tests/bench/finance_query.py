"""How the time to answer "trend of a company by week" grows from 100 thousand to a million items: it reads an index."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from agent.database import DataFile
from apps.finance.aggregates import add_to_days
from apps.finance.items import begin
from apps.finance.queries import Asked, ask
from apps.finance.setup import Desk
from apps.finance.watchlist import Company
from tests.bench import data
from tests.bench.result import Result

SMALL, LARGE = (1_000, 10_000) if data.QUICK else (100_000, 1_000_000)
MOST_GROWTH = 1.5
QUERIES = 40
FIRST, DAYS = date(2024, 1, 1), 730
TICKERS = [f"T{i:02}" for i in range(50)]


def measure() -> Result:
    """The figure is the median time over the larger store by that over the smaller one."""
    with tempfile.TemporaryDirectory() as folder:
        desk = replace(Desk.open(Path(folder)), companies={t: Company(t, f"Company {t}") for t in TICKERS})
        with closing(desk.file):
            _fill(desk.file, 0, SMALL)
            before = _milliseconds(desk)
            _fill(desk.file, SMALL, LARGE)
            after = _milliseconds(desk)
    detail = {f"{SMALL} items, ms": before, f"{LARGE} items, ms": after}
    return Result("finance_query", after / before, MOST_GROWTH, after / before <= MOST_GROWTH, detail)


def _fill(file: DataFile, start: int, end: int) -> None:
    """Items straight into the tables, with the sums that an ingest would have made of them."""
    rng = random.Random(start)
    ingest = begin(file, "synthetic", f"from {start}")
    with file.transaction() as db:
        for i in range(start + 1, end + 1):
            day = (FIRST + timedelta(days=rng.randrange(DAYS))).isoformat()
            db.execute(
                "INSERT INTO items VALUES (?, ?, ?, ?, 'Wire', '', 'synthetic', NULL)",
                [i, str(i), ingest.id, f"{day}T12:00:00+00:00"],
            )
            negative, positive = rng.random() / 2, rng.random() / 2
            mention = [i, rng.choice(TICKERS), day, day, negative, 1 - negative - positive, positive]
            db.execute("INSERT INTO mentions VALUES (?, ?, ?, ?, ?, ?, ?, 0.5, 0.25, '', '', '')", mention)
        add_to_days(db, start + 1)


def _milliseconds(desk: Desk) -> float:
    rng = random.Random(0)
    taken = []
    for _ in range(QUERIES):
        asked = Asked("index", (rng.choice(TICKERS),), FIRST, FIRST + timedelta(days=DAYS - 1), "week")
        began = time.perf_counter()
        ask(desk, asked)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)
