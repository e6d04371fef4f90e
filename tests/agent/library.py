"""The library app trained over the tiny backbone: a whole service in a second."""

from __future__ import annotations

import json
from pathlib import Path

from agent.apps import open_index
from agent.config import Settings
from agent.domain import Domain
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.model.backbone import Backbone
from agent.model.serving import open_version
from agent.teach import teach
from tests.agent.dialogue.small_app import make_app

TEXTS = {
    "loan_status": ["where is my book", "is my loan late", "where is my loan", "my book is late"],
    "reserve": ["keep a book for me", "i want to reserve", "reserve a book", "keep it for me"],
    "hours": ["when do you open", "what time do you close", "are you open", "open today"],
    "fines": ["how much is the fine", "why was i charged", "i was charged a fine", "the fine is wrong"],
    "person": ["a person please", "let me talk to a person", "person", "i want a person"],
    "greeting": ["hello", "hello you", "hi", "hello there"],
}


def make_library(tmp_path: Path, **settings: object) -> Settings:
    """The app in a folder beside an empty data folder, and settings that reach both."""
    folder = make_app(tmp_path)
    rows = [{"text": t, "intent": name} for name, texts in TEXTS.items() for t in texts]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "questions.jsonl").write_text(
        json.dumps({"text": "until when are you open", "article": "opening"}) + "\n"
    )
    (folder / "sentiment.jsonl").write_text(
        "".join(
            json.dumps({"text": t, "sentiment": s}) + "\n"
            for t, s in [
                ("great thanks", "positive"),
                ("awful", "negative"),
                ("the box", "neutral"),
                ("wrong and broken", "negative"),
            ]
        )
    )
    return Settings.load(env={}, apps=(folder,), data=tmp_path / "data", log_level="error", **settings)


def train_library(settings: Settings, tiny: Backbone) -> Path:
    """Train and promote a version, and export it; its folder."""
    domain = Domain.load(settings.apps[0])
    index = open_index(domain, settings.data, tiny)
    folder = teach(domain, index, tiny, settings, recipe(rank=4, epochs=30, batch_size=8, learning_rate=5e-3))
    ModelRegistry(settings.data, domain.name).promote(folder.name)
    open_version(folder, tiny)
    return folder
