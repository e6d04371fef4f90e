"""People ask this, and you have no intent for it: messages outside the app's scope, grouped by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.learning.near import near_duplicates

SMALLEST = 5
"""Messages that make a group."""
TYPICAL = 5
LIKENESS = 0.4
"""Mean cosine down to which two groups become one."""
MOST = 3000
"""Messages that are compared with each other; the time grows with the square."""


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that mean about the same."""

    rows: tuple[int, ...]
    """Places of the messages, the most typical first."""
    typical: tuple[str, ...]
    """A few of their texts, no two nearly the same."""


def group(texts: Sequence[str], vectors: NDArray[np.float32], smallest: int = SMALLEST) -> list[Group]:
    """The groups among the first MOST texts, the largest first; what is like nothing else is in none.

    ``vectors`` (N, D) are of unit length. By average linkage: of eight intents of clinc150 among 150 foreign texts it
    finds seven unmixed, where HDBSCAN finds four and two mixed ones.
    """
    from sklearn.cluster import AgglomerativeClustering

    texts, vectors = texts[:MOST], vectors[:MOST]
    if len(texts) < smallest:
        return []
    clustering = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - LIKENESS
    )
    labels = clustering.fit_predict(vectors)
    members = [np.flatnonzero(labels == label) for label in range(clustering.n_clusters_)]
    found = [_group(texts, vectors, rows) for rows in members if len(rows) >= smallest]
    return sorted(found, key=lambda g: (-len(g.rows), g.rows))


def _group(texts: Sequence[str], vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> Group:
    near_centre = vectors[rows] @ vectors[rows].mean(0)
    ordered = rows[np.argsort(-near_centre, kind="stable")].tolist()
    double = near_duplicates([texts[row] for row in ordered])
    typical = [texts[row] for row, is_double in zip(ordered, double, strict=True) if not is_double]
    return Group(tuple(ordered), tuple(typical[:TYPICAL]))
