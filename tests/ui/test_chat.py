"""The page's events, asked as Gradio asks them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.identity import Client
from agent.types import Feedback
from tests.ui.fake import FakeAgent
from ui.chat import Chat, update
from ui.words import WORDS

EN, ZH = WORDS["en"], WORDS["zh"]


def asked_by(
    client: str = "web:1", claimed: bool = True, app: str | None = None, language: str = "", cookies: Any = None
) -> Any:
    return SimpleNamespace(
        state=SimpleNamespace(client=Client(client, claimed)),
        query_params={"app": app} if app else {},
        headers={"accept-language": language},
        cookies=cookies or {},
    )


def read(sent: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.b64decode(sent))
    return decoded


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    return FakeAgent(tmp_path, apps=2)


@pytest.fixture
def chat(agent: FakeAgent) -> Chat:
    return Chat(agent)


def send(chat: Chat, text: Any, kept: Any = None, request: Any = None) -> list[tuple[Any, Any, Any]]:
    return list(chat.sent(text, {} if kept is None else kept, request or asked_by()))


def test_the_page_opens_with_greeting_examples_and_title(chat: Chat) -> None:
    sent, kept, *_ = chat.opened(None, asked_by())
    page = read(sent)
    assert (page["mode"], page["app"], page["title"]) == ("open", "support", "Ridge & Co. Support")
    assert "How can I help?" in page["html"]
    assert page["html"].count('class="example"') == 3
    assert kept == {}


def test_the_address_chooses_the_app_and_an_unknown_one_is_the_first(chat: Chat) -> None:
    assert read(chat.opened({}, asked_by(app="finance"))[0])["app"] == "finance"
    assert read(chat.opened({}, asked_by(app="<nothing>"))[0])["app"] == "support"


def test_a_message_shows_at_once_and_then_its_reply_in_the_same_place(chat: Chat, agent: FakeAgent) -> None:
    (box, first, _), (_, second, kept) = send(chat, "can i return <worn> shoes?")
    waiting, answered = read(first), read(second)
    assert box == ""
    assert "can i return &lt;worn&gt; shoes?" in waiting["html"]
    assert 'class="message typing"' in waiting["html"]
    key = waiting["html"].split('data-key="bot-')[1].split('"')[0]
    assert f'data-key="bot-{key}"' in answered["html"]
    assert "bot-message" in answered["html"]
    assert kept == {"support": "c1"}
    [message] = agent.messages
    assert (message.app, message.client_id, message.claimed) == ("support", "web:1", True)


def test_a_conversation_goes_on_and_each_app_has_its_own(chat: Chat, agent: FakeAgent) -> None:
    kept = send(chat, "can i", {})[-1][2]
    kept = send(chat, "where is it", kept)[-1][2]
    kept = send(chat, "hello", kept, asked_by(app="finance"))[-1][2]
    assert [message.conversation_id for message in agent.messages] == [None, "c1", None]
    assert kept == {"support": "c1", "finance": "c3"}


@pytest.mark.parametrize("text", ["", "  \n ", None, 7, ["x"]])
def test_nothing_is_sent_for_nothing(chat: Chat, agent: FakeAgent, text: Any) -> None:
    assert len(send(chat, text)) == 1
    assert agent.messages == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("busy now", "Many people are asking at once."),
        ("often now", "You have asked very often."),
        ("full now", "There is no room left to store this"),
        ("rude now", "That message holds no text that can be read."),
    ],
)
def test_a_refusal_is_a_notice_with_a_remedy_that_gives_the_text_back(chat: Chat, text: str, message: str) -> None:
    _, (_, sent, _) = send(chat, text)
    html = read(sent)["html"]
    assert message in html
    assert f'data-restore="{text}"' in html
    assert f'class="retry" data-say="{text}"' in html
    assert "secret" not in html


def test_a_conversation_that_is_gone_gives_way_to_a_new_one(chat: Chat, agent: FakeAgent) -> None:
    _, (_, sent, kept) = send(chat, "can i", {"support": "gone"})
    html = read(sent)["html"]
    assert EN["moved_on"] in html
    assert html.index(EN["moved_on"]) < html.index("bot-message")
    assert kept == {"support": "c1"}


def test_a_reload_shows_the_conversation_to_its_own_client_alone(chat: Chat, agent: FakeAgent) -> None:
    kept = send(chat, "can i return shoes")[-1][2]
    mine, still, *_ = chat.opened(kept, asked_by())
    theirs, dropped, *_ = chat.opened(kept, asked_by("web:2"))
    assert "can i return shoes" in read(mine)["html"]
    assert still == kept
    assert "can i return shoes" not in read(theirs)["html"]
    assert dropped == {}


@pytest.mark.parametrize("kept", [None, 7, [], "c1", {"support": 5}, {"support": {"$ne": ""}}])
def test_what_the_browser_keeps_is_not_trusted(chat: Chat, agent: FakeAgent, kept: Any) -> None:
    assert read(chat.opened(kept, asked_by())[0])["mode"] == "open"
    send(chat, "can i", kept)
    assert agent.messages[-1].conversation_id is None


def test_a_new_conversation_forgets_the_old_one_of_this_app_alone(chat: Chat) -> None:
    sent, kept = chat.restarted({"support": "c1", "finance": "c2"}, asked_by())
    assert kept == {"finance": "c2"}
    assert 'class="example"' in read(sent)["html"]


def test_the_page_speaks_the_browsers_language_until_another_is_chosen(chat: Chat) -> None:
    for request, words in (
        (asked_by(language="zh-CN,zh;q=0.9,en;q=0.8"), ZH),
        (asked_by(language="zh-CN,zh;q=0.9", cookies={"switchboard_language": "en"}), EN),
        (asked_by(cookies={"switchboard_language": "zh"}), ZH),
    ):
        sent, _, box, button, hint = chat.opened({}, request)
        page = read(sent)
        assert words["new"] in page["frame"]
        assert json.loads(page["words"])["failed"] == words["failed"]
        assert (box["placeholder"], button["value"], hint) == (words["placeholder"], words["send"], words["hint"])


def test_a_refusal_is_told_in_the_persons_language(chat: Chat) -> None:
    _, (_, sent, _) = send(chat, "busy now", request=asked_by(language="zh"))
    assert ZH["busy"] in read(sent)["html"]


def test_the_first_message_of_a_conversation_says_when(chat: Chat) -> None:
    first = send(chat, "can i")
    assert 'class="moment"' in read(first[0][1])["html"]
    assert 'class="moment"' not in read(send(chat, "where", first[-1][2])[0][1])["html"]


def test_past_conversations_are_listed_and_the_one_shown_is_marked(chat: Chat) -> None:
    first = send(chat, "can i <return>")[-1]
    second = send(chat, "where is it")[-1]
    past = read(second[1])["past"]
    assert past.index("where is it") < past.index("can i &lt;return&gt;")
    assert 'data-conversation="c2" aria-current=true' in past
    sent, kept = chat.chosen("c1", second[2], asked_by())
    page = read(sent)
    assert kept == first[2]
    assert "Good news" in page["html"]
    assert 'data-conversation="c1" aria-current=true' in page["past"]


@pytest.mark.parametrize("conversation", ["c9", "", None, 7, {"a": 1}])
def test_what_cannot_be_shown_leads_to_a_new_conversation_or_leaves_the_old(chat: Chat, conversation: Any) -> None:
    kept = send(chat, "can i")[-1][2]
    sent, after = chat.chosen(conversation, kept, asked_by())
    assert read(sent)["mode"] == "reset"
    assert after == ({} if isinstance(conversation, str) else {"support": "c1"})


def test_the_shown_conversation_is_deleted_and_gives_way_to_a_new_one(chat: Chat, agent: FakeAgent) -> None:
    kept = send(chat, "can i")[-1][2]
    sent, after = chat.deleted("c1", kept, asked_by())
    page = read(sent)
    assert (page["mode"], page["said"], after) == ("reset", EN["deleted"], {})
    assert "can i" not in page["html"] + page["past"]
    assert agent.kept == {}


def test_deleting_another_conversation_leaves_the_shown_one(chat: Chat) -> None:
    send(chat, "can i")
    kept = send(chat, "where is it")[-1][2]
    sent, after = chat.deleted("c1", kept, asked_by())
    page = read(sent)
    assert (page["mode"], after) == ("listed", {"support": "c2"})
    assert "can i" not in page["past"]
    assert "where is it" in page["past"]


def test_nobody_deletes_anothers_conversation(chat: Chat, agent: FakeAgent) -> None:
    send(chat, "can i")
    sent, _ = chat.deleted("c1", {}, asked_by("web:2"))
    assert read(sent)["said"].startswith(EN["not_deleted"])
    assert "c1" in agent.kept


def test_thumbs_reach_the_agent_with_reason_and_comment(chat: Chat, agent: FakeAgent) -> None:
    send(chat, "can i")
    up = read(chat.judged(json.dumps({"message_id": "m1", "kind": "up"}), asked_by()))
    down = {"message_id": "m1", "kind": "down", "reason": "wrong", "comment": " it \x00 took longer "}
    said = read(chat.judged(json.dumps(down), asked_by()))
    assert agent.judged == [
        Feedback("m1", "web:1", "up"),
        Feedback("m1", "web:1", "down", reason="wrong", comment="it took longer"),
    ]
    assert (up["verdict"], said["verdict"], said["message_id"]) == ("up", "down", "m1")


def test_a_mark_for_the_conversation_reaches_the_agent(chat: Chat, agent: FakeAgent) -> None:
    send(chat, "can i")
    said = read(chat.judged('{"message_id": "m1", "kind": "csat", "value": "4"}', asked_by(language="zh")))
    assert agent.judged == [Feedback("m1", "web:1", "csat", "4")]
    assert (said["mode"], said["message_id"], said["verdict"]) == ("rated", "m1", "4")
    assert said["text"] == ZH["thanks_up"]
    refused = read(chat.judged('{"message_id": "unknown", "kind": "csat", "value": "4"}', asked_by()))
    assert (refused["mode"], refused["message_id"], refused["verdict"]) == ("rated", "unknown", "")
    assert refused["text"].startswith(EN["not_judged"])


@pytest.mark.parametrize(
    "signal",
    [
        "",
        "nonsense",
        "[]",
        "7",
        "null",
        '{"message_id": "m1"}',
        '{"message_id": "m1", "kind": "sideways"}',
        '{"message_id": 1, "kind": "up"}',
        '{"message_id": "m1", "kind": ["up"]}',
        '{"message_id": "m1", "kind": "up", "reason": {}}',
        '{"message_id": "m1", "kind": "down", "reason": "<b>"}',
        '{"message_id": "m1", "kind": "down", "comment": 4}',
        '{"message_id": "m1", "kind": "up", "value": "4"}',
        '{"message_id": "m1", "kind": "csat"}',
        '{"message_id": "m1", "kind": "csat", "value": "6"}',
        '{"message_id": "m1", "kind": "csat", "value": ["4"]}',
        '{"message_id": "unknown", "kind": "up"}',
        json.dumps({"message_id": "m1", "kind": "down", "comment": "x" * 501}),
    ],
)
def test_a_judgement_that_cannot_be_taken_says_so(chat: Chat, agent: FakeAgent, signal: str) -> None:
    send(chat, "can i")
    said = read(chat.judged(signal, asked_by()))
    assert said["verdict"] == ""
    assert said["text"].startswith(EN["not_judged"])
    assert agent.judged == []


def test_two_updates_of_the_same_content_differ() -> None:
    assert update("merge", "<p>x</p>") != update("merge", "<p>x</p>")
    assert read(update("merge", "é 漢"))["html"] == "é 漢"
