"""Links between items: how much a liked one speaks for another, in closed form from the order of users' likes.

Two sources, each blind where the other sees. Near ones: items that were liked within a few places of each other, in
either direction, the nearer the more (a Markov chain of every order up to WINDOW, smoothed by neighbourhood). Fitted
ones: a ridge regression of what users liked next on what they had liked so far, both weighted by distance, which
explains away what is merely popular (Choi et al. 2021, "Session-aware linear item-item models").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_matrix, csr_matrix, diags

from agent.model.items import Rows

Matrix = NDArray[np.float32]

WINDOW, NEARNESS = 10, 0.8
"""Places that two likes may be apart, and what each place more takes off."""
ROW_POWER, COLUMN_POWER = 0.5, 0.2
"""By which power of its likes an item's links to others are divided, and those of others to it."""
REACH, FADING = 20, 0.7
"""The same as WINDOW and NEARNESS in the regression."""
RIDGE = 300.0
FITTED = 0.6
"""Weight of the fitted links; the near ones count 1."""
MOST_FITTED = 8000
"""Items that are fitted, the most liked ones: time grows with the third power, 8000 take about a minute."""
KEPT = 100
"""Links of each source that an item keeps, the strongest."""
SCALE = 20
"""Links of an item whose mean, over all items, is brought to 1."""


def learn_links(likes: Sequence[Rows], items: int) -> csr_matrix:
    """(M, M) float32 of M ``items``; ``likes`` are each user's rows, oldest first."""
    counts = np.bincount(np.concatenate([np.empty(0, np.int64), *likes]), minlength=items)
    near = _near(likes, counts)
    fitted = _fitted(likes, counts)
    return csr_matrix(_scaled(near) + FITTED * _scaled(fitted), dtype=np.float32)


def _near(likes: Sequence[Rows], counts: NDArray[np.int64]) -> csr_matrix:
    found = _pairs(likes, len(counts), WINDOW, NEARNESS)
    shares = np.maximum(counts, 1).astype(np.float32)
    return csr_matrix(diags(shares**-ROW_POWER) @ (found + found.T) @ diags(shares**-COLUMN_POWER))


def _pairs(likes: Sequence[Rows], items: int, window: int, nearness: float) -> csr_matrix:
    """(M, M): how often an item was liked before another, weighted by how near."""
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    weights: list[NDArray[np.floating[Any]]] = [np.empty(0)]
    for rows in likes:
        for apart in range(1, min(window, len(rows) - 1) + 1):
            first.append(rows[:-apart])
            second.append(rows[apart:])
            weights.append(np.full(len(rows) - apart, nearness ** (apart - 1), np.float64))
    where = (np.concatenate(first), np.concatenate(second))
    return coo_matrix((np.concatenate(weights).astype(np.float32), where), (items, items)).tocsr()


def _fitted(likes: Sequence[Rows], counts: NDArray[np.int64]) -> csr_matrix:
    """The ridge regression, of the most liked items; an item does not speak for itself."""
    chosen = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_FITTED, int((counts > 0).sum()))])
    place = np.full(len(counts), -1)
    place[chosen] = np.arange(len(chosen))
    own = [rows[rows >= 0] for rows in (place[rows] for rows in likes)]
    before, after = _around(own, len(chosen), backwards=True), _around(own, len(chosen), backwards=False)
    gram = (before.T @ before).toarray()
    gram[np.diag_indices_from(gram)] += RIDGE
    weights = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), (before.T @ after).toarray())
    np.fill_diagonal(weights, 0)
    back = csr_matrix((np.ones(len(chosen), np.float32), (chosen, np.arange(len(chosen)))), (len(counts), len(chosen)))
    return csr_matrix(back @ _strongest(weights) @ back.T)


def _around(likes: Sequence[Rows], items: int, *, backwards: bool) -> csr_matrix:
    """(S, M): for every place between two likes of a user, what was liked before or after it."""
    steps, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    weights: list[NDArray[np.floating[Any]]] = [np.empty(0)]
    step = 0
    fading = FADING ** np.arange(REACH)
    for rows in likes:
        for place in range(1, len(rows)):
            near = rows[max(0, place - REACH) : place][::-1] if backwards else rows[place : place + REACH]
            steps.append(np.full(len(near), step))
            found.append(near)
            weights.append(fading[: len(near)])
            step += 1
    where = (np.concatenate(steps), np.concatenate(found))
    return coo_matrix((np.concatenate(weights).astype(np.float32), where), (step, items)).tocsr()


def _strongest(weights: Matrix) -> csr_matrix:
    """The KEPT largest of each row that are above 0."""
    if weights.shape[1] > KEPT:
        least = np.partition(weights, -KEPT, axis=1)[:, -KEPT]
        weights = np.where(weights >= least[:, None], weights, 0)
    return csr_matrix(np.maximum(weights, 0), dtype=np.float32)


def _scaled(links: csr_matrix) -> csr_matrix:
    """The KEPT strongest of each row, so that the mean of the SCALE strongest of all rows that have any is 1."""
    starts, kept, level = links.indptr, links.data.copy(), []
    for row in range(links.shape[0]):
        own = kept[starts[row] : starts[row + 1]]
        if len(own) > KEPT:
            own[own < np.partition(own, -KEPT)[-KEPT]] = 0
        if len(own):
            level.append(np.sort(own)[-SCALE:].sum() / SCALE)
    found = csr_matrix((kept / (np.mean(level) if level else 1.0), links.indices.copy(), starts.copy()), links.shape)
    found.eliminate_zeros()
    return found
