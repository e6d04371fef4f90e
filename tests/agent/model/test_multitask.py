from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from agent.errors import ModelError
from agent.learning.calibrate import fit_intent
from agent.learning.registry import ModelRegistry
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone
from agent.model.heads import RecommendationHead, TasteShape
from agent.model.items import ItemSpace
from agent.model.learned import Learned
from agent.model.multitask import TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.storage import load_memory, load_model, load_taste, read_taste, save_model
from agent.model.taste import Mix, Taste, TasteModel
from agent.types import SENTIMENTS, Event, Example
from tests.conftest import make_backbone_folder

HEADS = {
    "intent": HeadSpec("intent", ("track", "charge", "hello")),
    "sentiment": HeadSpec("sentiment", SENTIMENTS),
    "query": HeadSpec("query"),
}
TEXTS = ["where is my parcel", "hello", "i was charged twice and the boots are broken", ""]


def make_model(tiny: Backbone, seed: int = 0) -> MultiTaskModel:
    torch.manual_seed(seed)
    model = MultiTaskModel(tiny, ModelSpec(HEADS, AdapterConfig(rank=4)), version="1")
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.05 * torch.randn_like(p))
    return model


def count_passes(model: MultiTaskModel) -> list[int]:
    passes: list[int] = []
    model.encoder.register_forward_hook(lambda *_: passes.append(1))
    return passes


def test_all_heads_come_from_one_encoder_pass(tiny: Backbone) -> None:
    model = make_model(tiny)
    passes = count_passes(model)
    predictions = model.predict(TEXTS)
    assert len(passes) == 1
    for text, p in zip(TEXTS, predictions, strict=True):
        assert p.text == text
        assert sum(r.confidence for r in p.intents) == pytest.approx(1, abs=1e-5)
        assert [r.confidence for r in p.intents] == sorted((r.confidence for r in p.intents), reverse=True)
        assert p.sentiment is not None
        assert -1 <= p.sentiment.value <= 1
        assert np.linalg.norm(p.query_vector) == pytest.approx(1, abs=1e-5)


def test_a_text_reads_the_same_alone_and_among_others(tiny: Backbone) -> None:
    model = make_model(tiny)
    together, small = model.read(TEXTS), model.read(TEXTS, token_budget=1)
    assert torch.allclose(together.logits["intent"], small.logits["intent"], atol=1e-5)
    assert together.query is not None
    assert small.query is not None
    assert torch.allclose(together.query, small.query, atol=1e-5)


def test_an_untrained_query_head_gives_the_frozen_embedding(tiny: Backbone) -> None:
    model = MultiTaskModel(tiny, ModelSpec(HEADS))
    assert np.allclose(model.read(TEXTS).query, tiny.encode(TEXTS, prompt="query"), atol=1e-5)


def test_the_same_holds_with_prompts_and_first_token_pooling(tmp_path: Path) -> None:
    backbone = Backbone.load(str(make_backbone_folder(tmp_path, pooling="cls", prompts={"query": "help "})), "cpu")
    model = MultiTaskModel(backbone, ModelSpec(HEADS))
    outputs = model.read(TEXTS)
    assert np.allclose(outputs.query, backbone.encode(TEXTS, prompt="query"), atol=1e-5)
    assert np.allclose(outputs.features["intent"], backbone.encode(TEXTS, prompt="query"), atol=1e-3)


def test_a_long_number_is_read_as_any_other_and_a_short_one_as_itself(tiny: Backbone) -> None:
    model = make_model(tiny)
    first, other = model.predict(["order 31992 is late", "order 8841188 is late"])
    assert first.text == "order 31992 is late"
    assert np.array_equal(first.query_vector, other.query_vector)
    assert model.tokens(["order 2026 is late"])[0].ids != model.tokens(["order 31992 is late"])[0].ids


def test_long_texts_are_marked_as_truncated(tiny: Backbone) -> None:
    short, long = make_model(tiny).predict(["hello", "parcel " * 50])
    assert (short.truncated, long.truncated) == (False, True)


def test_an_unknown_head_lists_those_there(tiny: Backbone) -> None:
    with pytest.raises(ModelError, match="Available: intent, sentiment, query"):
        make_model(tiny).labels("mood")


def saved(tiny: Backbone, folder: Path) -> MultiTaskModel:
    model = make_model(tiny)
    memory = [Example("where is my parcel", intent="track"), Example("hello", intent="hello")]
    model.temperatures = {"sentiment": 0.8}
    fit_intent(model, "intent", [e.text for e in memory], [0, 2], ["my order", "hello you"], [0, 2])
    model.votes["intent"] = replace(model.votes["intent"], weight=0.3)
    save_model(model, folder, memory=memory, record={"seed": 3, "figures": {"accuracy": 0.5}})
    return model


def test_a_saved_model_reads_as_before_also_merged(tiny: Backbone, tmp_path: Path) -> None:
    model = saved(tiny, tmp_path / "1")
    wanted = model.predict(TEXTS)
    for loaded in (load_model(tmp_path / "1", tiny), load_model(tmp_path / "1", tiny).merge()):
        for a, b in zip(wanted, loaded.predict(TEXTS), strict=True):
            assert [r.name for r in a.intents] == [r.name for r in b.intents]
            assert a.confidence == pytest.approx(b.confidence, abs=1e-5)
            assert a.out_of_scope == pytest.approx(b.out_of_scope, abs=1e-4)
            assert np.allclose(a.query_vector, b.query_vector, atol=1e-5)
    assert [e.text for e in load_memory(tmp_path / "1")] == ["where is my parcel", "hello"]
    manifest = json.loads((tmp_path / "1" / "manifest.json").read_text())
    assert manifest["seed"] == 3
    assert manifest["heads"]["intent"]["labels"] == ["track", "charge", "hello"]
    assert manifest["libraries"]["torch"]


def test_a_version_is_never_written_over(tiny: Backbone, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "1")
    with pytest.raises(ModelError, match="never written over"):
        saved(tiny, tmp_path / "1")


@pytest.mark.parametrize("name", ["adapter.safetensors", "heads.safetensors", "memory.safetensors", "memory.jsonl"])
def test_one_flipped_bit_is_noticed_and_named(tiny: Backbone, tmp_path: Path, name: str) -> None:
    saved(tiny, tmp_path / "1")
    content = bytearray((tmp_path / "1" / name).read_bytes())
    content[-5] ^= 1
    (tmp_path / "1" / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is damaged"):
        load_model(tmp_path / "1", tiny)


def test_a_missing_file_or_manifest_is_named(tiny: Backbone, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "1")
    (tmp_path / "1" / "heads.safetensors").unlink()
    with pytest.raises(ModelError, match=r"heads.safetensors cannot be read"):
        load_model(tmp_path / "1", tiny)
    with pytest.raises(ModelError, match=r"no manifest.json"):
        load_model(tmp_path / "2", tiny)


def test_a_model_of_another_backbone_is_refused(tiny: Backbone, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "1")
    other = Backbone.load(str(make_backbone_folder(tmp_path / "other", seed=9)), "cpu")
    with pytest.raises(ModelError, match="was trained over"):
        load_model(tmp_path / "1", other)


def test_the_registry_numbers_versions_and_moves_the_alias(tiny: Backbone, tmp_path: Path) -> None:
    registry = ModelRegistry(tmp_path, "support")
    assert registry.champion() is None
    for _ in range(2):
        saved(tiny, registry.next_folder())
    registry.promote("2")
    assert registry.champion() == registry.folder / "versions" / "2"
    assert [(v.name, v.champion) for v in registry.versions()] == [("1", False), ("2", True)]
    with pytest.raises(ModelError, match="no version '7'. Available: 1, 2"):
        registry.promote("7")
    assert registry.champion() == registry.folder / "versions" / "2"


TASTED = {**HEADS, TASTE: HeadSpec("recommendation", shape=TasteShape(width=8))}


def tasting(tiny: Backbone) -> tuple[MultiTaskModel, Taste]:
    """A model with a recommendation head, and what was learned beside it of three items."""
    torch.manual_seed(0)
    model = MultiTaskModel(tiny, ModelSpec(TASTED, AdapterConfig(rank=4)), version="1")
    links = csr_matrix(([2.0], ([0], [1])), (3, 3), dtype=np.float32)
    offsets = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    learned = Learned(("a", "b", "c"), offsets, links, np.array([3, 2, 1], np.float32))
    return model, Taste(learned, Mix(links=0.4, head=0.2))


def test_a_recommendation_head_begins_in_the_frozen_space_and_costs_no_pass(tiny: Backbone) -> None:
    model, _ = tasting(tiny)
    passes = count_passes(model)
    predictions = model.predict(TEXTS)
    assert len(passes) == 1
    for p in predictions:
        assert p.taste_vector is not None
        assert np.allclose(p.taste_vector, tiny.encode([p.text], "query")[0], atol=1e-5)
    assert all(p.taste_vector is None for p in make_model(tiny).predict(TEXTS))


def test_a_taste_is_kept_with_its_version(tiny: Backbone, tmp_path: Path) -> None:
    model, taste = tasting(tiny)
    save_model(model, tmp_path / "1", taste=taste)
    space = ItemSpace(["b", "a", "new"], tiny.encode(["parcel box", "tent boots", "moon"]))
    before = TasteModel(space, cast(RecommendationHead, model.heads[TASTE]), taste)
    after = load_taste(tmp_path / "1", space)
    assert after is not None
    event = Event("1", "app", "u", "a", "like", "2024-01-01T00:00:00.000000+00:00")
    words = tiny.encode(["boots"])[0]
    assert np.allclose(after.scores([event], words), before.scores([event], words), atol=1e-6)
    read, known = load_model(tmp_path / "1", tiny).read(TEXTS).taste, model.read(TEXTS).taste
    assert read is not None
    assert known is not None
    assert torch.allclose(read, known, atol=1e-6)


def test_a_version_without_a_taste_has_none(tiny: Backbone, tmp_path: Path) -> None:
    saved(tiny, tmp_path / "1")
    assert read_taste(tmp_path / "1") is None
    assert load_taste(tmp_path / "1", ItemSpace(["a"], tiny.encode(["box"]))) is None


@pytest.mark.parametrize("name", ["taste.safetensors", "taste.json", "heads.safetensors"])
def test_a_damaged_taste_is_named(tiny: Backbone, tmp_path: Path, name: str) -> None:
    model, taste = tasting(tiny)
    save_model(model, tmp_path / "1", taste=taste)
    content = bytearray((tmp_path / "1" / name).read_bytes())
    content[-9] ^= 1
    (tmp_path / "1" / name).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name} is damaged"):
        load_taste(tmp_path / "1", ItemSpace(["a"], tiny.encode(["box"])))


def test_a_taste_of_another_dimension_is_refused(tiny: Backbone, tmp_path: Path) -> None:
    model, taste = tasting(tiny)
    save_model(model, tmp_path / "1", taste=taste)
    with pytest.raises(ModelError, match="Train the app again"):
        load_taste(tmp_path / "1", ItemSpace(["a"], np.eye(1, 5, dtype=np.float32)))
