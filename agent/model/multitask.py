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
from agent.model.backbone import Backbone
from agent.model.heads import ClassifierHead, IntentHead, QueryHead, RecommendationHead, SentimentHead, TasteShape
from agent.model.predictions import INTENT as INTENT
from agent.model.predictions import QUERY as QUERY
from agent.model.predictions import SENTIMENT as SENTIMENT
from agent.model.predictions import TASTE as TASTE
from agent.model.predictions import Readings, predictions, probabilities
from agent.model.scope import ScopeScorer
from agent.model.tokens import TokenBatch, Tokens
from agent.model.vote import NeighbourVote
from agent.types import Prediction


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One head: what kind it is, for a classifier its labels in the order of its outputs, and for a recommendation head
    its shape."""

    kind: Literal["intent", "sentiment", "query", "recommendation"]
    labels: tuple[str, ...] = ()
    shape: TasteShape = field(default_factory=TasteShape)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model is made of. A served app has the heads ``intent``, ``sentiment`` and ``query``, and
    ``recommendation`` if it has items; further intent heads, under other names, are allowed."""

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
    taste: Tensor | None = None
    """What the recommendation head reads in the words alone: (B, D), unit length."""


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
            elif head.kind == "recommendation":
                self.heads[name] = RecommendationHead(backbone.dimension, backbone.pool, head.shape)
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
        return self.outputs(self.encoder(batch.ids, batch.mask).float(), batch.mask)

    def outputs(self, states: Tensor, mask: Tensor) -> Outputs:
        """Every head's reading of token states. (B, T, D), (B, T)."""
        logits: dict[str, Tensor] = {}
        features: dict[str, Tensor] = {}
        query: Tensor | None = None
        taste: Tensor | None = None
        for name, head in self.heads.items():
            if isinstance(head, ClassifierHead):
                features[name] = head.features(states, mask)
                logits[name] = head(features[name])
            elif isinstance(head, RecommendationHead):
                taste = head.read(states, mask)
            else:
                query = head(states, mask)
        return Outputs(logits, features, query, taste)

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Each text as ``predict`` reads it; any thread may call this."""
        return self.backbone.message_tokens(texts)

    def read(self, texts: Sequence[str], token_budget: int = 4096) -> Outputs:
        """All heads for any number of texts, without gradient, on the CPU, in the texts' order."""
        return self.read_tokens(self.tokens(texts), token_budget)

    def read_tokens(self, tokens: Sequence[Tokens], token_budget: int = 4096) -> Outputs:
        """The same for texts that were tokenised already."""
        was_training = self.training
        self.eval()
        pieces: list[Outputs] = []
        order: list[int] = []
        with torch.inference_mode():
            for rows, batch in self.backbone.batches(tokens, token_budget):
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
            None if pieces[0].taste is None else together([p.taste for p in pieces if p.taste is not None]),
        )

    def probabilities(self, outputs: Outputs, head: str) -> NDArray[np.float32]:
        """Calibrated probabilities of a classifier head, the neighbours' vote blended in; shape (N, L)."""
        query = None if outputs.query is None else outputs.query.numpy()
        return probabilities(self, head, outputs.logits[head].numpy(), query)

    def predict(
        self, texts: Sequence[str], head: str = INTENT, *, tokens: Sequence[Tokens] | None = None
    ) -> list[Prediction]:
        """Read texts in single passes; one Prediction each, in order.

        ``head`` names the intent head; ``tokens`` are the texts' own, where they were made before.
        """
        if not texts:
            return []
        tokens = self.tokens(texts) if tokens is None else tokens
        outputs = self.read_tokens(tokens)
        if outputs.query is None:
            raise ModelError(f"Model {self.version} has no query head.")
        read = Readings(
            {name: logits.numpy() for name, logits in outputs.logits.items()},
            {name: features.numpy() for name, features in outputs.features.items()},
            outputs.query.numpy(),
            None if outputs.taste is None else outputs.taste.numpy(),
        )
        return predictions(self, texts, tokens, read, head)

    def merge(self) -> MultiTaskModel:
        """Fold the adapter into this model's own weights, for serving. Returns itself."""
        self.encoder.merge()
        return self.eval().requires_grad_(False)
