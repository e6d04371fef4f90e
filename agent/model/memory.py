"""What a model version remembers of its training examples: their texts, labels and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors

from agent.model.multitask import INTENT
from agent.model.storage import load_memory, verify
from agent.types import Example

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Memory:
    """In-scope training examples as the version's own model reads them."""

    examples: tuple[Example, ...]
    queries: Matrix
    """Query vectors, (N, D), unit length."""
    features: Matrix
    """Features of the intent head, (N, D), unit length."""

    @classmethod
    def empty(cls) -> Memory:
        """That of a model which has learned nothing yet."""
        nothing = np.empty((0, 0), np.float32)
        return cls((), nothing, nothing)

    @classmethod
    def load(cls, folder: Path) -> Memory:
        """The memory of a version's folder; empty if the version has no out-of-scope scorer.

        Raises ModelError if a file is missing or damaged.
        """
        vectors = load_tensors(verify(folder)["memory.safetensors"])
        if f"{INTENT}/queries" not in vectors:
            return cls.empty()
        return cls(
            tuple(load_memory(folder)),
            vectors[f"{INTENT}/queries"].numpy(),
            vectors[f"{INTENT}/features"].numpy(),
        )

    def nearest(self, query: Matrix, k: int) -> list[tuple[Example, float]]:
        """The ``k`` examples nearest to a query vector (D,), with their cosines, nearest first."""
        if not self.examples:
            return []
        cosines = self.queries @ query  # Shape: (N,)
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(self.examples[i], float(cosines[i])) for i in best]
