"""From what the heads gave to Predictions: confidences, the neighbours' vote, sentiment and the out-of-scope score.

It does not know what ran the heads: PyTorch (``agent.model.multitask``) or ONNX Runtime (``agent.model.exported``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.model.neighbours import Near
from agent.model.scope import ScopeScorer
from agent.model.tokens import Tokens
from agent.model.vote import NeighbourVote
from agent.types import SENTIMENTS, Prediction, Ranked, Sentiment

INTENT = "intent"
SENTIMENT = "sentiment"
QUERY = "query"
TASTE = "recommendation"
Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Readings:
    """All heads of one pass over N texts."""

    logits: Mapping[str, Matrix]
    """By classifier head: (N, L)."""
    features: Mapping[str, Matrix]
    """By classifier head, what its last layer reads: (N, D), unit length."""
    query: Matrix
    """(N, D), unit length."""
    taste: Matrix | None = None
    """(N, D), unit length; None without a recommendation head."""


class Calibrated(Protocol):
    """What a model says of itself beside its weights."""

    version: str
    temperatures: dict[str, float]
    """By classifier head; they calibrate the probabilities. 1 where none was fitted."""
    votes: dict[str, NeighbourVote]
    """By intent head. Without one the head alone decides."""
    scopes: dict[str, ScopeScorer]
    """By intent head, over the examples of its vote. Without one nothing is out of scope."""

    def labels(self, head: str) -> tuple[str, ...]: ...


def softmax(logits: Matrix, temperature: float) -> Matrix:
    """Probabilities, shape (N, L)."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)  # type: ignore[no-any-return]


def probabilities(model: Calibrated, head: str, logits: Matrix, query: Matrix | None) -> Matrix:
    """Calibrated probabilities of a classifier head, the neighbours' vote blended in; shape (N, L)."""
    vote = model.votes.get(head)
    return _blended(model, head, logits, None if vote is None or query is None else vote.near(query))


def _blended(model: Calibrated, head: str, logits: Matrix, near: Near | None) -> Matrix:
    alone = softmax(logits, model.temperatures.get(head, 1.0))
    return alone if near is None else model.votes[head].blended(alone, near)


def predictions(
    model: Calibrated, texts: Sequence[str], tokens: Sequence[Tokens], read: Readings, head: str = INTENT
) -> list[Prediction]:
    """One Prediction a text, in order; ``head`` names the intent head."""
    vote, scope = model.votes.get(head), model.scopes.get(head)
    # Both look among the same examples: comparing with them all is the most that is done here.
    near = vote.near(read.query) if vote else None
    intents = _blended(model, head, read.logits[head], near) if head in read.logits else None
    feelings = _blended(model, SENTIMENT, read.logits[SENTIMENT], None) if SENTIMENT in read.logits else None
    scores = scope.score(read.logits[head], read.features[head], read.query, near) if scope else None
    distances = scope.distances(read.query, near) if scope else None
    return [
        Prediction(
            text=text,
            intents=() if intents is None else _ranked(model.labels(head), intents[i]),
            out_of_scope=0.0 if scores is None else float(scores[i]),
            out_of_scope_threshold=ScopeScorer.THRESHOLD if scope else 1.0,
            sentiment=None if feelings is None else _sentiment(model.labels(SENTIMENT), feelings[i]),
            query_vector=read.query[i],
            model_version=model.version,
            unknown_share=tokens[i].unknown_share,
            truncated=tokens[i].truncated,
            taste_vector=None if read.taste is None else read.taste[i],
            distance=None if distances is None else float(distances[i]),
        )
        for i, text in enumerate(texts)
    ]


def _ranked(labels: Sequence[str], probabilities: Matrix) -> tuple[Ranked, ...]:
    order = np.argsort(-probabilities, kind="stable").tolist()
    values = probabilities.tolist()
    return tuple([Ranked(labels[i], values[i]) for i in order])


def _sentiment(labels: Sequence[str], probabilities: Matrix) -> Sentiment:
    scores = dict(zip(labels, probabilities.tolist(), strict=True))
    best = max(scores, key=lambda label: scores[label])
    return Sentiment(next(s for s in SENTIMENTS if s == best), scores)
