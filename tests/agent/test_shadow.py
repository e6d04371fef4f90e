from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import Settings
from agent.errors import BusyError
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.storage import load_memory, load_model, save_model
from agent.runtime import Agent
from agent.shadow import MOST_WAITING, Shadow, ShadowBook, key
from agent.types import Message
from tests.agent.library import make_library, train_library

APP = "library"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    """The library app with the champion 1 and another version 2."""
    settings = make_library(tmp_path_factory.mktemp("shadow"))
    folder = train_library(settings, tiny)
    registry = ModelRegistry(settings.data, APP)
    save_model(load_model(folder, tiny), registry.next_folder(), memory=load_memory(folder))
    return settings


@pytest.fixture
def settings(trained: Settings, tmp_path: Path) -> Settings:
    """A data folder of the test's own."""
    shutil.copytree(trained.data, tmp_path / "data")
    return replace(trained, data=tmp_path / "data")


@pytest.fixture
def agent(settings: Settings, tiny: Backbone) -> Iterator[Agent]:
    """A service that nothing shadows yet."""
    agent = Agent.open(settings, backbone=tiny, only=APP)
    yield agent
    agent.close()


@pytest.fixture
def shadow(agent: Agent) -> Shadow:
    """Not started: each step is taken by the test."""
    return Shadow(agent.engine, agent.store.file, agent.backbone, (APP,))


def registry(agent: Agent) -> ModelRegistry:
    return ModelRegistry(agent.settings.data, APP)


def test_a_challenger_reads_along_without_answering(agent: Agent, shadow: Shadow) -> None:
    registry(agent).set_challenger("2")
    shadow.look()
    for text in ("when do you open", "where is my book"):
        reply = agent.reply(Message(APP, text, "ann"))
        assert reply.model_version == "1"
        shadow.read(APP, reply.message_id, text)
    summary = ShadowBook(agent.store.file).summary(APP, "2")
    assert (summary.messages, summary.agreed, summary.differences) == (2, 2, ())
    assert agent.ready()[0]


def test_differences_are_shown_with_their_texts_and_by_intent(agent: Agent) -> None:
    book = ShadowBook(agent.store.file)
    for text, other in (("when do you open", "fines"), ("are you open", None), ("where is my book", None)):
        reply = agent.reply(Message(APP, text, "ann"))
        [read] = agent.predict(APP, [text])
        [first, *rest] = read.intents
        changed = (replace(first, name=other or first.name), *rest)
        book.add(reply.message_id, replace(read, intents=changed, out_of_scope=0.0, model_version="2"))
        book.add(reply.message_id, replace(read, model_version="2"))  # the first reading stands
    with agent.store.file.transaction() as db:
        db.execute("UPDATE predictions SET out_of_scope = 0")
    summary = book.summary(APP, "2")
    assert (summary.messages, summary.agreed) == (3, 2)
    [difference] = summary.differences
    assert (difference["text"], difference["champion"], difference["challenger"]) == (
        "when do you open",
        "hours",
        "fines",
    )
    first_row = summary.intents[0]
    assert (first_row["intent"], first_row["messages"] - first_row["agreed"]) == ("hours", 1)
    assert book.summary(APP, "9").messages == 0


def test_one_takes_it_for_out_of_scope(agent: Agent) -> None:
    reply = agent.reply(Message(APP, "when do you open", "ann"))
    [read] = agent.predict(APP, ["when do you open"])
    outside = replace(read, out_of_scope=1.0, out_of_scope_threshold=0.5, model_version="2")
    ShadowBook(agent.store.file).add(reply.message_id, outside)
    [difference] = ShadowBook(agent.store.file).summary(APP, "2").differences
    assert (difference["champion"], difference["challenger"]) == ("hours", None)


def test_a_message_that_is_gone_leaves_nothing(agent: Agent) -> None:
    reply = agent.reply(Message(APP, "when do you open", "ann"))
    [read] = agent.predict(APP, ["when do you open"])
    agent.delete_conversation(reply.conversation_id, "ann")
    ShadowBook(agent.store.file).add(reply.message_id, read)
    assert ShadowBook(agent.store.file).summary(APP, "1").messages == 0


def test_what_is_on_trial_is_followed(agent: Agent, shadow: Shadow) -> None:
    assert key(APP) not in agent.engine.state().versions
    shadow.read(APP, "any", "nobody is on trial")
    registry(agent).set_challenger("2")
    shadow.look()
    assert agent.engine.version(key(APP)) == "2"
    registry(agent).promote("2")
    shadow.look()
    assert key(APP) not in agent.engine.state().versions


def test_a_damaged_challenger_is_told_once_and_the_service_goes_on(
    agent: Agent, shadow: Shadow, caplog: pytest.LogCaptureFixture
) -> None:
    registry(agent).set_challenger("2")
    (registry(agent).version_folder("2") / "heads.safetensors").write_bytes(b"x")
    shadow.look()
    shadow.look()
    assert caplog.text.count("cannot read along") == 1
    assert agent.reply(Message(APP, "when do you open", "ann")).model_version == "1"


def test_too_many_messages_are_dropped_and_none_waits(agent: Agent, shadow: Shadow) -> None:
    for number in range(MOST_WAITING + 3):
        shadow.offer(APP, str(number), "hello")
    assert shadow.dropped == 3


def test_a_busy_engine_drops_the_challengers_reading(
    agent: Agent, shadow: Shadow, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry(agent).set_challenger("2")
    shadow.look()

    def busy(*_: object) -> None:
        raise BusyError(9)

    monkeypatch.setattr(agent.engine, "predict", busy)
    shadow.read(APP, "any", "hello")
    assert shadow.dropped == 1


def test_a_service_with_the_setting_shadows_by_itself(settings: Settings, tiny: Backbone) -> None:
    ModelRegistry(settings.data, APP).set_challenger("2")
    agent = Agent.open(replace(settings, shadow=True), backbone=tiny, only=APP)
    assert agent.shadow is not None
    kept: list[str] = []
    whole = ShadowBook.add
    seen = threading.Event()

    class Book(ShadowBook):
        def add(self, message_id: str, prediction: object) -> None:
            whole(self, message_id, prediction)  # type: ignore[arg-type]
            kept.append(message_id)
            seen.set()

    agent.shadow._book = Book(agent.store.file)
    reply = agent.reply(Message(APP, "when do you open", "ann"))
    assert reply.model_version == "1"
    assert seen.wait(60)
    assert kept == [reply.message_id]
    assert ShadowBook(agent.store.file).summary(APP, "2").messages == 1
    agent.close()
