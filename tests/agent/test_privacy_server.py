"""What a client may do with its own data over HTTP, with a whole service behind it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from agent.backup import make_backup
from agent.config import Settings
from agent.model.backbone import Backbone
from agent.runtime import Agent
from agent.server import create_app
from agent.types import Prediction
from tests.agent.library import make_library, train_library
from tests.agent.serving import code_of
from tests.agent.test_privacy import holding, review

SECRET = "where is my book about Ottilie"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("server"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def agent(trained: Settings, tmp_path: Path, tiny: Backbone) -> Iterator[Agent]:
    shutil.copytree(trained.data.parent, tmp_path, dirs_exist_ok=True)
    settings = Settings.load(env={}, apps=(tmp_path / "library",), data=tmp_path / "data", log_level="error")
    agent = Agent.open(settings, backbone=tiny, only="library")
    yield agent
    agent.close()


def client_for(agent: Agent) -> TestClient:
    return TestClient(create_app(agent, with_ui=False), base_url="http://localhost")


def say(http: TestClient, text: str, **more: Any) -> Any:
    return http.post("/v1/messages", json={"app": "library", "text": text, **more})


def test_a_client_gets_and_erases_what_is_its_own(agent: Agent) -> None:
    ann, ben = client_for(agent), client_for(agent)
    said = say(ann, SECRET).json()
    say(ann, "no, the other one", conversation_id=said["conversation_id"])
    ann.post("/v1/feedback", json={"message_id": said["message_id"], "kind": "down", "comment": "not Ottilie's"})
    review(agent.store, said["conversation_id"], SECRET, message_id=said["message_id"], app="library")
    bens = say(ben, "when do you open").json()
    make_backup(agent.store.file)

    own = ann.get("/v1/me").json()
    assert [m["text"] for m in own["conversations"][0]["messages"] if m["role"] == "user"] == [
        SECRET,
        "no, the other one",
    ]
    assert [f["comment"] for f in own["feedback"]] == ["not Ottilie's"]
    assert "Ottilie" not in ben.get("/v1/me").text

    gone = ann.delete("/v1/me")
    assert (gone.status_code, gone.content) == (204, b"")
    assert holding(agent.settings.data, "Ottilie") == []
    assert ann.get("/v1/conversations").json() == {"conversations": []}
    assert [c["id"] for c in ben.get("/v1/conversations").json()["conversations"]] == [bens["conversation_id"]]


def test_the_service_goes_on_after_an_erasure_within_a_conversation(agent: Agent) -> None:
    ann = client_for(agent)
    said = say(ann, SECRET).json()
    assert ann.delete("/v1/me").status_code == 204
    late = say(ann, "and when do you open", conversation_id=said["conversation_id"])
    assert (late.status_code, code_of(late)) == (404, "unknown_conversation")
    answer = ann.post("/v1/feedback", json={"message_id": said["message_id"], "kind": "up"})
    assert code_of(answer) == "unknown_conversation"
    again = say(ann, "when do you open")
    assert again.status_code == 200
    assert say(ann, "hello", conversation_id=again.json()["conversation_id"]).status_code == 200
    assert agent.ready()[0]


def test_an_erasure_while_a_reply_is_made_leaves_nothing_of_it(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = client_for(agent)
    said = say(ann, "hello").json()
    predict = agent.engine.predict

    def interrupted(app: str, texts: Sequence[str], gone: Any = None) -> list[Prediction]:
        monkeypatch.undo()
        assert ann.delete("/v1/me").status_code == 204
        return predict(app, texts, gone)

    monkeypatch.setattr(agent.engine, "predict", interrupted)
    late = say(ann, SECRET, conversation_id=said["conversation_id"])
    assert (late.status_code, code_of(late)) == (404, "unknown_conversation")
    assert agent.store.counts()["messages"] == 0
    assert holding(agent.settings.data, "Ottilie") == []
    assert say(ann, "hello").status_code == 200


def test_a_held_client_is_told_so(agent: Agent) -> None:
    ann = client_for(agent)
    conversation = say(ann, SECRET).json()["conversation_id"]
    [row] = agent.store.file.read("SELECT client_id FROM conversations", [])
    agent.privacy.holds.add(row["client_id"], "eve", "case 17")
    for path in ("/v1/me", f"/v1/conversations/{conversation}"):
        answer = ann.delete(path)
        assert (answer.status_code, code_of(answer)) == (409, "held")
        assert "case 17" not in answer.text
    assert agent.store.counts()["messages"] == 2


def test_one_conversation_is_deleted_with_what_was_learned_from_it(agent: Agent) -> None:
    ann = client_for(agent)
    kept, gone = say(ann, "hello").json(), say(ann, SECRET).json()
    make_backup(agent.store.file)
    assert client_for(agent).delete(f"/v1/conversations/{gone['conversation_id']}").status_code == 404
    assert ann.delete(f"/v1/conversations/{gone['conversation_id']}").status_code == 204
    assert holding(agent.settings.data, "Ottilie") == []
    assert [c["id"] for c in ann.get("/v1/conversations").json()["conversations"]] == [kept["conversation_id"]]


def test_replies_and_judgements_are_counted_for_prometheus(agent: Agent) -> None:
    ann = client_for(agent)
    said = say(ann, "when do you open").json()
    for _ in range(2):
        ann.post("/v1/feedback", json={"message_id": said["message_id"], "kind": "up"})
    answer = ann.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert f'switchboard_replies_total{{app="library",route="{said["route"]["kind"]}"}} 1.0' in lines
    assert 'switchboard_reply_seconds_count{app="library"} 1.0' in lines
    assert 'switchboard_feedback_total{kind="up"} 1.0' in lines
    assert 'switchboard_model{app="library",version="1"} 1.0' in lines
    assert 'switchboard_open_alerts{app="library"} 0.0' in lines
    assert "switchboard_waiting 0.0" in lines


def test_the_monitor_reads_what_the_service_kept(agent: Agent) -> None:
    ann = client_for(agent)
    for text in ("when do you open", "hello", "the moon landing is fake"):
        say(ann, text)
    figures = agent.monitor.figures("library")
    assert figures["turns"] == 3
    assert figures["drift"]["version"] == "1"
    assert figures["drift"]["turns"] == 3
    rows = agent.store.file.read("SELECT distance FROM turn_figures", [])
    assert all(0 <= row["distance"] <= 2 for row in rows)
    far = agent.monitor.far("library")
    assert far == sorted(far, key=lambda row: -row["distance"])
