"""Sentences on two companies with different feelings: how often both are read right, by each company's own passage and
by the whole text. The sentences were written apart from the code and are never tuned on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent.types import SENTIMENTS
from apps.finance.mentions import Finder
from apps.finance.watchlist import Company
from apps.finance.windows import passages
from tests.bench import finance_model
from tests.bench.result import Result

SENTENCES = Path(__file__).parent / "finance" / "two_companies.jsonl"
TARGET = 0.75


def measure() -> Result:
    """The figure is the share of sentences with the right feeling for both companies."""
    rows = [json.loads(line) for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    truth = [[SENTIMENTS.index(company["sentiment"]) for company in row["companies"]] for row in rows]
    reads = [_reads(row) for row in rows]
    own = finance_model.probabilities([read for pair in reads for read in pair]).argmax(-1).reshape(-1, 2).tolist()
    whole = [[label] * 2 for label in finance_model.probabilities([row["text"] for row in rows]).argmax(-1).tolist()]
    figure = _both(truth, own)
    detail = {
        "whole text, both right": _both(truth, whole),
        "each company, own passage": _each(truth, own),
        "each company, whole text": _each(truth, whole),
        "sentences": len(rows),
    }
    return Result("two_companies", figure, TARGET, figure >= TARGET, detail)


def _reads(row: dict[str, Any]) -> list[str]:
    """What the model reads for each of the companies; the whole text where a name is not found."""
    companies = {
        f"C{i}": Company(f"C{i}", company["name"], aliases=(company["alias"],))
        for i, company in enumerate(row["companies"])
    }
    found = {p.ticker: p.reads for p in passages(row["text"], Finder(companies, {}).find(row["text"]), list(companies))}
    return [found[ticker] for ticker in companies]


def _both(truth: list[list[int]], found: list[list[int]]) -> float:
    return sum(a == b for a, b in zip(truth, found, strict=True)) / len(truth)


def _each(truth: list[list[int]], found: list[list[int]]) -> float:
    pairs = [(a, b) for t, f in zip(truth, found, strict=True) for a, b in zip(t, f, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)
