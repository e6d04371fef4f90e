"""What a model's weights begin as: from probes, or from a model that there is already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from agent.learning.data import Dataset
from agent.learning.probe import fit_probe
from agent.learning.train import Row
from agent.model.heads import ClassifierHead, IntentHead
from agent.model.multitask import INTENT, HeadSpec, ModelSpec, MultiTaskModel


def start_from_probes(model: MultiTaskModel, rows: Sequence[Row], targets: NDArray[np.float32]) -> None:
    """Give each intent head the weights of a probe over the rows' frozen embeddings ``targets``, (N, D)."""
    for name, head in model.heads.items():
        if isinstance(head, IntentHead):
            own = [i for i, row in enumerate(rows) if row.labels.get(name, -1) >= 0]
            labels = [rows[i].labels[name] for i in own]
            head.start_from(*fit_probe(targets[own], labels, len(model.labels(name))))


def with_intents(
    base: MultiTaskModel, intents: Sequence[str], more: dict[str, HeadSpec] | None = None, total_steps: int = 1000
) -> MultiTaskModel:
    """``base`` anew, its intent head without weights for the labels ``intents``, everything else as it is.

    ``more`` are heads that it has besides, if ``base`` lacks them; they know nothing yet.
    """
    heads = {**(more or {}), **base.spec.heads, INTENT: HeadSpec("intent", tuple(intents))}
    model = MultiTaskModel(base.backbone, ModelSpec(heads, base.spec.adapter), total_steps=total_steps).eval()
    model.encoder.load_adapter_state(base.encoder.adapter_state())
    kept = {n: t for n, t in base.heads.state_dict().items() if not n.startswith(f"{INTENT}.classifier.")}
    model.heads.load_state_dict(kept, strict=False)
    model.temperatures = {name: value for name, value in base.temperatures.items() if name != INTENT}
    return model


@torch.no_grad()
def take_over_intents(model: MultiTaskModel, base: MultiTaskModel, train_set: Dataset) -> None:
    """Give the intent head of ``model`` (of ``with_intents``) the weights that ``base`` has for the intents it knows;
    those of a new intent are a probe's over the features that ``base`` reads in the training examples."""
    head, old = model.heads[INTENT], base.heads[INTENT]
    assert isinstance(head, ClassifierHead)
    assert isinstance(old, ClassifierHead)
    names, known = model.labels(INTENT), base.labels(INTENT)
    if set(names) - set(known):
        examples = train_set.in_scope
        features = base.read([e.text for e in examples]).features[INTENT].numpy()
        head.start_from(*fit_probe(features, [names.index(str(e.intent)) for e in examples], len(names)))
    for row, name in enumerate(names):
        if name in known:
            head.classifier.weight[row] = old.classifier.weight[known.index(name)]
            head.classifier.bias[row] = old.classifier.bias[known.index(name)]
