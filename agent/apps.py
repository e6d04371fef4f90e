"""An app with all that answers for it: its domain, its knowledge index and its dialogue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.catalogue import FOLDER, Catalogue, load_catalogue
from agent.config import Settings
from agent.database import DataFile
from agent.dialogue.actions import load_actions
from agent.dialogue.dialogue import Dialogue
from agent.domain import Domain, discover
from agent.errors import UnknownAppError
from agent.items import texts_of
from agent.model.backbone import Backbone
from agent.model.frozen import FrozenEncoder
from agent.model.items import ItemSpace
from agent.model.taste import TasteModel
from agent.recommend import Recommender
from agent.types import Prediction
from index.items import ItemIndex
from index.knowledge import CANDIDATES, Encode, Hit, IndexDamagedError, KnowledgeIndex

log = logging.getLogger("switchboard")

Advance = Callable[[int, int], None]
"""Called with (done, total)."""

SAVE_EVERY = 512
"""Items whose vectors may be lost by a kill."""
PASSAGES = 5
"""Passages that a search brings to the dialogue."""


@dataclass(frozen=True, slots=True)
class App:
    """One app with all that answers for it."""

    domain: Domain
    index: KnowledgeIndex
    dialogue: Dialogue


def load_domains(settings: Settings, only: str | None = None) -> dict[str, Domain]:
    """The domains of all apps that ``settings`` reach (or of ``only``) by name, in the order of their places.

    Raises DomainError, UnknownAppError.
    """
    found = discover(settings.apps)
    if only is not None and only not in found:
        raise UnknownAppError(only, list(found))
    domains = [Domain.load(folder) for name, folder in found.items() if only in (None, name)]
    return {domain.name: domain for domain in sorted(domains, key=lambda domain: (domain.place, domain.name))}


def open_index(domain: Domain, data: Path, backbone: Backbone, progress: Advance | None = None) -> KnowledgeIndex:
    """The app's knowledge index, brought level with its knowledge folder.

    A damaged index, or one of another backbone, is named in the log and built anew.
    """
    folder = data / "index" / domain.name
    index = KnowledgeIndex(backbone.dimension, backbone.hash)
    if folder.exists():
        try:
            index = KnowledgeIndex.load(folder, backbone.hash)
        except IndexDamagedError as error:
            log.warning("%s It is built anew from the documents.", error)

    report = index.sync(domain.folder / "knowledge", _encoder(backbone, data), progress)
    for failure in report.failed:
        log.warning("%s: left out of the index: %s", domain.name, failure)
    if report.added or report.changed or report.removed or not folder.exists():
        index.save(folder)
    return index


def open_items(
    app: str, catalogue: Catalogue, data: Path, backbone: Backbone, progress: Advance | None = None
) -> ItemIndex:
    """The app's item index, brought level with its catalogue; what was embedded is kept every SAVE_EVERY items, so
    that whoever is stopped goes on from there.

    A damaged index, or one of another backbone, is named in the log and built anew.
    """
    folder = data / FOLDER / app / "index"
    index = ItemIndex(backbone.dimension, backbone.hash)
    if folder.exists():
        try:
            index = ItemIndex.load(folder, backbone.hash)
        except IndexDamagedError as error:
            log.warning("%s It is built anew from the catalogue.", error)
    encode = _encoder(backbone, data)
    texts = texts_of(catalogue.items)
    missing = index.missing(texts)
    for start in range(0, len(missing), SAVE_EVERY):
        later = set(missing[start + SAVE_EVERY :])
        index.sync({item: text for item, text in texts.items() if item not in later}, encode)
        index.save(folder)
        if progress is not None:
            progress(len(missing) - len(later), len(missing))
    if index.sync(texts, encode):  # nothing is left to embed, but items may have gone
        index.save(folder)
    return index


def open_recommender(
    domain: Domain,
    settings: Settings,
    backbone: Backbone,
    file: DataFile,
    predict: Callable[[str, Sequence[str]], list[Prediction]],
    before: Recommender | None = None,
    progress: Advance | None = None,
) -> Recommender | None:
    """What recommends the app's items; None if it has none. ``before`` is the one over its items as they were, whose
    model goes on. Raises DomainError if its catalogue has mistakes."""
    catalogue = load_catalogue(domain.name, domain.folder, settings.data)
    if catalogue is None:
        return None
    index = open_items(domain.name, catalogue, settings.data, backbone, progress)
    space = ItemSpace(index.ids, index.vectors)
    model = before.model.over(space) if before else TasteModel.untrained(space)

    def read(text: str) -> Prediction:
        return predict(domain.name, [text])[0]

    return Recommender(domain.name, catalogue, index, model, file, read, settings.explore / 100)


def _encoder(backbone: Backbone, data: Path) -> Encode:
    frozen = FrozenEncoder(backbone, data / "exports")
    return partial(frozen.encode, prompt="passage")


def build_app(domain: Domain, settings: Settings, index: KnowledgeIndex, backbone: Backbone) -> App:
    """An app's dialogue over its index."""
    dialogue = Dialogue(domain, load_actions(domain.folder), settings.data, is_word=backbone.is_word)
    return App(domain, index, dialogue)


def reranked(
    index: KnowledgeIndex, shifts: Mapping[str, float], text: str, vector: NDArray[np.float32], k: int
) -> list[Hit]:
    """The ``k`` best passages for a text, best first, after what reviews say of some documents.

    ``shifts`` says by document id how far its passages' scores go towards 1 (up to 1) or towards 0 (down to -1). A
    document that is not in the index any more is passed over.
    """
    raised = [document for document, shift in shifts.items() if shift > 0]
    fetched = index.search(text, vector, k, raised) if raised else []
    # Others may come into the places of those that fall.
    found = {hit.passage.id: hit for hit in (*index.search(text, vector, CANDIDATES), *fetched)}
    shifted = []
    for hit in found.values():
        shift = shifts.get(hit.passage.document_id, 0.0)
        score = hit.score + shift * (1 - hit.score if shift > 0 else hit.score)
        shifted.append(replace(hit, score=score))
    return sorted(shifted, key=lambda hit: -hit.score)[:k]
