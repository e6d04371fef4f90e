"""How much the place in a row decides whether an item is noticed, and what an event counts for after that.

Whoever is shown a row looks at its top first, so that a choice further down says more. Pure functions over rows that
were shown and places that were chosen; no model, no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.types import Event

CLIP = 10.0
"""The most that one event may count for, so that a rare choice far down does not outweigh all others."""
LEAST_SHOWN = 20
"""Showings of one item in both of two places, below which they do not compare."""


def propensities(rows: Iterable[Sequence[str]], chosen: Iterable[tuple[str, int]]) -> list[float]:
    """For each place of a row, from the first on, how likely it is noticed, over the first place: 1 at most, and never
    more than the place before.

    ``rows`` are the rows that were shown, whether or not anything was chosen; ``chosen`` are the items that were, with
    their places from 1 on. Only showings of the same item in both places compare, as better items stand further up
    (Agarwal et al., "Estimating Position Bias without Intrusive Interventions", 2019). A place for which too few
    do, counts as the one before it.
    """
    shown: Counter[tuple[str, int]] = Counter()
    for row in rows:
        shown.update((item, place) for place, item in enumerate(row, start=1))
    picked = Counter(chosen)
    found = [1.0]
    for place in range(2, max((place for _, place in shown), default=0) + 1):
        both = [item for item, at in shown if at == place and shown[item, 1]]
        weights = {item: min(shown[item, 1], shown[item, place]) for item in both}
        here = sum(weights[item] * picked[item, place] / shown[item, place] for item in both)
        first = sum(weights[item] * picked[item, 1] / shown[item, 1] for item in both)
        enough = sum(weights.values()) >= LEAST_SHOWN and first > 0
        found.append(min(found[-1], here / first) if enough else found[-1])
    return found


def event_weights(events: Sequence[Event], noticed: Sequence[float], clip: float = CLIP) -> NDArray[np.float32]:
    """What each event counts for, (N,): one over how likely its place is noticed, ``clip`` at most; 1 for what did not
    come from a row. ``noticed`` is what ``propensities`` found; places beyond it count as its last."""
    weights = np.ones(len(events), np.float32)
    for n, event in enumerate(events):
        if event.position is not None:
            likely = noticed[min(event.position, len(noticed)) - 1]
            weights[n] = min(clip, 1 / likely) if likely > 0 else clip
    return weights
