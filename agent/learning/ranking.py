"""The protocol by which rankings of items are measured: leave-one-out by time, full ranking, no sampling.

Of every user with enough liked items the last one is what has to be found (the test case), ranked among all items but
those that the user liked before; the one before it is the validation case, by which everything is chosen. Events of
the same time keep the order in which they were recorded, and how many test cases that decides is counted. An item that
a user liked twice stands where they liked it first. An item of equal score goes before the right one, so that a
constant scorer earns nothing.

It knows nothing of models: a scorer is a function from cases to scores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import TrainingError
from agent.types import Event

FEWEST = 5
"""Liked items that a user must have to be in the protocol."""
LIKED = 4.0
"""Mark from which on a rated item counts as liked."""
HELD_OUT = 5
"""Most validation cases of one user, who keeps at least FEWEST_KNOWN liked items before them."""
FEWEST_KNOWN = 3
TOP = 10
SHORT = 10
"""A user with so many liked items or fewer has a short history."""
TAIL = 0.2
"""The long tail is all but this share of the items, the most liked ones."""
AT_ONCE = 256
"""Cases that are scored together."""

Ranks = NDArray[np.int64]
Matrix = NDArray[np.float32]


def liked(event: Event) -> bool:
    """Whether an event says that its user liked the item."""
    return event.kind in {"like", "buy"} or (event.kind == "rate" and (event.value or 0.0) >= LIKED)


@dataclass(frozen=True, slots=True)
class Case:
    """Find ``target``, knowing what one user liked before: rows of the item list."""

    user: str
    history: NDArray[np.int64]
    """Oldest first, each item once."""
    target: int


@dataclass(frozen=True, slots=True)
class Split:
    """A history of likes, cut by the protocol. Sequences hold rows of ``items``."""

    items: tuple[str, ...]
    """All that the users of the protocol liked."""
    known: Mapping[str, NDArray[np.int64]]
    """By user, what validation may be learned from."""
    validation: tuple[Case, ...]
    learned: Mapping[str, NDArray[np.int64]]
    """By user, all but the test case's target: what the test may be learned from."""
    test: tuple[Case, ...]
    tied: int
    """Test cases whose target has the same time as another liked item of the user."""


def split(events: Iterable[Event], like: Callable[[Event], bool] = liked, fewest: int = FEWEST) -> Split:
    """Cut the events of all users, given in the order in which they were recorded.

    Raises TrainingError if no user liked ``fewest`` items.
    """
    by_user: dict[str, dict[str, str]] = defaultdict(dict)
    for event in sorted(filter(like, events), key=lambda e: e.at):
        by_user[event.user].setdefault(event.item, event.at)
    kept = {user: times for user, times in by_user.items() if len(times) >= fewest}
    if not kept:
        raise TrainingError(f"No user liked {fewest} items or more, so there is nothing to measure a ranking on.")
    items = tuple(dict.fromkeys(item for times in kept.values() for item in times))
    at = {item: row for row, item in enumerate(items)}
    known, learned = {}, {}
    validation, test = [], []
    tied = 0
    for user, times in kept.items():
        rows, when = np.array([at[item] for item in times]), list(times.values())
        cut = max(FEWEST_KNOWN, len(rows) - 1 - HELD_OUT)
        known[user], learned[user] = rows[:cut], rows[:-1]
        validation += [Case(user, rows[:end], int(rows[end])) for end in range(cut, len(rows) - 1)]
        test.append(Case(user, rows[:-1], int(rows[-1])))
        tied += when.count(when[-1]) > 1
    return Split(items, known, tuple(validation), learned, tuple(test), tied)


Scorer = Callable[[Sequence[Case]], Matrix]
"""C cases to scores of all N items, (C, N), higher is better."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a scorer made of C cases."""

    ranks: Ranks
    """(C,): place of the target, from 1 on."""
    top: Ranks
    """(C, TOP): rows of the items put first."""

    @property
    def gains(self) -> NDArray[np.float64]:
        """(C,): NDCG@TOP of each case. With one right item the ideal gain is 1."""
        return np.where(self.ranks <= TOP, 1 / np.log2(1 + self.ranks), 0.0)


def rank_cases(scorer: Scorer, cases: Sequence[Case]) -> Ranking:
    """Rank all items but those of each case's history. Raises ValueError if a score is not a number."""
    ranks, top = np.empty(len(cases), np.int64), np.empty((len(cases), TOP), np.int64)
    for start in range(0, len(cases), AT_ONCE):
        chunk = cases[start : start + AT_ONCE]
        scores = np.array(scorer(chunk), np.float32)
        if np.isnan(scores).any():
            raise ValueError("A score that is not a number cannot be ranked.")
        for i, case in enumerate(chunk):
            row = scores[i]
            row[case.history] = -np.inf
            ranks[start + i] = (row >= row[case.target]).sum()
            top[start + i] = np.argsort(-row, kind="stable")[:TOP]
    return Ranking(ranks, top)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a ranking is worth over some cases."""

    cases: int
    ndcg: float
    """At TOP, as ``hit_rate``."""
    hit_rate: float
    mrr: float
    """Over the whole list."""
    coverage: float
    """Share of the catalogue that stands in at least one top list."""
    novelty: float
    """Mean of -log2 of the share of users who liked an item of the top lists, in bits."""
    popularity_lift: float
    """Mean popularity in the top lists over that in the histories; 1 keeps to what users chose."""
    tail: float
    """Share of the top lists' places that the long tail has."""


def figures(ranking: Ranking, cases: Sequence[Case], learned: Mapping[str, NDArray[np.int64]], items: int) -> Figures:
    """``learned`` is what the popularity is counted in, ``items`` how many there are."""
    popularity = np.bincount(np.concatenate(list(learned.values())), minlength=items)
    share = np.maximum(popularity, 1) / len(learned)
    head = np.zeros(items, bool)
    head[np.argsort(-popularity, kind="stable")[: round(TAIL * items)]] = True
    before = float(np.mean([popularity[case.history].mean() for case in cases]))
    return Figures(
        cases=len(cases),
        ndcg=float(ranking.gains.mean()),
        hit_rate=float((ranking.ranks <= TOP).mean()),
        mrr=float((1 / ranking.ranks).mean()),
        coverage=len(np.unique(ranking.top)) / items,
        novelty=float(-np.log2(share[ranking.top]).mean()),
        popularity_lift=float(popularity[ranking.top].mean()) / before,
        tail=float(1 - head[ranking.top].mean()),
    )


def part(ranking: Ranking, rows: Sequence[int]) -> Ranking:
    """Of some of the cases."""
    chosen = np.asarray(rows, np.int64)
    return Ranking(ranking.ranks[chosen], ranking.top[chosen])


def short_histories(cases: Sequence[Case]) -> list[int]:
    """Cases of users with FEWEST to SHORT liked items, the target counted."""
    return [i for i, case in enumerate(cases) if len(case.history) + 1 <= SHORT]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two means over the same cases, with the interval that a paired bootstrap puts around it."""

    mean: float
    low: float
    high: float


def difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], *, draws: int = 10_000, level: float = 0.95, seed: int = 0
) -> Difference:
    """Ours less theirs over the same C > 0 cases; cases are drawn with replacement, both values together
    (Efron and Tibshirani 1993)."""
    gap = ours - theirs
    rng = np.random.default_rng(seed)
    means = np.array([gap[rng.integers(len(gap), size=len(gap))].mean() for _ in range(draws)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(gap.mean()), float(low), float(high))
