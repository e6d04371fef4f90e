"""The whole job of a retraining: collect, train, measure, judge, and promote what passed.

It prints nothing. Whoever runs it, in a terminal, in the service's own process or from a timer, gets an ``Outcome`` in
plain words.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from agent.apps import open_index
from agent.audit import AuditLog
from agent.candidates import candidates, unlabelled
from agent.config import Settings
from agent.database import DataFile, now
from agent.domain import Domain
from agent.errors import ModelError, TrainingError
from agent.jobs import JobBook
from agent.learning.data import Dataset
from agent.learning.fit import Progress, score
from agent.learning.gate import GateSettings, Verdict, judge
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import Recipe, Trained, save_trained, train_model
from agent.learning.reviewed import ReviewedData
from agent.learning.tastes import TasteData
from agent.model.backbone import Backbone
from agent.model.storage import library_versions, load_model, read_manifest
from agent.teach import documents_of, domain_of, frozen_test, intents_of, learning_data, tastes_of, training_lock
from agent.trial import measure_both, side_by_side
from agent.versions import KIND, REPORT, count_new
from index.knowledge import KnowledgeIndex

Start = Literal["best", "champion", "scratch"]
STARTS: tuple[Start, ...] = ("best", "champion", "scratch")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a retraining."""

    version: str | None
    """The version that was made; None if there was nothing to do."""
    verdict: Verdict | None
    promoted: bool
    reason: str
    """One or more plain sentences."""


def retrain(
    settings: Settings,
    app: str,
    *,
    auto: bool,
    who: str,
    start: Start = "best",
    force: bool = False,
    limit_s: float | None = None,
    recipe: Recipe | None = None,
    gate: GateSettings | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Train a challenger on the app's examples and reviews, and hold it against the champion.

    It starts from the champion's adapter or from probes, or tries both and takes what the held-out examples prefer.
    After ``limit_s`` seconds the training ends with the best so far. Ctrl-C and a kill lose nothing: the next call goes
    on where it stopped. ``auto`` promotes what passed the gate, as long as the champion is still the one that it was
    held against. With fewer new reviews than ``settings.fewest_reviews`` nothing is done unless ``force``.

    Raises UnknownAppError, DomainError, TrainingError, StoreError, LockedError if the app is being trained, and
    ModelError if it has no champion.
    """
    domain = domain_of(settings, app)
    registry = ModelRegistry(settings.data, app)
    torch.set_num_threads(settings.threads)
    with closing(DataFile.open(settings.data)) as file, closing(training_lock(registry)):
        champion = registry.champion()
        if champion is None:
            raise ModelError(f"App '{app}' has no trained model to improve on. Run: switchboard train {app}")
        book, began = JobBook(file), now()
        fresh = count_new(file, app)
        if fresh < settings.fewest_reviews and not force:
            return Outcome(
                None,
                None,
                False,
                f"Too little is new: {fresh} reviews since the last retraining, {settings.fewest_reviews} are needed. "
                "Nothing was done.",
            )
        backbone = Backbone.load(settings.backbone, settings.device)
        index = open_index(domain, settings.data, backbone)
        learned = learning_data(domain, index, file, settings)
        frozen = frozen_test(domain, index)
        rest = undecided(file, app, (learned.everything, frozen), settings.unlabelled)
        intents = intents_of(domain, learned.dataset)
        dataset = learned.dataset.within(intents)
        tastes = tastes_of(domain, backbone, file, settings)
        run = _Run(
            settings, domain, registry, backbone, index, learned, intents, dataset, frozen, rest, champion, tastes
        )
        chosen = recipe or Recipe()
        record = run.record(chosen, start, limit_s) | {"until": began, "new_reviews": fresh}
        job = book.begin(app, KIND, who, record, champion.name)
        try:
            trained = run.train(chosen, start, limit_s, progress)
            folder = save_trained(registry, trained, dataset)
            AuditLog(file).write(who, "train", app, version=folder.name, base=trained.base, job=job)
            outcome = run.judge(folder, gate, auto, who)
            move = "promote" if outcome.promoted else None if outcome.verdict and outcome.verdict.passed else "refuse"
            if move:
                AuditLog(file).write(who, move, app, version=folder.name, before=champion.name, why=outcome.reason)
            registry.sweep(settings.keep_versions)
        except KeyboardInterrupt:
            book.end(job, "stopped", "It was stopped; the next run goes on where it was.")
            raise
        except BaseException as error:
            book.end(job, "failed", str(error))
            raise
        verdict = outcome.verdict.to_dict() if outcome.verdict else None
        book.end(job, "done", outcome.reason, version=outcome.version, verdict=verdict)
        return outcome


def undecided(file: DataFile, app: str, examples: Sequence[Dataset], most: int) -> list[str]:
    """The app's newest messages, at most ``most``, that are none of the ``examples`` and within its scope."""
    if not most:
        return []
    known = [example.text for data in examples for example in data.examples]
    return unlabelled(candidates(file, app), known, most)


@dataclass(frozen=True, slots=True)
class _Run:
    """One retraining with all that it works on."""

    settings: Settings
    domain: Domain
    registry: ModelRegistry
    backbone: Backbone
    index: KnowledgeIndex
    learned: ReviewedData
    intents: list[str]
    dataset: Dataset
    """What is learned of these intents: one that reviews alone teach has to wait until it has enough of them."""
    frozen: Dataset
    unlabelled: list[str]
    champion: Path
    tastes: TasteData | None

    def record(self, recipe: Recipe, start: Start, limit_s: float | None) -> dict[str, Any]:
        """What is needed to repeat it, ready for JSON."""
        return {
            "recipe": dataclasses.asdict(recipe),
            "start": start,
            "limit_s": limit_s,
            "seed": recipe.settings.seed,
            "data": self.dataset.hash(),
            "examples": len(self.dataset.examples),
            "reviewed": self.learned.reviewed,
            "unlabelled": len(self.unlabelled),
            "intents": self.intents,
            "backbone": self.backbone.hash,
            "threads": self.settings.threads,
            "device": str(self.backbone.device),
            "libraries": library_versions(),
        }

    def train(self, recipe: Recipe, start: Start, limit_s: float | None, progress: Progress | None) -> Trained:
        """The candidate that the held-out examples prefer; of two that are level the champion's."""
        end = None if limit_s is None else time.monotonic() + limit_s

        def is_over() -> bool:
            return end is not None and time.monotonic() >= end

        def candidate(base: Path | None) -> Trained:
            chosen = recipe if base is None else recipe.continued(load_model(base, self.backbone).spec.adapter)
            return train_model(
                self.registry,
                self.backbone,
                self.dataset,
                self.intents,
                documents_of(self.index),
                chosen,
                progress,
                base=base,
                wrong=self.learned.wrong_pairs,
                unlabelled=self.unlabelled,
                is_over=is_over,
                tastes=self.tastes,
            )

        adapted = read_manifest(self.champion)["adapter"]["method"] != "none"
        if start == "champion" and not adapted:
            raise TrainingError(
                f"Version {self.champion.name} has no adapter to go on with: it was made of probes. Use --from scratch."
            )
        candidates = []
        if start != "scratch" and adapted:
            candidates.append(candidate(self.champion))
        # With no time left a second candidate would be no more than its probes.
        if start == "scratch" or not candidates or (start == "best" and not is_over()):
            candidates.append(candidate(None))
        return max(candidates, key=lambda trained: score(trained.best))

    def judge(self, folder: Path, gate: GateSettings | None, auto: bool, who: str) -> Outcome:
        """Hold the new version against the champion, keep the report, move the aliases."""
        name = folder.name
        self.registry.set_challenger(name)
        champion, challenger = measure_both(
            self.champion,
            folder,
            self.backbone,
            self.frozen,
            self.learned.rolling,
            self.domain.intents,
            documents_of(self.index),
        )
        verdict = judge(champion, challenger, gate)
        report = self.registry.folder / "reports" / name
        report.mkdir(parents=True, exist_ok=True)
        shown = side_by_side(champion, challenger) | {"verdict": verdict.to_dict()}
        (report / REPORT).write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
        (report / "report.json").write_text(
            json.dumps(challenger.frozen.report.to_dict(), indent=1) + "\n", encoding="utf-8"
        )
        if not verdict.passed:
            why = " ".join(verdict.reasons)
            return Outcome(name, verdict, False, f"Version {name} was refused; {self.champion.name} goes on. {why}")
        if not auto:
            reason = (
                f"Version {name} passed the gate and waits: switchboard promote {self.domain.name} {name} --why ..."
            )
            return Outcome(name, verdict, False, reason)
        why = f"It passed the gate. {verdict.reasons[0]}"
        if self.registry.follow(self.champion, name, who=who, why=why):
            return Outcome(
                name, verdict, True, f"Version {name} is in service in the place of {self.champion.name}. {why}"
            )
        reason = f"Version {name} passed the gate, but {self.champion.name} is not the champion any more: it waits."
        return Outcome(name, verdict, False, reason)
