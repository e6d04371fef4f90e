"""Statistics of two models that read the same texts: is the second one worse, and how sure is that?

Plain formulas over arrays; it knows nothing of models or apps. All differences are second minus first.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

Array = NDArray[np.float64]
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with its 95 % interval."""

    value: float
    low: float
    high: float


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """p of the exact two-sided McNemar test on paired right-or-wrong outcomes; 1 where they never differ."""
    lost, gained = _discordant(first, second)
    return float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0


def _discordant(first: Sequence[bool], second: Sequence[bool]) -> tuple[int, int]:
    """(right in the first alone, right in the second alone)."""
    pairs = list(zip(first, second, strict=True))
    return sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)


def newcombe(first: Sequence[bool], second: Sequence[bool]) -> Difference:
    """Difference of two shares on the same N > 0 texts (Newcombe 1998, paired differences, method 10).

    It is built of Wilson's intervals, and so holds for few texts too, and for shares near 0 and 1.
    """
    n = len(first)
    lost, gained = _discordant(first, second)
    both = sum(first) - lost
    neither = n - both - lost - gained
    p1, p2 = (both + lost) / n, (both + gained) / n
    low1, high1 = _wilson(p1, n)
    low2, high2 = _wilson(p2, n)
    margins = math.sqrt((both + lost) * (gained + neither) * (both + gained) * (lost + neither))
    product = float(both * neither - lost * gained)
    if product > 0:  # the continuity correction
        product = max(product - n / 2, 0.0)
    correlation = product / margins if margins else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * correlation * a * b + b * b, 0))

    value = p2 - p1
    return Difference(value, value - reach(p2 - low2, high1 - p1), value + reach(high2 - p2, p1 - low1))


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = float(norm.ppf(0.975))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


@functools.lru_cache(maxsize=4)
def resamples(n: int, seed: int = 0) -> Array:
    """How often each of ``n`` texts is drawn in each bootstrap sample, (1 + RESAMPLES, n); the first row is the
    texts as they are. The same for the same ``n`` and ``seed``, so that two models are drawn in pairs."""
    rng = np.random.default_rng((seed, n))
    drawn = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(RESAMPLES)]
    samples = np.stack([np.ones(n), *drawn])
    samples.setflags(write=False)  # the cache hands it to others too
    return samples


def difference(first: Array, second: Array) -> Difference:
    """From a figure of both models in each sample (the first is of the texts as they are) the percentile interval.

    Samples in which the figure is not defined (NaN) are left out.
    """
    found = second - first
    low, high = np.nanpercentile(found[1:], [2.5, 97.5])
    return Difference(float(found[0]), float(low), float(high))


def means(values: Sequence[float] | Sequence[bool], samples: Array) -> Array:
    """Mean of the values in each sample, (S,)."""
    return samples @ np.asarray(values, np.float64) / samples.sum(1)  # type: ignore[no-any-return]


def macro_f1(true: Sequence[str], predicted: Sequence[str], samples: Array) -> Array:
    """Mean F1 over the labels that occur in each sample, (S,)."""
    labels = sorted(set(true))
    is_true = np.array([[t == label for label in labels] for t in true], np.float64)
    is_predicted = np.array([[p == label for label in labels] for p in predicted], np.float64)
    hits, support = samples @ (is_true * is_predicted), samples @ is_true
    # F1 = 2 TP / (true + predicted)
    f1 = 2 * hits / np.maximum(support + samples @ is_predicted, 1)
    present = support > 0
    return (f1 * present).sum(1) / present.sum(1)  # type: ignore[no-any-return]


def calibration_error(right: Sequence[bool], confidences: Sequence[float], samples: Array, bins: int = 15) -> Array:
    """Expected calibration error in each sample, (S,); bins as in ``agent.learning.evaluate``."""
    confidence = np.asarray(confidences)
    place = np.clip(np.digitize(confidence, np.linspace(0, 1, bins + 1), right=True) - 1, 0, bins - 1)
    gap = (confidence - np.asarray(right, np.float64))[:, None] * (place[:, None] == np.arange(bins))
    return np.abs(samples @ gap).sum(1) / samples.sum(1)  # type: ignore[no-any-return]


def aurocs(inside: Sequence[float], outside: Sequence[float], drawn_inside: Array, drawn_outside: Array) -> Array:
    """How often an outsider scores higher than an insider in each sample, (S,); a tie counts half."""
    order = np.argsort(inside)
    ordered = np.asarray(inside)[order]
    below = np.concatenate([np.zeros((len(drawn_inside), 1)), np.cumsum(drawn_inside[:, order], 1)], 1)
    left, right = (np.searchsorted(ordered, outside, side) for side in ("left", "right"))
    lower = (below[:, left] + below[:, right]) / 2  # (S, outside): weight of the insiders below, ties by half
    return (lower * drawn_outside).sum(1) / (below[:, -1] * drawn_outside.sum(1))  # type: ignore[no-any-return]
