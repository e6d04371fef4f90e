"""A model as an app has one, of random weights: speed and memory do not depend on what was learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from agent.learning.calibrate import WEIGHTS_WITHOUT_OUTSIDERS
from agent.model.backbone import Backbone
from agent.model.multitask import HeadSpec, ModelSpec, MultiTaskModel
from agent.model.scope import PARTS, ScopeScorer
from agent.model.storage import save_model
from agent.model.vote import NeighbourVote
from agent.types import SENTIMENTS

INTENTS = 28
EXAMPLES = 3000
"""Rows of the memory of vote and scope scorer; the app that ships has about as many."""


def save_version(backbone: Backbone, data: Path, app: str, seed: int = 0) -> Path:
    """A version below ``data`` with an adapter, the three heads, a vote, and a scorer with the default weights."""
    torch.manual_seed(seed)
    heads = {
        "intent": HeadSpec("intent", tuple(f"intent {i}" for i in range(INTENTS))),
        "sentiment": HeadSpec("sentiment", SENTIMENTS),
        "query": HeadSpec("query"),
    }
    model = MultiTaskModel(backbone, ModelSpec(heads), version="1")
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.02 * torch.randn_like(p))
    known = np.random.default_rng(seed).standard_normal((2, EXAMPLES, backbone.dimension), dtype=np.float32)
    known /= np.linalg.norm(known, axis=-1, keepdims=True)
    even = (1.0,) * len(PARTS)
    model.scopes["intent"] = ScopeScorer(known[0], known[1], even, even, WEIGHTS_WITHOUT_OUTSIDERS, 0.0)
    model.votes["intent"] = NeighbourVote(known[0], np.arange(EXAMPLES) % INTENTS, 0.3)
    folder = data / "models" / app / "versions" / "1"
    save_model(model, folder)
    return folder
