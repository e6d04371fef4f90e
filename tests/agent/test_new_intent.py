from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.apps import open_index
from agent.config import Settings
from agent.database import DataFile
from agent.domain import Domain
from agent.domain_file import FILE_NAME
from agent.errors import BadInputError, DomainError
from agent.model.backbone import Backbone
from agent.new_intent import add_intent
from agent.reviews import ReviewBook
from agent.teach import intents_of, learning_data
from agent.types import Review
from tests.agent.library import make_library


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_library(tmp_path)


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.apps[0]


def test_a_new_intent_stands_behind_what_was_there_and_is_answered(folder: Path) -> None:
    before = (folder / FILE_NAME).read_text()
    add_intent(folder, "gift_wrap", 'wrapping a "gift"', "We do:\\ ask at the desk. Größe egal.")
    assert (folder / FILE_NAME).read_text().startswith(before.rstrip())
    domain = Domain.load(folder)
    intent = domain.intents["gift_wrap"]
    assert (intent.title, intent.route, intent.from_reviews) == ('wrapping a "gift"', "reply", True)
    assert domain.wordings("gift_wrap", "neutral") == ("We do:\\ ask at the desk. Größe egal.",)
    assert sorted(p.name for p in folder.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("name", "title", "reply", "told"),
    [
        ("hours", "the hours", "Nine.", "There is 'hours' in \\[intents\\] already"),
        ("about_fines", "fines", "None.", "There is 'about_fines' in \\[responses\\] already"),
        ("two words", "a", "b", "is no name"),
        ("x]\n[app", "a", "b", "is no name"),
        ("gifts", " ", "b", "needs a title and a reply"),
        ("gifts", "a", "", "needs a title and a reply"),
    ],
)
def test_what_cannot_be_an_intent_changes_nothing(folder: Path, name: str, title: str, reply: str, told: str) -> None:
    before = (folder / FILE_NAME).read_text()
    with pytest.raises(BadInputError, match=told):
        add_intent(folder, name, title, reply)
    assert (folder / FILE_NAME).read_text() == before


def test_a_file_that_would_have_mistakes_is_not_written(folder: Path) -> None:
    before = (folder / FILE_NAME).read_text()
    with pytest.raises(DomainError, match="placeholder"):
        add_intent(folder, "gifts", "a gift", "Ask {nobody}.")
    assert (folder / FILE_NAME).read_text() == before


def test_it_is_learned_once_reviews_have_taught_it(settings: Settings, folder: Path, tiny: Backbone) -> None:
    add_intent(folder, "gifts", "a gift", "We wrap them.")
    (folder / "test").mkdir()
    (folder / "test" / "examples.jsonl").write_text(json.dumps({"text": "wrap this", "intent": "hours"}) + "\n")
    domain = Domain.load(folder)
    index = open_index(domain, settings.data, tiny)
    file = DataFile.open(settings.data)
    book = ReviewBook(file)
    data = learning_data(domain, index, file, settings)
    assert "gifts" not in intents_of(domain, data.dataset)
    for text in ("wrap this", "do you wrap gifts"):
        book.add(Review("library", text, "corrected", "eve", intent="gifts"))
    assert "gifts" not in intents_of(domain, learning_data(domain, index, file, settings).dataset)
    book.add(Review("library", "a bow on it please", "corrected", "eve", intent="gifts"))
    book.add(Review("library", "no such thing", "corrected", "eve", intent="unheard_of"))
    data = learning_data(domain, index, file, settings)
    file.close()
    assert intents_of(domain, data.dataset) == list(domain.intents)
    assert [e.text for e in data.dataset.in_scope if e.intent == "gifts"] == ["do you wrap gifts", "a bow on it please"]
    assert [c.text for c in data.conflicts] == ["no such thing"]
