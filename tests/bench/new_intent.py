"""A new intent: one clinc150 intent with 15 examples is added to an app of 100 intents, and the app is retrained.

The figure is the new intent's recall on its test texts; met if the old intents lose no more than MOST_LOST of their
accuracy on average. Each new intent is added to the same champion, apart from the others.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from agent.config import Settings
from agent.domain import Domain
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import Recipe, recipe
from agent.model.storage import load_model
from agent.retraining import retrain
from agent.teach import teach_app
from tests.bench import data
from tests.bench.intent_app import make_app, set_intents, take
from tests.bench.joint import backbone
from tests.bench.result import Result

TARGET, MOST_LOST = 0.85, 0.003
OLD, NEW, EXAMPLES = (20, 1, 15) if data.QUICK else (100, 5, 15)
RECIPE: Recipe = recipe(epochs=1 if data.QUICK else 3)
APP = "clinc"


def measure() -> Result:
    names = sorted({row["intent"] for row in data.table("clinc150/train.csv")})
    order = [names[i] for i in np.random.default_rng(0).permutation(len(names))]
    old, new = order[:OLD], order[OLD : OLD + NEW]
    rows = {name: _rows(name) for name in ("train", "val", "test")}
    with tempfile.TemporaryDirectory() as folder:
        settings = make_app(
            Path(folder),
            APP,
            old,
            [row for row in rows["train"] if row[1] in old],
            # The gate's own set is the validation file: what is reported comes from the test file alone.
            [row for row in rows["val"] if row[1] in {*old, *new}],
        )
        champion = teach_app(settings, APP, RECIPE, fresh=False, promote=True)
        before = _accuracy(champion, rows["test"], set(old))
        recalls, losses, passed = [], [], 0
        for intent in new:
            challenger, ok = _with(settings, old, intent, rows["train"])
            recalls.append(_accuracy(challenger, rows["test"], {intent}))
            losses.append(before - _accuracy(challenger, rows["test"], set(old)))
            passed += ok
            print(f"{intent}: recall {recalls[-1]:.3f}, the others lost {losses[-1]:+.4f}", flush=True)
    recall, lost = float(np.mean(recalls)), float(np.mean(losses))
    detail = {
        "old intents, accuracy before": before,
        "old intents, accuracy lost": lost,
        "most that may be lost": MOST_LOST,
        "least recall of a new one": min(recalls),
        "new intents, each added alone": NEW,
        "let through by the gate": passed,
    }
    return Result("new_intent", recall, TARGET, recall >= TARGET and lost <= MOST_LOST, detail)


def _rows(name: str) -> list[tuple[str, str]]:
    return [(row["text"], row["intent"]) for row in data.table(f"clinc150/{name}.csv")]


def _with(settings: Settings, old: list[str], intent: str, train: list[tuple[str, str]]) -> tuple[Path, bool]:
    """The challenger that knows one more intent, and whether the gate let it through. The app is put back."""
    [app] = settings.apps
    examples = app / "examples.jsonl"
    kept = examples.read_text(encoding="utf-8")
    some, _ = take([row for row in train if row[1] == intent], EXAMPLES, np.random.default_rng(1))
    added = "".join(json.dumps({"text": text, "intent": name}) + "\n" for text, name in some)
    examples.write_text(kept + added, encoding="utf-8")
    set_intents(app, [*old, intent])
    Domain.load(app)
    outcome = retrain(settings, APP, auto=False, who="bench", start="champion", force=True, recipe=RECIPE)
    assert outcome.version is not None
    examples.write_text(kept, encoding="utf-8")
    set_intents(app, old)
    shutil.rmtree(ModelRegistry(settings.data, APP).folder / "checkpoint-continued", ignore_errors=True)
    folder = ModelRegistry(settings.data, APP).version_folder(outcome.version)
    return folder, outcome.verdict is not None and outcome.verdict.passed


def _accuracy(folder: Path, rows: list[tuple[str, str]], intents: set[str]) -> float:
    model = load_model(folder, backbone()).merge()
    own = [row for row in rows if row[1] in intents]
    predictions = model.predict([text for text, _ in own])
    return float(np.mean([p.intent == intent for p, (_, intent) in zip(predictions, own, strict=True)]))
