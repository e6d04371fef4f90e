"""Passages by meaning: a FAISS index of unit vectors under inner product, so a score is a cosine.

Flat up to a limit, inverted lists (IVF) above it; HNSW is no choice, for it cannot remove.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from index.types import KnowledgeError

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Kind = Literal["flat", "ivf"]

METRIC = "inner product of unit vectors"
FLAT_LIMIT = 20_000
"""Passages up to which every one is compared: about 2 ms a search at 384 dimensions."""

# FAISS asks for 39 training vectors a list and warns below. A search reads one list in twelve.
_VECTORS_A_LIST = 39
_LISTS_READ = 1 / 12
# Of as many items as a mask is meant for, one list in 32 is many still.
_MASKED_LISTS_READ = 1 / 32
_TRAINING_ROUNDS = 10
# Lists are trained anew when there are this many times as many vectors as they were trained for, and the
# layout goes back to flat at half the limit, so that a few changes at the limit do not rebuild it each time.
_GROWTH = 4

# The package's own stubs lack much of what SWIG makes.
_faiss: Any = faiss

# More threads than free cores make FAISS many times slower, and the model's worker needs its core.
faiss.omp_set_num_threads(1)


def checked(vectors: Vectors, count: int, dimension: int) -> Vectors:
    """What an ``encode`` gave for ``count`` texts. Raises KnowledgeError if its shape or its lengths are wrong."""
    if vectors.shape != (count, dimension):
        raise KnowledgeError(f"encode() gave shape {vectors.shape}; ({count}, {dimension}) is needed.")
    # Written so that a NaN fails too; half precision is off by less than this.
    if not bool(np.all(np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1) < 0.01)):
        raise KnowledgeError("encode() gave vectors that are not of unit length.")
    return vectors


class VectorIndex:
    """Vectors by number. Not safe for threads by itself: its owner holds a lock."""

    def __init__(self, dimension: int, flat_limit: int = FLAT_LIMIT) -> None:
        self.dimension = dimension
        self.kind: Kind = "flat"
        self._flat_limit = flat_limit
        self._trained_for = 0
        self._faiss: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    def update(self, gone: Sequence[int], numbers: Sequence[int], vectors: Vectors) -> None:
        """Take out ``gone`` and put in ``vectors`` (N, D) under ``numbers``, none of which may be there already."""
        if gone:
            ids = np.asarray(gone, np.int64)
            # IVF's table of ids removes by a list alone; flat asks the selector of every id, so by a set.
            listed = faiss.IDSelectorArray(len(ids), faiss.swig_ptr(ids))
            self._faiss.remove_ids(faiss.IDSelectorBatch(ids) if self.kind == "flat" else listed)
        if numbers:
            self._faiss.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.asarray(numbers, np.int64))
        self._fit_to_size()

    def search(self, query: Vectors, k: int, within: Numbers | None = None) -> list[tuple[int, float]]:
        """Up to ``k`` (number, cosine) for a query (D,), best first; only among ``within`` if it is given."""
        if within is None:
            return self._search(query, k, None, _LISTS_READ)
        # A few documents may lie in any list, so a limited search reads them all.
        return self._search(query, k, faiss.IDSelectorBatch(within), 1.0)

    def search_masked(self, query: Vectors, k: int, allowed: Mask) -> list[tuple[int, float]]:
        """As ``search``, among the numbers n below len(allowed) with ``allowed[n]``; meant for masks that let much
        through, so that the lists near the query hold enough."""
        bits = np.packbits(allowed, bitorder="little")
        selector = _faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        return self._search(query, k, selector, _MASKED_LISTS_READ)

    def _search(self, query: Vectors, k: int, selector: Any, lists_read: float) -> list[tuple[int, float]]:
        """``selector`` None lets all through; ``lists_read`` is the share of the lists that an IVF layout reads."""
        options = _faiss.SearchParameters(sel=selector)
        if self.kind == "ivf":
            read = max(1, math.ceil(self._faiss.nlist * lists_read))
            options = _faiss.SearchParametersIVF(sel=selector, nprobe=read)
        k = min(k, len(self))
        if k == 0:
            return []
        cosines, found = self._faiss.search(np.ascontiguousarray(query[None], np.float32), k, params=options)
        return [(int(n), float(c)) for n, c in zip(found[0], cosines[0], strict=True) if n >= 0]

    def vector(self, number: int) -> Vectors:
        """The vector (D,) that was put in under ``number``."""
        found: Vectors = self._faiss.reconstruct(int(number))
        return found

    def numbers(self) -> Numbers:
        """All numbers, in no order."""
        if self.kind == "flat":
            found: Numbers = faiss.vector_to_array(self._faiss.id_map)
            return found
        lists = self._faiss.invlists
        sizes = [lists.list_size(n) for n in range(self._faiss.nlist)]
        parts = [faiss.rev_swig_ptr(lists.get_ids(n), size).copy() for n, size in enumerate(sizes) if size]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _fit_to_size(self) -> None:
        size = len(self)
        if self.kind == "flat" and size > self._flat_limit:
            self._lay_out("ivf")
        elif self.kind == "ivf" and size <= self._flat_limit // 2:
            self._lay_out("flat")
        elif self.kind == "ivf" and size > _GROWTH * self._trained_for:
            self._lay_out("ivf")

    def _lay_out(self, kind: Kind) -> None:
        """Build the index of that kind from the vectors at hand."""
        numbers = np.sort(self.numbers())
        vectors = np.empty((len(numbers), self.dimension), np.float32)
        for row, number in enumerate(numbers):
            vectors[row] = self.vector(number)
        flat = faiss.IndexFlatIP(self.dimension)
        fresh: Any = faiss.IndexIDMap2(flat)
        if kind == "ivf":
            lists = max(1, min(int(4 * math.sqrt(len(numbers))), len(numbers) // _VECTORS_A_LIST))
            # IVF keeps ids itself; under an id map its removals would shift the ids of others.
            fresh = faiss.IndexIVFFlat(flat, self.dimension, lists, faiss.METRIC_INNER_PRODUCT)
            fresh.set_direct_map_type(_faiss.DirectMap.Hashtable)
            fresh.cp.niter = _TRAINING_ROUNDS
            fresh.cp.spherical = True
            fresh.train(vectors)
        if len(numbers):
            fresh.add_with_ids(vectors, numbers)
        self._faiss, self.kind, self._trained_for = fresh, kind, len(numbers)

    def to_bytes(self) -> bytes:
        """The FAISS file."""
        return bytes(faiss.serialize_index(self._faiss))

    @classmethod
    def from_bytes(cls, data: bytes, dimension: int, kind: Kind, flat_limit: int = FLAT_LIMIT) -> VectorIndex:
        """Read ``to_bytes`` back. Raises ValueError if it is no index of that kind and dimension.

        The bytes must have been checked: FAISS reads some damaged files without a word.
        """
        try:
            stored = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise ValueError("FAISS cannot read it") from error
        wanted = faiss.IndexIDMap2 if kind == "flat" else faiss.IndexIVFFlat
        if not isinstance(stored, wanted) or stored.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ValueError(f"it is no '{kind}' index under {METRIC}")
        if stored.d != dimension:
            raise ValueError(f"its vectors have {stored.d} dimensions, not {dimension}")
        index = cls(dimension, flat_limit)
        index._faiss, index.kind, index._trained_for = stored, kind, int(stored.ntotal)
        return index
