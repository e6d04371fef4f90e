"""A model version on disk: an immutable folder of safetensors and JSON.

    manifest.json       heads and labels, adapter, backbone hash, data hash, settings, seed, figures,
                        library versions, temperatures, weights of the neighbours' votes, scope settings, the
                        canary, sha256 of every other file
    adapter.safetensors the adapter's tensors
    heads.safetensors   the heads' tensors
    taste.safetensors   of an app with items: what was learned of each, and taste.json, their ids and the mix
    memory.safetensors  query vectors, intent features and intents of the training examples
    memory.jsonl        the texts and labels of those examples, in the same order

A folder is written aside, fsynced and renamed, so that a kill leaves no half version. A flipped bit in
a tensor goes unnoticed by safetensors itself; the checksums notice it. A version never changes, but for a text that
has to be erased (``rewrite``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from agent.errors import ModelError
from agent.model import canary
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone, mean_pool
from agent.model.heads import RecommendationHead, TasteShape
from agent.model.items import ItemSpace
from agent.model.learned import Learned
from agent.model.multitask import TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.neighbours import matrix_of
from agent.model.scope import ScopeScorer
from agent.model.taste import Mix, Taste, TasteModel
from agent.model.vote import NeighbourVote
from agent.types import Example

FORMAT = 2
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "scikit-learn")


def save_model(
    model: MultiTaskModel,
    folder: Path,
    *,
    memory: Sequence[Example] = (),
    record: Mapping[str, Any] | None = None,
    taste: Taste | None = None,
) -> None:
    """Write ``model`` to the new folder ``folder``.

    ``memory`` are the training examples behind the scope scorer's matrices, in their order;
    ``record`` (data hash, settings, seed, figures) goes into the manifest as it is. ``taste`` is what was learned with
    the model's recommendation head.

    Raises ModelError if the folder exists: versions are immutable.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists already; a version is never written over.")
    aside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    _save(aside / "adapter.safetensors", model.encoder.adapter_state())
    _save(aside / "heads.safetensors", model.heads.state_dict())
    vectors = {}
    for name, scope in model.scopes.items():
        vectors[f"{name}/queries"] = torch.from_numpy(matrix_of(scope.queries))
        vectors[f"{name}/features"] = torch.from_numpy(matrix_of(scope.features))
    for name, vote in model.votes.items():
        vectors[f"{name}/queries"] = torch.from_numpy(matrix_of(vote.queries))
        vectors[f"{name}/labels"] = torch.from_numpy(vote.labels)
    _save(aside / "memory.safetensors", vectors)
    if taste is not None:
        arrays = taste.learned.tensors()
        _save(aside / "taste.safetensors", {name: torch.from_numpy(array) for name, array in arrays.items()})
        about = {"ids": taste.learned.ids, "mix": dataclasses.asdict(taste.mix)}
        (aside / "taste.json").write_bytes(_json(about))
    lines = [json.dumps(dataclasses.asdict(example), ensure_ascii=False) for example in memory]
    (aside / "memory.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    manifest = {
        "format": FORMAT,
        "version": folder.name,
        "backbone": {"name": model.backbone.name, "hash": model.backbone.hash, "dimension": model.backbone.dimension},
        "heads": {name: _spec(h) for name, h in model.spec.heads.items()},
        "adapter": dataclasses.asdict(model.spec.adapter),
        "temperatures": model.temperatures,
        "votes": {name: vote.weight for name, vote in model.votes.items()},
        "scopes": {name: scope.settings() for name, scope in model.scopes.items()},
        "libraries": library_versions(),
        "canary": canary.record(model, memory),
        **(record or {}),
        "sha256": {file.name: sha256_file(file) for file in sorted(aside.iterdir())},
    }
    (aside / "manifest.json").write_bytes(_json(manifest))
    for file in aside.iterdir():
        _sync(file)
    os.replace(aside, folder)
    _sync(folder.parent)


def library_versions() -> dict[str, str]:
    """Of the libraries that weights depend on."""
    return {name: metadata.version(name) for name in LIBRARIES}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a version. Raises ModelError if it is missing, unreadable or of another format."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder} is no model version: it has no manifest.json.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{folder / 'manifest.json'} is damaged: {error}. Train again, or roll back.") from error
    if manifest.get("format") != FORMAT:
        raise ModelError(f"{folder} has format {manifest.get('format')}; this version of Switchboard reads {FORMAT}.")
    return manifest


def verify(folder: Path) -> dict[str, bytes]:
    """Contents of every file the manifest names. Raises ModelError naming the first that is not as written."""
    contents = {}
    manifest = read_manifest(folder)
    for name, digest in manifest["sha256"].items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise ModelError(f"{folder / name} cannot be read: {error}. Train again, or roll back.") from error
        if hashlib.sha256(contents[name]).hexdigest() not in (digest, manifest.get("rewriting", {}).get(name)):
            raise ModelError(
                f"{folder / name} is damaged: its sha256 is not the one in manifest.json. Train again, or roll back."
            )
    return contents


@dataclass(frozen=True, slots=True)
class Card:
    """What a version says beside its weights."""

    version: str
    spec: ModelSpec
    temperatures: dict[str, float]
    votes: dict[str, NeighbourVote]
    scopes: dict[str, ScopeScorer]


def load_card(folder: Path, backbone: Backbone) -> tuple[Card, dict[str, bytes]]:
    """A version's card, and the contents of its files, every one checked.

    Raises ModelError if a file is missing or damaged, or the version belongs to another backbone.
    """
    manifest = read_manifest(folder)
    if manifest["backbone"]["hash"] != backbone.hash:
        raise ModelError(
            f"{folder} was trained over {manifest['backbone']['name']} ({manifest['backbone']['hash'][:12]}), "
            f"but the backbone here is {backbone.name} ({backbone.hash[:12]}). Train the app again."
        )
    contents = verify(folder)
    spec = ModelSpec(
        {name: HeadSpec(h["kind"], tuple(h["labels"]), _shape(h)) for name, h in manifest["heads"].items()},
        AdapterConfig(**manifest["adapter"]),
    )
    vectors = load_tensors(contents["memory.safetensors"])
    votes = {
        name: NeighbourVote(vectors[f"{name}/queries"].numpy(), vectors[f"{name}/labels"].numpy(), weight)
        for name, weight in manifest["votes"].items()
    }
    scopes = {
        name: ScopeScorer(
            queries=vectors[f"{name}/queries"].numpy(),
            features=vectors[f"{name}/features"].numpy(),
            centre=tuple(settings["centre"]),
            scale=tuple(settings["scale"]),
            weights=tuple(settings["weights"]),
            threshold=settings["threshold"],
            spread=settings["spread"],
        )
        for name, settings in manifest["scopes"].items()
    }
    return Card(manifest["version"], spec, dict(manifest["temperatures"]), votes, scopes), contents


def load_model(folder: Path, backbone: Backbone) -> MultiTaskModel:
    """Read a version with its adapter unmerged (see ``agent.model.serving`` for the service).

    Raises ModelError as ``load_card`` and ``build_model`` do.
    """
    return build_model(*load_card(folder, backbone), folder, backbone)


def build_model(card: Card, contents: Mapping[str, bytes], folder: Path, backbone: Backbone) -> MultiTaskModel:
    """The model of a card. Raises ModelError if the tensors are not those of the card's heads and adapter."""
    model = MultiTaskModel(backbone, card.spec, version=card.version)
    try:
        model.encoder.load_adapter_state(load_tensors(contents["adapter.safetensors"]))
        model.heads.load_state_dict(load_tensors(contents["heads.safetensors"]))
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{folder} does not fit this version of Switchboard: {error}. Train the app again.") from error
    model.temperatures, model.votes, model.scopes = card.temperatures, card.votes, card.scopes
    return model


def read_taste(folder: Path) -> Taste | None:
    """What a version learned of items; None if nothing. Raises ModelError if a file of it is damaged."""
    if "taste.json" not in read_manifest(folder)["sha256"]:
        return None
    contents = verify(folder)
    about = json.loads(contents["taste.json"])
    arrays = {name: tensor.numpy() for name, tensor in load_tensors(contents["taste.safetensors"]).items()}
    return Taste(Learned.of(about["ids"], arrays), Mix(**about["mix"]))


def load_taste(folder: Path, space: ItemSpace) -> TasteModel | None:
    """The taste model of the version in ``folder``, over the catalogue as it is now; None if it learned none.

    Raises ModelError if a file of it is damaged, or its head is of another dimension than the space.
    """
    taste = read_taste(folder)
    if taste is None:
        return None
    head = RecommendationHead(space.dimension, mean_pool, _shape(read_manifest(folder)["heads"][TASTE]))
    tensors = load_tensors((folder / "heads.safetensors").read_bytes())
    own = {name.removeprefix(f"{TASTE}."): t for name, t in tensors.items() if name.startswith(f"{TASTE}.")}
    try:
        head.load_state_dict(own)
    except RuntimeError as error:
        raise ModelError(f"{folder} does not fit this version of Switchboard: {error}. Train the app again.") from error
    return TasteModel(space, head, taste)


def _spec(head: HeadSpec) -> dict[str, Any]:
    found = {"kind": head.kind, "labels": list(head.labels)}
    return found | {"shape": dataclasses.asdict(head.shape)} if head.kind == "recommendation" else found


def _shape(head: Mapping[str, Any]) -> TasteShape:
    return TasteShape(**head.get("shape", {}))


def load_memory(folder: Path) -> list[Example]:
    """The training examples behind the scope scorer, in the order of its rows."""
    lines = (folder / "memory.jsonl").read_text(encoding="utf-8").splitlines()
    return [Example(**json.loads(line)) for line in lines]


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Put ``content`` in the place of a version's file, for good; the manifest follows.

    A kill leaves the file as it was or as it is to be, and the version whole: the manifest names both contents before
    the file changes. A file that was damaged before stays so for ``verify``.
    """
    manifest = read_manifest(folder)
    if sha256_file(folder / name) in (manifest["sha256"][name], manifest.get("rewriting", {}).get(name)):
        manifest["rewriting"] = {name: hashlib.sha256(content).hexdigest()}
        replace_file(folder / "manifest.json", _json(manifest))
    replace_file(folder / name, content)
    manifest["sha256"] |= manifest.pop("rewriting", {})
    replace_file(folder / "manifest.json", _json(manifest))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; one that is there keeps its permissions."""
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    if path.exists():
        shutil.copymode(path, aside)
    _sync(aside)
    os.replace(aside, path)
    _sync(path.parent)


def _json(manifest: Mapping[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=1, ensure_ascii=False) + "\n").encode()


def sha256_file(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _save(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
