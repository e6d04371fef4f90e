from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from agent.errors import TrainingError
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.storage import read_manifest
from agent.study import Order, study
from agent.teach import training_lock
from tests.agent.library import make_library, train_library

APP = "library"


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    return make_library(tmp_path, backbone=str(tiny_folder), device="cpu")


@pytest.fixture
def registry(settings: Settings) -> ModelRegistry:
    return ModelRegistry(settings.data, APP)


class Ear:
    """Hears what is said, and says when it is over: after the step ``last``."""

    def __init__(self, last: int | None = None) -> None:
        self.last = last
        self.steps: list[int] = []
        self.versions: list[str] = []

    def say(self, message: dict[str, Any]) -> None:
        if "step" in message:
            self.steps.append(message["step"])
        if "version" in message:
            self.versions.append(message["version"])

    def is_over(self) -> bool:
        return self.last in self.steps


def learn(settings: Settings, ear: Ear, *, adapter: bool = True) -> Ear:
    study(Order.parse(Order.of(settings, APP, adapter).json()), ear.say, ear.is_over)
    return ear


def method(registry: ModelRegistry) -> str:
    folder = registry.champion()
    assert folder is not None
    return str(read_manifest(folder)["adapter"]["method"])


def test_probes_come_first_then_an_adapter_then_nothing(settings: Settings, registry: ModelRegistry) -> None:
    assert learn(settings, Ear(), adapter=False).versions == ["1"]
    assert method(registry) == "none"
    ear = learn(settings, Ear())
    assert ear.versions == ["2"]
    assert ear.steps == list(range(1, len(ear.steps) + 1))
    assert method(registry) == "lora"
    assert not list((registry.folder / "checkpoint").iterdir())
    assert learn(settings, Ear()).versions == []


def test_a_training_goes_on_where_it_was_ended(settings: Settings, registry: ModelRegistry) -> None:
    learn(settings, Ear(), adapter=False)
    with pytest.raises(KeyboardInterrupt):
        learn(settings, Ear(last=2))
    ear = learn(settings, Ear())
    assert ear.steps[0] == 3
    assert ear.versions == ["2"]


def test_a_version_that_somebody_chose_meanwhile_stays(settings: Settings, registry: ModelRegistry) -> None:
    learn(settings, Ear(), adapter=False)
    with (settings.apps[0] / "examples.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": "how high is the fine", "intent": "fines"}) + "\n")
    learn(settings, Ear(), adapter=False)
    ear = Ear()

    def choose(message: dict[str, Any]) -> None:
        ear.say(message)
        registry.promote("1")

    study(Order.of(settings, APP, adapter=True), choose, ear.is_over)
    assert ear.steps
    assert ear.versions == []
    assert [v.name for v in registry.versions()] == ["1", "2", "3"]
    learn(settings, ear)
    champion = registry.champion()
    assert champion is not None
    assert champion.name == "1"


@pytest.fixture
def lock(registry: ModelRegistry) -> Iterator[threading.Event]:
    """Somebody else trains the app, until the event is set."""
    over, held = threading.Event(), training_lock(registry)
    closing = threading.Thread(target=lambda: (over.wait(), held.close()))
    closing.start()
    yield over
    over.set()
    closing.join()


def test_what_another_process_trained_is_not_trained_again(
    settings: Settings, registry: ModelRegistry, lock: threading.Event, tiny: Backbone
) -> None:
    train_library(settings, tiny)
    ear = Ear()
    waiting = threading.Event()

    def is_over() -> bool:
        waiting.set()
        return False

    learning = threading.Thread(target=study, args=(Order.of(settings, APP, True), ear.say, is_over))
    learning.start()
    assert waiting.wait(60)
    lock.set()
    learning.join()
    assert (ear.steps, ear.versions) == ([], [])
    assert [v.name for v in registry.versions()] == ["1"]


def test_waiting_for_another_process_can_be_ended(settings: Settings, lock: threading.Event) -> None:
    with pytest.raises(KeyboardInterrupt):
        study(Order.of(settings, APP, True), Ear().say, lambda: True)


def test_too_few_examples_are_named(settings: Settings, registry: ModelRegistry) -> None:
    rows = (settings.apps[0] / "examples.jsonl").read_text().splitlines()
    fines = [row for row in rows if json.loads(row)["intent"] == "fines"]
    kept = [row for row in rows if row not in fines[1:]]
    (settings.apps[0] / "examples.jsonl").write_text("\n".join(kept) + "\n")
    with pytest.raises(TrainingError, match="fines"):
        learn(settings, Ear())
    assert registry.champion() is None
