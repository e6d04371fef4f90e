from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.learning.calibrate import fit_intent
from agent.model import exports, frozen, scope, serving
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone
from agent.model.export import AGREEMENT, ExportError, export_model
from agent.model.exported import ExportedModel
from agent.model.frozen import FrozenEncoder
from agent.model.graph import Graph
from agent.model.heads import RecommendationHead
from agent.model.multitask import TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.serving import open_version
from agent.model.storage import Card, load_model, save_model
from agent.types import Prediction
from tests.agent.model.test_multitask import HEADS, make_model
from tests.conftest import make_backbone_folder

TEXTS = [
    "where is my parcel",
    "hello",
    "",
    "i was charged twice and the boots are broken, please help me!",
    "我的包裹",
    "parcel " * 400,
    *(f"order {i} " * (i % 9) for i in range(40)),
]


def save_version(backbone: Backbone, data: Path, adapter: AdapterConfig | None = None, name: str = "1") -> Path:
    """A version of random weights with temperatures and a scope scorer; its folder."""
    torch.manual_seed(0)
    model = MultiTaskModel(backbone, ModelSpec(HEADS, adapter or AdapterConfig(rank=4)), version=name)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.02 * torch.randn_like(p))
    model.temperatures = {"sentiment": 0.8}
    known = ["where is my parcel", "hello", "my card was charged", "the boots are broken"]
    fit_intent(model, "intent", known, [0] * len(known), ["my order", "hello you"], [0, 2])
    model.votes["intent"] = replace(model.votes["intent"], weight=0.3)
    folder = data / "models" / "support" / "versions" / name
    save_model(model, folder)
    return folder


def assert_alike(ours: list[Prediction], theirs: list[Prediction]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert {r.name: r.confidence for r in a.intents} == pytest.approx(
            {r.name: r.confidence for r in b.intents}, abs=AGREEMENT
        )
        assert a.sentiment is not None
        assert b.sentiment is not None
        assert a.sentiment.scores == pytest.approx(b.sentiment.scores, abs=AGREEMENT)
        assert a.out_of_scope == pytest.approx(b.out_of_scope, abs=AGREEMENT)
        assert np.abs(a.query_vector - b.query_vector).max() <= AGREEMENT
        assert (a.text, a.unknown_share, a.truncated, a.model_version) == (
            b.text,
            b.unknown_share,
            b.truncated,
            b.model_version,
        )


@pytest.mark.parametrize("method", ["lora", "bottleneck", "full", "none"])
def test_onnx_and_pytorch_agree_for_every_adapter(tiny: Backbone, tmp_path: Path, method: Any) -> None:
    folder = save_version(tiny, tmp_path, AdapterConfig(method=method, rank=4))
    model = open_version(folder, tiny)
    assert isinstance(model, ExportedModel)
    assert_alike(model.predict(TEXTS), load_model(folder, tiny).predict(TEXTS))


@pytest.mark.parametrize("pooling", ["cls", "max", "lasttoken"])
def test_they_agree_for_every_pooling(tmp_path: Path, pooling: str) -> None:
    folder = make_backbone_folder(tmp_path / "backbone", prompts={"query": "help "})
    (folder / "1_Pooling" / "config.json").write_text(f'{{"pooling_mode": "{pooling}"}}')
    backbone = Backbone.load(str(folder), "cpu")
    version = save_version(backbone, tmp_path)
    assert_alike(open_version(version, backbone).predict(TEXTS), load_model(version, backbone).predict(TEXTS))


def test_examples_are_searched_once_for_vote_and_score(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_version(tiny, tmp_path)
    model = open_version(folder, tiny)
    assert len(model.scopes["intent"].features) == 0  # with the default weights they do not count
    assert model.scopes["intent"].queries is model.votes["intent"].queries
    monkeypatch.setattr(scope, "nearest", None)
    assert_alike(model.predict(TEXTS[:1]), load_model(folder, tiny).predict(TEXTS[:1]))


def test_word_embeddings_are_shared_unless_a_model_has_its_own(tiny: Backbone, tmp_path: Path) -> None:
    shared, own = (
        export_model(load_model(save_version(tiny, tmp_path / method, AdapterConfig(method=method)), tiny).merge())
        for method in ("none", "full")
    )
    assert len(own) - len(shared) > 0.9 * tiny.table.numel() * 4
    assert Graph(shared, tiny).shares_table
    assert not Graph(own, tiny).shares_table


def test_an_export_leaves_backbone_and_model_as_they_were(tiny: Backbone) -> None:
    model = make_model(tiny).merge()
    before, frozen_before = model.predict(TEXTS), tiny.encode(TEXTS)
    attention = tiny.encoder.config._attn_implementation  # type: ignore[union-attr]
    export_model(model)
    assert np.array_equal(frozen_before, tiny.encode(TEXTS))
    assert [p.intents for p in before] == [p.intents for p in model.predict(TEXTS)]
    assert tiny.encoder.config._attn_implementation == attention  # type: ignore[union-attr]


def exports_of(folder: Path) -> list[Path]:
    return sorted((folder.parent.parent / "exports").iterdir())


def test_a_kept_graph_is_used_and_a_damaged_one_is_made_anew(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_version(tiny, tmp_path)
    wanted = open_version(folder, tiny).predict(TEXTS)
    (kept,) = exports_of(folder)
    with monkeypatch.context() as patch:
        patch.setattr(serving, "export_model", None)
        assert_alike(open_version(folder, tiny).predict(TEXTS), wanted)
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert_alike(open_version(folder, tiny).predict(TEXTS), wanted)
    assert f"{kept} is damaged" in caplog.text
    assert exports.find(kept.parent, "1", kept.name.split("-")[1]) is not None


def test_the_graph_of_another_version_of_that_name_is_not_used(tiny: Backbone, tmp_path: Path) -> None:
    folder = save_version(tiny, tmp_path)
    open_version(folder, tiny)
    shutil.rmtree(folder)
    save_version(tiny, tmp_path, AdapterConfig(rank=8))
    assert_alike(open_version(folder, tiny).predict(TEXTS), load_model(folder, tiny).predict(TEXTS))
    assert len(exports_of(folder)) == 2


def test_the_last_three_graphs_are_kept(tiny: Backbone, tmp_path: Path) -> None:
    for name in ("1", "2", "3", "4"):
        folder = save_version(tiny, tmp_path, name=name)
        open_version(folder, tiny)
    assert [path.name.split("-")[0] for path in exports_of(folder)] == ["2", "3", "4"]


def test_an_encoder_that_cannot_be_exported_is_served_by_pytorch_and_the_log_says_so(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_version(tiny, tmp_path)
    forward = type(tiny.encoder).forward

    def by_ids_alone(self: Any, input_ids: Any = None, attention_mask: Any = None, **other: Any) -> Any:
        if input_ids is None:
            raise ValueError("needs input_ids")
        return forward(self, input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(type(tiny.encoder), "forward", by_ids_alone)
    with caplog.at_level(logging.WARNING):
        model = open_version(folder, tiny)
    assert isinstance(model, MultiTaskModel)
    assert "PyTorch serves version 1 of support, slower: " in caplog.text
    assert "cannot be exported to ONNX: needs input_ids" in caplog.text
    assert model.predict(["hello"])[0].text == "hello"


def test_a_disk_that_takes_no_graph_is_said_and_pytorch_serves(
    tiny: Backbone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_version(tiny, tmp_path)
    (folder.parent.parent / "exports").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_version(folder, tiny), MultiTaskModel)
    assert "PyTorch serves version 1 of support, slower: " in caplog.text


def test_a_graph_that_reads_other_lengths_otherwise_is_refused(tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tiny).merge()
    outputs = model.outputs
    traced: list[int] = []

    def by_first_length(states: torch.Tensor, mask: torch.Tensor) -> Any:
        traced.append(states.shape[1])
        return outputs(states * float(states.shape[1]), mask)  # a trace takes the length for constant

    monkeypatch.setattr(model, "outputs", by_first_length)
    with pytest.raises(ExportError, match=r"its output '.*' differs from PyTorch's by"):
        export_model(model)
    assert len(set(traced)) > 1


def test_passages_are_encoded_alike_before_and_after_the_export(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "WORTH_AN_EXPORT", len(TEXTS))
    encoder = FrozenEncoder(tiny, tmp_path)
    wanted = tiny.encode(TEXTS, prompt="passage")
    assert np.allclose(encoder.encode(TEXTS, "passage"), wanted, atol=1e-5)
    assert not list(tmp_path.iterdir())
    by_graph = encoder.encode(TEXTS, "passage")
    assert len(list(tmp_path.glob("frozen-*.onnx"))) == 1
    assert np.abs(by_graph - wanted).max() <= AGREEMENT
    assert encoder.encode([]).shape == (0, tiny.dimension)
    monkeypatch.setattr(tiny, "encode", None)
    assert np.allclose(FrozenEncoder(tiny, tmp_path).encode(TEXTS[:2], "passage"), by_graph[:2], atol=1e-5)


@pytest.mark.real
def test_the_real_encoder_agrees_too(tmp_path: Path) -> None:
    backbone = Backbone.load(device="cpu")
    folder = save_version(backbone, tmp_path, AdapterConfig(rank=16))
    model = open_version(folder, backbone)
    assert isinstance(model, ExportedModel)
    assert_alike(model.predict(TEXTS), load_model(folder, backbone).predict(TEXTS))
    encoder = FrozenEncoder(backbone, tmp_path)
    encoder.encode(["a passage"] * frozen.WORTH_AN_EXPORT)
    assert np.abs(encoder.encode(TEXTS) - backbone.encode(TEXTS)).max() <= AGREEMENT
    assert list(tmp_path.glob("frozen-*.onnx"))


def test_a_graph_with_a_recommendation_head_reads_the_same_taste(tiny: Backbone) -> None:
    torch.manual_seed(0)
    heads = {**HEADS, TASTE: HeadSpec("recommendation")}
    model = MultiTaskModel(tiny, ModelSpec(heads, AdapterConfig(rank=4)), version="1")
    head = model.heads[TASTE]
    assert isinstance(head, RecommendationHead)
    torch.nn.init.normal_(head.residual.weight, std=0.1)
    model.merge()
    graph = Graph(export_model(model), tiny)
    exported = ExportedModel(Card("1", model.spec, {}, {}, {}), tiny, graph)
    for ours, theirs in zip(exported.predict(TEXTS), model.predict(TEXTS), strict=True):
        assert ours.taste_vector is not None
        assert theirs.taste_vector is not None
        assert np.allclose(ours.taste_vector, theirs.taste_vector, atol=AGREEMENT)


def test_a_graph_without_one_has_no_taste(tiny: Backbone) -> None:
    graph = Graph(export_model(make_model(tiny).merge()), tiny)
    assert "taste" not in graph.run(np.array([[2, 3]]), np.array([[1, 1]]))
