"""The nearest of many known vectors: every one is compared, which for some thousands is quicker than any index."""

from __future__ import annotations

from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
# The package's own stubs lack much of what SWIG makes.
_faiss: Any = faiss
AT_ONCE = 512
"""Vectors that are compared in one product."""


class Near(NamedTuple):
    """What was found for N vectors, the nearest first."""

    cosines: Matrix
    """(N, k)."""
    rows: NDArray[np.int64]
    """Places among the known vectors, (N, k)."""


class HalfVectors:
    """Known vectors in half precision, for a process that serves: reading them all from memory is what a search of one
    vector costs, and every app has its own. Cosines differ from those of the full ones by about 1e-5."""

    def __init__(self, vectors: Matrix) -> None:
        """``vectors`` are (N, D), of unit length."""
        kind = _faiss.ScalarQuantizer.QT_fp16
        self._index: Any = _faiss.IndexScalarQuantizer(vectors.shape[1], kind, _faiss.METRIC_INNER_PRODUCT)
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def nearest(self, vectors: Matrix, k: int) -> Near:
        """As the function ``nearest``, for ``k`` of at most N."""
        cosines, rows = self._index.search(np.ascontiguousarray(vectors, np.float32), k)
        return Near(cosines, rows)

    def matrix(self) -> Matrix:
        """(N, D), made anew."""
        return self._index.reconstruct_n(0, len(self))  # type: ignore[no-any-return]


Known = Matrix | HalfVectors
"""Vectors (N, D) of unit length that others are compared with."""


def matrix_of(known: Known) -> Matrix:
    """All of them, (N, D)."""
    return known.matrix() if isinstance(known, HalfVectors) else known


def nearest(vectors: Matrix, known: Known, k: int) -> Near:
    """The ``k`` known vectors nearest to each of N, or all if there are fewer. All vectors of unit length."""
    k = min(k, len(known))
    if isinstance(known, HalfVectors):
        return known.nearest(vectors, k)
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
