"""The small layers that read the adapted token states.

The query head reads the states as the backbone's recipe pools them (the mean, for most); classifying
heads read through an attention pooling of their own, which leaves the mean free to stay near the
frozen space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from agent.model.history import LENGTH, ItemHistory
from agent.types import EVENT_KINDS

Pool = Callable[[Tensor, Tensor], Tensor]
"""(B, T, D), (B, T) -> (B, D)."""


def unit(vectors: Tensor) -> Tensor:
    """Each of the vectors (..., D) at unit length: ``normalize`` of torch, which adds two nodes more to a graph."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)  # type: ignore[no-any-return]


class AttentionPooling(nn.Module):
    """A learned weighted mean of token states (Yang et al. 2016, with one linear score a token).

    The score starts at zero, so that it begins as the plain mean; ``first`` is what the first token's
    score starts with (20 for all but that token's weight).
    """

    def __init__(self, dimension: int, first: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor(first))
        self.score = nn.Linear(dimension, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, D)."""
        scores = self.score(states).squeeze(-1)  # (B, T)
        scores = torch.cat([scores[:, :1] + self.first, scores[:, 1:]], 1).masked_fill(mask == 0, -torch.inf)
        weights = scores.softmax(-1).unsqueeze(1)  # (B, 1, T)
        return torch.bmm(weights, states).squeeze(1)


class ClassifierHead(nn.Module):
    """Attention pooling, unit length, one linear layer.

    Where the pooling begins as the backbone's own, the features of frozen states are the frozen sentence
    embedding, so that a linear probe fitted there is a valid start for the weights (linear probing then
    fine-tuning, Kumar et al. 2022).
    """

    SCALE = 8.0
    """Features are multiplied by it before the linear layer: at unit length its weights would have to
    grow so far that the head lags behind the adapter."""

    def __init__(self, dimension: int, labels: int, *, dropout: float = 0.1, first: float = 0.0) -> None:
        super().__init__()
        self.pooling = AttentionPooling(dimension, first)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(dimension, labels)

    def features(self, states: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, D), unit length."""
        return unit(self.pooling(states, mask))

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) -> logits (B, L)."""
        logits: Tensor = self.classifier(self.dropout(features) * self.SCALE)
        return logits

    @torch.no_grad()
    def start_from(self, weight: Tensor, bias: Tensor) -> None:
        """Take the weights of a probe over unit vectors: (L, D) and (L,)."""
        self.classifier.weight.copy_(weight / self.SCALE)
        self.classifier.bias.copy_(bias)


class IntentHead(ClassifierHead):
    """What the person wants."""


class SentimentHead(ClassifierHead):
    """How the person feels.

    The frozen embedding says little of it, so this head begins at the first token, whose state is free to
    carry a feeling while the mean of all states is held near the frozen space, and from no probe.
    """

    FIRST = 3.0


class QueryHead(nn.Module):
    """A vector that looks things up in the frozen document space.

    Starts as the identity: an untrained head over frozen states gives the frozen embedding.
    """

    def __init__(self, dimension: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.residual = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) -> (B, D), unit length."""
        pooled = self.pool(states, mask)
        return unit(pooled + self.residual(pooled))


@dataclass(frozen=True, slots=True)
class TasteShape:
    """Of what a recommendation head reads histories with."""

    width: int = 64
    """Dimensions of the head's own space of items, W."""
    layers: int = 1
    attention_heads: int = 2
    dropout: float = 0.2


class RecommendationHead(nn.Module):
    """What somebody may like: a vector that the items' own vectors are held against.

    ``read`` takes the words of a message from the pass that all heads share, into the space of the items' texts; like
    the query head it starts as the identity. ``forward`` is a causal transformer over the user's events (SASRec, Kang
    and McAuley 2018, with a softmax over all items), which takes the words as one more, last step. It works in a
    narrow space of its own, which an item without events reaches by its text alone (``table``).
    """

    def __init__(self, dimension: int, pool: Pool, shape: TasteShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or TasteShape()
        self.pool = pool
        self.residual = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.residual.weight)
        nn.init.zeros_(self.residual.bias)
        self.project = nn.Linear(dimension, shape.width, bias=False)
        nn.init.normal_(self.project.weight, std=1 / math.sqrt(dimension))
        self.words = nn.Linear(dimension, shape.width)
        self.kinds = nn.Embedding(len(EVENT_KINDS), shape.width)
        self.marks = nn.Linear(2, shape.width, bias=False)
        self.places = nn.Embedding(LENGTH, shape.width)
        for weight in (self.kinds.weight, self.marks.weight, self.places.weight):
            nn.init.normal_(weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            shape.width,
            shape.attention_heads,
            2 * shape.width,
            shape.dropout,
            "gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, shape.layers, nn.LayerNorm(shape.width), enable_nested_tensor=False)
        self.dropout = nn.Dropout(shape.dropout)
        self.popularity = nn.Parameter(torch.tensor(1.0))

    def read(self, states: Tensor, mask: Tensor) -> Tensor:
        """The words of a message in the space of the items' texts. (B, T, D), (B, T) -> (B, D), unit length."""
        pooled = self.pool(states, mask)
        return unit(pooled + self.residual(pooled))

    def table(self, texts: Tensor, offsets: Tensor) -> Tensor:
        """Items in the head's own space: their texts (N, D), and what was learned of each beside, (N, W), zeros where
        nothing was. (N, W)."""
        projected: Tensor = self.project(texts)
        return projected + offsets

    def scores(self, tastes: Tensor, table: Tensor, prior: Tensor) -> Tensor:
        """Of N items for B tastes, (B, N); ``prior`` is the logarithm of one plus the likes of each, (N,)."""
        return tastes @ table.T + self.popularity * prior

    def along(self, history: ItemHistory) -> Tensor:
        """The taste after each event, (B, L, W); what stands behind a user's last event means nothing."""
        return self._causal(self._steps(history))

    def forward(self, history: ItemHistory | None, words: Tensor | None) -> Tensor:
        """The taste of B users by their events, by what they say now (B, D), or by both. (B, W).

        Raises ValueError if there is neither.
        """
        if words is None and history is None:
            raise ValueError("A taste needs a history or words.")
        if words is None:
            assert history is not None
            return self.along(history)[torch.arange(len(history.lengths)), history.lengths - 1]
        said = self.words(words)  # (B, W)
        if history is None:
            return self._causal(said.unsqueeze(1))[:, 0]
        rows, steps = torch.arange(len(history.lengths)), self._steps(history)
        steps = torch.cat([steps, torch.zeros_like(steps[:, :1])], 1)
        steps[rows, history.lengths] = said  # behind each user's own last event
        return self._causal(steps)[rows, history.lengths]

    def _steps(self, history: ItemHistory) -> Tensor:
        """(B, L, W)."""
        places = self.places.weight[: history.items.shape[1]]
        steps: Tensor = history.items + self.kinds(history.kinds) + self.marks(history.marks) + places
        return steps

    def _causal(self, steps: Tensor) -> Tensor:
        """(B, L, W) -> (B, L, W); no step sees a later one, so that padding on the right needs no mask."""
        later = torch.ones(steps.shape[1], steps.shape[1], dtype=torch.bool, device=steps.device).triu(1)
        out: Tensor = self.encoder(self.dropout(steps), mask=later)
        return out
