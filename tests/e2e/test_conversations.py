"""Ten of the support app's scripted conversations, typed into the page of a real server and read from what it shows."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from agent.dialogue.script_file import load_scripts
from agent.dialogue.scripts import Script
from agent.domain import Domain
from tests.conftest import ROOT
from tests.e2e.conftest import ask

pytestmark = pytest.mark.e2e
APP = ROOT / "apps" / "support"
# None of them depends on the day, nor changes an order that another one asks for.
WALKED = (
    "a parcel, asked for plainly",
    "two numbers that do not exist bring a person",
    "changes their mind while asked",
    "sizes",
    "account",
    "small talk stays short",
    "out of scope",
    "a person, at once",
    "the form makes room for a person",
    "delivered, but where",
)


def walked() -> list[Script]:
    scripts = {script.name: script for script in load_scripts(APP / "conversations", Domain.load(APP))}
    return [scripts[name] for name in WALKED]


@pytest.mark.parametrize("script", walked(), ids=lambda script: script.name)
def test_a_scripted_conversation_goes_the_same_way_in_the_browser(page: Page, script: Script) -> None:
    for turn in script.turns:
        answer = ask(page, turn.say)
        expect(answer).to_have_class(re.compile(rf"\broute-{turn.route}\b"))
        if turn.article is not None:
            links = answer.locator(".citation .origin a").all()
            pages = [unquote(link.get_attribute("href") or "") for link in links]
            assert any(page.startswith(f"/knowledge/support/{turn.article}#") for page in pages), (turn.say, pages)
        if turn.text is not None:
            expect(answer).to_contain_text(re.compile(turn.text, re.IGNORECASE))
        if turn.intent is not None and len(script.turns) == turn.number:
            answer.locator(".why summary").click()
            expect(answer.locator(".why .plainly")).to_be_visible()
    expect(page.locator(".user-message")).to_have_count(len(script.turns))
