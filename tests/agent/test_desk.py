"""The reviewers' side of a running service, over the small library app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import desk as desk_module
from agent.audit import AuditLog
from agent.config import Settings
from agent.desk import Listed, ReviewDesk, Section
from agent.domain import Domain
from agent.errors import BadInputError, ConversationError, UnknownAppError
from agent.learning.labels import Suggestion
from agent.learning.queue import Item
from agent.model.backbone import Backbone
from agent.reviewing import Wish
from agent.reviews import ReviewBook
from agent.runtime import Agent
from agent.types import Feedback, Message, Reply, Review
from tests.agent.library import make_library, train_library

DAY = "2020-01-01T00:00:00.000000+00:00"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Settings:
    settings = make_library(tmp_path_factory.mktemp("desk"))
    train_library(settings, tiny)
    return settings


@pytest.fixture
def agent(trained: Settings, tmp_path: Path, tiny: Backbone) -> Iterator[Agent]:
    shutil.copytree(trained.data.parent, tmp_path, dirs_exist_ok=True)
    settings = replace(trained, apps=(tmp_path / "library",), data=tmp_path / "data")
    agent = Agent.open(settings, backbone=tiny, only="library")
    yield agent
    agent.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is waited for until it is there, and worked out anew at once."""
    monkeypatch.setattr(desk_module, "WAIT_S", 60.0)
    monkeypatch.setattr("agent.refresher.REST", 0.0)


def ask(agent: Agent, text: str, client: str = "c", conversation: str | None = None) -> Reply:
    return agent.reply(Message("library", text, client, conversation))


def listed(agent: Agent, section: Section = "queue") -> list[Listed]:
    found, working = agent.desk.listed("library", section)
    assert not working
    return found


def texts(agent: Agent) -> list[str]:
    return [entry.candidate.text for entry in listed(agent) if isinstance(entry, Item)]


def review(reply: Reply | None = None, **decided: str) -> tuple[Review, list[str]]:
    decided = {"verdict": "corrected", "reviewer": "ann", "text": ""} | decided
    return Review(app="library", **decided), [reply.message_id] if reply else []  # type: ignore[arg-type]


def test_what_was_thumbed_down_stands_first_and_goes_when_it_is_decided(agent: Agent) -> None:
    replies = [ask(agent, text) for text in ("when do you open", "where is my book", "hello")]
    last = texts(agent)[-1]
    [wrong] = [
        reply
        for reply, text in zip(replies, ("when do you open", "where is my book", "hello"), strict=True)
        if text == last
    ]
    agent.feedback(Feedback(wrong.message_id, "c", "down"))
    assert texts(agent)[0] == last
    ids = agent.desk.decide(*review(wrong, intent="fines"))
    assert last not in texts(agent)
    agent.desk.undo("library", ids, "ann")
    assert texts(agent)[0] == last


def test_whoever_learns_is_told_of_every_change(agent: Agent) -> None:
    told: list[str] = []
    settings = agent.settings
    desk = ReviewDesk(
        agent.store, agent.engine, agent.backbone, settings, agent._app, agent.reload, lambda: told.append("x")
    )
    ids = desk.decide(*review(ask(agent, "hello"), intent="fines"))
    assert told == ["x"]
    desk.undo("library", ids, "ann")
    assert told == ["x", "x"]
    desk.close()


def test_a_reply_is_opened_with_its_conversation_feedback_and_passages(agent: Agent) -> None:
    first = ask(agent, "hello")
    opened = ask(agent, "until when are you open", conversation=first.conversation_id)
    ask(agent, "thanks", conversation=first.conversation_id)
    agent.feedback(Feedback(opened.message_id, "c", "down", reason="wrong", comment="no"))
    agent.desk.decide(*review(text="Until when are  you open", intent="hours"))
    found = agent.desk.open("library", opened.message_id)
    assert [m["text"] for m in found.messages if m["role"] == "user"] == ["hello", "until when are you open", "thanks"]
    assert found.feedback == [{"kind": "down", "value": "", "reason": "wrong", "comment": "no"}]
    assert [passage.document_id for passage, _ in found.offered] == ["opening"]
    assert [(r.reviewer, r.intent) for r in found.reviews] == [("ann", "hours")]


def test_of_a_long_conversation_what_lies_around_the_reply_is_shown(agent: Agent) -> None:
    replies = [ask(agent, "hello")]
    replies += [ask(agent, f"hello {n}", conversation=replies[0].conversation_id) for n in range(9)]
    numbers = [m["number"] for m in agent.desk.open("library", replies[5].message_id).messages]
    assert numbers == list(range(6, 15))  # the reply is number 12


@pytest.mark.parametrize(("app", "message"), [("library", "nothing"), ("nowhere", "nothing")])
def test_what_is_not_there_cannot_be_opened(agent: Agent, app: str, message: str) -> None:
    with pytest.raises(ConversationError if app == "library" else UnknownAppError):
        agent.desk.open(app, message)


def test_many_messages_are_decided_as_one_or_not_at_all(agent: Agent) -> None:
    replies = [ask(agent, text, client=text) for text in ("are you open", "hello you")]
    ids = [reply.message_id for reply in replies]
    decided, _ = review(intent="hours")
    with pytest.raises(ConversationError):
        agent.desk.decide(decided, [*ids, "nothing"])
    assert ReviewBook(agent.store.file).reviews("library") == []
    kept = agent.desk.decide(decided, ids)
    found = ReviewBook(agent.store.file).reviews("library")
    assert [(r.id, r.text, r.client_id) for r in found] == [
        (kept[0], "are you open", "are you open"),
        (kept[1], "hello you", "hello you"),
    ]


def test_names_that_the_app_has_not_are_refused(agent: Agent) -> None:
    with pytest.raises(BadInputError, match="There is no intent 'zebra'"):
        agent.desk.decide(*review(ask(agent, "hello"), intent="zebra"))


def test_only_an_admin_undoes_what_another_decided(agent: Agent) -> None:
    ids = agent.desk.decide(*review(text="hello", intent="hours"))
    with pytest.raises(BadInputError, match=f"no review {ids[0]} that you could undo"):
        agent.desk.undo("library", ids, "ben")
    agent.desk.undo("library", ids, "root", others=True)
    with pytest.raises(BadInputError):
        agent.desk.undo("library", ids, "root", others=True)


def test_the_day_counts_by_reviewer_and_lists_the_last(agent: Agent) -> None:
    for who, text in (("ann", "a"), ("ben", "b"), ("ann", "c")):
        agent.desk.decide(*review(text=text, reviewer=who, intent="hours"))
    counts, last = agent.desk.progress("library", DAY)
    assert (dict(counts), [r.text for r in last]) == ({"ann": 2, "ben": 1}, ["c", "b", "a"])
    assert agent.desk.progress("library", "2999-01-01T00:00:00.000000+00:00") == ({}, [])


def test_reviewers_who_disagree_are_told(agent: Agent) -> None:
    for who, intent in (("ann", "hours"), ("ben", "fines")):
        agent.desk.decide(*review(text="hello", reviewer=who, intent=intent))
    assert [(d.text, d.disputed) for d in agent.desk.disputed("library")] == [("hello", ("intent",))]


def test_a_wish_becomes_an_intent(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [ask(agent, text) for text in ("a tent", "the tent", "my tent", "tent", "tent please")]
    monkeypatch.setattr("agent.reviewing.outside", lambda found, reviews: found)
    monkeypatch.setattr("agent.learning.groups.LIKENESS", -1.0)
    [wish] = listed(agent, "wishes")
    assert isinstance(wish, Wish)
    agent.desk.add_intent("library", "tents", "a tent", "We lend no tents.", "ann")
    agent.desk.decide(review(intent="tents")[0], [m.message_id for m in wish.messages])
    assert {r.message_id for r in ReviewBook(agent.store.file).reviews("library")} == {r.message_id for r in replies}
    assert agent.domains["library"].intents["tents"].title == "a tent"
    assert listed(agent, "wishes") == []
    assert [(e.who, e.action, e.detail) for e in AuditLog(agent.store.file).entries()][-1] == (
        "ann",
        "add_intent",
        {"intent": "tents"},
    )


def test_an_intent_that_cannot_be_is_refused_and_the_file_stays(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = agent.domains["library"].folder
    before = (folder / "domain.toml").read_text()
    with pytest.raises(BadInputError) as refused:
        agent.desk.add_intent("library", "hours", "a", "b", "ann")
    assert refused.value.code == "name_taken"
    with pytest.raises(BadInputError) as refused:
        agent.desk.add_intent("library", "tents", "a", "{nobody} lends tents", "ann")
    assert refused.value.code == "bad_intent"
    monkeypatch.setattr("agent.new_intent.os.replace", _refuse)
    with pytest.raises(BadInputError, match="cannot be changed: Read-only file system"):
        agent.desk.add_intent("library", "tents", "a", "b", "ann")
    assert (folder / "domain.toml").read_text() == before
    assert set(Domain.load(folder).intents) == set(agent.domains["library"].intents)


def _refuse(source: Path, target: Path) -> None:
    raise OSError(30, "Read-only file system")


def test_a_label_that_was_reviewed_is_suggested_no_more(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Suggestion(0, "loan_status", "reserve", 40.0), Suggestion(1, "loan_status", "hours", 12.0)]
    monkeypatch.setattr("agent.reviewing.label_errors", lambda vectors, labels: found)
    assert [entry[0] for entry in listed(agent, "labels") if isinstance(entry, tuple)] == [
        "where is my book",
        "is my loan late",
    ]
    agent.desk.decide(*review(text="Where is my book", verdict="confirmed", intent="loan_status"))
    assert [entry[0] for entry in listed(agent, "labels") if isinstance(entry, tuple)] == ["is my loan late"]


def test_the_end_of_the_service_ends_what_is_worked_out(agent: Agent) -> None:
    ask(agent, "hello")
    agent.desk.close()
    with pytest.raises(RuntimeError):
        agent.desk.listed("library", "queue")
