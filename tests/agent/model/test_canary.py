from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.errors import ModelError
from agent.learning.calibrate import fit_intent
from agent.learning.probe import fit_probe
from agent.model import canary
from agent.model.adapters import AdapterConfig
from agent.model.backbone import Backbone
from agent.model.multitask import HeadSpec, ModelSpec, MultiTaskModel
from agent.model.serving import open_version
from agent.model.storage import read_manifest, save_model, sha256_file
from agent.types import Example, Prediction, Ranked

MEMORY = [Example(f"where is my {thing}", intent="track") for thing in ("parcel", "order", "boots", "tent")] + [
    Example(f"{word} twice", intent="charge") for word in ("charged", "card charged", "money charged", "i was charged")
]


@pytest.fixture
def folder(tmp_path: Path, tiny: Backbone) -> Path:
    """A version with a memory, saved over the frozen backbone."""
    heads = {"intent": HeadSpec("intent", ("track", "charge")), "query": HeadSpec("query")}
    model = MultiTaskModel(tiny, ModelSpec(heads, AdapterConfig("none"))).eval()
    texts, labels = [e.text for e in MEMORY], [int(e.intent == "charge") for e in MEMORY]
    model.heads["intent"].start_from(*fit_probe(tiny.encode(texts, "query"), labels, 2))
    fit_intent(model, "intent", texts, labels, texts[::3], labels[::3])
    folder = tmp_path / "models" / "library" / "versions" / "1"
    model.version = "1"
    save_model(model, folder, memory=MEMORY)
    return folder


def forge(folder: Path, **changes: object) -> None:
    """Change the manifest of a version."""
    manifest = read_manifest(folder) | changes
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_version_reads_as_when_it_was_saved(folder: Path, tiny: Backbone) -> None:
    readings = read_manifest(folder)["canary"]["readings"]
    assert len(readings) == len(MEMORY)
    assert {r["intent"] for r in readings} == {"track", "charge"}
    assert "parcel" not in (folder / "manifest.json").read_text(), "the texts stand in the memory alone"
    assert open_version(folder, tiny).version == "1"


def test_a_version_that_reads_otherwise_is_not_served(folder: Path, tiny: Backbone) -> None:
    forge(folder, temperatures={"intent": 7.0})
    with pytest.raises(ModelError, match="Version 1 reads 8 of 8 of its own examples otherwise"):
        open_version(folder, tiny)


def test_a_text_that_was_erased_is_not_asked_for(folder: Path, tiny: Backbone) -> None:
    lines = (folder / "memory.jsonl").read_text().splitlines()
    erased = json.dumps({**json.loads(lines[0]), "text": ""})
    (folder / "memory.jsonl").write_text("\n".join([erased, *lines[1:]]) + "\n")
    sums = read_manifest(folder)["sha256"] | {"memory.jsonl": sha256_file(folder / "memory.jsonl")}
    forge(folder, sha256=sums)
    assert open_version(folder, tiny).version == "1"


class Reader:
    def __init__(self, confidence: float) -> None:
        self.confidence = confidence

    def predict(self, texts: list[str]) -> list[Prediction]:
        intents = (Ranked("track", self.confidence),)
        return [Prediction(t, intents, 0.0, 0.5, None, np.zeros(2, np.float32), "1") for t in texts]


def test_a_gpu_may_round_more_coarsely() -> None:
    reading = {"intent": "track", "confidence": 0.9, "out_of_scope": 0.0}
    known = {"device": "cpu", "readings": [{"text": canary._digest(e.text), **reading} for e in MEMORY]}
    canary.check(Reader(0.9005), "cpu", known, MEMORY, "1")
    canary.check(Reader(0.91), "cuda", known, MEMORY, "1")
    with pytest.raises(ModelError):
        canary.check(Reader(0.91), "cpu", known, MEMORY, "1")
    with pytest.raises(ModelError):
        canary.check(Reader(float("nan")), "cpu", known, MEMORY, "1")
    first, *others = [replace(e, text=f"{e.text} now") for e in MEMORY]
    canary.check(Reader(0.5), "cpu", known, [first, *others], "1")
