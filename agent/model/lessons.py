"""Lessons: what reviews have taught since a version was made; they correct that version's Predictions.

A lesson counts for texts near the reviewed one in the query space, the nearer the more. It knows nothing of what ran
the model, of where reviews come from, or of how far a lesson may reach (``agent.learning.quick``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent.model.neighbours import matrix_of
from agent.model.vote import NeighbourVote
from agent.types import SENTIMENTS, Prediction, Ranked, Sentiment, SentimentLabel

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]

SAME = 0.99
"""From this cosine on two texts count as the same."""
FEELING_REACH = 0.9
"""A lesson about sentiment reaches no farther: one word turns a feeling, and hardly moves a query vector."""
TEMPERATURE = NeighbourVote.TEMPERATURE
"""Of the softmax over the cosines of lessons that count for one text."""
OUTSIDE = -1
"""In the place of a label: the text is out of scope."""
NOTHING = -2
"""In the place of a label: nothing was decided."""
AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one reviewed text teaches; what is None or empty it leaves as it is."""

    query: Matrix
    """Query vector of the text, (D,), unit length."""
    intent: str | None = None
    out_of_scope: bool = False
    sentiment: SentimentLabel | None = None
    document: str | None = None
    wrong_documents: tuple[str, ...] = ()
    reach: float = SAME
    """Cosine from which on the lesson counts."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Of N texts the nearest training example, and the nearest of those that mean something else than that one."""

    label: Places
    """(N,): intent of the nearest, as a place in the model's labels."""
    best: Matrix
    """(N,): its cosine."""
    second: Matrix
    """(N,): cosine of the nearest one with another label."""

    @classmethod
    def of(cls, queries: Matrix, vote: NeighbourVote | None) -> Neighbours:
        """(N, D) -> neighbours; as far away as can be where there are no training examples."""
        count = len(queries)
        label, best, second = np.full(count, NOTHING), np.full(count, -1.0), np.full(count, -1.0)
        if vote is None:
            return cls(label, best.astype(np.float32), second.astype(np.float32))
        known = matrix_of(vote.queries)
        for start in range(0, count, AT_ONCE):
            cosines = queries[start : start + AT_ONCE] @ known.T  # Shape: (n, M)
            rows = slice(start, start + len(cosines))
            label[rows] = vote.labels[cosines.argmax(1)]
            best[rows] = cosines.max(1)
            others = vote.labels[None, :] != label[rows, None]
            second[rows] = np.where(others, cosines, -1.0).max(1)
        return cls(label, best.astype(np.float32), second.astype(np.float32))

    def contrary(self, labels: Places) -> Matrix:
        """(R,) labels -> cosines of the nearest training example with another label than each, (N, R)."""
        return np.where(self.label[:, None] == labels, self.second[:, None], self.best[:, None])


def strengths(cosines: Matrix, reach: Matrix | float, contrary: Matrix | float = -1.0) -> Matrix:
    """How far lessons count for texts, 0 to 1, all shapes alike: 1 from SAME on, falling to 0 where their reach ends.

    A lesson counts for nothing where a training example that means something else is nearer than the reviewed text.
    """
    rising = np.clip((cosines - reach) / np.maximum(SAME - reach, 1e-6), 0, 1)
    return np.where((cosines > contrary) | (cosines >= SAME), rising, 0).astype(np.float32)


def blended(probabilities: Matrix, strength: Matrix, cosines: Matrix, labels: Places) -> tuple[Matrix, Matrix]:
    """(probabilities of the labels (N, L), share of the lessons that say "out of scope" (N,)), lessons blended in.

    ``probabilities`` are (N, L), ``strength`` and ``cosines`` (N, R), ``labels`` (R,): places among the L, or OUTSIDE
    or NOTHING.
    """
    votes = np.where(labels == NOTHING, 0, strength * np.exp((cosines - 1) / TEMPERATURE))  # Shape: (N, R)
    most = np.where(labels == NOTHING, 0, strength).max(1, initial=0)
    total = votes.sum(1)
    shares = votes / np.where(total > 0, total, 1)[:, None]
    outside = shares[:, labels == OUTSIDE].sum(1)
    taught = np.zeros_like(probabilities)
    for lesson in np.flatnonzero(labels >= 0):
        taught[:, labels[lesson]] += shares[:, lesson]
    # What is out of scope has no intent: those lessons move the score alone.
    weight = (most * (1 - outside))[:, None]
    inside = taught.sum(1, keepdims=True)
    taught = np.divide(taught, inside, out=taught, where=inside > 0)
    return (1 - weight) * probabilities + weight * taught, outside.astype(np.float32)


def rescored(scores: Matrix, strength: Matrix, labels: Places, outside: Matrix) -> Matrix:
    """Out-of-scope scores (N,), lessons blended in; the other arguments as for ``blended`` and from it."""
    most = np.where(labels == NOTHING, 0, strength).max(1, initial=0)
    scored: Matrix = (1 - most) * scores + most * outside
    return scored


class Lessons:
    """The lessons of one version; never changed once made."""

    def __init__(self, version: str, lessons: Sequence[Lesson], names: Sequence[str], vote: NeighbourVote | None):
        """``names`` are the version's intents, ``vote`` holds its training examples; a lesson may name a further
        intent. ``lessons`` must not be empty."""
        self.version = version
        self.lessons = tuple(lessons)
        self._vote = vote
        self._names = tuple(dict.fromkeys([*names, *(each.intent for each in lessons if each.intent)]))
        self._queries = np.stack([each.query for each in lessons])
        self._reach = np.array([each.reach for each in lessons], np.float32)
        self._intents = np.array([place_of(each, self._names) for each in lessons], np.int64)
        self._feelings = np.array([feeling_of(each.sentiment) for each in lessons], np.int64)

    def __len__(self) -> int:
        return len(self.lessons)

    def corrected(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """What the version read in each text, corrected by the lessons near it."""
        if not predictions:
            return []
        queries = np.stack([prediction.query_vector for prediction in predictions])
        cosines = queries @ self._queries.T  # Shape: (N, R)
        near = np.any(cosines > self._reach, axis=1)
        return [
            replace(self._correct(prediction, cosines[i]) if near[i] else prediction, lessons=len(self))
            for i, prediction in enumerate(predictions)
        ]

    def documents(self, query: Matrix) -> dict[str, float]:
        """By document id, how much its passages are to gain (up to 1) or to lose (down to -1) for a query vector."""
        found: dict[str, float] = {}
        strength = strengths(self._queries @ query, self._reach)
        for each, share in zip(self.lessons, strength.tolist(), strict=True):
            if share:
                for document in each.wrong_documents:
                    found[document] = min(found.get(document, 0.0), -share)
        for each, share in zip(self.lessons, strength.tolist(), strict=True):
            # What is right for one text may be wrong for another: the nearer one decides.
            if share and each.document is not None and share >= -found.get(each.document, 0.0):
                found[each.document] = max(found.get(each.document, 0.0), share)
        return found

    def _correct(self, prediction: Prediction, cosines: Matrix) -> Prediction:
        query, cosines = prediction.query_vector[None], cosines[None]
        contrary = Neighbours.of(query, self._vote).contrary(self._intents)
        strength = strengths(cosines, self._reach, contrary)
        own = {ranked.name: ranked.confidence for ranked in prediction.intents}
        alone = np.array([[own.get(name, 0.0) for name in self._names]], np.float32)
        intents, outside = blended(alone, strength, cosines, self._intents)
        score = float(rescored(np.array([prediction.out_of_scope]), strength, self._intents, outside)[0])
        sentiment = prediction.sentiment and self._feeling(prediction.sentiment, cosines)
        order = np.argsort(-intents[0], kind="stable")
        corrected = replace(
            prediction,
            intents=tuple(Ranked(self._names[i], float(intents[0, i])) for i in order.tolist()),
            out_of_scope=score,
            sentiment=sentiment,
        )
        return replace(corrected, corrected=_gist(corrected) != _gist(prediction))

    def _feeling(self, sentiment: Sentiment, cosines: Matrix) -> Sentiment:
        strength = strengths(cosines, np.maximum(self._reach, FEELING_REACH))
        alone = np.array([[sentiment.scores.get(name, 0.0) for name in SENTIMENTS]], np.float32)
        shares, _ = blended(alone, strength, cosines, self._feelings)
        return Sentiment(SENTIMENTS[int(shares[0].argmax())], dict(zip(SENTIMENTS, shares[0].tolist(), strict=True)))


def place_of(lesson: Lesson, names: Sequence[str]) -> int:
    """A lesson's intent as its place in ``names``, or OUTSIDE or NOTHING."""
    if lesson.out_of_scope:
        return OUTSIDE
    return NOTHING if lesson.intent is None else names.index(lesson.intent)


def feeling_of(sentiment: SentimentLabel | None) -> int:
    """A sentiment as its place among the SENTIMENTS, or NOTHING."""
    return NOTHING if sentiment is None else SENTIMENTS.index(sentiment)


def _gist(prediction: Prediction) -> tuple[str | None, bool, str | None]:
    """What a route depends on: the best intent, whether it is refused, the feeling."""
    refused = prediction.out_of_scope >= prediction.out_of_scope_threshold
    return prediction.intent, refused, prediction.sentiment.label if prediction.sentiment else None
