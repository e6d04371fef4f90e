"""The finance app's sentiment model for the benches: from the app's own labelled texts alone, kept in the cache."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agent.learning.data import load_dataset
from agent.learning.fit import fit, remove_checkpoint
from agent.learning.retrain import calibrate_sentiment, validation_figures
from agent.learning.train import Row, TrainingRun, TrainingSet, TrainSettings
from agent.model.adapters import AdapterConfig
from agent.model.multitask import SENTIMENT, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.storage import load_model, save_model
from agent.progress import StepProgress
from agent.types import SENTIMENTS
from tests.bench import data, joint

APP = Path(__file__).parents[2] / "apps" / "finance"
SETTINGS = TrainSettings(epochs=1 if data.QUICK else 3, pairs=0.0, distillation=0.0)
ADAPTER = AdapterConfig(rank=16, alpha=32.0)


@functools.cache
def trained() -> MultiTaskModel:
    """The model, from the cache or trained now (some minutes of one core)."""
    torch.set_num_threads(1)
    dataset = load_dataset(APP, {})
    feelings = dataclasses.replace(dataset, examples=tuple(dataset.feelings))
    parts = [feelings.hash(), dataclasses.asdict(SETTINGS), dataclasses.asdict(ADAPTER), joint.backbone().hash]
    identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    folder = joint.CACHE / f"model-{identity}"
    if not folder.is_dir():
        train_set, held_out = feelings.split()
        rows = [Row(e.text, {SENTIMENT: SENTIMENTS.index(str(e.sentiment))}) for e in train_set.examples]
        steps = -(-len(rows) // SETTINGS.batch_size) * SETTINGS.epochs
        spec = ModelSpec({SENTIMENT: HeadSpec("sentiment", SENTIMENTS)}, ADAPTER)
        torch.manual_seed(SETTINGS.seed)
        model = MultiTaskModel(joint.backbone(), spec, version=f"bench-{identity}", total_steps=steps)
        nothing = np.empty((0, joint.backbone().dimension), np.float32)
        run = TrainingRun(model, TrainingSet(rows, joint.frozen([row.text for row in rows]), nothing), SETTINGS)
        checkpoint = joint.CACHE / f"run-{identity}"
        with StepProgress("train finance sentiment") as progress:
            fit(
                run,
                lambda: validation_figures(model, held_out, {}),
                checkpoint=checkpoint,
                identity=identity,
                progress=progress,
                every=50,
            )
        calibrate_sentiment(model, held_out, model.read)
        save_model(model, folder)
        remove_checkpoint(checkpoint)
    return load_model(folder, joint.backbone()).eval()


def probabilities(texts: Sequence[str]) -> NDArray[np.float32]:
    """Negative, neutral, positive of each text, (N, 3)."""
    model = trained()
    return model.probabilities(model.read(list(texts)), SENTIMENT)
