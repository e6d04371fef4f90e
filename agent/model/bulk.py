"""Many texts at once outside of the engine: batches side by side on all cores, one thread each.

Threads that share one matrix product wait for the slowest core at every layer, and crawl beside any other job;
whole batches side by side do not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from agent.model.backbone import Backbone
from agent.model.multitask import MultiTaskModel, Outputs

T = TypeVar("T")
AT_ONCE = 64
"""Most texts of one batch."""


def encode_all(backbone: Backbone, texts: Sequence[str], prompt: str = "") -> NDArray[np.float32]:
    """As ``Backbone.encode``, shape (N, D), on all cores."""
    result = np.empty((len(texts), backbone.dimension), np.float32)
    for rows, vectors in _side_by_side(backbone, texts, lambda batch: backbone.encode(batch, prompt)):
        result[rows] = vectors
    return result


def read_all(model: MultiTaskModel, texts: Sequence[str]) -> Outputs:
    """As ``MultiTaskModel.read``, on all cores, for one text or more. The model must be in evaluation mode."""
    pieces = _side_by_side(model.backbone, texts, model.read)
    back = torch.tensor(np.argsort([row for rows, _ in pieces for row in rows]))
    parts = [part for _, part in pieces]
    queries = [part.query for part in parts if part.query is not None]
    return Outputs(
        {name: torch.cat([part.logits[name] for part in parts])[back] for name in parts[0].logits},
        {name: torch.cat([part.features[name] for part in parts])[back] for name in parts[0].features},
        torch.cat(queries)[back] if queries else None,
    )


def _side_by_side(
    backbone: Backbone, texts: Sequence[str], work: Callable[[Sequence[str]], T]
) -> list[tuple[list[int], T]]:
    """``work`` on batches of texts of like length, each with the numbers of its texts."""
    # An accelerator does its own work in parallel, and is shared.
    workers = len(os.sched_getaffinity(0)) if backbone.device.type == "cpu" else 1
    lengths = backbone.token_counts(texts) if texts else []
    order = sorted(range(len(texts)), key=lambda i: lengths[i])
    size = max(1, min(AT_ONCE, -(-len(texts) // workers)))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    # The longest first: the last to be begun is then the shortest, and no core waits long for another.
    batches.reverse()
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda rows: work([texts[i] for i in rows]), batches)
        return list(zip(batches, done, strict=True))
