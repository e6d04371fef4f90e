from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.background import Background
from agent.config import Settings
from agent.database import DataFile
from agent.errors import ModelError
from agent.follower import Follower
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.reviews import ReviewBook
from agent.runtime import Agent
from agent.server import create_app
from agent.teach import first_version
from agent.types import Message, Review, Verdict
from agent.why import LEARNED_SINCE
from tests.agent.library import make_library, train_library

APP = "library"
ASKED = "when do you open"


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    settings = make_library(tmp_path, backbone=str(tiny_folder), device="cpu")
    (settings.apps[0] / "knowledge" / "fines.md").write_text(
        "---\ntitle: Fines\nintent: fines\n---\nA fine is small.\n"
    )
    (settings.apps[0] / "test").mkdir()
    rows = [{"text": "what time do you open", "intent": "hours"}, {"text": "is it fine", "intent": "fines"}]
    (settings.apps[0] / "test" / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return settings


@pytest.fixture
def agent(settings: Settings, tiny: Backbone) -> Iterator[Agent]:
    agent = Agent.open(settings, backbone=tiny, only=APP, untrained=first_version)
    yield agent
    agent.close()


def review(text: str = ASKED, intent: str | None = "fines", verdict: Verdict = "corrected", **more: str) -> Review:
    return Review(APP, text, verdict, "olga", intent=intent, **more)


def follow(follower: Follower) -> None:
    """Look until there is nothing more to do."""
    while follower.look(APP):
        pass


def intent_of(agent: Agent, text: str = ASKED) -> str | None:
    return agent.predict(APP, [text])[0].intent


def test_a_review_is_learned_and_an_undone_one_forgotten(agent: Agent) -> None:
    follower, book = Follower(agent), ReviewBook(agent.store.file)
    follow(follower)
    assert (intent_of(agent), agent.quick(APP)) == ("hours", None)
    number = book.add(review())
    assert follower.look(APP), "the frozen test set has still to be read"
    assert intent_of(agent) == "fines"
    follow(follower)
    report = agent.quick(APP)
    assert report is not None
    assert (report["reviews"], report["checked"], report["held_back"]) == (1, True, ())
    assert report["accuracy_after"] >= report["accuracy_before"]
    assert intent_of(agent) == "fines"
    book.undo(number, "olga")
    follow(follower)
    assert (intent_of(agent), agent.quick(APP)) == ("hours", None)


def test_a_reply_says_what_was_learned(agent: Agent) -> None:
    follower = Follower(agent)
    before = agent.reply(Message(APP, ASKED, "ann"))
    assert before.why["learned"] == {"reviews": 0, "changed": False}
    ReviewBook(agent.store.file).add(review())
    follow(follower)
    after = agent.reply(Message(APP, ASKED, "ann"))
    assert after.why["learned"] == {"reviews": 1, "changed": True}
    assert after.model_version == before.model_version
    assert agent.why(before.message_id, "ann")["note"] == LEARNED_SINCE
    assert agent.why(after.message_id, "ann")["note"] == ""


def test_a_right_passage_comes_first_and_a_wrong_one_falls(agent: Agent) -> None:
    follower, book = Follower(agent), ReviewBook(agent.store.file)
    first, *_ = agent.search(APP, ASKED)
    [right] = {document.id for document in agent.index(APP).documents()} - {first.passage.document_id}
    book.add(review(intent=None, document=right, wrong_document=first.passage.document_id))
    follow(follower)
    found = agent.search(APP, ASKED)
    assert found[0].passage.document_id == right
    assert found[0].score == pytest.approx(1)
    assert all(hit.score < 0.01 for hit in found if hit.passage.document_id == first.passage.document_id)
    assert agent.reply(Message(APP, ASKED, "ann")).why["learned"] == {"reviews": 1, "changed": True}


def test_the_champion_that_somebody_chose_is_served_with_its_lessons(
    settings: Settings, agent: Agent, tiny: Backbone
) -> None:
    follower, registry = Follower(agent), ModelRegistry(settings.data, APP)
    ReviewBook(agent.store.file).add(review())
    follow(follower)
    train_library(settings, tiny)
    assert (registry.champion() or Path()).name == "2"
    follower.serve_champion(APP)
    [prediction] = agent.predict(APP, [ASKED])
    assert (prediction.model_version, prediction.intent, prediction.lessons) == ("2", "fines", 1)
    registry.promote("1")
    follow(follower)
    [prediction] = agent.predict(APP, [ASKED])
    assert (prediction.model_version, prediction.intent, prediction.lessons) == ("1", "fines", 1)
    assert (agent.quick(APP) or {})["version"] == "1"


def test_what_a_version_was_trained_on_is_dropped(settings: Settings, agent: Agent, tiny: Backbone) -> None:
    follower = Follower(agent)
    text = "my tent is broken"
    ReviewBook(agent.store.file).add(review(text))
    follow(follower)
    assert agent.engine.lessons(APP) is not None
    with (settings.apps[0] / "examples.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": text, "intent": "fines"}) + "\n")
    train_library(settings, tiny)
    follow(follower)
    report = agent.quick(APP) or {}
    assert (report["version"], report["reviews"], report["known"]) == ("2", 0, 1)
    assert agent.engine.lessons(APP) is None


def test_a_damaged_champion_is_named_once_and_the_service_goes_on(
    settings: Settings, agent: Agent, tiny: Backbone, caplog: pytest.LogCaptureFixture
) -> None:
    follower = Follower(agent)
    folder = train_library(settings, tiny)
    with (folder / "heads.safetensors").open("ab") as stream:
        stream.write(b"!")
    follow(follower)
    with pytest.raises(ModelError, match=r"heads\.safetensors"):
        follower.serve_champion(APP)
    ReviewBook(agent.store.file).add(review())
    follow(follower)
    assert caplog.text.count("heads.safetensors") == 1
    assert (agent.engine.version(APP), intent_of(agent)) == ("1", "fines")


def test_reviews_that_cannot_be_learned_are_no_obstacle(
    settings: Settings, agent: Agent, tiny: Backbone, caplog: pytest.LogCaptureFixture
) -> None:
    follower, book = Follower(agent), ReviewBook(agent.store.file)
    test_set = settings.apps[0] / "test" / "examples.jsonl"
    written = test_set.read_text()
    train_library(settings, tiny)
    test_set.write_text("no JSON\n")
    book.add(review())
    follow(follower)
    follow(follower)
    assert caplog.text.count("test/examples.jsonl:1") == 1
    assert (agent.engine.version(APP), agent.quick(APP)) == ("2", None)
    test_set.write_text(written)
    book.add(review("are you open"))
    follow(follower)
    assert (agent.quick(APP) or {})["reviews"] == 2


def test_a_review_in_a_running_service_is_answered_over_http(
    settings: Settings, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The review comes by another connection, as from another process; every thread of the service runs."""
    learned = threading.Event()
    teach = agent.engine.teach

    def taught(*what: Any) -> bool:
        done = teach(*what)
        if what[2] is not None:
            learned.set()
        return done

    monkeypatch.setattr(agent.engine, "teach", taught)
    background = Background(agent, adapters=False)
    background.start()
    try:
        with TestClient(create_app(agent, with_ui=False), base_url="http://localhost") as client:
            asked = {"app": APP, "text": ASKED}
            assert client.post("/v1/messages", json=asked).json()["why"]["intents"][0]["name"] == "hours"
            file = DataFile.open(settings.data)
            ReviewBook(file).add(review())
            file.close()
            assert learned.wait(60)
            reply = client.post("/v1/messages", json=asked).json()
            assert reply["why"]["intents"][0]["name"] == "fines"
            assert reply["why"]["learned"] == {"reviews": 1, "changed": True}
            why = client.get(f"/v1/messages/{reply['message_id']}/why").json()
            assert why["learned"] == reply["why"]["learned"]
    finally:
        background.close()
