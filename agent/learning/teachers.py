"""Teachers: what is believed of a text by somebody who has not seen its label, to be learned beside the label or, where
there is none, in its place.

Of labelled texts it is cross-fitted: a model that was trained on the other folds reads them, so that its doubt is
honest, which a model's doubt about its own training texts is not (Hinton et al. 2015 for learning from a teacher's
probabilities; Chernozhukov et al. 2018 for cross-fitting). Of unlabelled texts their neighbours say it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.learning.probe import fit_probe
from agent.model.predictions import softmax

Matrix = NDArray[np.float32]
Indices = NDArray[np.int64]
Teach = Callable[[Indices], Callable[[Indices], Matrix]]
"""Rows to train on, to a reader that gives the probabilities, (N, L), of other rows."""

NEIGHBOURS = 15
BANDWIDTH = 0.1
"""A neighbour's weight is exp((cosine - 1) / BANDWIDTH)."""
SPREAD = 0.8
"""Share of what a text takes over from its neighbours in each round (alpha of Zhou et al. 2004)."""
ROUNDS = 20
PRIOR = 0.2
"""Weight of what the probe says of an unlabelled text, beside a label's 1."""


def folds(labels: Sequence[int], count: int, seed: int) -> Indices:
    """The fold of each row, 0 to ``count`` - 1, (N,): every label is spread over all folds as evenly as can be."""
    known = np.asarray(labels)
    rng = np.random.default_rng(seed)
    found = np.empty(len(known), np.int64)
    for label in np.unique(known):
        own = rng.permutation(np.flatnonzero(known == label))
        found[own] = np.arange(len(own)) % count
    return found


def cross_fit(labels: Sequence[int], classes: int, teach: Teach, *, count: int = 2, seed: int = 0) -> Matrix:
    """Probabilities, (N, classes), of each row by the model that was taught all folds but the row's own."""
    fold = folds(labels, count, seed)
    believed = np.zeros((len(fold), classes), np.float32)
    for each in range(count):
        own = np.flatnonzero(fold == each)
        believed[own] = teach(np.flatnonzero(fold != each))(own)
    return believed


def spread(known: Matrix, labels: Sequence[int], unknown: Matrix, classes: int) -> Matrix:
    """What the labelled texts say of the unlabelled ones, (M, classes): label spreading over the graph of nearest
    neighbours (Zhou et al. 2004), which starts from a probe's probabilities.

    ``known`` (N, D) and ``unknown`` (M, D) are unit vectors. A row sums to its highest probability: what is believed
    with doubt counts less.
    """
    import scipy.sparse
    from faiss import IndexFlatIP

    vectors = np.ascontiguousarray(np.concatenate([known, unknown]), np.float32)
    index = IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    cosines, places = index.search(vectors, min(NEIGHBOURS + 1, len(vectors)))
    rows = np.repeat(np.arange(len(vectors)), places.shape[1])
    others = places.ravel() != rows
    weights = np.exp((cosines.ravel()[others] - 1) / BANDWIDTH)
    graph = scipy.sparse.coo_array((weights, (rows[others], places.ravel()[others])), (len(vectors),) * 2).tocsr()
    graph = graph.maximum(graph.T)
    scale = 1 / np.sqrt(np.maximum(graph.sum(1), 1e-9))
    weight, bias = fit_probe(known, labels, classes)
    start = np.zeros((len(vectors), classes), np.float32)
    start[np.arange(len(known)), np.asarray(labels)] = 1
    start[len(known) :] = PRIOR * softmax(unknown @ weight.numpy().T + bias.numpy(), 1.0)
    found = start
    for _ in range(ROUNDS):
        found = SPREAD * scale[:, None] * (graph @ (scale[:, None] * found)) + (1 - SPREAD) * start
    shares = found[len(known) :] / found[len(known) :].sum(1, keepdims=True)
    believed: Matrix = (shares * shares.max(1, keepdims=True)).astype(np.float32)
    return believed
