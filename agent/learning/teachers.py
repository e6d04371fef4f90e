"""Teachers: what the labelled texts say of unlabelled ones, which are then learned by it in the place of a label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.learning.probe import fit_probe
from agent.model.predictions import softmax

Matrix = NDArray[np.float32]

NEIGHBOURS = 15
BANDWIDTH = 0.1
"""A neighbour's weight is exp((cosine - 1) / BANDWIDTH)."""
SPREAD = 0.8
"""Share of what a text takes over from its neighbours in each round (alpha of Zhou et al. 2004)."""
ROUNDS = 20
PRIOR = 0.2
"""Weight of what the probe says of an unlabelled text, beside a label's 1."""


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
