"""What a ranking has to beat: popularity, item neighbours, EASE and a Markov chain, each a few lines over likes.

Each family has a few settings, of which the best on the validation cases is fitted anew for the test cases, as with the
model itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.sparse import csr_matrix

from agent.learning.ranking import Case, Ranking, Scorer, Split, rank_cases
from agent.model.items import Matrix, Rows

Fit = Callable[[Sequence[Rows], int], Callable[[float], Scorer]]
"""Each user's likes and the number of items to a scorer for every recency."""
FADES = (0.9, 0.8, 0.7)
"""What a like counts, relative to the one after it."""


def popularity(likes: Sequence[Rows], items: int) -> Callable[[float], Scorer]:
    """The most liked items first."""
    counts = np.bincount(np.concatenate(likes), minlength=items).astype(np.float32)
    return lambda fade: lambda cases: np.tile(counts, (len(cases), 1))


def neighbours(likes: Sequence[Rows], items: int) -> Callable[[float], Scorer]:
    """Cosine between items by who liked them (Sarwar et al. 2001)."""
    return _by_links(_cosines(likes, items))


def ease(likes: Sequence[Rows], items: int, ridge: float) -> Callable[[float], Scorer]:
    """A ridge regression of each item on all others (Steck 2019)."""
    together = _together(likes, items)
    together[np.diag_indices(items)] += ridge
    inverse = np.linalg.inv(together)
    links = (inverse / -np.diag(inverse)).astype(np.float32)
    np.fill_diagonal(links, 0)
    return _by_links(links)


def markov(likes: Sequence[Rows], items: int, share: float) -> Callable[[float], Scorer]:
    """A first-order chain, what was liked right after the last item, smoothed by that item's and the earlier ones'
    neighbours; the chain counts ``share`` of them."""
    first, second = np.concatenate([rows[:-1] for rows in likes]), np.concatenate([rows[1:] for rows in likes])
    after = csr_matrix((np.ones(len(first), np.float32), (first, second)), (items, items)).toarray()
    after *= share / np.sqrt(np.maximum(after.sum(1, keepdims=True), 1))
    near = _by_links(_cosines(likes, items))
    return lambda fade: lambda cases: near(fade)(cases) + after[[case.history[-1] for case in cases]]


KINDS: tuple[tuple[tuple[Fit, ...], dict[str, tuple[float, ...]]], ...] = (
    ((popularity,), {"popularity": (1.0,)}),
    ((neighbours,), {"item-kNN": (1.0,), "item-kNN with recency": FADES}),
    (
        tuple(partial(ease, ridge=ridge) for ridge in (50.0, 100.0, 200.0)),
        {"EASE": (1.0,), "EASE with recency": FADES},
    ),
    (tuple(partial(markov, share=share) for share in (0.1, 0.3, 1.0)), {"Markov chain with kNN": FADES}),
)
"""What is fitted, and by the baseline's name the recencies that are tried with it."""


@dataclass(frozen=True, slots=True)
class Baseline:
    name: str
    setting: str
    """What was chosen, in words; "" if there was no choice."""
    validation: float
    """NDCG on the validation cases."""
    ranking: Ranking
    """Of the test cases."""


def measure(cut: Split) -> list[Baseline]:
    """Every baseline, with the setting that is best on the validation cases."""
    return [baseline for fits, names in KINDS for baseline in _measured(cut, fits, names)]


def _measured(cut: Split, fits: Sequence[Fit], names: Mapping[str, Sequence[float]]) -> list[Baseline]:
    values: dict[tuple[int, float], float] = {}
    for number, fit in enumerate(fits):
        with_fade = fit(cut.likes(cut.validation), len(cut.items))
        for fade in {fade for fades in names.values() for fade in fades}:
            values[number, fade] = float(rank_cases(with_fade(fade), cut.validation).gains.mean())
    found = []
    fitted: dict[int, Callable[[float], Scorer]] = {}
    for name, fades in names.items():
        number, fade = max(((n, f) for n in range(len(fits)) for f in fades), key=lambda key: values[key])
        if number not in fitted:
            fitted[number] = fits[number](cut.likes(cut.test), len(cut.items))
        ranking = rank_cases(fitted[number](fade), cut.test)
        found.append(Baseline(name, _setting(fits[number], fade, fades), values[number, fade], ranking))
    return found


def _setting(fit: Fit, fade: float, fades: Sequence[float]) -> str:
    chosen = [f"{name} {value:g}" for name, value in fit.keywords.items()] if isinstance(fit, partial) else []
    return ", ".join([*chosen, f"recency {fade:g}"] if len(fades) > 1 else chosen)


def _together(likes: Sequence[Rows], items: int) -> Matrix:
    """(N, N): how many users liked both."""
    users = np.concatenate([np.full(len(rows), user) for user, rows in enumerate(likes)])
    ones = np.ones(len(users), np.float32)
    liked = csr_matrix((ones, (users, np.concatenate(likes))), (len(likes), items))
    found: Matrix = (liked.T @ liked).toarray()
    return found


def _cosines(likes: Sequence[Rows], items: int) -> Matrix:
    found = _together(likes, items)
    length = np.sqrt(np.maximum(np.diag(found), 1)).astype(np.float32)
    np.fill_diagonal(found, 0)
    cosines: Matrix = found / length / length[:, None]
    return cosines


def _by_links(links: Matrix) -> Callable[[float], Scorer]:
    """The sum of the links of what was liked, the earlier the less."""

    def with_fade(fade: float) -> Scorer:
        def score(cases: Sequence[Case]) -> Matrix:
            return np.stack(
                [
                    np.asarray(fade ** np.arange(len(case.history) - 1, -1, -1), np.float32) @ links[case.history]
                    for case in cases
                ]
            )

        return score

    return with_fade
