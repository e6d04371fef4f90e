"""label_errors: wrong labels found among banking77's training texts, a fifth of which were labelled wrong on purpose.

Thresholds were chosen on one half of the training file; the figures are of the other. The test file is not read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.learning.labels import label_errors
from tests.bench import data, joint
from tests.bench.result import Result

TARGET, LEAST_RECALL = 0.75, 0.90
WRONG_SHARE = 0.2
SEEDS_OF_AN_INTENT, REVIEWS = 10, 900


def halves(rows: list[dict[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the half that choices were made on, and of the half that is measured."""
    order = np.random.default_rng(0).permutation(len(rows))
    return order[: len(rows) // 2], order[len(rows) // 2 :]


def wrongly(labels: NDArray[np.int64], places: NDArray[np.int64], classes: int, seed: int) -> NDArray[np.int64]:
    """``labels`` with a fifth of those at ``places`` replaced by any other."""
    random = np.random.default_rng(seed)
    chosen = random.choice(places, int(WRONG_SHARE * len(places)), replace=False)
    wrong = labels.copy()
    wrong[chosen] = (labels[chosen] + random.integers(1, classes, len(chosen))) % classes
    return wrong


def found(
    vectors: NDArray[np.float32], right: NDArray[np.int64], given: NDArray[np.int64], judged: NDArray[np.int64]
) -> tuple[float, float]:
    """Precision and recall of what is suggested among the rows ``judged``."""
    suggested = {s.row for s in label_errors(vectors, [str(label) for label in given])} & {*judged.tolist()}
    wrong = {*np.flatnonzero(right != given).tolist()}
    return len(suggested & wrong) / max(1, len(suggested)), len(suggested & wrong) / len(wrong)


def measure() -> Result:
    """The figure is the precision; met if the recall is reached as well. A quick run takes every fourth row."""
    rows = data.table("banking77/train.csv")
    names = data.label_names(rows)
    vectors = joint.frozen([row["text"] for row in rows])
    labels = np.array([names.index(row["intent"]) for row in rows])
    half = halves(rows)[1][:: 4 if data.QUICK else 1]
    vectors, labels = vectors[half], labels[half]
    everywhere = np.arange(len(half))
    precision, recall = found(vectors, labels, wrongly(labels, everywhere, len(names), 1), everywhere)
    detail = {"recall": recall, "plain cleanlab, precision": 0.72, "plain cleanlab, recall": 0.88}
    if not data.QUICK:
        seeds = np.concatenate([np.flatnonzero(labels == label)[:SEEDS_OF_AN_INTENT] for label in range(len(names))])
        reviews = np.random.default_rng(2).permutation(np.setdiff1d(everywhere, seeds))[:REVIEWS]
        some = np.concatenate([seeds, reviews])
        judged = np.arange(len(seeds), len(some))
        given = wrongly(labels[some], judged, len(names), 3)
        figures = found(vectors[some], labels[some], given, judged)
        detail |= dict(zip(("900 reviews, precision", "900 reviews, recall"), figures, strict=True))
    return Result("label_errors", precision, TARGET, precision >= TARGET and recall >= LEAST_RECALL, detail)
