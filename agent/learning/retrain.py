"""Makes a model version of an app: trains, calibrates, saves.

It collects nothing and promotes nothing (see ``agent.teach`` and ``agent.retraining``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from agent.errors import TrainingError
from agent.learning.calibrate import Read, fit_intent, fit_temperature
from agent.learning.data import Dataset, training_rows
from agent.learning.fit import Progress, best_epoch, fit, is_finished, remove_checkpoint
from agent.learning.recommend import Chosen, Keeping, forget, learn_taste
from agent.learning.registry import ModelRegistry, now
from agent.learning.start import start_from_probes, take_over_intents, with_intents
from agent.learning.taste import TasteSettings
from agent.learning.tastes import TasteData
from agent.learning.teachers import spread
from agent.learning.train import UNIFORM, Row, TrainingRun, TrainingSet, TrainSettings
from agent.model.adapters import AdapterConfig, Method
from agent.model.backbone import Backbone
from agent.model.heads import RecommendationHead
from agent.model.multitask import INTENT, QUERY, SENTIMENT, TASTE, HeadSpec, ModelSpec, MultiTaskModel
from agent.model.storage import load_model, save_model
from agent.model.taste import Taste
from agent.model.tokens import plain_numbers
from agent.text import text_key
from agent.types import SENTIMENTS

Vectors = NDArray[np.float32]
FEWEST_EXAMPLES = 2
CONTINUED_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an app's model is to be trained."""

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    settings: TrainSettings = field(default_factory=lambda: TrainSettings(epochs=4))

    def continued(self, adapter: AdapterConfig) -> Recipe:
        """To go on with a model that has such an adapter already: fewer epochs, at half the rates, which leave what it
        knows where it is."""
        s = self.settings
        gentle = dataclasses.replace(
            s,
            epochs=min(s.epochs, CONTINUED_EPOCHS),
            learning_rate=s.learning_rate / 2,
            head_learning_rate=s.head_learning_rate / 2,
        )
        return Recipe(adapter, gentle)


RATES = {"lora": 1e-3, "dora": 1e-3, "adalora": 2e-3, "bottleneck": 1e-3, "full": 5e-5, "none": 0.0}
"""Peak learning rate of each adapter method where none is given."""


def recipe(
    method: str = "lora",
    rank: int = 16,
    epochs: int = 4,
    batch_size: int = 32,
    learning_rate: float | None = None,
    seed: int = 0,
) -> Recipe:
    """A recipe from plain values. Raises ConfigError for an unknown method."""
    adapter = AdapterConfig(cast(Method, method), rank=rank, alpha=2.0 * rank)
    rate = RATES[method] if learning_rate is None else learning_rate
    return Recipe(adapter, TrainSettings(epochs=epochs, batch_size=batch_size, learning_rate=rate, seed=seed))


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that was trained and calibrated, and is not saved yet."""

    model: MultiTaskModel
    recipe: Recipe
    base: str | None
    """The version whose weights it began with; None if it began with probes."""
    history: list[dict[str, float]]
    """Validation figures of each epoch."""
    epochs: int
    """Whole epochs done."""
    finished: bool
    """False if it was cut short."""
    checkpoint: Path
    taste: Taste | None = None
    """What was learned of items, and how it was chosen."""
    chosen: Chosen | None = None

    @property
    def best(self) -> dict[str, float]:
        """Validation figures of the epoch whose weights it has; empty if nothing was held out."""
        return self.history[best_epoch(self.history) - 1] if self.history else {}


def train_version(
    registry: ModelRegistry,
    backbone: Backbone,
    dataset: Dataset,
    intents: Sequence[str],
    documents: Mapping[str, Vectors],
    recipe: Recipe,
    progress: Progress | None = None,
    tastes: TasteData | None = None,
) -> Path:
    """Train, calibrate and save the next version; it is not promoted. Arguments and errors as in ``train_model``."""
    trained = train_model(registry, backbone, dataset, intents, documents, recipe, progress, tastes=tastes)
    return save_trained(registry, trained, dataset)


def train_model(
    registry: ModelRegistry,
    backbone: Backbone,
    dataset: Dataset,
    intents: Sequence[str],
    documents: Mapping[str, Vectors],
    recipe: Recipe,
    progress: Progress | None = None,
    *,
    base: Path | None = None,
    wrong: Sequence[tuple[str, str]] = (),
    unlabelled: Sequence[str] = (),
    is_over: Callable[[], bool] = lambda: False,
    tastes: TasteData | None = None,
) -> Trained:
    """Train and calibrate a model from probes, or from the version in the folder ``base``, whose adapter it keeps.

    ``documents`` gives the frozen vectors of each knowledge document's passages, (P, D); ``wrong`` are texts with a
    document that does not answer them, ``unlabelled`` texts within the app's scope, learned by what the labelled ones
    nearest to them say; of ``tastes`` a recommendation head is learned. Once ``is_over`` it ends with the best so far,
    but for the taste, which takes a minute or two. A run that was interrupted with the same data and recipe, or killed
    before its version was saved, goes on where it stopped.

    Raises TrainingError if an intent has too few examples, or an example names what there is not.
    """
    require_examples(dataset, intents)
    ids = [document for document, vectors in documents.items() for _ in vectors]
    passages_of = {d: [i for i, name in enumerate(ids) if name == d] for d in documents}
    matrix = np.concatenate([np.empty((0, backbone.dimension), np.float32), *documents.values()])
    train_set, held_out = dataset.split()
    kept_out = {text_key(e.text) for e in held_out.examples}
    rows = training_rows(train_set, intents, passages_of, [pair for pair in wrong if text_key(pair[0]) not in kept_out])
    picks = None if tastes is None else tastes.picks(len(rows))
    rows += [] if tastes is None else [Row(one.text) for one in tastes.taught()]
    rows += [Row(text) for text in unlabelled]
    torch.manual_seed(recipe.settings.seed)
    steps = -(-len(rows) // recipe.settings.batch_size) * recipe.settings.epochs
    targets = backbone.encode([plain_numbers(row.text) for row in rows], prompt="query")
    if base is None:
        spec = ModelSpec(_heads(intents, rows, tastes), recipe.adapter)
        model = MultiTaskModel(backbone, spec, total_steps=steps)
        start_from_probes(model, rows, targets)
    else:
        before = load_model(base, backbone).eval()
        model = with_intents(before, intents, _heads(intents, rows, tastes), steps)
        take_over_intents(model, before, train_set)
    beliefs = _beliefs(rows, targets, len(unlabelled), len(intents))
    run = TrainingRun(model, TrainingSet(rows, targets, matrix, beliefs, picks), recipe.settings)
    start = None if base is None else base.name
    identity = _identity(dataset, intents, matrix, recipe, backbone, start, wrong, unlabelled, tastes)
    checkpoint = registry.folder / ("checkpoint" if base is None else "checkpoint-continued")
    history = fit(
        run,
        lambda: validation_figures(model, held_out, documents),
        checkpoint=checkpoint,
        identity=identity,
        log_folder=registry.folder / "tensorboard" / identity,
        progress=progress,
        every=50,
        is_over=is_over,
    )
    calibrate_intents(model, train_set, held_out, model.read)
    calibrate_sentiment(model, held_out, model.read)
    epochs = run.done // run.steps_an_epoch
    taste = chosen = None
    if tastes is not None and tastes.is_enough:
        head = model.heads[TASTE]
        assert isinstance(head, RecommendationHead)
        keeping = Keeping(checkpoint / "taste", identity, progress)
        settings = TasteSettings(noticed=tastes.noticed, seed=recipe.settings.seed)
        taste, chosen = learn_taste(head, tastes.space, tastes.events, tastes.picked(model), settings, keeping)
    finished = is_finished(run, history)
    return Trained(model, recipe, start, history, epochs, finished, checkpoint, taste, chosen)


def save_trained(registry: ModelRegistry, trained: Trained, dataset: Dataset) -> Path:
    """Save the next version; it is not promoted. Returns its folder."""
    settings = trained.recipe.settings
    record = {
        "settings": dataclasses.asdict(settings),
        "seed": settings.seed,
        "base": trained.base,
        "epochs": {"done": trained.epochs, "planned": settings.epochs, "finished": trained.finished},
        "figures": {"validation": trained.best, "epochs": trained.history},
    }
    if trained.chosen is not None:
        record["taste"] = {"epochs": trained.chosen.epochs, "figures": trained.chosen.figures}
    folder = save_version(registry, trained.model, dataset, record, trained.taste)
    remove_checkpoint(trained.checkpoint)
    forget(trained.checkpoint / "taste")
    return folder


def save_version(
    registry: ModelRegistry,
    model: MultiTaskModel,
    dataset: Dataset,
    record: Mapping[str, Any],
    taste: Taste | None = None,
) -> Path:
    """Save the next version of the app, made of ``dataset``; ``record`` goes into its manifest. Returns its folder."""
    train_set, held_out = dataset.split()
    folder = registry.next_folder()
    model.version = folder.name
    data = {
        "hash": dataset.hash(),
        "train": len(train_set.examples),
        "validation": len(held_out.examples),
        "kinds": dataset.kinds(),
        "intents": dict(sorted(Counter(str(e.intent) for e in dataset.in_scope).items())),
    }
    kept = {"app": registry.app, "created": now(), "data": data, **record}
    save_model(model, folder, memory=train_set.in_scope, record=kept, taste=taste)
    return folder


def validation_figures(model: MultiTaskModel, held_out: Dataset, documents: Mapping[str, Vectors]) -> dict[str, float]:
    """Intent and sentiment accuracy and the share of questions whose right document comes first, each 0 to 1."""
    figures = {}
    for head, known in (
        (INTENT, [(e.text, e.intent) for e in held_out.in_scope]),
        (SENTIMENT, [(e.text, e.sentiment) for e in held_out.feelings]),
    ):
        if head in model.heads and known:
            best = model.read([text for text, _ in known]).logits[head].argmax(-1).tolist()
            names = model.labels(head)
            figures[head] = float(np.mean([names[b] == label for b, (_, label) in zip(best, known, strict=True)]))
    questions = [e for e in held_out.questions if e.document in documents]
    if questions:
        query = model.read([e.text for e in questions]).query
        assert query is not None
        scores = np.stack([(query.numpy() @ vectors.T).max(1) for vectors in documents.values()], axis=1)
        names = tuple(documents)
        figures[QUERY] = float(
            np.mean([names[i] == e.document for i, e in zip(scores.argmax(1), questions, strict=True)])
        )
    return figures


def calibrate_intents(model: MultiTaskModel, train_set: Dataset, held_out: Dataset, read: Read) -> None:
    """``fit_intent`` on held-out examples, in place; ``read`` gives the model's outputs for texts."""
    names = model.labels(INTENT)
    known, inside = train_set.in_scope, held_out.in_scope
    if inside:
        fit_intent(
            model,
            INTENT,
            [e.text for e in known],
            [names.index(str(e.intent)) for e in known],
            [e.text for e in inside],
            [names.index(str(e.intent)) for e in inside],
            [e.text for e in held_out.out_of_scope],
            read,
        )


def calibrate_sentiment(model: MultiTaskModel, held_out: Dataset, read: Read) -> None:
    """Fit the sentiment's temperature on held-out examples, in place; ``read`` as above."""
    if held_out.feelings and SENTIMENT in model.heads:
        logits = read([e.text for e in held_out.feelings]).logits[SENTIMENT].numpy()
        feelings = [SENTIMENTS.index(e.sentiment) for e in held_out.feelings if e.sentiment]
        model.temperatures[SENTIMENT] = fit_temperature(logits, feelings)


def require_examples(dataset: Dataset, intents: Sequence[str]) -> None:
    """Raises TrainingError naming the intents that have fewer than FEWEST_EXAMPLES."""
    counts = Counter(e.intent for e in dataset.in_scope)
    poor = [name for name in intents if counts[name] < FEWEST_EXAMPLES]
    if poor:
        raise TrainingError(
            f"Too few examples (fewer than {FEWEST_EXAMPLES}) of: {', '.join(poor)}. "
            "Add some to examples.jsonl, or take the intent out of domain.toml."
        )


def _heads(intents: Sequence[str], rows: Sequence[Row], tastes: TasteData | None) -> dict[str, HeadSpec]:
    heads = {INTENT: HeadSpec("intent", tuple(intents))}
    if any(SENTIMENT in row.labels for row in rows):
        heads[SENTIMENT] = HeadSpec("sentiment", SENTIMENTS)
    if tastes is not None:
        heads[TASTE] = HeadSpec("recommendation")
    return heads | {QUERY: HeadSpec("query")}


def _beliefs(rows: Sequence[Row], targets: Vectors, unlabelled: int, classes: int) -> dict[str, Vectors]:
    """What the labelled rows say of the last ``unlabelled`` ones, by head, (N, L); ``targets`` are frozen vectors."""
    if not unlabelled:
        return {}
    known = [i for i, row in enumerate(rows) if row.labels.get(INTENT, UNIFORM) != UNIFORM]
    found = np.zeros((len(rows), classes), np.float32)
    found[-unlabelled:] = spread(
        targets[known], [rows[i].labels[INTENT] for i in known], targets[-unlabelled:], classes
    )
    return {INTENT: found}


def _identity(
    dataset: Dataset,
    intents: Sequence[str],
    documents: Vectors,
    recipe: Recipe,
    backbone: Backbone,
    base: str | None,
    wrong: Sequence[tuple[str, str]],
    unlabelled: Sequence[str],
    tastes: TasteData | None,
) -> str:
    chosen = dataclasses.asdict(recipe)
    parts = [dataset.hash(), list(intents), chosen, backbone.hash, base, list(wrong), list(unlabelled)]
    parts += [] if tastes is None else [tastes.hash()]
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update(documents.tobytes())
    return digest.hexdigest()[:16]
