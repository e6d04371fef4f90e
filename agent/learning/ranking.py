"""The protocol by which rankings of items are measured: leave-one-out by time, full ranking, no sampling.

Of every user with enough liked items the last one is what has to be found (the test case), ranked among all items but
those that the user liked before; the one before it is the validation case, by which everything is chosen. Events of
the same time keep the order in which they were recorded, and how many test cases that decides is counted. An item that
a user liked twice stands where they liked it first. An item of equal score goes before the right one, so that a
constant scorer earns nothing.

It knows nothing of models: a scorer is a function from cases to scores.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import TrainingError
from agent.model.history import liked
from agent.model.items import Matrix, Rows
from agent.types import Event

FEWEST = 5
"""Liked items that a user must have to be in the protocol."""
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


@dataclass(frozen=True, slots=True)
class Case:
    """Find ``target``, knowing what one user did before; both by their rows in the list of items."""

    user: str
    history: Rows
    """What they had liked, oldest first, each item once."""
    target: int
    before: int
    """Events of the user, of any kind, that came before the target's."""


@dataclass(frozen=True, slots=True)
class Split:
    """Histories, cut by the protocol."""

    items: tuple[str, ...]
    """All that are ranked."""
    events: Mapping[str, tuple[Event, ...]]
    """By user, all they did, oldest first."""
    validation: tuple[Case, ...]
    test: tuple[Case, ...]
    tied: int
    """Test cases whose target has the same time as another liked item of the user."""

    def before(self, cases: Iterable[Case]) -> dict[str, tuple[Event, ...]]:
        """By user, the events before the first of their cases: what may be learned from to be measured on these."""
        first: dict[str, int] = {}
        for case in cases:
            first[case.user] = min(case.before, first.get(case.user, case.before))
        return {user: self.events[user][:end] for user, end in first.items()}

    def likes(self, cases: Iterable[Case]) -> list[Rows]:
        """What the users had liked before the first of their cases, a list of rows each."""
        first: dict[str, Case] = {}
        for case in cases:
            if case.user not in first or case.before < first[case.user].before:
                first[case.user] = case
        return [case.history for case in first.values()]


def split(events: Iterable[Event], *, items: Sequence[str] | None = None, fewest: int = FEWEST) -> Split:
    """Cut the events of all users, given in the order in which they were recorded.

    ``items`` are those that are ranked, and events of others are passed over; None takes all that a user of the
    protocol liked.

    Raises TrainingError if no user liked ``fewest`` items.
    """
    by_user: dict[str, list[Event]] = defaultdict(list)
    ranked = None if items is None else set(items)
    for event in sorted(events, key=lambda event: event.at):
        if ranked is None or event.item in ranked:
            by_user[event.user].append(event)
    likes = {user: _first_likes(own) for user, own in by_user.items()}
    likes = {user: places for user, places in likes.items() if len(places) >= fewest}
    if not likes:
        raise TrainingError(f"No user liked {fewest} items or more, so there is nothing to measure a ranking on.")
    kept = {user: tuple(by_user[user]) for user in likes}
    if items is None:
        items = tuple(dict.fromkeys(kept[user][place].item for user, places in likes.items() for place in places))
    at = {item: row for row, item in enumerate(items)}
    validation, test = [], []
    tied = 0
    for user, places in likes.items():
        own = kept[user]
        rows = np.array([at[own[place].item] for place in places])
        cases = [Case(user, rows[:end], int(rows[end]), places[end]) for end in range(len(rows))]
        validation += cases[max(FEWEST_KNOWN, len(rows) - 1 - HELD_OUT) : -1]
        test.append(cases[-1])
        tied += [own[place].at for place in places].count(own[places[-1]].at) > 1
    return Split(tuple(items), kept, tuple(validation), tuple(test), tied)


def _first_likes(events: Sequence[Event]) -> list[int]:
    """Places of the events that liked an item for the first time."""
    first: dict[str, int] = {}
    for place, event in enumerate(events):
        if liked(event):
            first.setdefault(event.item, place)
    return list(first.values())


Scorer = Callable[[Sequence[Case]], Matrix]
"""C cases to scores of all N items, (C, N), higher is better."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a scorer made of C cases."""

    ranks: Rows
    """(C,): place of the target, from 1 on."""
    top: Rows
    """(C, TOP): rows of the items put first; fewer columns if there are fewer items."""

    @property
    def gains(self) -> NDArray[np.float64]:
        """(C,): NDCG@TOP of each case."""
        return np.array([gain(int(rank)) for rank in self.ranks])


def gain(rank: int) -> float:
    """NDCG@TOP of a right item in that place, from 1 on. With one right item the ideal gain is 1."""
    return 1 / math.log2(1 + rank) if rank <= TOP else 0.0


def rank_cases(scorer: Scorer, cases: Sequence[Case]) -> Ranking:
    """Rank all items but those of each case's history. Raises ValueError if a score is not a number."""
    ranks, top = np.empty(len(cases), np.int64), list[Rows]()
    for start in range(0, len(cases), AT_ONCE):
        chunk = cases[start : start + AT_ONCE]
        scores = np.array(scorer(chunk), np.float32)
        if np.isnan(scores).any():
            raise ValueError("A score that is not a number cannot be ranked.")
        for i, case in enumerate(chunk):
            row = scores[i]
            row[case.history] = -np.inf
            ranks[start + i] = (row >= row[case.target]).sum()
            top.append(np.argsort(-row, kind="stable")[:TOP])
    return Ranking(ranks, np.stack(top))


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


def figures(ranking: Ranking, cases: Sequence[Case], likes: Sequence[Rows], items: int) -> Figures:
    """``likes`` are the rows that each user liked, in which popularity is counted; ``items`` is how many there are."""
    popularity = np.bincount(np.concatenate(likes), minlength=items)
    share = np.maximum(popularity, 1) / len(likes)
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
