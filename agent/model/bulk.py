"""Many texts at once outside of the engine: batches side by side on all cores, one thread each.

Threads that share one matrix product wait for the slowest core at every layer, and crawl beside any other job;
whole batches side by side do not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from agent.model.multitask import MultiTaskModel, Outputs

AT_ONCE = 64
"""Most texts of one batch."""


def workers(device: torch.device) -> int:
    """How many batches are to run side by side."""
    if device.type != "cpu":
        return 1  # an accelerator does its own work in parallel, and is shared
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_all(model: MultiTaskModel, texts: Sequence[str]) -> Outputs:
    """As ``MultiTaskModel.read``, on all cores, for one text or more. The model must be in evaluation mode."""
    side_by_side = workers(model.backbone.device)
    tokens = model.tokens(texts)
    # The longest first: the last to be begun is then the shortest, and no core waits long for another.
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    size = min(AT_ONCE, -(-len(order) // side_by_side))
    batches = [[tokens[i] for i in order[start : start + size]] for start in range(0, len(order), size)]
    with ThreadPoolExecutor(side_by_side) as pool:
        parts = list(pool.map(model.read_tokens, batches))
    back = torch.tensor(np.argsort(order))
    queries = [part.query for part in parts if part.query is not None]
    return Outputs(
        {name: torch.cat([part.logits[name] for part in parts])[back] for name in parts[0].logits},
        {name: torch.cat([part.features[name] for part in parts])[back] for name in parts[0].features},
        torch.cat(queries)[back] if queries else None,
    )
