"""Guard: texts whose meaning is known and that a version was not trained on, to see what lessons would cost there.

What the version itself says of them is read once; what lessons make of it is arithmetic on the rows near a lesson.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.model.lessons import (
    FEELING_REACH,
    NOTHING,
    OUTSIDE,
    SAME,
    Lesson,
    Matrix,
    Neighbours,
    Places,
    blended,
    feeling_of,
    place_of,
    rescored,
    strengths,
)
from agent.model.vote import NeighbourVote
from agent.types import SENTIMENTS, Example, Prediction

REACHES = (0.7, 0.8, 0.9, SAME)
"""Cosines that are tried for a lesson, the widest reach first. On clinc150's validation split, half of its wrong texts
corrected, 0.9 gained the other texts 8 (of 18,000 read) and cost them none, 0.7 gained 18 and cost none, 0.6 gained 25
and cost 4."""
MOST_LOST = 0.001
"""Of the frozen test set's accuracy, by all lessons together."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Guard:
    """N texts as a version reads them, those of the frozen test set first."""

    frozen: int
    """How many belong to the frozen test set."""
    names: tuple[str, ...]
    """Intents: the version's, then those of texts that it does not know."""
    queries: Matrix
    """(N, D), unit length."""
    intents: Matrix
    """Probabilities, (N, L)."""
    scores: Matrix
    """Out-of-scope scores, (N,), and ``thresholds`` that they are held against."""
    thresholds: Matrix
    feelings: Matrix
    """Probabilities of the SENTIMENTS, (N, 3)."""
    true_intents: Places
    """(N,): places among the names, OUTSIDE or NOTHING."""
    true_feelings: Places
    """(N,): places among the SENTIMENTS or NOTHING."""
    documents: tuple[str | None, ...]
    """Those that answer the texts."""
    neighbours: Neighbours

    @classmethod
    def of(
        cls,
        frozen: Sequence[Example],
        held_out: Sequence[Example],
        predictions: Sequence[Prediction],
        labels: Sequence[str],
        vote: NeighbourVote | None,
    ) -> Guard:
        """From the examples and what the version says of them, in that order; ``labels`` are its intents."""
        examples = [*frozen, *held_out]
        names = tuple(dict.fromkeys([*labels, *(e.intent for e in examples if e.intent)]))
        at = {name: place for place, name in enumerate(names)}
        intents = np.zeros((len(examples), len(names)), np.float32)
        feelings = np.zeros((len(examples), len(SENTIMENTS)), np.float32)
        for row, prediction in enumerate(predictions):
            intents[row, [at[ranked.name] for ranked in prediction.intents]] = [
                r.confidence for r in prediction.intents
            ]
            if prediction.sentiment is not None:
                feelings[row] = [prediction.sentiment.scores.get(name, 0.0) for name in SENTIMENTS]
        queries = np.stack([p.query_vector for p in predictions])
        return cls(
            len(frozen),
            names,
            queries,
            intents,
            np.array([p.out_of_scope for p in predictions], np.float32),
            np.array([p.out_of_scope_threshold for p in predictions], np.float32),
            feelings,
            np.array([OUTSIDE if e.out_of_scope else NOTHING if e.intent is None else at[e.intent] for e in examples]),
            np.array([feeling_of(e.sentiment) for e in examples]),
            tuple(e.document for e in examples),
            Neighbours.of(queries, vote),
        )


class Choice:
    """Which of the lessons are taken, one by one, and how far each reaches."""

    def __init__(self, guard: Guard, lessons: Sequence[Lesson]) -> None:
        self.lessons = list(lessons)
        self._guard = guard
        names = tuple(dict.fromkeys([*guard.names, *(each.intent for each in lessons if each.intent)]))
        self._alone = np.pad(guard.intents, ((0, 0), (0, len(names) - len(guard.names))))
        self._intents = np.array([place_of(each, names) for each in lessons], np.int64)
        self._feelings = np.array([feeling_of(each.sentiment) for each in lessons], np.int64)
        self._cosines = guard.queries @ np.stack([each.query for each in lessons]).T  # Shape: (N, R)
        self._contrary = guard.neighbours.contrary(self._intents)
        self._taken: list[int] = []
        self._strength = np.zeros_like(self._cosines)
        self._feeling_strength = np.zeros_like(self._cosines)
        self._known = np.stack(
            [guard.true_intents >= 0, guard.true_intents != NOTHING, guard.true_feelings != NOTHING]
        )  # Shape: (3, N)
        everything = np.arange(len(guard.queries))
        self._before = self._judged(everything, [])
        self._right = self._before.copy()

    def take(self, place: int) -> bool:
        """Take a lesson with the widest reach that costs the guard nothing; False if it cannot be taken at all."""
        for reach in REACHES:
            rows, right = self._tried(place, reach)
            if self._agrees(place, reach) and np.all(right.sum(1) >= self._right[:, rows].sum(1)):
                return self._keep(place, reach, rows, right)
        after = self._right.copy()
        after[:, rows] = right
        if self._loss(after) <= MOST_LOST:
            return self._keep(place, SAME, rows, right)
        self._strength[:, place] = self._feeling_strength[:, place] = 0
        return False

    def accuracy(self, *, alone: bool = False) -> float | None:
        """Share of the frozen test set's texts that get the right intent, 0 to 1, by the lessons that were taken, or by
        the version alone; None if there are no such texts."""
        known = self._known[0, : self._guard.frozen]
        right = (self._before if alone else self._right)[0, : self._guard.frozen]
        return float(right[known].mean()) if known.any() else None

    def _tried(self, place: int, reach: float) -> tuple[Places, Flags]:
        """The rows that a lesson changes if it reaches so far, and what is right of them then, (3, n)."""
        cosines = self._cosines[:, place]
        self._strength[:, place] = strengths(cosines, reach, self._contrary[:, place])
        self._feeling_strength[:, place] = strengths(cosines, max(reach, FEELING_REACH))
        rows = np.flatnonzero(self._strength[:, place] + self._feeling_strength[:, place])
        return rows, self._judged(rows, [*self._taken, place])

    def _judged(self, rows: Places, lessons: list[int]) -> Flags:
        """Whether intent, side of the threshold and sentiment are right with those lessons, (3, n)."""
        guard, chosen = self._guard, np.ix_(rows, np.array(lessons, np.int64))
        cosines, strength, labels = self._cosines[chosen], self._strength[chosen], self._intents[lessons]
        intents, outside = blended(self._alone[rows], strength, cosines, labels)
        scores = rescored(guard.scores[rows], strength, labels, outside)
        feelings, _ = blended(guard.feelings[rows], self._feeling_strength[chosen], cosines, self._feelings[lessons])
        refused = scores >= guard.thresholds[rows]
        right: Flags = self._known[:, rows] & np.stack(
            [
                intents.argmax(1) == guard.true_intents[rows],
                refused == (guard.true_intents[rows] == OUTSIDE),
                feelings.argmax(1) == guard.true_feelings[rows],
            ]
        )
        return right

    def _agrees(self, place: int, reach: float) -> bool:
        """Whether the guard's questions within reach speak for the lesson's documents no less than against them."""
        lesson = self.lessons[place]
        near = np.flatnonzero(self._cosines[:, place] > reach).tolist()
        answers = [document for document in (self._guard.documents[row] for row in near) if document is not None]
        against = sum(document in lesson.wrong_documents for document in answers)
        if lesson.document is None:
            return against == 0
        against += sum(document != lesson.document for document in answers)
        return against <= answers.count(lesson.document)

    def _keep(self, place: int, reach: float, rows: Places, right: Flags) -> bool:
        self.lessons[place] = replace(self.lessons[place], reach=reach)
        self._taken.append(place)
        self._right[:, rows] = right
        return True

    def _loss(self, right: Flags) -> float:
        """The most that the frozen test set loses of one kind of accuracy, 0 to 1."""
        frozen = slice(self._guard.frozen)
        known = self._known[:, frozen].sum(1)
        lost = self._before[:, frozen].sum(1) - right[:, frozen].sum(1)
        return float((lost / np.maximum(known, 1)).max())
