from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import BackboneError
from agent.model import backbone as module
from agent.model.backbone import Backbone, EmbeddingRecipe
from tests.conftest import make_backbone_folder


def test_encode_keeps_order_and_unit_length_whatever_the_batches(tiny: Backbone) -> None:
    texts = ["where is my parcel", "hello", "the boots are broken and i was charged twice", ""]
    together = tiny.encode(texts)
    alone = np.concatenate([tiny.encode([text], token_budget=1) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_a_branch_shares_tensors_and_can_be_rewired(tiny: Backbone) -> None:
    branch = tiny.branch()
    own = dict(tiny.encoder.named_parameters())
    assert all(own[name] is p for name, p in branch.named_parameters())
    before = tiny.encode(["hello"])
    branch.embeddings = torch.nn.Identity()
    assert np.array_equal(before, tiny.encode(["hello"]))


def test_prompts_and_pooling_come_from_the_files(tmp_path: Path) -> None:
    folder = make_backbone_folder(tmp_path, pooling="cls", prompts={"query": "help "})
    backbone = Backbone.load(str(folder), "cpu")
    assert backbone.recipe == EmbeddingRecipe("cls", True, {"query": "help "}, 32)
    assert np.allclose(backbone.encode(["boots"], prompt="query"), backbone.encode(["help boots"]), atol=1e-6)
    batch = backbone.tokenize(["boots"])
    states = backbone.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    first = torch.nn.functional.normalize(states[:, 0], dim=-1)
    assert np.allclose(backbone.encode(["boots"]), first.numpy(), atol=1e-6)


def test_the_hash_names_weights_and_recipe(tmp_path: Path, tiny: Backbone) -> None:
    same = Backbone.load(str(make_backbone_folder(tmp_path / "same")), "cpu")
    pooled_otherwise = Backbone.load(str(make_backbone_folder(tmp_path / "cls", pooling="cls")), "cpu")
    other_weights = Backbone.load(str(make_backbone_folder(tmp_path / "other", seed=1)), "cpu")
    assert len({tiny.hash, pooled_otherwise.hash, other_weights.hash}) == 3
    assert same.hash == tiny.hash


def test_changed_bundled_weights_are_refused(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_bundled_folder", lambda: tiny_folder)
    with pytest.raises(BackboneError, match=r"expected 53aa51172d.*Reinstall"):
        Backbone.load()


def test_a_folder_without_safetensors_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BackboneError, match="Pickled weights are not loaded"):
        Backbone.load(str(folder))


def test_an_unknown_module_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    text = (folder / "modules.json").read_text().replace("models.Normalize", "models.Dense")
    (folder / "modules.json").write_text(text)
    with pytest.raises(BackboneError, match="'Dense' module"):
        Backbone.load(str(folder), "cpu")


def test_an_unknown_name_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BackboneError, match="neither a folder nor a model"):
        Backbone.load("nobody/no-such-encoder")


def test_a_missing_device_lists_those_there(tiny_folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackboneError, match="Available: cpu"):
        Backbone.load(str(tiny_folder), "cuda")


def test_no_text_is_longer_than_the_encoder_takes(tiny: Backbone) -> None:
    long = ["parcel " * 100]
    assert tiny.tokenize(long).ids.shape == (1, 32)
    assert tiny.tokenize(long, max_length=128).ids.shape == (1, 32)
    assert tiny.tokenize(long, max_length=8).ids.shape == (1, 8)


def test_the_last_token_of_each_text_is_pooled(tmp_path: Path) -> None:
    folder = make_backbone_folder(tmp_path)
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}')
    backbone = Backbone.load(str(folder), "cpu")
    batch = backbone.tokenize(["boots", "where is my parcel"])
    states = backbone.encoder(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    last = torch.nn.functional.normalize(torch.stack([states[0, 2], states[1, 5]]), dim=-1)
    assert np.allclose(backbone.encode(["boots", "where is my parcel"]), last.numpy(), atol=1e-6)


def test_buckets_end_with_the_longest_text_there_is(tiny: Backbone) -> None:
    assert tiny.buckets == (16, 32)


@pytest.mark.real
def test_the_bundled_backbone_agrees_with_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    texts = ["where is my parcel", "I was charged twice!!", "a" * 50]
    ours = Backbone.load(device="cpu").encode(texts)
    theirs = SentenceTransformer(str(module._bundled_folder()), device="cpu").encode(texts)
    assert np.allclose(ours, theirs, atol=1e-5)
