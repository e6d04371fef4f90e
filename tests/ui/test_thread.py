"""The HTML of messages: complete, labelled, and closed to markup from outside."""

from __future__ import annotations

from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

from agent.types import Message, QuickReply, Reply, Route
from tests.ui.fake import SENTENCE, FakeAgent, citation
from ui import thread
from ui.words import REASONS, WORDS

EN = WORDS["en"]
MARKUP = '"><script>alert(1)</script>'


def answer(text: str = "can i return worn shoes?") -> Reply:
    return FakeAgent(Path("nowhere")).reply(Message("support", text, "web:1"))


class Tags(HTMLParser):
    """Collects tags and fails where they are not nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)
        if tag not in ("input", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_reply_has_its_numbered_sources_with_the_sentence_marked() -> None:
    html = thread.of_reply("k", answer(), EN)
    assert html.count('class="citation"') == 2
    assert f"<mark>{SENTENCE}</mark>" in html
    assert 'href="#source-k-2"' in html
    assert 'id="source-k-2"' in html
    assert "/knowledge/support/returns%232?s=" in html
    Tags(html)


def test_a_reply_says_why_folded() -> None:
    html = thread.of_reply("k", answer(), EN)
    assert '<details class="why"><summary>Why this answer</summary>' in html
    assert "is clear enough (0.87, at least 0.55)" in html
    assert "return worn item" in html
    assert "support-3" in html


def test_why_leaves_out_what_is_not_known() -> None:
    bare = replace(answer(), why={}, route=Route("reply", "A greeting.", "greet"))
    html = thread.of_reply("k", bare, EN)
    assert "A greeting." in html
    assert EN["why_understood"] not in html
    assert EN["why_decided"] not in html


def test_quick_replies_say_their_text() -> None:
    html = thread.of_reply("k", replace(answer(), quick_replies=(QuickReply("Track & trace", 'where "is" it'),)), EN)
    assert 'data-say="where &quot;is&quot; it">Track &amp; trace</button>' in html


def test_every_reason_can_be_chosen_and_every_button_has_a_name() -> None:
    html = thread.of_reply("k", answer(), EN)
    for reason in REASONS:
        assert f'value="{reason}"' in html
    for name in ("thumb-up", "thumb-down", "copy"):
        tag = html.split(f'class="{name}"')[1].split(">")[0]
        assert "aria-label=" in tag


def test_markup_from_outside_stays_text() -> None:
    cited = replace(citation(), title=MARKUP, source=MARKUP, text=MARKUP, start=0, end=3, url='/knowledge/x/"><b>')
    reply = replace(
        answer(),
        text=MARKUP,
        message_id=MARKUP,
        model_version=MARKUP,
        route=Route("answer", MARKUP),
        citations=(cited,),
        quick_replies=(QuickReply(MARKUP, MARKUP),),
        why={"intents": [{"name": MARKUP, "confidence": 0.5}], "sentiment": {MARKUP: 1.0}},
    )
    app = {"name": MARKUP, "title": MARKUP, "description": MARKUP, "greeting": MARKUP, "examples": [MARKUP]}
    for html in (
        thread.of_reply(MARKUP, reply, EN),
        thread.user_message("k", MARKUP, EN),
        thread.notice(MARKUP, MARKUP, MARKUP, MARKUP, EN),
        thread.remark(MARKUP, MARKUP),
        thread.typing(MARKUP, EN),
        thread.header(app, [app, app], EN),
        thread.welcome(app, EN),
    ):
        assert "script" not in Tags(html).names
        assert "b" not in Tags(html).names


def test_a_source_elsewhere_is_not_linked() -> None:
    assert thread.passage_url(replace(citation(), url="https://evil.example/x")) == "#"
    assert thread.passage_url(replace(citation(), url="javascript:alert(1)")) == "#"


def test_the_sentence_is_named_in_the_address_once() -> None:
    bare = citation()
    assert thread.passage_url(bare) == f"/knowledge/support/returns%232?s={bare.start}-{bare.end}"
    assert thread.passage_url(replace(bare, url="/knowledge/a/b#1?s=1-2")) == "/knowledge/a/b%231?s=1-2"


def test_a_kept_conversation_looks_as_it_did() -> None:
    reply = answer()
    rows = [
        {"role": "user", "text": "can i?", "message_id": "u", "citations": [], "quick_replies": []},
        {
            "role": "bot",
            "text": reply.text,
            "message_id": "m1",
            "citations": [asdict(part) for part in reply.citations],
            "quick_replies": [{"title": "A", "text": "b"}],
        },
    ]
    html = thread.of_history(rows, EN)
    assert html.index("can i?") < html.index("Good news")
    assert html.count('class="citation"') == 2
    assert 'data-message-id="m1"' in html
    assert 'class="quick-reply"' in html


def test_one_app_offers_no_choice() -> None:
    apps = FakeAgent(Path("nowhere"), apps=2).apps()
    assert "<details" not in thread.header(apps[0], apps[:1], EN)
    both = thread.header(apps[0], apps, EN)
    assert 'href="/?app=finance"' in both
    assert both.count("aria-current") == 1


def test_every_language_has_the_same_words() -> None:
    for words in WORDS.values():
        assert words.keys() == EN.keys()
        assert all(words.values())
