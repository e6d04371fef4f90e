"""Level shifts of a daily series: those that the page marks, looking back, and those that an alert can speak of.

Looking back, ruptures (Truong, Oudre and Vayatis 2020, doi:10.1016/j.sigpro.2019.107299) cuts the whole series by PELT
(Killick, Fearnhead and Eckley 2012, doi:10.1080/01621459.2012.737745). At once, the likelihood ratio of one cut against
none is looked at each day, over the days since the last shift; it never sees a later day. Both weigh a day by how
many items stand behind it, and both clip spikes first: a spike is one loud day, a shift lasts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import ruptures
from numpy.typing import NDArray
from ruptures.base import BaseCost

from .prices import Floats

SATURATION = 10.0
"""Items at which a day has half the weight it can get: what a day's items have in common does not average out."""
SPIKE = 3.0
"""Standard deviations of its own day from the median around it, at which a value is clipped."""
AROUND = 15
"""Days of that median."""
SHORTEST = 7
"""Days with items that a level must last."""
PENALTY = 3.0
"""Of a cut that PELT makes, in units of variance x ln(days). Schwarz's criterion, made for independent noise, would
have 2 (a level and its place); the rest pays for noise that lasts from one day to the next."""
ALARM = 20.0
"""Of the daily look, in units of variance: half of it is the logarithm of the likelihood ratio."""
LOOK_BACK = 60
"""Days with items within which the daily look seeks the cut."""
FEWEST = 2 * SHORTEST
NORMAL_MEDIAN = 0.6745
"""Of the absolute value of a standard normal variable."""


@dataclass(frozen=True)
class Shift:
    """From ``day`` on the series moves around another level."""

    day: date
    before: float
    after: float
    """Levels: weighted means of the days between this shift and the ones beside it."""
    known: date
    """The day whose items gave it away: the last one of the series when looking back."""


def shifts(days: Sequence[date], values: Floats, items: NDArray[np.int64], penalty: float = PENALTY) -> list[Shift]:
    """All level shifts of a series, looking back. ``values`` and ``items`` of shape (days,); a day without items
    counts for nothing, whatever its value. Fewer than FEWEST days with items give none.
    """
    some = np.flatnonzero(items > 0)
    if len(some) < FEWEST:
        return []
    value, weight = values[some], day_weights(items[some])
    variance = noise(value, weight)
    if variance == 0:
        return []
    value = _clip(value, _medians(value, AROUND // 2, AROUND // 2), variance / weight)
    search = ruptures.Pelt(custom_cost=_WeightedMean(weight), min_size=SHORTEST, jump=1)
    ends = search.fit(value).predict(pen=penalty * variance * math.log(len(some)))
    levels = [float(np.average(value[start:end], weights=weight[start:end])) for start, end in pairwise([0, *ends])]
    return [
        Shift(days[some[cut]], before, after, days[some[-1]])
        for cut, (before, after) in zip(ends[:-1], pairwise(levels), strict=True)
    ]


def shifts_at_once(
    days: Sequence[date], values: Floats, items: NDArray[np.int64], alarm: float = ALARM
) -> Iterator[Shift]:
    """Each level shift on the day on which it could be told, from that day's and earlier items alone.

    Arguments as of ``shifts``. A shift begins the series anew: the days before it are not looked at again.
    """
    some = np.flatnonzero(items > 0)
    value, weight = values[some], day_weights(items[some])
    middle = _medians(value, AROUND - 1, 0)
    start = 0
    for end in range(FEWEST, len(some) + 1):
        variance = noise(value[:end], weight[:end])
        if end - start < FEWEST or variance == 0:
            continue
        seen = slice(start, end)
        clipped = _clip(value[seen], middle[seen], variance / weight[seen])
        cut, gain, before, after = _best_cut(clipped, weight[seen])
        # A change of the last days may still be a spike, or belong to a shift that is not wholly there yet.
        if gain >= alarm * variance and len(clipped) - cut >= SHORTEST:
            yield Shift(days[some[start + cut]], before, after, days[some[end - 1]])
            start += cut
            # The level before the shift would make spikes of its first days.
            middle[start:] = _medians(value[start:], AROUND - 1, 0)


def day_weights(items: NDArray[np.int64]) -> Floats:
    """0 to 1 by the number of items behind each day."""
    weights: Floats = items / (items + SATURATION)
    return weights


def noise(values: Floats, weight: Floats) -> float:
    """Variance of a day of weight 1 around its level, from changes of one day to the next: few of them are shifts.

    By their median, which spikes hardly move; by their mean square where most days equal the one before.
    0 if all days are equal. Needs two values or more.
    """
    changes = np.abs(np.diff(values)) / np.sqrt(1 / weight[1:] + 1 / weight[:-1])
    median = float(np.median(changes)) / NORMAL_MEDIAN
    return median**2 if median > 0 else float(np.mean(changes**2))


def _medians(values: Floats, back: int, ahead: int) -> Floats:
    """Of each value with those up to ``back`` before and ``ahead`` after it. Shape: (days,)."""
    return np.array([np.median(values[max(0, at - back) : at + ahead + 1]) for at in range(len(values))])


def _clip(values: Floats, middle: Floats, variance: Floats) -> Floats:
    reach = SPIKE * np.sqrt(variance)
    return np.clip(values, middle - reach, middle + reach)


def _best_cut(values: Floats, weight: Floats) -> tuple[int, float, float, float]:
    """Where two levels explain the values best, by how much the weighted squares fall, and both levels."""
    weights, sums = np.cumsum(weight), np.cumsum(weight * values)
    cuts = np.arange(max(SHORTEST, len(values) - LOOK_BACK), len(values))
    left, right = weights[cuts - 1], weights[-1] - weights[cuts - 1]
    before, after = sums[cuts - 1] / left, (sums[-1] - sums[cuts - 1]) / right
    gain = left * right / weights[-1] * (after - before) ** 2
    best = int(gain.argmax())
    return int(cuts[best]), float(gain[best]), float(before[best]), float(after[best])


class _WeightedMean(BaseCost):  # type: ignore[misc]
    """Squares around the weighted mean of a piece, for ruptures, which weighs all days alike in its own costs."""

    model = ""
    min_size = 1

    def __init__(self, weight: Floats) -> None:
        self._weight = weight

    def fit(self, signal: Floats) -> _WeightedMean:
        """``signal`` of shape (days, 1)."""
        self.signal = signal
        value = signal.ravel()
        # Plain floats: PELT asks for one piece at a time, some 100,000 times for two years of days.
        self._sums = [
            np.concatenate([[0.0], np.cumsum(part)]).tolist()
            for part in (self._weight, self._weight * value, self._weight * value**2)
        ]
        return self

    def error(self, start: int, end: int) -> float:
        """Cost of the days from ``start`` to before ``end``."""
        weight, value, square = (sums[end] - sums[start] for sums in self._sums)
        return float(square - value * value / weight)
