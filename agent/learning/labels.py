"""Labels that are probably wrong, to be shown to a reviewer. Nothing is ever changed by itself.

Each example is judged by a linear probe and by its nearest neighbours, both of which have not seen it; then once
more, by probe and neighbours that have seen nothing suspect either. (Confident learning, Northcutt et al. 2021, judges
once, by one model.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.learning.probe import fit_probe
from agent.model.predictions import softmax
from agent.model.vote import NeighbourVote

FOLDS = 5
VOTE = 0.5
"""Weight of the neighbours beside the probe."""
SUSPECT, WRONG = 5.0, 10.0
"""How many times as likely as its own label another one must be: to be left out of the second judgement, and to be
suggested. Chosen on one half of banking77's training file; the bench ``label_errors`` measures on the other."""
FEWEST = 5
"""Examples of a label, below which nothing is said of them."""
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An example whose label looks wrong."""

    row: int
    label: str
    better: str
    """What the others of its kind are labelled."""
    times: float
    """How many times as likely as its own label that is; WRONG or more."""


def label_errors(vectors: NDArray[np.float32], labels: Sequence[str]) -> list[Suggestion]:
    """The labels that look wrong, the worst first. ``vectors`` (N, D) are of unit length, such as frozen embeddings."""
    names = sorted(set(labels))
    given = np.array([names.index(label) for label in labels], np.int64)
    if len(names) < 2 or len(given) < FOLDS:
        return []
    everything = np.ones(len(given), bool)
    sure = _times(_judged(vectors, given, len(names), everything), given) < SUSPECT
    judged = _judged(vectors, given, len(names), sure)
    times, best = _times(judged, given), judged.argmax(1)
    sizes = Counter(labels)
    return [
        Suggestion(int(row), labels[row], names[best[row]], float(times[row]))
        for row in np.argsort(-times, kind="stable")
        if times[row] >= WRONG and sizes[labels[row]] >= FEWEST
    ]


def _times(judged: NDArray[np.float32], given: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, L) probabilities -> how many times as likely as the given label the best one is, (N,)."""
    own = judged[np.arange(len(given)), given]
    return judged.max(1) / np.maximum(own, _LEAST)  # type: ignore[no-any-return]


def _judged(
    vectors: NDArray[np.float32], given: NDArray[np.int64], labels: int, sure: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Probabilities of each label for each example, (N, L), by those that are ``sure`` in the other folds."""
    found = np.zeros((len(given), labels), np.float32)
    # Always the same folds, and of every label a part in each.
    place = np.empty(len(given), np.int64)
    place[np.argsort(given, kind="stable")] = np.arange(len(given))
    for fold in range(FOLDS):
        own = place % FOLDS == fold
        known = ~own & sure
        if not known.any():
            known = ~own
        weight, bias = fit_probe(vectors[known], given[known].tolist(), labels)
        by_probe = softmax(vectors[own] @ weight.numpy().T + bias.numpy(), 1.0)
        vote = NeighbourVote(vectors[known], given[known], VOTE)
        found[own] = vote.blended(by_probe, vote.near(vectors[own]))
    return found
