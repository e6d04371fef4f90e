"""million_items: the ten nearest of a million items that a filter allows, by the item index and by comparing every one
with the same filter, one thread, in turn within one run.

The vectors are made up: items lie around topics of unequal size, as descriptions do, and a query lies near an item, as
words that ask for it do. The filter is one of price: it lets ALLOWED of the items through, whatever their topic. The
figure is the recall at 10.
"""

from __future__ import annotations

import time
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.items import ItemIndex
from index.vectors import Vectors
from tests.bench.data import QUICK
from tests.bench.result import Result

ITEMS = 60_000 if QUICK else 1_000_000
DIMENSION = 64 if QUICK else 384
TOPICS = ITEMS // 250
QUERIES = 50 if QUICK else 200
ALLOWED = 0.5
K = 10
RECALL, FASTER = 0.98, 20.0
AROUND_TOPIC, AROUND_ITEM = 0.7, 0.5
"""How far an item lies from its topic, and a query from its item: length of the noise, over a unit vector."""

# The package's own stubs lack much of what SWIG makes.
_faiss: Any = faiss


def scattered(centres: Vectors, noise: float, random: np.random.Generator) -> Vectors:
    """A unit vector near each of the centres, (N, D)."""
    away = random.standard_normal(centres.shape, np.float32)
    away *= noise / np.linalg.norm(away, axis=1, keepdims=True)
    found = centres + away
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def made_up(random: np.random.Generator) -> tuple[Vectors, Vectors, NDArray[np.bool_]]:
    """Items (N, D), queries (Q, D), and which items the filter allows (N,)."""
    topics = scattered(np.zeros((TOPICS, DIMENSION), np.float32), 1.0, random)
    sizes = 1 / np.arange(1, TOPICS + 1) ** 0.5
    items = scattered(topics[random.choice(TOPICS, ITEMS, p=sizes / sizes.sum())], AROUND_TOPIC, random)
    queries = scattered(items[random.choice(ITEMS, QUERIES, replace=False)], AROUND_ITEM, random)
    return items, queries, random.random(ITEMS) < ALLOWED


def measure() -> Result:
    faiss.omp_set_num_threads(1)
    items, queries, allowed = made_up(np.random.default_rng(0))
    index = ItemIndex(DIMENSION, "made up")
    index.sync({str(row): str(row) for row in range(ITEMS)}, lambda texts: items[[int(text) for text in texts]])
    exact = faiss.IndexFlatIP(DIMENSION)
    exact.add(index.vectors)
    bits = np.packbits(allowed, bitorder="little")
    every = _faiss.SearchParameters(sel=_faiss.IDSelectorBitmap(ITEMS, faiss.swig_ptr(bits)))
    ours, theirs, hits = [], [], 0
    for query in queries:
        began = time.perf_counter()
        found = index.search(query, K, allowed)
        between = time.perf_counter()
        _, rows = exact.search(query[None], K, params=every)
        ours.append(between - began)
        theirs.append(time.perf_counter() - between)
        hits += len({row for row, _ in found} & set(rows[0].tolist()))
    recall = hits / (K * QUERIES)
    faster = float(np.median(theirs) / np.median(ours))
    detail = {
        "ms a search": float(np.median(ours)) * 1000,
        "ms a search, every item compared": float(np.median(theirs)) * 1000,
        "times faster": faster,
        "at least, times faster": FASTER,
        "items": ITEMS,
    }
    return Result("million_items", recall, RECALL, recall >= RECALL and faster >= FASTER, detail)
