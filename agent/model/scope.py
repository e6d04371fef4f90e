"""How unlike the training data a message is: the out-of-scope score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.model.neighbours import HalfVectors, Known, Near, matrix_of, nearest

Matrix = NDArray[np.float32]
PARTS = ("energy", "softmax", "neighbours", "feature_neighbours")
"""Each grows with strangeness: minus log-sum-exp of the logits (Liu et al. 2020), minus the largest
log-probability (Hendrycks and Gimpel 2017), and one minus the mean cosine to the K nearest training
examples (Sun et al. 2022), in the query space and in the features of the intent head."""


@dataclass(frozen=True, slots=True)
class ScopeScorer:
    """A weighted sum of the standardised parts, squashed so that the fitted threshold lies at 0.5."""

    queries: Known
    """Query vectors of the training examples, (N, D)."""
    features: Known
    """Intent features of the training examples, (N, D)."""
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    """One a part, in the order of PARTS."""
    threshold: float
    """Of the weighted sum."""
    spread: float = 1.0
    """Standard deviation of the weighted sum on held-out in-scope text."""

    THRESHOLD = 0.5
    NEIGHBOURS = 3

    def combined(self, parts: Matrix) -> Matrix:
        """(N, len(PARTS)) -> weighted sums (N,)."""
        return ((parts - np.array(self.centre)) / np.array(self.scale)) @ np.array(self.weights)  # type: ignore[no-any-return]

    def score(self, logits: Matrix, features: Matrix, queries: Matrix, near: Near | None = None) -> Matrix:
        """Scores in [0, 1], shape (N,); at or above THRESHOLD is out of scope.

        ``near`` are NEIGHBOURS or more known queries nearest to each of ``queries``, where they were looked for before.
        """
        parts = strangeness(logits, features, queries, self.features, self.queries, self._used, near)
        distance = (self.combined(parts) - self.threshold) / self.spread
        # np.clip, np.mean and np.stack take longer about one text than all else here together.
        return 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(distance, -30), 30)))  # type: ignore[no-any-return]

    @property
    def _used(self) -> tuple[bool, ...]:
        """Whether each part has any weight."""
        return tuple(weight != 0 for weight in self.weights)

    def lean(self, queries: Known | None = None) -> ScopeScorer:
        """One that scores alike, is smaller and faster, and holds no features if none are compared, for a process that
        serves. ``queries`` are its own, where a vote holds them already."""
        features = matrix_of(self.features)
        return replace(
            self,
            queries=HalfVectors(matrix_of(self.queries)) if queries is None else queries,
            features=HalfVectors(features if self._used[3] else features[:0]),
        )

    def distances(self, queries: Matrix, near: Near | None = None) -> Matrix:
        """One minus the mean cosine to the nearest training examples in the query space, shape (N,).

        ``near`` is as for ``score``.
        """
        return _distances(near or nearest(queries, self.queries, self.NEIGHBOURS))

    def settings(self) -> dict[str, Any]:
        """All but the two matrices, ready for JSON."""
        return {
            "centre": list(self.centre),
            "scale": list(self.scale),
            "weights": list(self.weights),
            "threshold": self.threshold,
            "spread": self.spread,
        }


def strangeness(
    logits: Matrix,
    features: Matrix,
    queries: Matrix,
    known_features: Known,
    known_queries: Known,
    used: Sequence[bool] = (True,) * len(PARTS),
    near: Near | None = None,
) -> Matrix:
    """The parts of the score, shape (N, len(PARTS)), for N texts against M known ones.

    A part that is not ``used`` is 0: looking for neighbours is what takes the time. ``near`` is as for
    ``ScopeScorer.score``.
    """
    k = ScopeScorer.NEIGHBOURS
    top = logits.max(1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(1))
    parts = np.zeros((len(logits), len(PARTS)), np.float32)
    parts[:, 0] = -log_sum
    parts[:, 1] = log_sum - top
    if used[2]:
        parts[:, 2] = _distances(near or nearest(queries, known_queries, k))
    if used[3]:
        parts[:, 3] = _distances(nearest(features, known_features, k))
    return parts


def _distances(near: Near) -> Matrix:
    """One minus the mean cosine to the nearest ones, (N,)."""
    cosines = near.cosines[:, : ScopeScorer.NEIGHBOURS]
    return 1 - cosines.sum(1) / np.float32(cosines.shape[1])  # type: ignore[no-any-return]
