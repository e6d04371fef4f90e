"""Chooses how the parts of a taste model's score are weighed: by NDCG on validation cases, one weight after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agent.learning.ranking import gain
from agent.model.history import Past
from agent.model.items import Matrix, Rows
from agent.model.taste import PARTS, Mix, TasteModel

RECENCIES = (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
WEIGHTS: Mapping[str, tuple[float, ...]] = {
    "links": (0.0, 0.02, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 1.0),
    "head": (0.0, 0.02, 0.05, 0.07, 0.1, 0.14, 0.2, 0.3, 0.5, 1.0),
    "likes": (1e-3, 0.01, 0.03, 0.1),
}
"""What is tried of each, beside texts of 1."""
WORDS = (1.0, 2.0, 3.0, 5.0, 8.0)
BY_RECENCY = ("texts", "links")
"""Parts that the recency changes."""
ROUNDS = 2
MOST_SCORES = 20_000_000
"""Scores of one part that are held in memory at once: of more cases the first are read."""


@dataclass(frozen=True, slots=True)
class Known:
    """One case as the model reads it."""

    past: Past
    hidden: Rows
    """Items that are not ranked: those liked before."""
    right: Rows
    """Items one of which has to be found."""
    words: Matrix | None = None
    """(D,)."""


def figure_of(model: TasteModel, cases: Sequence[Known]) -> float:
    """Mean NDCG of the best right item of each case, without words."""
    cases = _fitting(model, cases)
    names = [name for name in PARTS if getattr(model.mix, name)]
    parts = model.parts_of([case.past for case in cases], names=names)
    return _figure(model.mix, parts, cases)


def choose_mix(model: TasteModel, cases: Sequence[Known]) -> Mix:
    """The mix under which the model finds the most by what users did, its weight of words as it was."""
    cases = _fitting(model, cases)
    pasts = [case.past for case in cases]
    best, parts = model.mix, model.parts_of(pasts)
    for _ in range(ROUNDS):
        for name, values in WEIGHTS.items():
            best = _best([dataclasses.replace(best, **{name: value}) for value in values], parts, cases)
        found = {}
        for recency in RECENCIES:
            mix = dataclasses.replace(best, recency=recency)
            others = model.with_mix(mix).parts_of(pasts, names=BY_RECENCY)
            found[mix] = _figure(mix, parts | others, cases)
        best = max(found, key=lambda mix: found[mix])
        parts |= model.with_mix(best).parts_of(pasts, names=BY_RECENCY)
    return best


def choose_words(model: TasteModel, cases: Sequence[Known]) -> Mix:
    """The model's mix with the weight of words under which it finds the most; every case has some."""
    cases = _fitting(model, cases)
    words = np.stack([case.words for case in cases if case.words is not None])
    parts = model.parts_of([case.past for case in cases], words)
    return _best([dataclasses.replace(model.mix, words=value) for value in WORDS], parts, cases)


def _fitting(model: TasteModel, cases: Sequence[Known]) -> Sequence[Known]:
    return cases[: max(1, MOST_SCORES // len(model.space))]


def _best(tried: Sequence[Mix], parts: Mapping[str, Matrix], cases: Sequence[Known]) -> Mix:
    return max(tried, key=lambda mix: _figure(mix, parts, cases))


def _figure(mix: Mix, parts: Mapping[str, Matrix], cases: Sequence[Known]) -> float:
    total = 0.0
    for i, case in enumerate(cases):
        row = np.zeros(next(iter(parts.values())).shape[-1], np.float32)
        for name, part in parts.items():
            row += np.float32(getattr(mix, name)) * (part if part.ndim == 1 else part[i])
        row[case.hidden] = -np.inf
        best = row[case.right].max()
        total += gain(1 + int((row >= best).sum()) - int((row[case.right] >= best).sum()))
    return total / len(cases)
