"""From an app's name to a trained or measured model: what the commands and the server's first start share."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from agent.apps import open_index, open_items
from agent.catalogue import load_catalogue
from agent.config import Settings
from agent.database import DataFile
from agent.domain import Domain, discover
from agent.errors import ModelError, TrainingError, UnknownAppError
from agent.events import EventBook
from agent.learning.data import Dataset, load_dataset
from agent.learning.propensity import propensities
from agent.learning.provisional import FIRST_EXAMPLES, first_model, probe_version
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import FEWEST_EXAMPLES, Recipe, Vectors, train_version
from agent.learning.reviewed import ReviewedData, with_reviews
from agent.learning.tastes import TasteData, load_asked
from agent.lock import TRAINING, FolderLock
from agent.model.backbone import Backbone
from agent.model.exported import ExportedModel
from agent.model.items import ItemSpace
from agent.model.memory import Memory
from agent.model.multitask import MultiTaskModel
from agent.model.serving import open_version
from agent.model.storage import load_model
from agent.progress import Bar, StepProgress
from agent.reviews import ReviewBook
from index.knowledge import KnowledgeIndex

if TYPE_CHECKING:
    from agent.learning.evaluate import Report
    from agent.learning.ranking_report import RankingReport


def domain_of(settings: Settings, name: str) -> Domain:
    """The app's domain. Raises UnknownAppError or DomainError."""
    found = discover(settings.apps)
    if name not in found:
        raise UnknownAppError(name, list(found))
    return Domain.load(found[name])


def dataset_of(domain: Domain, index: KnowledgeIndex, folder: Path) -> Dataset:
    """The examples in ``folder`` alone; a question's intent is the one in its article's front matter."""
    intents = {d.id: d.metadata["intent"] for d in index.documents() if "intent" in d.metadata}
    return load_dataset(folder, intents)


def frozen_test(domain: Domain, index: KnowledgeIndex) -> Dataset:
    """The examples that the app is measured by and that are never trained on: its folder ``test``."""
    return dataset_of(domain, index, domain.folder / "test")


def learning_data(domain: Domain, index: KnowledgeIndex, file: DataFile, settings: Settings) -> ReviewedData:
    """The app's own examples joined with its reviews: what everything that trains or measures it goes by."""
    book = ReviewBook(file)
    return with_reviews(
        dataset_of(domain, index, domain.folder),
        [*book.claims(domain.name), *book.reviews(domain.name)],
        settings=settings,
        frozen=[example.text for example in frozen_test(domain, index).examples],
        intents=domain.intents,
        documents={document.id for document in index.documents()},
    )


def intents_of(domain: Domain, dataset: Dataset) -> list[str]:
    """The app's intents as a model is to learn them: one that reviews alone teach, once it has enough examples."""
    counts = Counter(example.intent for example in dataset.in_scope)
    return [
        name for name, intent in domain.intents.items() if not intent.from_reviews or counts[name] >= FEWEST_EXAMPLES
    ]


def documents_of(index: KnowledgeIndex) -> dict[str, Vectors]:
    """Frozen vectors of the passages of each document, (P, D) each, by document id."""
    found: dict[str, list[Vectors]] = {}
    for passage in index.passages():
        found.setdefault(passage.document_id, []).append(index.vector(passage.id))
    return {document: np.stack(vectors) for document, vectors in found.items()}


def tastes_of(domain: Domain, backbone: Backbone, file: DataFile, settings: Settings) -> TasteData | None:
    """What the app's taste is learned from; None if the app has no items.

    Raises DomainError if its catalogue has mistakes, TrainingError if its utterances have.
    """
    catalogue = load_catalogue(domain.name, domain.folder, settings.data)
    if catalogue is None:
        return None
    with Bar(f"items {domain.name}", "items") as bar:
        index = open_items(domain.name, catalogue, settings.data, backbone, bar.update)
    book = EventBook(file)
    events = {u: [event for event in own if event.item in catalogue.row] for u, own in book.users(domain.name)}
    chosen = [(e.item, e.position) for own in events.values() for e in own if e.position is not None]
    noticed = propensities(book.exposures(domain.name), chosen)
    return TasteData(
        ItemSpace(index.ids, index.vectors),
        {user: own for user, own in events.items() if own},
        load_asked(domain.folder, catalogue.row),
        tuple(noticed),
    )


def training_lock(registry: ModelRegistry) -> FolderLock:
    """Taken while an app is trained, so that one process at a time does. Raises LockedError naming that one."""
    registry.folder.mkdir(parents=True, exist_ok=True)
    return FolderLock(registry.folder, f"training of {registry.app}", TRAINING)


def first_version(domain: Domain, index: KnowledgeIndex, backbone: Backbone, settings: Settings) -> Path:
    """An app's first version, in seconds: probes over the frozen backbone, fitted to a few examples of each intent.

    Raises TrainingError if an intent has too few examples.
    """
    registry = ModelRegistry(settings.data, domain.name)
    dataset = dataset_of(domain, index, domain.folder).sample(FIRST_EXAMPLES)
    intents = intents_of(domain, dataset)
    return probe_version(registry, first_model(backbone, dataset, intents), Memory.empty(), dataset, intents)


def teach(
    domain: Domain,
    index: KnowledgeIndex,
    backbone: Backbone,
    settings: Settings,
    recipe: Recipe | None = None,
) -> Path:
    """Train the app's next version with a progress bar. Raises TrainingError."""
    torch.set_num_threads(settings.threads)
    registry = ModelRegistry(settings.data, domain.name)
    dataset = dataset_of(domain, index, domain.folder)
    with closing(DataFile.open(settings.data)) as file:
        tastes = tastes_of(domain, backbone, file, settings)
    with StepProgress(f"train {domain.name}") as progress:
        return train_version(
            registry,
            backbone,
            dataset,
            intents_of(domain, dataset),
            documents_of(index),
            recipe or Recipe(),
            progress,
            tastes,
        )


def teach_app(settings: Settings, name: str, recipe: Recipe, *, fresh: bool, promote: bool) -> Path:
    """Train the app by name, from its documents to a version, and promote it if asked to."""
    began = time.monotonic()
    domain = domain_of(settings, name)
    backbone = Backbone.load(settings.backbone, settings.device)
    registry = ModelRegistry(settings.data, name)
    with Bar(f"index {name}", "texts") as bar:
        index = open_index(domain, settings.data, backbone, bar.update)
    with closing(training_lock(registry)):
        if fresh:
            shutil.rmtree(registry.folder / "checkpoint", ignore_errors=True)
        folder = teach(domain, index, backbone, settings, recipe)
        if promote:
            registry.promote(folder.name)
    print(f"{name}: version {folder.name}{' is in service' if promote else ''}, {time.monotonic() - began:.0f} s.")
    return folder


def load_champion(settings: Settings, name: str, version: str | None = None) -> MultiTaskModel:
    """A version of the app's model, merged; the champion by default. Raises ModelError if there is none."""
    return load_model(_version_folder(settings, name, version), _backbone(settings)).merge()


def serve_champion(settings: Settings, name: str) -> MultiTaskModel | ExportedModel:
    """The champion as the service runs it: what reads many texts the fastest. Raises ModelError if there is none."""
    return open_version(_version_folder(settings, name), _backbone(settings))


def _version_folder(settings: Settings, name: str, version: str | None = None) -> Path:
    domain_of(settings, name)
    registry = ModelRegistry(settings.data, name)
    folder = registry.version_folder(version) if version else registry.champion()
    if folder is None:
        raise ModelError(f"App '{name}' has no trained model in {settings.data}. Run: switchboard train {name}")
    return folder


def _backbone(settings: Settings) -> Backbone:
    torch.set_num_threads(settings.threads)
    return Backbone.load(settings.backbone, settings.device)


def evaluate_app(settings: Settings, name: str, version: str | None) -> tuple[Report, Path]:
    """Measure a version on the app's test split; the report and the folder where it belongs."""
    from agent.learning.evaluate import evaluate_model

    domain = domain_of(settings, name)
    model = load_champion(settings, name, version)
    index = open_index(domain, settings.data, model.backbone)
    report = evaluate_model(model, frozen_test(domain, index), documents_of(index))
    return report, ModelRegistry(settings.data, name).folder / "reports" / model.version


def evaluate_taste(settings: Settings, name: str) -> RankingReport:
    """Measure what is learned of users' tastes against baselines (see ``measure_taste``). Raises TrainingError if the
    app has no items, or too few events."""
    from agent.learning.ranking_report import measure_taste

    domain = domain_of(settings, name)
    torch.set_num_threads(settings.threads)
    backbone = Backbone.load(settings.backbone, settings.device)
    with closing(DataFile.open(settings.data)) as file:
        tastes = tastes_of(domain, backbone, file, settings)
    if tastes is None:
        raise TrainingError(f"App '{name}' has no items. Add an items.jsonl, or run: switchboard import")
    with StepProgress(f"taste {name}") as progress:
        return measure_taste(tastes.space, tastes.events, progress)
