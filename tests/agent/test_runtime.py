from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import Settings
from agent.errors import (
    BadInputError,
    ConversationError,
    LockedError,
    ModelError,
    StoreError,
    TrainingError,
    UnknownAppError,
)
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.storage import load_model
from agent.runtime import Agent
from agent.schema import WhyOut
from agent.types import Feedback, Message, Reply
from agent.why import READ_TOGETHER, why
from tests.agent.library import make_library, train_library
from tests.agent.test_generator import says, server
from tests.conftest import make_backbone_folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("library"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def settings(trained: Settings, tmp_path: Path) -> Settings:
    """A copy of the trained app and its data, to be changed."""
    shutil.copytree(trained.data.parent, tmp_path, dirs_exist_ok=True)
    return Settings.load(env={}, apps=(tmp_path / "library",), data=tmp_path / "data", log_level="error")


@pytest.fixture
def agent(settings: Settings, tiny: Backbone) -> Iterator[Agent]:
    agent = Agent.open(settings, backbone=tiny, only="library")
    yield agent
    agent.close()


def say(agent: Agent, text: str, conversation: str | None = None, client: str = "ann") -> Message:
    return Message("library", text, client, conversation)


def test_a_question_is_answered_with_its_source(agent: Agent) -> None:
    reply = agent.reply(say(agent, "when do you open"))
    assert "I am a machine." in reply.text
    assert reply.why["intents"][0]["name"] == "hours"
    assert reply.model_version == "1"
    assert agent.passage("library", "opening#1").text.startswith("We open at nine.")
    assert [h.passage.id for h in agent.search("library", "when do you open", 1)] == ["opening#1"]


def test_a_turn_is_kept_whole(agent: Agent) -> None:
    reply = agent.reply(say(agent, "hello"))
    messages = agent.history(reply.conversation_id, "ann")
    assert [(m["role"], m["text"]) for m in messages] == [("user", "hello"), ("bot", reply.text)]
    assert agent.feedback(Feedback(reply.message_id, "ann", "down", reason="wrong"))
    assert not agent.feedback(Feedback(reply.message_id, "ann", "down", reason="wrong"))


def test_while_an_operator_holds_the_conversation_the_bot_is_silent(agent: Agent) -> None:
    conversation = agent.reply(say(agent, "a person please")).conversation_id
    assert agent.holder(conversation, "ann") == ("waiting", None)
    waiting = agent.reply(say(agent, "when do you open", conversation))
    assert waiting.text
    agent.inbox.take(conversation, "olga")
    agent.inbox.say(conversation, "olga", "Hello, I am Olga.")
    silent = agent.reply(say(agent, "when do you open", conversation))
    assert (silent.text, silent.route.kind, silent.model_version) == ("", "handoff", "1")
    said = agent.history(conversation, "ann", after=4)
    assert [(m["number"], m["role"], m["author"], m["text"]) for m in said] == [
        (5, "bot", "olga", "Hello, I am Olga."),
        (6, "user", "", "when do you open"),
    ]
    assert agent.holder(conversation, "ann") == ("person", "olga")
    with pytest.raises(ConversationError):
        agent.holder(conversation, "eve")
    agent.inbox.give_back(conversation, "olga", "")
    assert "We open at nine." in agent.reply(say(agent, "when do you open", conversation)).text


def test_feedback_that_names_what_the_app_has_not_is_refused_and_not_kept(agent: Agent) -> None:
    reply = agent.reply(say(agent, "when do you open"))
    with pytest.raises(BadInputError, match="no intent 'hour'"):
        agent.feedback(Feedback(reply.message_id, "ann", "intent", "hour"))
    assert agent.feedback(Feedback(reply.message_id, "ann", "intent", "hours"))
    assert agent.feedback(Feedback(reply.message_id, "ann", "wrong_passage", "opening#1"))
    kept = agent.store.file.read("SELECT kind, value FROM feedback ORDER BY id", [])
    assert [tuple(row.values()) for row in kept] == [("intent", "hours"), ("wrong_passage", "opening#1")]
    with pytest.raises(ConversationError):
        agent.feedback(Feedback(reply.message_id, "eve", "intent", "nonsense"))


def test_a_form_goes_on_after_a_restart(settings: Settings, tiny: Backbone) -> None:
    first = Agent.open(settings, backbone=tiny, only="library")
    asked = first.reply(say(first, "reserve a book"))
    assert asked.route.kind == "form"
    first.close()
    second = Agent.open(settings, backbone=tiny, only="library")
    then = second.reply(say(second, "1234", asked.conversation_id))
    assert then.route.kind == "form"
    assert then.why["slots"]["card"] == "C-1234"
    second.close()


def test_why_an_answer_was_given(agent: Agent) -> None:
    reply = agent.reply(say(agent, "i was charged a fine"))
    found = agent.why(reply.message_id, "ann")
    WhyOut.model_validate(found, extra="forbid")
    assert json.loads(json.dumps(found)) == found
    assert (found["text"], found["model_version"], found["note"]) == ("i was charged a fine", "1", "")
    assert found["intents"] == reply.why["intents"]
    assert found["nearest"][0] == {"text": "i was charged a fine", "intent": "fines", "cosine": 1.0}
    assert [n["cosine"] for n in found["nearest"]] == sorted((n["cosine"] for n in found["nearest"]), reverse=True)
    assert sorted(w["text"] for w in found["words"]) == ["a", "charged", "fine", "i", "was"]
    first = found["words"][0]
    rest = found["text"].replace(first["text"], "", 1).split()
    without = agent.predict("library", [" ".join(rest)])[0]
    fines = next(r.confidence for r in without.intents if r.name == "fines")
    assert first["weight"] == pytest.approx(reply.why["intents"][0]["confidence"] - fines, abs=2e-3)
    with pytest.raises(ConversationError):
        agent.why(reply.message_id, "eve")


def test_intents_that_the_app_has_no_longer_are_left_out(agent: Agent, settings: Settings) -> None:
    for name in ("domain.toml", "examples.jsonl"):
        file = settings.apps[0] / name
        text = file.read_text().replace("[intents.greeting]", "[intents.hello]")
        file.write_text(text.replace('"intent": "greeting"', '"intent": "hello"'))
    agent.reload("library")
    reply = agent.reply(say(agent, "hello there"))
    assert reply.model_version == "1"
    assert "greeting" not in [ranked["name"] for ranked in reply.why["intents"]]


def test_words_are_of_the_message_alone_and_that_is_said_where_it_matters(agent: Agent) -> None:
    reply = agent.reply(say(agent, "i was charged a fine"))
    turn = agent.store.turn(reply.message_id, "ann")
    first = turn.why["intents"][0]
    other = replace(turn, why={**turn.why, "intents": [{**first, "confidence": first["confidence"] - 0.2}]})
    registry = ModelRegistry(agent.settings.data, "library")
    notes = [why(t, agent.engine, registry, agent.backbone, 512)["note"] for t in (turn, other)]
    assert notes == ["", READ_TOGETHER]


def test_what_another_version_weighed_is_not_made_up(agent: Agent, settings: Settings) -> None:
    reply = agent.reply(say(agent, "hello"))
    registry = ModelRegistry(settings.data, "library")
    model = load_model(registry.version_folder("1"), agent.backbone)
    model.version = "2"
    agent.engine.swap("library", model)
    found = agent.why(reply.message_id, "ann")
    assert found["nearest"] is found["words"] is None
    assert "Version 1 gave this answer; version 2 serves now" in found["note"]
    assert found["intents"] == reply.why["intents"]


def test_past_conversations_outlive_a_restart_and_can_be_deleted(settings: Settings, tiny: Backbone) -> None:
    first = Agent.open(settings, backbone=tiny, only="library")
    reply = first.reply(say(first, "when do you open"))
    first.feedback(Feedback(reply.message_id, "ann", "up"))
    first.close()
    second = Agent.open(settings, backbone=tiny, only="library")
    [row] = second.conversations("ann", "library", 10)
    assert (row["id"], row["title"], row["turns"]) == (reply.conversation_id, "when do you open", 1)
    _, answer = second.history(row["id"], "ann")
    assert (answer["route"]["reason"], answer["why"], answer["judged"]) == (reply.route.reason, reply.why, "up")
    second.delete_conversation(row["id"], "ann")
    assert second.conversations("ann", None, 10) == []
    with pytest.raises(ConversationError):
        second.reply(say(second, "and now", reply.conversation_id))
    second.close()


def test_nobody_else_may_read_or_go_on(agent: Agent) -> None:
    reply = agent.reply(say(agent, "hello"))
    for action in (
        lambda: agent.reply(say(agent, "and now", reply.conversation_id, "eve")),
        lambda: agent.history(reply.conversation_id, "eve"),
        lambda: agent.delete_conversation(reply.conversation_id, "eve"),
        lambda: agent.feedback(Feedback(reply.message_id, "eve", "up")),
        lambda: agent.reply(say(agent, "and now", "no-such-conversation")),
    ):
        with pytest.raises(ConversationError):
            action()


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u202e", "a\ud800b", "x" * 3000])
def test_text_that_cannot_be_taken_leaves_no_trace(agent: Agent, text: str) -> None:
    with pytest.raises(BadInputError):
        agent.reply(say(agent, text))
    assert agent.store.counts()["conversations"] == 0


def test_another_apps_name_is_an_error_that_lists_those_there(agent: Agent) -> None:
    with pytest.raises(UnknownAppError, match="Available: library"):
        agent.reply(Message("shop", "hello", "ann"))


def test_a_disk_that_refuses_is_told_and_nothing_is_half_written(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    first = agent.reply(say(agent, "hello"))

    def refuse(*_: object) -> None:
        raise StoreError("There is no room left to store this, so nothing was kept.")

    monkeypatch.setattr(agent.store, "save_turn", refuse)
    with pytest.raises(StoreError, match="nothing was kept"):
        agent.reply(say(agent, "when do you open", first.conversation_id))
    assert len(agent.store.messages(first.conversation_id)) == 2


def test_many_at_once_get_their_own_answers(agent: Agent) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda i: agent.reply(say(agent, "hello", client=f"c{i}")), range(24)))
    assert len({r.conversation_id for r in replies}) == 24
    assert agent.store.counts()["messages"] == 48


def test_turns_of_one_conversation_do_not_overtake_each_other(agent: Agent) -> None:
    first = agent.reply(say(agent, "hello"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: agent.reply(say(agent, f"hello {i}", first.conversation_id)), range(10)))
    row = agent.store.conversation(first.conversation_id)
    assert row is not None
    assert row.turns == row.state["turns"] == 11


def test_an_app_without_a_model_says_what_to_run(settings: Settings, tiny: Backbone) -> None:
    shutil.rmtree(settings.data / "models")
    with pytest.raises(ModelError, match="switchboard train library"):
        Agent.open(settings, backbone=tiny, only="library")


def test_a_damaged_model_is_named(settings: Settings, tiny: Backbone) -> None:
    champion = ModelRegistry(settings.data, "library").champion()
    assert champion is not None
    content = bytearray((champion / "heads.safetensors").read_bytes())
    content[-1] ^= 1
    (champion / "heads.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"heads.safetensors is damaged"):
        Agent.open(settings, backbone=tiny, only="library")


def test_a_model_of_another_backbone_is_refused(settings: Settings, tmp_path: Path) -> None:
    other = Backbone.load(str(make_backbone_folder(tmp_path / "other", seed=5)), "cpu")
    with pytest.raises(ModelError, match="Train the app again"):
        Agent.open(settings, backbone=other, only="library")


def test_a_champion_that_does_not_read_as_it_did_is_refused_and_the_old_one_goes_on(
    agent: Agent, settings: Settings
) -> None:
    registry = ModelRegistry(settings.data, "library")
    other = registry.next_folder()
    shutil.copytree(registry.version_folder("1"), other)
    manifest = json.loads((other / "manifest.json").read_text())
    changed = manifest | {"version": other.name, "temperatures": {"intent": 50.0, "sentiment": 1.0}}
    (other / "manifest.json").write_text(json.dumps(changed))
    registry.promote(other.name)
    with pytest.raises(ModelError, match="otherwise than when it was saved"):
        agent.load_champion("library")
    assert agent.reply(say(agent, "when do you open")).model_version == "1"
    assert agent.ready()[1]["refused"] == {"library": "2"}
    registry.rollback(who="ann", why="it is damaged")
    agent.load_champion("library")
    assert agent.ready()[1]["refused"] == {}


def test_a_damaged_index_is_built_anew(settings: Settings, tiny: Backbone, caplog: pytest.LogCaptureFixture) -> None:
    for file in (settings.data / "index" / "library").rglob("*.faiss"):
        file.write_bytes(b"nonsense")
    agent = Agent.open(settings, backbone=tiny, only="library")
    assert "built anew" in caplog.text
    assert agent.search("library", "when do you open", 1)
    agent.close()


def test_a_broken_document_is_named_and_the_rest_is_served(
    settings: Settings, tiny: Backbone, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.apps[0] / "knowledge" / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing")
    agent = Agent.open(settings, backbone=tiny, only="library")
    assert "broken.pdf" in caplog.text
    assert agent.search("library", "when do you open", 1)
    agent.close()


def test_a_second_server_on_the_same_folder_is_refused(settings: Settings, tiny: Backbone) -> None:
    agent = Agent.open(settings, backbone=tiny, only="library", holder="http://127.0.0.1:7860")
    code = (
        "import sys\nfrom pathlib import Path\nfrom agent.store import Store\n"
        "Store.open(Path(sys.argv[1])).lock('http://127.0.0.1:7861')"
    )
    second = subprocess.run(
        [sys.executable, "-c", code, str(settings.data)], capture_output=True, text=True, check=False
    )
    agent.close()
    assert second.returncode != 0
    assert LockedError.__name__ in second.stderr
    assert "127.0.0.1:7860" in second.stderr


def test_a_first_start_trains_what_has_no_model(settings: Settings, tiny: Backbone) -> None:
    shutil.rmtree(settings.data / "models")
    asked: list[str] = []

    def teach(domain: object, *_: object) -> Path:
        asked.append(domain.name)  # type: ignore[attr-defined]
        return train_library(settings, tiny)

    agent = Agent.open(settings, backbone=tiny, only="library", untrained=teach)
    assert asked == ["library"]
    assert agent.ready()[0]
    agent.close()


def test_an_intent_without_examples_is_named(tmp_path: Path, tiny: Backbone) -> None:
    settings = make_library(tmp_path)
    path = settings.apps[0] / "examples.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kept = [r for r in rows if r["intent"] != "fines"] + [{"text": "the fine", "intent": "fines"}]
    path.write_text("".join(json.dumps(r) + "\n" for r in kept))
    with pytest.raises(TrainingError, match="Too few examples .* of: fines"):
        train_library(settings, tiny)


@pytest.fixture
def generating(settings: Settings, tiny: Backbone) -> Iterator[Agent]:
    """The agent with a generator whose server says the right sentence and an invented one."""
    said = "We open at nine. We pay you 500 euros."
    with server(says(said)) as url:
        with_generator = replace(settings, generator_url=url, generator_model="m", generator_key="sk-not-to-be-seen")
        agent = Agent.open(with_generator, backbone=tiny, only="library")
        yield agent
        agent.close()


def test_a_generated_answer_is_streamed_checked_and_kept(generating: Agent, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    *pieces, reply = generating.reply_stream(say(generating, "when do you open"))
    assert isinstance(reply, Reply)
    assert "We open at nine. [1]" in reply.text
    assert "".join(map(str, pieces)) == reply.text
    assert "500" not in reply.text
    assert reply.citations
    assert reply.why["generator"]["used"]
    assert generating.history(reply.conversation_id, "ann")[-1]["text"] == reply.text
    assert "sk-not-to-be-seen" not in caplog.text + json.dumps(generating.ready())


def test_what_a_stream_cannot_take_is_raised_at_its_first_piece(generating: Agent) -> None:
    with pytest.raises(BadInputError):
        next(generating.reply_stream(say(generating, "")))


def test_without_a_generator_the_stream_is_the_reply(agent: Agent) -> None:
    [reply] = agent.reply_stream(say(agent, "when do you open"))
    assert isinstance(reply, Reply)
    assert "generator" not in reply.why


def test_personal_data_is_masked_in_the_log(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    agent.reply(say(agent, "hello, i am ann@example.org"))
    assert "hello, i am [email]" in caplog.text
    assert "ann@example.org" not in caplog.text
