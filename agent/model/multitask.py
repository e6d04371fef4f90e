"""MultiTaskModel: one adapter and its heads over a backbone, read in a single encoder pass.

It knows nothing of files (see ``agent.model.storage``), of training (``agent.learning``) and of
queues (``agent.model.engine``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.errors import ModelError
from agent.model.adapters import AdaptedEncoder, AdapterConfig
from agent.model.backbone import Backbone, TokenBatch, length_batches
from agent.model.heads import ClassifierHead, IntentHead, QueryHead, SentimentHead
from agent.model.scope import ScopeScorer
from agent.model.vote import NeighbourVote
from agent.types import SENTIMENTS, Prediction, Ranked, Sentiment

INTENT = "intent"
SENTIMENT = "sentiment"
QUERY = "query"


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One head: what kind it is and, for a classifier, its labels in the order of its outputs."""

    kind: Literal["intent", "sentiment", "query"]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model is made of. A served app has the heads ``intent``, ``sentiment`` and ``query``;
    further intent heads, under other names, are allowed."""

    heads: Mapping[str, HeadSpec]
    adapter: AdapterConfig = field(default_factory=AdapterConfig)


@dataclass(frozen=True, slots=True)
class Outputs:
    """All heads of one pass over B texts."""

    logits: dict[str, Tensor]
    """By classifier head: (B, L)."""
    features: dict[str, Tensor]
    """By classifier head, what its last layer reads: (B, D), unit length."""
    query: Tensor | None
    """(B, D), unit length."""


class MultiTaskModel(nn.Module):
    """Adapter and heads over a backbone.

    ``temperatures`` (by classifier head) calibrate the probabilities; ``votes`` (by intent head) blend in what the
    nearest training examples say; ``scopes`` (by intent head) score how unlike the training data a text is. All are
    fitted after training; without them the raw softmax stands and nothing is out of scope.
    """

    def __init__(
        self, backbone: Backbone, spec: ModelSpec, *, version: str = "untrained", total_steps: int = 1000
    ) -> None:
        super().__init__()
        self._backbone = (backbone,)  # in a tuple: its weights are not this module's to save or move
        self.spec = spec
        self.version = version
        self.temperatures: dict[str, float] = {}
        self.votes: dict[str, NeighbourVote] = {}
        self.scopes: dict[str, ScopeScorer] = {}
        self.encoder = AdaptedEncoder(backbone, spec.adapter, total_steps)
        first = 20.0 if backbone.recipe.pooling == "cls" else 0.0
        self.heads = nn.ModuleDict()
        for name, head in spec.heads.items():
            if head.kind == "query":
                self.heads[name] = QueryHead(backbone.dimension, backbone.pool)
            elif head.kind == "intent":
                self.heads[name] = IntentHead(backbone.dimension, len(head.labels), first=first)
            else:
                at_first = max(first, SentimentHead.FIRST)
                self.heads[name] = SentimentHead(backbone.dimension, len(head.labels), first=at_first)
        self.heads.to(backbone.device)

    @property
    def backbone(self) -> Backbone:
        return self._backbone[0]

    def labels(self, head: str) -> tuple[str, ...]:
        """Labels of a classifier head. Raises ModelError naming the heads there are."""
        if head not in self.spec.heads:
            raise ModelError(f"Model {self.version} has no head '{head}'. Available: {', '.join(self.spec.heads)}.")
        return self.spec.heads[head].labels

    def forward(self, batch: TokenBatch) -> Outputs:
        """One encoder pass, then every head."""
        states = self.encoder(batch.ids, batch.mask).float()  # (B, T, D)
        logits: dict[str, Tensor] = {}
        features: dict[str, Tensor] = {}
        query: Tensor | None = None
        for name, head in self.heads.items():
            if isinstance(head, ClassifierHead):
                features[name] = head.features(states, batch.mask)
                logits[name] = head(features[name])
            else:
                query = head(states, batch.mask)
        return Outputs(logits, features, query)

    def read(self, texts: Sequence[str], token_budget: int = 4096) -> Outputs:
        """All heads for any number of texts, without gradient, on the CPU, in the texts' order."""
        prefix = (self.backbone.recipe.prompts or {}).get("query", "")
        prefixed = [prefix + text for text in texts]
        was_training = self.training
        self.eval()
        pieces: list[Outputs] = []
        order: list[int] = []
        with torch.inference_mode():
            counts = self.backbone.token_counts(prefixed)
            for rows in length_batches(counts, token_budget, self.backbone.recipe.max_length):
                batch = self.backbone.tokenize([prefixed[i] for i in rows]).to(self.backbone.device)
                pieces.append(self.forward(batch))
                order += rows
        self.train(was_training)
        back = torch.tensor(np.argsort(order))

        def together(parts: list[Tensor]) -> Tensor:
            return torch.cat([part.cpu() for part in parts])[back]

        if not pieces:
            return Outputs({}, {}, None)
        return Outputs(
            {name: together([p.logits[name] for p in pieces]) for name in pieces[0].logits},
            {name: together([p.features[name] for p in pieces]) for name in pieces[0].features},
            None if pieces[0].query is None else together([p.query for p in pieces if p.query is not None]),
        )

    def probabilities(self, outputs: Outputs, head: str) -> NDArray[np.float32]:
        """Calibrated probabilities of a classifier head, the neighbours' vote blended in; shape (N, L)."""
        logits = outputs.logits[head] / self.temperatures.get(head, 1.0)
        probabilities: NDArray[np.float32] = logits.softmax(-1).numpy()
        vote = self.votes.get(head)
        if vote is None or outputs.query is None:
            return probabilities
        return vote.blended(probabilities, outputs.query.numpy())

    def predict(self, texts: Sequence[str], head: str = INTENT) -> list[Prediction]:
        """Read texts in single passes; one Prediction each, in order. ``head`` names the intent head."""
        if not texts:
            return []
        outputs = self.read(texts)
        if outputs.query is None:
            raise ModelError(f"Model {self.version} has no query head.")
        query = outputs.query.numpy()
        intents = self.probabilities(outputs, head) if head in self.heads else None
        feelings = self.probabilities(outputs, SENTIMENT) if SENTIMENT in self.heads else None
        scope = self.scopes.get(head)
        scores = scope.score(outputs.logits[head].numpy(), outputs.features[head].numpy(), query) if scope else None
        limit = self.backbone.recipe.max_length
        counts = self.backbone.token_counts(texts)
        return [
            Prediction(
                text=text,
                intents=() if intents is None else _ranked(self.labels(head), intents[i]),
                out_of_scope=0.0 if scores is None else float(scores[i]),
                out_of_scope_threshold=ScopeScorer.THRESHOLD if scope else 1.0,
                sentiment=None if feelings is None else _sentiment(self.labels(SENTIMENT), feelings[i]),
                query_vector=query[i],
                model_version=self.version,
                unknown_share=self.backbone.unknown_share(text),
                truncated=counts[i] > limit,
            )
            for i, text in enumerate(texts)
        ]

    def merge(self) -> MultiTaskModel:
        """Fold the adapter into this model's own weights, for serving. Returns itself."""
        self.encoder.merge()
        return self.eval().requires_grad_(False)


def _ranked(labels: Sequence[str], probabilities: NDArray[np.float32]) -> tuple[Ranked, ...]:
    order = np.argsort(-probabilities, kind="stable")
    return tuple(Ranked(labels[i], float(probabilities[i])) for i in order)


def _sentiment(labels: Sequence[str], probabilities: NDArray[np.float32]) -> Sentiment:
    scores = {label: float(p) for label, p in zip(labels, probabilities, strict=True)}
    best = max(scores, key=lambda label: scores[label])
    return Sentiment(next(s for s in SENTIMENTS if s == best), scores)
