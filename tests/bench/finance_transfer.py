"""Macro-F1 on twitter_financial_news of the finance app's model, which has seen none of it, against a majority and a
lexicon (VADER)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import f1_score
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from apps.finance.columns import plain
from apps.finance.windows import legible
from tests.bench import data, finance_model
from tests.bench.result import Result

BETTER_BY = 0.08
NEUTRAL = 0.05
"""VADER's own advice: neutral within so much of zero."""


def measure() -> Result:
    """The target is the better of the two rivals' macro-F1 and BETTER_BY."""
    rows = data.table("twitter_financial_news/valid.csv")
    if data.QUICK:
        rows = rows[::20]
    texts = [plain(row["text"]) for row in rows]
    truth = [finance_model.LABELS.index(row["label_name"]) for row in rows]
    lexicon = SentimentIntensityAnalyzer()
    compound = [lexicon.polarity_scores(text)["compound"] for text in texts]
    found = {
        "ours": finance_model.probabilities([legible(text) for text in texts]).argmax(-1).tolist(),
        "majority": [int(np.bincount(truth).argmax())] * len(truth),
        "VADER": [0 if score <= -NEUTRAL else 2 if score >= NEUTRAL else 1 for score in compound],
    }
    f1 = {name: float(f1_score(truth, answers, average="macro")) for name, answers in found.items()}
    target = max(f1["majority"], f1["VADER"]) + BETTER_BY
    detail = {f"{name}, macro-F1": value for name, value in f1.items() if name != "ours"}
    detail |= {f"{name}, accuracy": _accuracy(truth, answers) for name, answers in found.items()}
    return Result("finance_transfer", f1["ours"], target, f1["ours"] >= target, detail)


def _accuracy(truth: Sequence[int], answers: Sequence[int]) -> float:
    return float(np.mean(np.array(truth) == np.array(answers)))
