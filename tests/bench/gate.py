"""gate: of challengers that were made worse on purpose all are refused, of honest ones few.

Twenty intents of banking77 with forty examples each stand for an app, so that thirty trainings take twenty minutes on
one core. Out-of-scope texts are those of clinc150.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from agent.learning.data import Dataset
from agent.learning.evaluate import measure_model
from agent.learning.gate import Figures, judge
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import FEWEST_EXAMPLES, Recipe, recipe, save_trained, train_model
from agent.learning.run import Step
from agent.model.backbone import Backbone
from agent.model.storage import load_model
from agent.trial import training_of
from agent.types import Example
from tests.bench import data
from tests.bench.result import Result

INTENTS, EXAMPLES = (5, 12) if data.QUICK else (20, 40)
OUTSIDERS = 10 if data.QUICK else 100
"""Out-of-scope texts in training."""
MORE = 5
"""Reviewed examples of each intent that a challenger has besides."""
EACH = 1 if data.QUICK else 5
"""Challengers of each kind."""
EPOCHS = 3 if data.QUICK else 4
HONEST_TARGET = 0.8


@dataclass(frozen=True)
class Challenger:
    kind: str
    dataset: Dataset
    recipe: Recipe
    worse: bool
    one_epoch: bool = False
    continued: bool = False
    """Starts from the champion."""


@dataclass(frozen=True)
class App:
    intents: tuple[str, ...]
    train: Dataset
    more: dict[str, list[Example]]
    """Further examples, as reviews bring them, by intent."""
    test: Dataset


def measure() -> Result:
    """The figure is the number of bad challengers that were refused."""
    torch.set_num_threads(1)
    app = _app()
    backbone = Backbone.load(device="cpu")
    tally: Counter[str] = Counter()
    whys: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        registry = ModelRegistry(Path(folder), "bench")
        champion_folder, champion = _made(registry, backbone, app, Challenger("champion", app.train, _recipe(0), False))
        challengers = list(_challengers(app))
        for number, challenger in enumerate(challengers, 1):
            _, figures = _made(registry, backbone, app, challenger, champion_folder)
            verdict = judge(champion, figures)
            tally[f"{challenger.kind}: {'passed' if verdict.passed else 'refused'}"] += 1
            tally["right"] += challenger.worse != verdict.passed
            tally["worse refused"] += challenger.worse and not verdict.passed
            tally["honest passed"] += not challenger.worse and verdict.passed
            if challenger.worse == verdict.passed:
                whys.append(f"{challenger.kind}: {verdict.reasons[0]}")
            print(f"{number}/{len(challengers)} {challenger.kind}: {verdict.reasons[0]}", flush=True)
    worse = sum(c.worse for c in challengers)
    honest = len(challengers) - worse
    ok = tally["worse refused"] == worse and tally["honest passed"] >= HONEST_TARGET * honest
    report = champion.frozen.report
    detail = {
        "honest let through": f"{tally['honest passed']} of {honest}",
        **{kind: count for kind, count in sorted(tally.items()) if ":" in kind},
        "champion's accuracy": report.intent.accuracy if report.intent else 0.0,
        "judged wrongly": " | ".join(whys) or "none",
    }
    return Result("gate", float(tally["worse refused"]), float(worse), ok, detail)


def _made(
    registry: ModelRegistry, backbone: Backbone, app: App, challenger: Challenger, champion: Path | None = None
) -> tuple[Path, Figures]:
    """Train a version and measure it."""
    over: list[bool] = []

    def progress(step: Step) -> None:
        if challenger.one_epoch and step.ends_epoch:
            over.append(True)

    base = champion if challenger.continued else None
    chosen = challenger.recipe
    if base is not None:
        chosen = chosen.continued(chosen.adapter)
    trained = train_model(
        registry, backbone, challenger.dataset, app.intents, {}, chosen, progress, base=base, is_over=lambda: bool(over)
    )
    folder = save_trained(registry, trained, challenger.dataset)
    measured = measure_model(load_model(folder, backbone).merge(), app.test, {})
    return folder, Figures(folder.name, measured, training=training_of(folder))


def _recipe(seed: int) -> Recipe:
    return recipe(epochs=EPOCHS, seed=seed)


def _challengers(app: App) -> Iterator[Challenger]:
    """Those made worse, then the honest ones."""
    examples = app.train.examples
    for number in range(EACH):
        rng, seeded = random.Random(number), _recipe(number)
        hurt = rng.choice(app.intents)
        others = [intent for intent in app.intents if intent != hurt]
        # Two keep their label: an intent without examples cannot be trained at all.
        own = [e for e in examples if e.intent == hurt][FEWEST_EXAMPLES:]
        shuffled = [replace(e, intent=rng.choice(others)) if e in own else e for e in examples]
        yield Challenger("labels of an intent shuffled", Dataset(tuple(shuffled)), seeded, True)
        inside = tuple(e for e in examples if not e.out_of_scope)
        yield Challenger("out-of-scope texts dropped", Dataset(inside), seeded, True)
        half = rng.sample(examples, len(examples) // 2)
        few = [e for intent in app.intents for e in [x for x in examples if x.intent == intent][:FEWEST_EXAMPLES]]
        yield Challenger("half of the data lost", Dataset(tuple(dict.fromkeys([*half, *few]))), seeded, True)
        yield Challenger("stopped after one epoch", app.train, _recipe(100 + number), True, one_epoch=True)
    for number in range(EACH):
        rng = random.Random(1000 + number)
        yield Challenger("another seed", app.train, _recipe(200 + number), False)
        reviewed = [e for own in app.more.values() for e in rng.sample(own, min(MORE, len(own)))]
        more = Dataset((*examples, *reviewed))
        yield Challenger("more reviewed data", more, _recipe(number), False, continued=True)


def _app() -> App:
    rows = data.table("banking77/train.csv")
    intents = data.label_names(rows)[:INTENTS]
    by_intent: dict[str, list[Example]] = defaultdict(list)
    random.Random(0).shuffle(rows)
    for row in rows:
        if row["intent"] in intents:
            by_intent[row["intent"]].append(Example(row["text"], intent=row["intent"]))
    train = [e for intent in intents for e in by_intent[intent][:EXAMPLES]]
    more = {intent: by_intent[intent][EXAMPLES : EXAMPLES + 4 * MORE] for intent in intents}
    test = [Example(r["text"], intent=r["intent"]) for r in data.table("banking77/test.csv") if r["intent"] in intents]
    if data.QUICK:
        test = test[::2]
    known = [Example(r["text"], out_of_scope=True) for r in data.table("clinc150/oos_val.csv")][:OUTSIDERS]
    strange = [Example(r["text"], out_of_scope=True) for r in data.table("clinc150/oos_test.csv")][: 4 * OUTSIDERS]
    return App(intents, Dataset((*train, *known)), more, Dataset((*test, *strange)))
