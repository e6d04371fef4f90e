"""The small layers that read the adapted token states.

The query head reads the states as the backbone's recipe pools them (the mean, for most); classifying
heads read through an attention pooling of their own, which leaves the mean free to stay near the
frozen space.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

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
