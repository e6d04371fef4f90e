"""The loop in a browser: a wrong answer is thumbed down, reviewed, retrained, promoted, rolled back and undone.

A review is learned at once beside the version in service, and lastingly by the next version; the customer's panel "why
this answer" says which of the two it was. Rolling back takes a version back and nothing that a person decided: the
review goes on to correct the version of before, from beside it. Only once the review is undone too is the answer as
wrong as it was at first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from agent.background import Background
from agent.learning.reviewed import ROLLING_SHARE
from agent.model.backbone import Backbone
from agent.runtime import Agent
from agent.teach import first_version
from agent.text import fraction
from tests.agent.library import TEXTS, make_library
from tests.e2e.conftest import ask
from tests.e2e.console import PASSWORD, WAIT
from tests.e2e.service import free_port, serving
from ui.console.models_words import MODELS
from ui.console.review_words import REVIEW
from ui.words import WORDS

pytestmark = pytest.mark.e2e
APP = "library"
ASKED = "money late"
RIGHT = "Being late costs ten cents a day."
CHAT, REVIEWS, VERSIONS = WORDS["en"], REVIEW["en"], MODELS["en"]
LONG = 300_000
"""Milliseconds in which a retraining ends, however busy the machine is."""


@pytest.fixture
def agent(tmp_path: Path, tiny: Backbone, tiny_folder: Path) -> Iterator[Agent]:
    """The library app with its first version, whoever follows its reviews, and an admin."""
    settings = make_library(tmp_path, backbone=str(tiny_folder), device="cpu", rate_limit=0, unlabelled=0)
    folder = settings.apps[0]
    (folder / "knowledge" / "fines.md").write_text(f"---\ntitle: Fines\nintent: fines\n---\n{RIGHT}\n")
    (folder / "test").mkdir()
    frozen = [(f"{text} {end}", name) for name, texts in TEXTS.items() for text in texts for end in ("please", "now")]
    rows = [json.dumps({"text": text, "intent": name}) for text, name in frozen]
    (folder / "test" / "examples.jsonl").write_text("\n".join(rows))
    agent = Agent.open(settings, backbone=tiny, only=APP, untrained=first_version)
    background = Background(agent, adapters=False)
    background.start()
    agent.users.add("ann", PASSWORD, "admin", "test")
    yield agent
    background.close()
    agent.close()


@pytest.fixture
def address(agent: Agent) -> Iterator[str]:
    with serving(agent, free_port()) as address:
        yield address


def ask_to_teach(customer: Page, agent: Agent) -> Locator:
    """Ask in a conversation that is learned from: a fifth of them are kept out, to measure by."""
    while True:
        answer = ask(customer, ASKED)
        [row] = agent.store.file.read("SELECT id FROM conversations ORDER BY begun_at DESC LIMIT 1", [])
        if fraction(row["id"]) >= ROLLING_SHARE:
            return answer
        customer.locator("#side .new").click()
        expect(customer.locator(".bot-message")).to_have_count(0)


def expect_answer(customer: Page, *, right: bool, version: str, learned_beside: bool) -> None:
    """Ask the same question anew; the panel says who answered."""
    answer = ask(customer, ASKED)
    if right:
        expect(answer).to_contain_text(RIGHT)
    else:
        expect(answer).not_to_contain_text(RIGHT)
    why = answer.locator(".why")
    why.locator("summary").click()
    expect(why.locator(".fine code")).to_have_text(version)
    expect(why.get_by_text(CHAT["why_learned"])).to_have_count(int(learned_beside))


def go(operator: Page, tab: str) -> None:
    operator.locator(f'#bar [data-tab="{tab}"]').click()


def expect_serving(operator: Page, version: str, quick: int | None) -> None:
    """The tab Models names the version in service, and how many reviews are learned beside it (None: none at all)."""
    expect(operator.locator(".strip h2")).to_have_text(VERSIONS["serves"].format(version=version), timeout=WAIT)
    news = operator.locator(".strip .now p")
    if quick is None:
        expect(news).not_to_contain_text(VERSIONS["quick_learned"].partition("} ")[2], timeout=WAIT)
    else:
        expect(news).to_contain_text(VERSIONS["quick_learned"].format(count=quick), timeout=WAIT)


def give_reason(operator: Page, reason: str) -> None:
    operator.locator("dialog.ask textarea").fill(reason)
    operator.locator("dialog.ask .primary").click()


def test_a_wrong_answer_is_put_right_for_good_and_taken_back(customer: Page, operator: Page, agent: Agent) -> None:
    answer = ask_to_teach(customer, agent)
    expect(answer).not_to_contain_text(RIGHT)
    answer.locator(".thumb-down").click()
    answer.locator(".reasons button[type=submit]").click()
    expect(answer.locator(".verdict")).to_have_text(CHAT["thanks"], timeout=WAIT)

    go(operator, "review")
    expect(operator.locator(".rows .row", has_text=ASKED)).to_contain_text(REVIEWS["feedback_down"], timeout=WAIT)
    operator.locator(".rows .row", has_text=ASKED).click()
    expect(operator.locator(".case h2")).to_have_text(ASKED)
    operator.keyboard.press("/")
    operator.keyboard.type("fines")
    operator.keyboard.press("Enter")
    expect(operator.locator(".rows .row", has_text=ASKED)).to_have_count(0)
    go(operator, "models")
    expect_serving(operator, "1", quick=1)
    expect_answer(customer, right=True, version="1", learned_beside=True)

    operator.locator(".retrain").click()
    expect(operator.locator(".progress .badge")).to_have_text(VERSIONS["state_done"], timeout=LONG)
    operator.get_by_role("button", name=VERSIONS["promote_version"].format(version="2")).click()
    give_reason(operator, "Customers ask what it costs to be late.")
    expect_serving(operator, "2", quick=0)
    expect_answer(customer, right=True, version="2", learned_beside=False)

    operator.locator(".roll-back").click()
    give_reason(operator, "The new version is to be looked at again.")
    expect_serving(operator, "1", quick=1)
    expect_answer(customer, right=True, version="1", learned_beside=True)

    go(operator, "review")
    # The day's decisions have to be there: the last of them is undone.
    expect(operator.locator(".day strong")).to_have_text("1", timeout=WAIT)
    operator.keyboard.press("u")
    expect(operator.locator(".day strong")).to_have_text("0", timeout=WAIT)
    go(operator, "models")
    expect_serving(operator, "1", quick=None)
    expect_answer(customer, right=False, version="1", learned_beside=False)
