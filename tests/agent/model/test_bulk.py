from __future__ import annotations

import torch

from agent.model.backbone import Backbone
from agent.model.bulk import AT_ONCE, read_all
from agent.model.multitask import HeadSpec, ModelSpec, MultiTaskModel

TEXTS = [f"where is my parcel {'late ' * (i % 7)}{i}" for i in range(2 * AT_ONCE + 3)]


def test_side_by_side_gives_the_same_outputs_in_the_same_order(tiny: Backbone) -> None:
    heads = {"intent": HeadSpec("intent", ("a", "b")), "query": HeadSpec("query")}
    model = MultiTaskModel(tiny, ModelSpec(heads)).eval()
    ours, theirs = read_all(model, TEXTS), model.read(TEXTS)
    assert torch.allclose(ours.logits["intent"], theirs.logits["intent"], atol=1e-5)
    assert torch.allclose(ours.features["intent"], theirs.features["intent"], atol=1e-5)
    assert ours.query is not None
    assert theirs.query is not None
    assert torch.allclose(ours.query, theirs.query, atol=1e-5)
