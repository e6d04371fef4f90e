"""ExportedModel: a version as ONNX Runtime serves it on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agent.errors import ModelError
from agent.model.backbone import Backbone
from agent.model.graph import Graph, Matrix
from agent.model.predictions import INTENT, Readings, predictions
from agent.model.storage import Card
from agent.model.tokens import Tokens, length_batches, pad
from agent.types import Prediction

TOKEN_BUDGET = 512
"""Tokens of one pass: more of them make it no faster, and cost memory."""
PASS_TOKENS = 16
"""What a pass costs besides its tokens, in tokens."""


def run_in_batches(graph: Graph, tokens: Sequence[Tokens], padding: int) -> dict[str, Matrix]:
    """Every output of the graph for one text or more, in their order."""
    if len(tokens) == 1:  # what a conversation mostly asks: nothing to sort or to put together
        return graph.run(*pad(tokens, padding, len(tokens[0])))
    order: list[int] = []
    pieces = []
    lengths = [len(t) for t in tokens]
    for rows in length_batches(lengths, TOKEN_BUDGET, PASS_TOKENS):
        pieces.append(graph.run(*pad([tokens[i] for i in rows], padding, lengths[rows[-1]])))
        order += rows
    back = np.argsort(order)
    return {name: np.concatenate([piece[name] for piece in pieces])[back] for name in pieces[0]}


class ExportedModel:
    """Reads as the ``MultiTaskModel`` does that was exported."""

    def __init__(self, card: Card, backbone: Backbone, graph: Graph) -> None:
        self.version = card.version
        self.temperatures = card.temperatures
        self.votes = {head: vote.lean() for head, vote in card.votes.items()}
        # Both are over the same examples.
        queries = {head: vote.queries for head, vote in self.votes.items()}
        self.scopes = {head: scope.lean(queries.get(head)) for head, scope in card.scopes.items()}
        self.backbone = backbone
        self._heads = card.spec.heads
        self.graph = graph

    def labels(self, head: str) -> tuple[str, ...]:
        """Labels of a classifier head. Raises ModelError naming the heads there are."""
        if head not in self._heads:
            raise ModelError(f"Model {self.version} has no head '{head}'. Available: {', '.join(self._heads)}.")
        return self._heads[head].labels

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """Each text as ``predict`` reads it; any thread may call this."""
        return self.backbone.message_tokens(texts)

    def predict(
        self, texts: Sequence[str], head: str = INTENT, *, tokens: Sequence[Tokens] | None = None
    ) -> list[Prediction]:
        """Read texts in single passes; one Prediction each, in order.

        ``head`` names the intent head; ``tokens`` are the texts' own, where they were made before.
        """
        if not texts:
            return []
        tokens = self.tokens(texts) if tokens is None else tokens
        found = run_in_batches(self.graph, tokens, self.backbone.padding)
        read = Readings(
            {name: found[f"{name}.logits"] for name, spec in self._heads.items() if spec.labels},
            {name: found[f"{name}.features"] for name, spec in self._heads.items() if spec.labels},
            found["query"],
            found.get("taste"),
        )
        return predictions(self, texts, tokens, read, head)
