from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.errors import TrainingError
from agent.learning import provisional
from agent.learning.data import Dataset
from agent.learning.provisional import first_model, next_stage, probe_version
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe, train_version
from agent.model.backbone import Backbone
from agent.model.memory import Memory
from agent.model.storage import load_model, read_manifest
from agent.types import SENTIMENTS, Example
from tests.agent.library import TEXTS

INTENTS = [name for name in TEXTS if name != "greeting"]
MORE = {
    name: [*texts, *(f"{text} please" for text in texts), *(f"{t} now" for t in texts)] for name, texts in TEXTS.items()
}
FEELINGS = [
    Example(f"{word} {thing}", sentiment=label)
    for label, word in zip(SENTIMENTS, ("awful", "the", "great"), strict=True)
    for thing in ("box", "tent", "boots", "card", "shop", "order", "parcel", "size", "shoes", "refund", "help", "wash")
]


def examples(intents: list[str]) -> Dataset:
    rows = [Example(text, intent=name) for name in intents for text in MORE[name]]
    outside = [Example(f"moon landing fake {i}", out_of_scope=True) for i in range(40)]
    return Dataset((*rows, *FEELINGS, *outside))


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path, "library")


def share_right(folder: Path, tiny: Backbone, dataset: Dataset) -> float:
    known = dataset.in_scope
    predictions = load_model(folder, tiny).predict([e.text for e in known])
    return float(np.mean([p.intent == e.intent for p, e in zip(predictions, known, strict=True)]))


def test_a_new_app_answers_without_training(registry: ModelRegistry, tiny: Backbone) -> None:
    dataset = examples(INTENTS)
    folder = probe_version(registry, first_model(tiny, dataset, INTENTS), Memory.empty(), dataset, INTENTS)
    assert share_right(folder, tiny, dataset) > 0.9
    model = load_model(folder, tiny)
    assert set(model.temperatures) == {"intent", "sentiment"}
    memory = Memory.load(folder)
    assert len(memory.examples) == len(dataset.split()[0].in_scope)
    vote = model.votes["intent"]
    assert np.array_equal(vote.queries, memory.queries)
    assert [INTENTS[i] for i in vote.labels] == [e.intent for e in memory.examples]
    [query] = [p.query_vector for p in model.predict(["where is my parcel"])]
    assert np.allclose(query, tiny.encode(["where is my parcel"], "query")[0], atol=1e-5)
    labels = [p.sentiment.label for p in model.predict([e.text for e in FEELINGS]) if p.sentiment]
    assert np.mean([label == e.sentiment for label, e in zip(labels, FEELINGS, strict=True)]) > 0.7


def test_each_stage_follows_from_the_versions_there_are(registry: ModelRegistry, tiny: Backbone) -> None:
    dataset = examples(INTENTS)
    few = dataset.sample(4)
    assert next_stage(registry, None, dataset, INTENTS) == "first"
    first = probe_version(registry, first_model(tiny, few, INTENTS), Memory.empty(), few, INTENTS)
    assert next_stage(registry, first, dataset, INTENTS) == "probe"
    second = probe_version(registry, load_model(first, tiny).eval(), Memory.load(first), dataset, INTENTS)
    assert next_stage(registry, second, dataset, INTENTS) == "adapter"
    assert next_stage(registry, first, dataset, INTENTS) is None, "it was chosen although the second one is there"
    trained = train_version(registry, tiny, dataset, INTENTS, {}, recipe(rank=2, epochs=1))
    assert next_stage(registry, trained, dataset, INTENTS[::-1]) is None
    assert next_stage(registry, second, dataset, INTENTS) is None, "it was chosen although the trained one is there"
    more = [*INTENTS, "greeting"]
    assert next_stage(registry, trained, examples(more), more) == "probe"
    assert [v.name for v in registry.versions()] == ["1", "2", "3"]


def test_a_version_follows_the_one_that_it_was_made_after_and_no_other(registry: ModelRegistry, tiny: Backbone) -> None:
    dataset = examples(INTENTS)
    first, second = (
        probe_version(registry, first_model(tiny, dataset, INTENTS), Memory.empty(), dataset, INTENTS) for _ in range(2)
    )
    assert registry.follow(None, first.name)
    assert not registry.follow(None, second.name)
    assert registry.champion() == first
    assert registry.follow(first, second.name)
    assert registry.champion() == second


def test_a_new_intent_joins_a_trained_model_which_loses_nothing(
    registry: ModelRegistry, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = examples(INTENTS)
    trained = train_version(registry, tiny, before, INTENTS, {}, recipe(rank=4, epochs=6, learning_rate=5e-3))
    read: list[str] = []
    whole = provisional.read_all

    def remember(model: provisional.MultiTaskModel, texts: list[str]) -> provisional.Outputs:
        read.extend(texts)
        return whole(model, texts)

    monkeypatch.setattr(provisional, "read_all", remember)
    now = [*INTENTS, "greeting"]
    after = examples(now)
    folder = probe_version(registry, load_model(trained, tiny).eval(), Memory.load(trained), after, now)
    old = {e.text for e in before.split()[0].in_scope}
    assert set(MORE["greeting"]) <= set(read)
    assert not old & set(read), "the champion remembers these"
    assert read_manifest(folder)["adapter"] == read_manifest(trained)["adapter"]
    assert (folder / "adapter.safetensors").read_bytes() == (trained / "adapter.safetensors").read_bytes()
    greetings = Dataset(tuple(Example(text, intent="greeting") for text in MORE["greeting"]))
    assert share_right(folder, tiny, greetings) > 0.8
    assert now.index("greeting") in load_model(folder, tiny).votes["intent"].labels
    assert share_right(folder, tiny, before) >= share_right(trained, tiny, before) - 0.05
    assert load_model(folder, tiny).temperatures["sentiment"] == load_model(trained, tiny).temperatures["sentiment"]


def test_an_intent_without_examples_is_named(registry: ModelRegistry, tiny: Backbone) -> None:
    dataset = examples(INTENTS)
    names = [*INTENTS, "greeting"]
    with pytest.raises(TrainingError, match="greeting"):
        probe_version(registry, first_model(tiny, dataset, names), Memory.empty(), dataset, names)
    assert not registry.versions()


def test_a_sample_takes_as_many_of_each_kind_and_is_the_same_each_time() -> None:
    dataset = examples(INTENTS)
    sample = dataset.sample(5)
    assert [sum(e.intent == name for e in sample.examples) for name in INTENTS] == [5] * len(INTENTS)
    assert len(sample.feelings) == 15
    assert len(sample.out_of_scope) == 5
    assert set(sample.examples) == set(Dataset(dataset.examples[::-1]).sample(5).examples)
