"""Two versions of an app's model on the same texts: what the gate judges, and what a person is shown of them."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.apps import open_index
from agent.config import Settings
from agent.database import DataFile
from agent.learning.data import Dataset
from agent.learning.evaluate import measure_model
from agent.learning.figures import Measured, Outcomes
from agent.learning.gate import Figures, Training, judge
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import Vectors
from agent.model.backbone import Backbone
from agent.model.multitask import MultiTaskModel
from agent.model.storage import load_memory, load_model, read_manifest
from agent.teach import documents_of, domain_of, frozen_test, learning_data
from agent.text import text_key

TIMED = 30
"""Texts whose latency is taken."""
MOST_CONFUSIONS = 20


def measure_both(
    first: Path,
    second: Path,
    backbone: Backbone,
    frozen: Dataset,
    rolling: Dataset,
    intents: Collection[str],
    documents: Mapping[str, Vectors],
) -> tuple[Figures, Figures]:
    """Both versions on the texts of the frozen test set and of the recent reviews, as far as they name intents that the
    app has now. Of the reviews those are left out that one of the two has learned."""
    learned = {text_key(e.text) for folder in (first, second) for e in load_memory(folder)}
    rest = Dataset(tuple(e for e in rolling.within(intents).examples if text_key(e.text) not in learned))
    frozen = frozen.within(intents)
    models = [load_model(folder, backbone).merge() for folder in (first, second)]
    times = latencies(models, [e.text for e in frozen.examples[:TIMED]])
    figures = []
    for folder, model, latency in zip((first, second), models, times, strict=True):
        recent = measure_model(model, rest, documents) if rest.examples else None
        measured = measure_model(model, frozen, documents)
        figures.append(Figures(folder.name, measured, recent, training_of(folder), latency))
    return figures[0], figures[1]


def training_of(folder: Path) -> Training | None:
    """What a version was trained on; None for one that does not say so. Raises ModelError."""
    manifest = read_manifest(folder)
    data = manifest.get("data", {})
    if "kinds" not in data:
        return None
    epochs = manifest.get("epochs", {"done": 0, "planned": 0, "finished": True})  # probes have none
    return Training(data["intents"], data["kinds"], epochs["done"], epochs["planned"], epochs["finished"])


def latencies(models: Sequence[MultiTaskModel], texts: Sequence[str]) -> list[float | None]:
    """Median milliseconds of one message, taken in turns, so that what else the machine does meets all alike."""
    taken: list[list[float]] = [[] for _ in models]
    for text in texts:
        for model, own in zip(models, taken, strict=True):
            began = time.perf_counter()
            model.predict([text])
            own.append((time.perf_counter() - began) * 1000)
    return [statistics.median(own) if own else None for own in taken]


def compare_versions(settings: Settings, app: str, first: str, second: str) -> dict[str, Any]:
    """Two versions by name side by side, ready for JSON: see ``side_by_side``.

    Raises UnknownAppError, DomainError, ModelError, StoreError.
    """
    domain = domain_of(settings, app)
    registry = ModelRegistry(settings.data, app)
    folders = registry.version_folder(first), registry.version_folder(second)
    backbone = Backbone.load(settings.backbone, settings.device)
    index = open_index(domain, settings.data, backbone)
    file = DataFile.open(settings.data)
    try:
        rolling = learning_data(domain, index, file, settings).rolling
    finally:
        file.close()
    frozen = frozen_test(domain, index)
    return side_by_side(*measure_both(*folders, backbone, frozen, rolling, domain.intents, documents_of(index)))


def side_by_side(first: Figures, second: Figures) -> dict[str, Any]:
    """What changed from the first version to the second, ready for JSON: ``versions``, the gate's ``verdict`` with its
    ``comparisons``, ``latency_ms``, ``training``, ``intents`` (of each its recalls), ``confusions`` whose number
    changed most, and ``flipped`` texts of the frozen test set. It holds no text of a customer."""
    pair = (first, second)
    before, after = first.frozen.outcomes, second.frozen.outcomes
    return {
        "versions": [f.version for f in pair],
        "verdict": judge(first, second).to_dict(),
        "latency_ms": [f.latency_ms for f in pair],
        "training": [None if f.training is None else asdict(f.training) for f in pair],
        "intents": _recalls(first.frozen, second.frozen),
        "confusions": _changed_confusions(before, after),
        "flipped": _flipped(before, after),
    }


def _recalls(first: Measured, second: Measured) -> list[dict[str, Any]]:
    """Of each intent with texts its recall by both, the greatest loss first."""
    if first.report.intent is None or second.report.intent is None:
        return []
    now = {row.label: row.recall for row in second.report.intent.labels}
    rows = [
        {"intent": row.label, "texts": row.support, "before": row.recall, "after": now.get(row.label, 0.0)}
        for row in first.report.intent.labels
        if row.support
    ]
    return sorted(rows, key=lambda row: (row["after"] - row["before"], row["intent"]))


def _changed_confusions(first: Outcomes, second: Outcomes) -> list[dict[str, Any]]:
    """How often an intent was taken for another, by both; where it changed, the greatest change first."""
    counts = [
        Counter(pair for pair in zip(o.true, o.predicted, strict=True) if pair[0] != pair[1]) for o in (first, second)
    ]
    changed = [pair for pair in {*counts[0], *counts[1]} if counts[0][pair] != counts[1][pair]]
    changed.sort(key=lambda pair: (-abs(counts[1][pair] - counts[0][pair]), pair))
    return [
        {
            "true": true,
            "predicted": predicted,
            "before": counts[0][true, predicted],
            "after": counts[1][true, predicted],
        }
        for true, predicted in changed[:MOST_CONFUSIONS]
    ]


def _flipped(first: Outcomes, second: Outcomes) -> list[dict[str, Any]]:
    """Texts that one of the two gets right and the other does not, those lost first."""
    rows = [
        {"text": text, "true": true, "before": before, "after": after, "lost": before == true}
        for text, true, before, after in zip(first.texts, first.true, first.predicted, second.predicted, strict=True)
        if (before == true) != (after == true)
    ]
    return sorted(rows, key=lambda row: not row["lost"])
