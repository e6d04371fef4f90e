"""taste_cost: what the recommendation head adds to a message of a user with 50 events, against the pass alone.

Both as they are served: the pass as one ONNX graph, with the words' side of the head in it or without; after it the
scores of all items of a catalogue. Messages of clinc150's length, one at a time, in turns, so that both meet the same
machine.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.sparse import random_array

from agent.model.adapters import AdapterConfig
from agent.model.exported import ExportedModel
from agent.model.heads import RecommendationHead
from agent.model.history import LENGTH
from agent.model.items import ItemSpace
from agent.model.learned import Learned
from agent.model.multitask import TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.serving import open_version
from agent.model.storage import load_taste, save_model
from agent.model.taste import Mix, Taste, TasteModel
from agent.types import SENTIMENTS, Event
from tests.bench import joint
from tests.bench.data import QUICK
from tests.bench.result import Result

TARGET = 0.25
ITEMS = 400
"""As many as the shop has."""
HEADS = {
    "intent": HeadSpec("intent", tuple(f"intent {n}" for n in range(30))),
    "sentiment": HeadSpec("sentiment", SENTIMENTS),
    "query": HeadSpec("query"),
}
TEXTS = (
    "something light for a long train ride please",
    "i loved the last two, more of that",
    "what would you give a ten year old who likes space",
    "a quiet game for two people, nothing over twenty",
)
ROUNDS = 5 if QUICK else 300


def served(folder: Path, spec: ModelSpec, taste: Taste | None) -> ExportedModel:
    """A version of random weights as the service opens it."""
    model = MultiTaskModel(joint.backbone(), spec)
    save_model(model, folder, taste=taste)
    found = open_version(folder, joint.backbone())
    assert isinstance(found, ExportedModel)
    return found


def catalogue() -> tuple[ItemSpace, Taste]:
    """Items of random vectors, each linked to a hundred others."""
    rng = np.random.default_rng(0)
    dimension = joint.backbone().dimension
    vectors = rng.normal(size=(ITEMS, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    space = ItemSpace([str(n) for n in range(ITEMS)], vectors)
    links = random_array((ITEMS, ITEMS), density=100 / ITEMS, format="csr", dtype=np.float32, rng=rng)
    width = RecommendationHead(dimension, joint.backbone().pool).shape.width
    offsets = rng.normal(size=(ITEMS, width)).astype(np.float32)
    learned = Learned(space.ids, offsets, links, np.ones(ITEMS, np.float32))
    return space, Taste(learned, Mix(links=0.14, head=0.1))


def measure() -> Result:
    """The figure is the median time added, over the median time of the pass alone."""
    torch.set_num_threads(1)
    space, taste = catalogue()
    history = [
        Event(str(n), "shop", "ann", str(n), "like", f"2026-01-{1 + n // 24:02}T{n % 24:02}:00:00.000000+00:00")
        for n in range(LENGTH)
    ]
    with TemporaryDirectory() as folder:
        versions = Path(folder) / "models" / "shop" / "versions"
        adapter = AdapterConfig(rank=16)
        alone = served(versions / "1", ModelSpec(HEADS, adapter), None)
        whole = served(versions / "2", ModelSpec({**HEADS, TASTE: HeadSpec("recommendation")}, adapter), taste)
        model = load_taste(versions / "2", space)
        assert model is not None
        before, after = [], []
        for number in range(ROUNDS + 3):
            text = TEXTS[number % len(TEXTS)]
            one, other = _seconds(alone, None, text, history), _seconds(whole, model, text, history)
            if number >= 3:  # the first ones warm up
                before.append(one)
                after.append(other)
    pass_ms, head_ms = 1000 * statistics.median(before), 1000 * statistics.median(after)
    added = head_ms / pass_ms - 1
    detail = {"pass alone, ms": pass_ms, "with the head and the ranking, ms": head_ms, "items": ITEMS}
    return Result("taste_cost", added, TARGET, added <= TARGET, detail | {"mix": str(dataclasses.asdict(taste.mix))})


def _seconds(version: ExportedModel, model: TasteModel | None, text: str, history: list[Event]) -> float:
    began = time.perf_counter()
    [prediction] = version.predict([text])
    if model is not None:
        model.rank(history, prediction.taste_vector, k=10)
    return time.perf_counter() - began
