"""The nearest of many known vectors: every one is compared, which for some thousands is quicker than any index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
AT_ONCE = 512
"""Vectors that are compared in one product."""


class Near(NamedTuple):
    """What was found for N vectors, the nearest first."""

    cosines: Matrix
    """(N, k)."""
    rows: NDArray[np.int64]
    """Places among the known vectors, (N, k)."""


def nearest(vectors: Matrix, known: Matrix, k: int) -> Near:
    """The ``k`` known vectors nearest to each of N, or all if there are fewer. All vectors of unit length."""
    k = min(k, len(known))
    cosines, rows = np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
    for start in range(0, len(vectors), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        found = vectors[part] @ known.T
        best = np.argpartition(found, len(known) - k, axis=1)[:, len(known) - k :]
        values = np.take_along_axis(found, best, axis=1)
        order = np.argsort(-values, axis=1)
        cosines[part] = np.take_along_axis(values, order, axis=1)
        rows[part] = np.take_along_axis(best, order, axis=1)
    return Near(cosines, rows)
