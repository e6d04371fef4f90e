"""volatility: HAR with lagged sentiment against HAR alone on stocknet's ten shares, rolling, out of sample.

The figure is the gain of out-of-sample R2, all shares pooled; there is no target but that it is said as it is, with the
test's p value. Sentiment comes from SWITCHBOARD_BENCH_SCORER: "vader", the lexicon (the default: it needs no model),
or the path of a JSON file with ``{"scorer": "name", "scores": [...]}``, one score from -1 to 1 for each row of
tweets.csv, by whatever model. Copies of a tweet after its first weigh nothing, and all first ones the same.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from apps.finance.har import ALPHA, Forecasts, compare, forecast, sentence
from apps.finance.prices import Prices, read_prices
from apps.finance.volatility import (
    Measure,
    Scores,
    check_no_lookahead,
    har_features,
    log_volatility,
    sentiment_features,
)
from tests.bench import data
from tests.bench.result import Result

MEASURES: tuple[Measure, ...] = ("garman_klass",) if data.QUICK else ("garman_klass", "parkinson")
"""The figure is that of the first."""
COMPANIES = 2 if data.QUICK else 10


def measure() -> Result:
    prices = read_prices(data.FOLDER / "stocknet" / "prices.csv")
    scorer, items = _items()
    tickers = sorted(prices)[:COMPANIES]
    detail: dict[str, float | int | str] = {"scorer": scorer, "items": sum(len(items[t].score) for t in tickers)}
    gains = []
    for kind in MEASURES:
        forecasts = {ticker: _forecast(prices[ticker], items[ticker], kind) for ticker in tickers}
        pooled = compare(f"{len(tickers)} shares pooled", list(forecasts.values()))
        for name, result in [(t, compare(t, [forecasts[t]])) for t in tickers] + [("pooled", pooled)]:
            detail[f"{kind} {name}"] = (
                f"R2 HAR {result.r2_har:.4f}, with sentiment {result.r2_sentiment:.4f}, DM {result.dm:+.2f}, "
                f"p {result.p:.3f}, p nested {result.p_nested:.3f}, n {result.count}"
            )
        lowest = min(compare(t, [forecasts[t]]).p for t in tickers)
        detail[f"{kind}: lowest p of a share, times {len(tickers)} (Bonferroni)"] = min(1.0, lowest * len(tickers))
        detail[f"{kind}: sentence"] = sentence(pooled)
        gains.append(pooled.r2_sentiment - pooled.r2_har)
    return Result("volatility", gains[0], 0.0, True, detail | {"level of the test": ALPHA})


def _forecast(prices: Prices, items: Scores, kind: Measure) -> Forecasts:
    check_no_lookahead(sentiment_features, prices, items, cuts=range(300, 700, 100))
    log_vol = log_volatility(prices, kind)
    days = slice(*_covered(prices, items))
    sentiment = sentiment_features(prices, items)
    return forecast(prices.days[days], log_vol[days], har_features(log_vol)[days], sentiment[days])


def _covered(prices: Prices, items: Scores) -> tuple[int, int]:
    """The sessions from the first day with tweets to the last: before and after, silence would mean nothing."""
    session = np.array(prices.days, dtype="datetime64[D]")
    first, last = items.published.min(), items.published.max()
    return int(np.searchsorted(session, first)), int(np.searchsorted(session, last, side="right"))


def _items() -> tuple[str, dict[str, Scores]]:
    """Name of the scorer, and each company's tweets."""
    rows = data.table("stocknet/tweets.csv")
    asked = os.environ.get("SWITCHBOARD_BENCH_SCORER", "vader")
    if asked == "vader":
        name, lexicon = "VADER, a lexicon", SentimentIntensityAnalyzer()
        scores = [float(lexicon.polarity_scores(row["text"])["compound"]) for row in rows]
    else:
        kept = json.loads(Path(asked).read_text(encoding="utf-8"))
        name, scores = kept["scorer"], kept["scores"]
    columns: dict[str, list[tuple[np.datetime64, float, float]]] = defaultdict(list)
    seen: set[tuple[str, str]] = set()
    when = [datetime.strptime(row["created_at"], "%a %b %d %H:%M:%S %z %Y").astimezone(UTC) for row in rows]
    for at in sorted(range(len(rows)), key=when.__getitem__):
        ticker = rows[at]["ticker"]
        story = (ticker, re.sub(r"https?://\S*|^RT @\w+:|\W+", " ", rows[at]["text"].lower()).strip())
        weight = 0.0 if story in seen else 1.0
        seen.add(story)
        columns[ticker].append((np.datetime64(when[at].replace(tzinfo=None), "us"), scores[at], weight))
    return name, {
        ticker: Scores(*(np.array(column) for column in zip(*found, strict=True))) for ticker, found in columns.items()
    }
