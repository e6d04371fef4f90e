"""An app with items from its files and its users' events to a taste: what train and evaluate make of them."""

from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from pathlib import Path

import pytest

from agent.apps import open_index
from agent.config import Settings
from agent.database import DataFile
from agent.domain import Domain
from agent.errors import TrainingError
from agent.events import EventBook
from agent.learning import ranking_report
from agent.learning.retrain import recipe
from agent.learning.taste import TasteSettings
from agent.model.backbone import Backbone
from agent.model.items import ItemSpace
from agent.model.storage import load_taste
from agent.teach import evaluate_taste, tastes_of, teach
from tests.agent.learning.crowd import ITEMS, events
from tests.agent.library import make_library

WORDS = ("box", "tent", "boots", "card", "shop", "order", "parcel", "size")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The library with forty items, a text about two of them, and a crowd's events."""
    settings = make_library(tmp_path)
    rows = [
        {"id": f"i{n}", "title": f"Item {n}", "text": f"{WORDS[n % 8]} {WORDS[n // 8]} {n}", "category": "x"}
        for n in range(ITEMS)
    ]
    (settings.apps[0] / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = {"text": "a tent please", "items": ["i1"], "not": ["i2"]}
    (settings.apps[0] / "utterances.jsonl").write_text(json.dumps(asked) + "\n")
    with closing(DataFile.open(settings.data)) as file:
        book = EventBook(file)
        for user, own in events().items():
            book.add([dataclasses.replace(event, app="library", user=user) for event in own])
        stranger = dataclasses.replace(events()["u0"][0], app="library", user="x", item="gone")
        book.add([stranger])
    return settings


def test_what_a_taste_is_learned_from(settings: Settings, tiny: Backbone) -> None:
    domain = Domain.load(settings.apps[0])
    with closing(DataFile.open(settings.data)) as file:
        found = tastes_of(domain, tiny, file, settings)
    assert found is not None
    assert len(found.space) == ITEMS
    assert len(found.events) == 60, "the user who did nothing with an item that there is, is left out"
    assert [event.item for event in found.events["u0"]] == [event.item for event in events()["u0"]]
    assert [one.text for one in found.asked] == ["a tent please"]
    assert found.noticed == (1.0,)


def test_train_makes_a_version_with_a_taste(settings: Settings, tiny: Backbone) -> None:
    domain = Domain.load(settings.apps[0])
    index = open_index(domain, settings.data, tiny)
    folder = teach(domain, index, tiny, settings, recipe(rank=2, epochs=1))
    taste = load_taste(folder, ItemSpace(["i0"], tiny.encode(["box"])))
    assert taste is not None
    assert taste.learned.likes[0] > 0


def test_evaluate_measures_it_against_baselines(
    settings: Settings, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = dataclasses.replace(TasteSettings(), epochs=1)
    monkeypatch.setattr(ranking_report, "TasteSettings", lambda: quick)
    monkeypatch.setattr(Backbone, "load", lambda name, device: tiny)
    found = evaluate_taste(settings, "library")
    assert (found.users, found.items) == (60, ITEMS)
    assert "EASE with recency" in [line.name for line in found.lines]


def test_an_app_without_items_says_so(tmp_path: Path, tiny: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "load", lambda name, device: tiny)
    with pytest.raises(TrainingError, match="App 'library' has no items"):
        evaluate_taste(make_library(tmp_path), "library")
