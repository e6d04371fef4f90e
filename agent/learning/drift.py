"""Drift: whether unlabelled traffic still looks like the training examples, and like the traffic before.

Pure functions. Confidence and distance are compared by the two-sample Kolmogorov-Smirnov test; the distance to the
nearest training examples is what stands for a shift of the embeddings. Rates are compared by Fisher's exact test. All
tests of one look are corrected together by Holm (1979), which holds for tests that depend on each other, as these do.
Repeated looks are the affair of ``agent.alerts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact, ks_2samp

from agent.model.neighbours import nearest
from agent.model.scope import ScopeScorer

Values = NDArray[np.float64]
Against = Literal["training", "before"]

FEWEST = 100
"""Turns on either side; with fewer nothing is tested."""
ALPHA = 0.01
"""Of the corrected tests."""
MOST_REFERENCES = 2000
FAR = 0.99
"""Share of the training examples that lie nearer than a message that counts as far."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Figures of N turns; each of shape (N,)."""

    confidence: Values
    distance: Values
    """To the nearest training examples, NaN where it was not kept."""
    refused: Values
    """1 for a turn that was refused, else 0; so are the next two."""
    handed_over: Values
    unknown: Values
    """Whether the message holds tokens that the model does not know."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One measure of the traffic against what it was compared with."""

    measure: str
    against: Against
    now: float
    """Mean, as ``then``."""
    then: float
    statistic: float
    """How far apart they are, 0 to 1: the largest gap between the two distributions, or the rates' difference."""
    p: float
    """Corrected for all tests of the look, 0 to 1."""

    @property
    def certain(self) -> bool:
        return self.p < ALPHA


def references(queries: NDArray[np.float32]) -> Values:
    """Distance of each training example to its nearest others, by their query vectors (M, D); at most MOST_REFERENCES
    of them, spread evenly. Shape (N,)."""
    if len(queries) <= ScopeScorer.NEIGHBOURS:
        return np.empty(0)
    some = queries[:: -(-len(queries) // MOST_REFERENCES)]
    # The nearest of all is the example itself.
    cosines = nearest(some, queries, ScopeScorer.NEIGHBOURS + 1).cosines[:, 1:]
    return 1 - cosines.mean(1, dtype=np.float64)  # type: ignore[no-any-return]


def shifts(now: Traffic, before: Traffic, training: Values) -> list[Shift]:
    """Every measure that has enough turns on both sides; ``training`` is what ``references`` gave."""
    found: list[tuple[str, Against, Values, Values]] = [
        (field.name, "before", getattr(now, field.name), getattr(before, field.name)) for field in fields(Traffic)
    ]
    found.append(("distance", "training", now.distance, training))
    kept = [(m, against, a[~np.isnan(a)], b[~np.isnan(b)]) for m, against, a, b in found]
    tested = [(m, against, a, b, *_test(m, a, b)) for m, against, a, b in kept if min(len(a), len(b)) >= FEWEST]
    corrected = _holm([p for *_, p in tested])
    return [
        Shift(m, against, float(a.mean()), float(b.mean()), statistic, p)
        for (m, against, a, b, statistic, _), p in zip(tested, corrected, strict=True)
    ]


def _holm(ps: Sequence[float]) -> list[float]:
    """Each p as the smallest level at which its test would still be rejected among all of them."""
    order = np.argsort(ps, kind="stable")
    steps = np.array(ps)[order] * np.arange(len(ps), 0, -1)
    corrected = np.empty(len(ps))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def _test(measure: str, now: Values, then: Values) -> tuple[float, float]:
    """Statistic and p."""
    if measure in ("confidence", "distance"):
        result = ks_2samp(now, then)
        return float(result.statistic), float(result.pvalue)
    table = [[int(side.sum()), int(len(side) - side.sum())] for side in (now, then)]
    return abs(float(now.mean() - then.mean())), float(fisher_exact(table).pvalue)


def far_limit(training: Values) -> float:
    """The distance from which on a message counts as far; infinite without training examples."""
    return float(np.quantile(training, FAR)) if len(training) else float("inf")


def to_dict(shift: Shift) -> Mapping[str, Any]:
    """Ready for JSON."""
    names = ("measure", "against", "now", "then", "statistic", "p", "certain")
    return {name: getattr(shift, name) for name in names}
