"""Companies found by name, alias and ticker: in the app's demo stream, and in sentences with names that are everyday
words (Apple, Visa, Target, Shell and others).

The cues were set while looking at the demo stream, so that figure says that nothing got worse. They were not set on
the sentences, half of which speak of the company and half do not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.finance.mentions import Finder
from apps.finance.watchlist import Company, load_doubtful, load_watchlist
from tests.bench.finance_model import APP
from tests.bench.result import Result

TARGET = 0.98
SENTENCES = Path(__file__).parent / "finance" / "ambiguous.jsonl"
AMBIGUOUS = {
    "AAPL": "Apple",
    "AMZN": "Amazon",
    "DAL": "Delta",
    "F": "Ford",
    "GAP": "Gap",
    "ORCL": "Oracle",
    "SHEL": "Shell",
    "SNAP": "Snap",
    "TGT": "Target",
    "V": "Visa",
}
Pairs = set[tuple[int, str]]
"""Number of a text and ticker."""


def measure() -> Result:
    """The figure is F1 over pairs of item and company in the demo stream."""
    doubtful = load_doubtful(APP / "doubtful.csv")
    stream = _rows(APP / "demo" / "items.jsonl")
    truth, found = _pairs(stream, load_watchlist(APP / "watchlist.csv", doubtful), doubtful)
    companies = {ticker: Company(ticker, name, doubtful=frozenset({name})) for ticker, name in AMBIGUOUS.items()}
    sentences = _rows(SENTENCES)
    of_sentences, found_there = _pairs(sentences, companies, doubtful)
    detail = {
        "precision": len(truth & found) / len(found),
        "recall": len(truth & found) / len(truth),
        "everyday words, F1": _f1(of_sentences, found_there),
        "everyday words, precision": len(of_sentences & found_there) / len(found_there),
        "everyday words, recall": len(of_sentences & found_there) / len(of_sentences),
        "everyday words, F1 if each name were believed": _f1(of_sentences, _believed(sentences)),
        "sentences": len(sentences),
    }
    figure = _f1(truth, found)
    return Result("finance_entities", figure, TARGET, figure >= TARGET, detail)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _pairs(
    rows: Sequence[Mapping[str, Any]], companies: Mapping[str, Company], doubtful: Mapping[str, tuple[str, ...]]
) -> tuple[Pairs, Pairs]:
    """The pairs that are right, and those that are found."""
    finder = Finder(companies, doubtful)
    truth = {(number, ticker) for number, row in enumerate(rows) for ticker in row["tickers"]}
    found = {(number, mention.ticker) for number, row in enumerate(rows) for mention in finder.find(row["text"])}
    return truth, found


def _believed(rows: Sequence[Mapping[str, Any]]) -> Pairs:
    """What one finds who takes every name for its company."""
    finder = Finder({ticker: Company(ticker, name) for ticker, name in AMBIGUOUS.items()}, {})
    return {(number, mention.ticker) for number, row in enumerate(rows) for mention in finder.find(row["text"])}


def _f1(truth: Pairs, found: Pairs) -> float:
    return 2 * len(truth & found) / (len(truth) + len(found))
