"""Sentiment models for the benches of finance, kept in the cache; among them that of the app's own labelled texts."""

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

from agent.learning.data import Dataset, load_dataset
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
SETTINGS = TrainSettings(epochs=1 if data.QUICK else 6, learning_rate=2e-4, pairs=0.0, distillation=0.0)
ADAPTER = AdapterConfig("full")
LABELS = ("bearish", "neutral", "bullish")
"""What twitter_financial_news calls negative, neutral and positive, in the model's order."""


@functools.cache
def trained() -> MultiTaskModel:
    """The model of the app's own labelled texts alone, from the cache or trained now (some minutes of one core)."""
    dataset = load_dataset(APP, {})
    return fitted(Dataset(tuple(dataset.feelings)), SETTINGS, ADAPTER)


def fitted(feelings: Dataset, settings: TrainSettings, adapter: AdapterConfig) -> MultiTaskModel:
    """A model with a sentiment head alone, from the cache or trained now; a tenth of the texts is held out for the
    choice of the epoch and for the temperature."""
    torch.set_num_threads(1)
    parts = [feelings.hash(), dataclasses.asdict(settings), dataclasses.asdict(adapter), joint.backbone().hash]
    identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    folder = joint.CACHE / f"model-{identity}"
    if not folder.is_dir():
        train_set, held_out = feelings.split()
        rows = [Row(e.text, {SENTIMENT: SENTIMENTS.index(str(e.sentiment))}) for e in train_set.examples]
        steps = -(-len(rows) // settings.batch_size) * settings.epochs
        spec = ModelSpec({SENTIMENT: HeadSpec("sentiment", SENTIMENTS)}, adapter)
        torch.manual_seed(settings.seed)
        model = MultiTaskModel(joint.backbone(), spec, version=f"bench-{identity}", total_steps=steps)
        # Nothing is looked up, so there is nothing to be held near.
        nothing = np.empty((0, joint.backbone().dimension), np.float32)
        run = TrainingRun(model, TrainingSet(rows, nothing, nothing), settings)
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


def probabilities(texts: Sequence[str], model: MultiTaskModel | None = None) -> NDArray[np.float32]:
    """Negative, neutral, positive of each text, (N, 3); by the model of the app's own texts unless another is given."""
    model = model or trained()
    return model.probabilities(model.read(list(texts)), SENTIMENT)
