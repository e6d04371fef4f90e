"""The HTML of messages: complete, labelled, and closed to markup from outside."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from agent.types import Message, QuickReply, Reply, Route, RouteKind
from tests.ui.fake import SENTENCE, FakeAgent, citation, rows_of
from ui import thread
from ui.frame import frame, past_list, welcome
from ui.words import LANGUAGE_COOKIE, REASONS, WORDS, language_of

EN = WORDS["en"]
APP = FakeAgent(Path("nowhere")).apps()[0]
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
    html = thread.of_reply("k", answer(), APP, EN)
    assert html.count('class="citation"') == 2
    assert f"<mark>{SENTENCE}</mark>" in html
    assert 'href="#source-k-2"' in html
    assert 'id="source-k-2"' in html
    assert "/knowledge/support/returns%232?s=" in html
    Tags(html)


def test_a_reply_says_why_folded() -> None:
    html = thread.of_reply("k", answer(), APP, EN)
    assert '<details class="why"><summary>Why this answer</summary>' in html
    assert EN["why_answer"] in html
    assert "is clear enough (0.87, at least 0.55)" in html
    assert "return worn item" in html
    assert '<i style="width:12%"></i><b style="left:50%"></b>' in html
    assert "calm" in html
    assert "support-3" in html


@pytest.mark.parametrize("kind", get_args(RouteKind))
def test_every_kind_of_route_is_said_in_plain_words(kind: RouteKind) -> None:
    for words in WORDS.values():
        html = thread.of_reply("k", replace(answer(), route=Route(kind, "Reason.")), APP, words)
        assert words[f"why_{kind}"] in html


def test_why_leaves_out_what_is_not_known() -> None:
    bare = replace(answer(), why={}, route=Route("answer", "A greeting.", "greet"))
    html = thread.of_reply("k", bare, APP, EN)
    assert "A greeting." in html
    assert EN["why_understood"] not in html
    assert "<dl>" not in html


def test_a_reply_says_whether_reviews_changed_it() -> None:
    def shown(reviews: int, changed: bool) -> str:
        why = {"learned": {"reviews": reviews, "changed": changed}}
        return thread.of_reply("k", replace(answer(), why=why), APP, EN)

    assert EN["why_learned"] in shown(2, True)
    assert "and 2 reviewed since" in shown(2, True)
    assert EN["why_learned"] not in shown(2, False)
    assert "reviewed since" not in shown(0, False)


def test_quick_replies_say_their_text() -> None:
    html = thread.of_reply(
        "k", replace(answer(), quick_replies=(QuickReply("Track & trace", 'where "is" it'),)), APP, EN
    )
    assert 'data-say="where &quot;is&quot; it">Track &amp; trace</button>' in html


def test_every_reason_can_be_chosen_and_every_button_has_a_name() -> None:
    html = thread.of_reply("k", answer(), APP, EN)
    for reason in REASONS:
        assert f'value="{reason}"' in html
    for name in ("thumb-up", "thumb-down", "copy"):
        tag = html.split(f'class="icon {name}"')[1].split(">")[0]
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
    app["locale"] = MARKUP
    past = past_list([{"id": MARKUP, "title": MARKUP, "updated_at": MARKUP}], MARKUP, EN)
    for html in (
        thread.of_reply(MARKUP, reply, app, EN),
        thread.user_message("k", MARKUP, EN),
        thread.notice(MARKUP, MARKUP, MARKUP, EN),
        thread.remark(MARKUP, MARKUP),
        thread.typing(MARKUP, app, EN),
        frame(app, [app, app], past, "auto", EN),
        welcome(app, EN),
    ):
        assert "script" not in Tags(html).names
        assert "b" not in Tags(html).names


def test_a_source_elsewhere_is_not_linked() -> None:
    assert thread.passage_url(replace(citation(), url="https://evil.example/x")) == "#"
    assert thread.passage_url(replace(citation(), url="javascript:alert(1)")) == "#"


def test_the_sentence_is_named_in_the_address_once() -> None:
    bare = citation()
    assert thread.passage_url(bare) == f"/knowledge/support/returns%232?s={bare.start}-{bare.end}#sentence"
    assert thread.passage_url(replace(bare, url="/knowledge/a/b#1?s=1-2")) == "/knowledge/a/b%231?s=1-2#sentence"


def test_a_kept_conversation_looks_as_it_did() -> None:
    first, second = (rows_of("can i?", answer(), f"2026-11-24T{hour}:00.000+00:00") for hour in ("20:15", "21:15"))
    second[1]["judged"] = "down"
    html = thread.of_history([*first, *second], APP, EN)
    assert html.index("can i?") < html.index("Good news")
    assert html.count('class="citation"') == 4
    assert html.count('<details class="why">') == 2
    assert 'data-message-id="m1"' in html
    assert re.findall(r'thumb-(?:up|down)"[^>]* aria-pressed="(\w+)"', html) == ["false", "false", "false", "true"]
    # An hour of silence is said.
    assert html.count('class="moment"') == 2
    assert thread.of_history([*first, *first], APP, EN).count('class="moment"') == 1
    Tags(html)


def test_what_a_person_wrote_is_shown_as_text_under_their_name() -> None:
    asked, _ = rows_of("can i?", answer())
    said = asked | {"role": "bot", "number": 7, "author": "ann", "message_id": "p1", "text": "<b>**Yes**</b>"}
    html = thread.of_history([asked, said], APP, EN)
    assert "&lt;b&gt;**Yes**&lt;/b&gt;" in html
    assert 'data-key="person-p1" data-number="7"' in html
    assert html.endswith(thread.of_person(said, EN))
    assert "thumb-up" not in html
    Tags(html)


def test_what_the_app_says_has_the_apps_language_whatever_the_page_speaks() -> None:
    html = thread.of_reply("k", answer("where is it"), APP, WORDS["zh"]) + welcome(APP, WORDS["zh"])
    for part in ('class="text" lang="en-GB"', '<div lang="en-GB"><button type="button" class="quick-reply"'):
        assert part in html
    assert 'class="greeting" lang="en-GB"' in html


def test_one_app_offers_no_choice() -> None:
    apps = FakeAgent(Path("nowhere"), apps=2).apps()
    assert "<details" not in frame(apps[0], apps[:1], "", "auto", EN)
    both = frame(apps[0], apps, "", "auto", EN)
    assert 'href="/?app=finance"' in both
    assert both.count("aria-current") == 1


def test_an_apps_own_page_is_one_step_away() -> None:
    assert "own-page" not in frame(APP, [APP], "", "auto", EN)
    html = frame({**APP, "page": "/desk"}, [APP], "", "auto", EN)
    assert f'<a class="own-page" href="/desk">{EN["own_page"]}</a>' in html


def test_what_was_chosen_is_pressed() -> None:
    html = frame(APP, [APP], "", "dark", WORDS["zh"])
    assert re.findall(r'data-value="(\w+)"[^>]*aria-pressed="true"', html) == ["zh", "dark"]


def test_no_past_is_said() -> None:
    assert EN["past_none"] in past_list([], None, EN)


def test_every_language_has_the_same_words() -> None:
    for words in WORDS.values():
        assert words.keys() == EN.keys()
        assert all(words.values())


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, "", "en"),
        (None, "zh-TW", "zh"),
        (None, "de-DE,de;q=0.9,zh;q=0.5,en;q=0.4", "zh"),
        (None, "en-US,en;q=0.9,zh;q=0.8", "en"),
        (None, "fr, ja;q=0.5", "en"),
        (None, "zh;q=much, en;q=0.1", "en"),
        (None, ";;,,q=1", "en"),
        ("zh", "en", "zh"),
        ("en", "zh", "en"),
        ("xx", "zh", "zh"),
    ],
)
def test_the_language_is_chosen_else_the_browsers_else_english(cookie: str | None, header: str, language: str) -> None:
    cookies = {} if cookie is None else {LANGUAGE_COOKIE: cookie}
    assert language_of(cookies, {"accept-language": header}) == language
