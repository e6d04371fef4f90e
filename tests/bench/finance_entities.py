"""Companies found in the app's demo stream, by name, alias and ticker; among them names that are everyday words.

The cues were set while looking at this stream, so the figure says that nothing got worse, not how it does elsewhere.
"""

from __future__ import annotations

import json

from apps.finance.mentions import Finder
from apps.finance.watchlist import load_doubtful, load_watchlist
from tests.bench.finance_model import APP
from tests.bench.result import Result

TARGET = 0.98
DOUBTFUL = ("HRBR", "ORCH")


def measure() -> Result:
    """The figure is F1 over pairs of item and company."""
    doubtful = load_doubtful(APP / "doubtful.csv")
    finder = Finder(load_watchlist(APP / "watchlist.csv", doubtful), doubtful)
    truth: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    for line in (APP / "demo" / "items.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        truth |= {(item["id"], ticker) for ticker in item["tickers"]}
        found |= {(item["id"], mention.ticker) for mention in finder.find(item["text"])}
    detail = {
        "precision": len(truth & found) / len(found),
        "recall": len(truth & found) / len(truth),
        "F1 of Harbor and Orchard": _f1(
            {pair for pair in truth if pair[1] in DOUBTFUL}, {pair for pair in found if pair[1] in DOUBTFUL}
        ),
    }
    figure = _f1(truth, found)
    return Result("finance_entities", figure, TARGET, figure >= TARGET, detail)


def _f1(truth: set[tuple[str, str]], found: set[tuple[str, str]]) -> float:
    return 2 * len(truth & found) / (len(truth) + len(found))
