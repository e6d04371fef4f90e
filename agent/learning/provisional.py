"""A model version without training: probes refitted over the features of a model that there is already.

Over the frozen backbone it is the first version of a new app. Over an app's champion, whose adapter it keeps, it
takes in examples and intents that have come since, until the next training has ended. Either takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from agent.learning.data import Dataset
from agent.learning.probe import fit_probe
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import calibrate_intents, calibrate_sentiment, require_examples, save_version
from agent.learning.start import with_intents
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone
from agent.model.bulk import read_all
from agent.model.heads import ClassifierHead
from agent.model.memory import Memory
from agent.model.multitask import INTENT, QUERY, SENTIMENT, HeadSpec, ModelSpec, MultiTaskModel, Outputs
from agent.model.storage import read_manifest
from agent.model.taste import Taste
from agent.types import SENTIMENTS

Stage = Literal["first", "probe", "adapter"]
PROVISIONAL = "provisional"
"""In a manifest: true for a version that was made here."""
FIRST_EXAMPLES = 20
"""Of each intent in the first version of all, which people wait for; the rest follow at the next stage."""


def next_stage(
    registry: ModelRegistry, champion: Path | None, dataset: Dataset, intents: Sequence[str]
) -> Stage | None:
    """What has to be made next for the app to be level with its examples; None if nothing has.

    Nothing is made in the place of another version that somebody chose although one of the present examples is there.

    Raises ModelError if a version's manifest cannot be read.
    """
    if champion is None:
        return "first"
    manifests = [read_manifest(version.folder) for version in registry.versions()]
    level = [
        manifest
        for manifest in manifests
        if manifest["data"]["hash"] == dataset.hash() and set(manifest["heads"][INTENT]["labels"]) == set(intents)
    ]
    if champion.name not in [manifest["version"] for manifest in level]:
        return None if level else "probe"
    return "adapter" if all(manifest.get(PROVISIONAL) for manifest in level) else None


def first_model(backbone: Backbone, dataset: Dataset, intents: Sequence[str]) -> MultiTaskModel:
    """A model over the frozen backbone whose heads know nothing yet, for ``probe_version``."""
    heads = {INTENT: HeadSpec("intent", tuple(intents)), QUERY: HeadSpec("query")}
    if dataset.feelings:
        heads[SENTIMENT] = HeadSpec("sentiment", SENTIMENTS)
    return MultiTaskModel(backbone, ModelSpec(heads, AdapterConfig("none"))).eval()


def probe_version(
    registry: ModelRegistry,
    base: MultiTaskModel,
    memory: Memory,
    dataset: Dataset,
    intents: Sequence[str],
    taste: Taste | None = None,
) -> Path:
    """Refit the heads of ``base`` to ``dataset``, calibrate and save the next version; it is not promoted.

    ``memory`` is that of ``base``: texts in it are not read again. The sentiment head is refitted over a frozen
    encoder only; a trained one knows more than a probe. ``taste`` is what ``base`` learned of items.

    Raises TrainingError if an intent has too few examples.
    """
    require_examples(dataset, intents)
    model = with_intents(base, intents)
    train_set, held_out = dataset.split()
    readings = _Readings(model, memory)
    readings.add(INTENT, [e.text for e in (*dataset.in_scope, *held_out.out_of_scope)])
    _refit(model, readings, INTENT, {e.text: e.intent for e in train_set.in_scope if e.intent})
    calibrate_intents(model, train_set, held_out, readings.read)
    if SENTIMENT in model.heads and model.spec.adapter.method == "none":
        readings.add(SENTIMENT, [e.text for e in dataset.feelings])
        _refit(model, readings, SENTIMENT, {e.text: e.sentiment for e in train_set.feelings if e.sentiment})
        calibrate_sentiment(model, held_out, readings.read)
    return save_version(registry, model, dataset, {PROVISIONAL: True}, taste)


def _refit(model: MultiTaskModel, readings: _Readings, head: str, known: Mapping[str, str]) -> None:
    """Give a classifier head the weights of a probe over its own features; ``known`` is text -> label."""
    classifier, names = model.heads[head], model.labels(head)
    assert isinstance(classifier, ClassifierHead)
    features = readings.features(head, list(known)).numpy()
    classifier.start_from(*fit_probe(features, [names.index(label) for label in known.values()], len(names)))


class _Readings:
    """What a model's heads read in texts, each text read once; logits follow the weights that the heads have."""

    def __init__(self, model: MultiTaskModel, memory: Memory) -> None:
        self._model = model
        self._features: dict[str, dict[str, Tensor]] = {n: {} for n, h in model.spec.heads.items() if h.labels}
        self._queries: dict[str, Tensor] = {}
        for example, query, features in zip(memory.examples, memory.queries, memory.features, strict=True):
            self._queries[example.text] = torch.from_numpy(query)
            self._features[INTENT][example.text] = torch.from_numpy(features)

    def add(self, head: str, texts: Sequence[str]) -> None:
        """Read those texts whose features of ``head`` are not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._features[head]]
        if not new:
            return
        outputs = read_all(self._model, new)
        assert outputs.query is not None
        for row, text in enumerate(new):
            self._queries[text] = outputs.query[row]
            for name, features in outputs.features.items():
                self._features[name][text] = features[row]

    def features(self, head: str, texts: Sequence[str]) -> Tensor:
        """Features of a head, (N, D), of texts that were added for it."""
        return torch.stack([self._features[head][text] for text in texts])

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> Outputs:
        """As ``MultiTaskModel.read``, with those heads for which all the texts were added."""
        heads = [name for name, known in self._features.items() if all(text in known for text in texts)]
        features = {name: self.features(name, texts) for name in heads}
        device = self._model.backbone.device
        logits = {name: self._model.heads[name](features[name].to(device)).cpu() for name in heads}
        return Outputs(logits, features, torch.stack([self._queries[text] for text in texts]))
