"""A wrong answer, from the customer's thumb to the operator's key, in two browsers over a service with a tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from agent.model.backbone import Backbone
from agent.reviews import ReviewBook
from agent.runtime import Agent
from agent.types import Feedback, Message, Reply
from tests.agent.library import make_library, train_library
from tests.e2e.console import PASSWORD, PHONE, WAIT, WIDE, browsing, no_violations, say
from tests.e2e.service import free_port, serving
from ui.console.review_words import REVIEW

pytestmark = pytest.mark.e2e
EN = REVIEW["en"]
SAID = ("where is my book", "are you open", "a person please", "how much is the fine")


@pytest.fixture
def agent(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Iterator[Agent]:
    settings = make_library(tmp_path_factory.mktemp("review"), rate_limit=0)
    train_library(settings, tiny)
    agent = Agent.open(settings, backbone=tiny, only="library")
    agent.users.add("ann", PASSWORD, "operator", "test")
    for text in SAID:
        ask(agent, text)
    yield agent
    agent.close()


@pytest.fixture
def address(agent: Agent) -> Iterator[str]:
    with serving(agent, free_port()) as address:
        yield address


def ask(agent: Agent, text: str) -> Reply:
    return agent.reply(Message("library", text, f"client of {text}"))


def open_review(page: Page, address: str) -> None:
    page.goto(f"{address}/console/review")
    page.locator("#name").fill("ann")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".rows .row").first).to_be_visible(timeout=WAIT)


def kept(agent: Agent) -> list[tuple[str, str, str | None]]:
    return [(r.text, r.verdict, r.intent) for r in ReviewBook(agent.store.file).reviews("library")]


def test_a_thumb_down_is_reviewed_with_one_key_and_undone_with_another(
    browser: Browser, agent: Agent, address: str
) -> None:
    with browsing(browser) as customer, browsing(browser) as operator:
        customer.goto(address)
        expect(customer.locator("body[data-ready]")).to_be_visible(timeout=WAIT)
        say(customer, "keep my tent for me")
        expect(customer.locator(".bot-message")).to_have_count(1, timeout=WAIT)
        customer.locator(".bot-message .thumb-down").click()
        customer.locator(".bot-message .reasons [type=submit]").click()
        expect(customer.locator('.bot-message .thumb-down[aria-pressed="true"]')).to_be_visible(timeout=WAIT)

        open_review(operator, address)
        expect(operator.locator(".case h2")).to_have_text("keep my tent for me", timeout=WAIT)
        expect(operator.locator(".row[aria-current]")).to_contain_text(EN["feedback_down"])
        expect(operator.locator(".transcript .reviewed")).to_be_visible(timeout=WAIT)
        expect(operator.locator(".context .judged")).to_contain_text(EN["feedback_down"])
        expect(operator.locator(".day strong")).to_have_text("0")
        second = operator.locator(".choice strong").nth(1).inner_text()

        operator.keyboard.press("2")
        expect(operator.locator(".case h2")).not_to_have_text("keep my tent for me")
        expect(operator.locator(".day strong")).to_have_text("1", timeout=WAIT)
        operator.locator(".day summary").click()
        expect(operator.locator(".day li")).to_contain_text(second, timeout=WAIT)
        [(text, verdict, intent)] = kept(agent)
        assert (text, verdict) == ("keep my tent for me", "corrected")
        assert agent.domains["library"].intents[str(intent)].title == second

        operator.keyboard.press("u")
        expect(operator.locator(".case h2")).to_have_text("keep my tent for me")
        expect(operator.locator(".day strong")).to_have_text("0", timeout=WAIT)
        expect(operator.locator("#told")).to_have_text(EN["undone"], timeout=WAIT)
        assert kept(agent) == []


@pytest.fixture
def operator(browser: Browser, address: str) -> Iterator[Page]:
    with browsing(browser) as page:
        open_review(page, address)
        yield page


def test_every_key_decides_what_it_says(operator: Page, agent: Agent) -> None:
    heading = operator.locator(".case h2")
    first = heading.inner_text()
    operator.keyboard.press("s")
    operator.keyboard.press("1")
    expect(operator.locator(".notes .badge")).to_have_text(f"{EN['noted']}: {EN['negative']}")
    operator.keyboard.press("/")
    operator.keyboard.type("hou")
    expect(operator.locator(".picker li")).to_have_count(1)
    operator.keyboard.press("Enter")
    expect(heading).not_to_have_text(first)
    second = heading.inner_text()
    operator.keyboard.press("o")
    expect(heading).not_to_have_text(second)
    third = heading.inner_text()
    operator.keyboard.press("j")
    expect(heading).not_to_have_text(third)
    fourth = heading.inner_text()
    operator.keyboard.press("Enter")
    expect(operator.locator(".case .empty")).to_be_visible(timeout=WAIT)
    expect(operator.locator(".day strong")).to_have_text("5", timeout=WAIT)
    found = kept(agent)
    assert found[:4] == [
        (first, "corrected", None),
        (first, "corrected", "hours"),
        (second, "out_of_scope", None),
        (third, "skipped", None),
    ]
    assert found[4][0] == fourth
    # Of the first message, what was noted and what was decided are taken back one by one.
    for count in (4, 3, 2, 1, 0):
        operator.keyboard.press("u")
        expect(operator.locator(".day strong")).to_have_text(str(count), timeout=WAIT)
    expect(heading).to_have_text(first)
    assert kept(agent) == []


def test_the_right_passage_is_picked_or_searched_for(operator: Page, agent: Agent) -> None:
    operator.locator(".row", has_text="are you open").click()
    expect(operator.locator(".transcript .reviewed")).to_be_visible(timeout=WAIT)
    operator.keyboard.press("p")
    operator.keyboard.type("when do you close")
    expect(operator.locator(".picker li")).to_contain_text("Opening hours", timeout=WAIT)
    operator.keyboard.press("Enter")
    expect(operator.locator(".notes .badge")).to_contain_text("Opening hours", timeout=WAIT)
    expect(operator.locator(".day strong")).to_have_text("1", timeout=WAIT)
    [review] = ReviewBook(agent.store.file).reviews("library")
    assert (review.text, review.document, review.intent) == ("are you open", "opening", None)


def test_a_refused_decision_is_told_and_comes_back(operator: Page, agent: Agent) -> None:
    first = operator.locator(".case h2").inner_text()

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    operator.route("**/console/api/review", lose)
    operator.keyboard.press("o")
    expect(operator.locator("#told")).to_have_text("The service cannot be reached. Trying again.", timeout=WAIT)
    expect(operator.locator(".rows .row").first).to_contain_text(first, timeout=WAIT)
    expect(operator.locator(".day strong")).to_have_text("0")
    assert kept(agent) == []


def test_a_new_intent_is_made_of_a_message(operator: Page, agent: Agent) -> None:
    first = operator.locator(".case h2").inner_text()
    operator.keyboard.press("n")
    operator.locator("#new-name").fill("hours")
    operator.locator("#new-title").fill("lending tents")
    operator.locator("#new-reply").fill("We lend no tents.")
    operator.keyboard.press("Tab")
    operator.locator(".sheet .primary").click()
    expect(operator.locator(".sheet .refusal")).to_have_text(EN["problem_name_taken"], timeout=WAIT)
    operator.locator("#new-name").fill("tents")
    operator.locator(".sheet .primary").click()
    expect(operator.locator(".case h2")).not_to_have_text(first, timeout=WAIT)
    expect(operator.locator(".day strong")).to_have_text("1", timeout=WAIT)
    assert kept(agent) == [(first, "corrected", "tents")]
    assert agent.domains["library"].intents["tents"].title == "lending tents"


@pytest.mark.parametrize(
    "look",
    [
        {"viewport": WIDE, "color_scheme": "light"},
        {"viewport": WIDE, "color_scheme": "dark", "locale": "zh-CN"},
        {"viewport": PHONE, "color_scheme": "light", "locale": "zh-CN"},
        {"viewport": PHONE, "color_scheme": "dark"},
    ],
    ids=["wide-light", "wide-dark", "phone-light", "phone-dark"],
)
def test_nothing_denies_the_review_to_anybody(
    browser: Browser, agent: Agent, address: str, look: dict[str, Any]
) -> None:
    agent.feedback(Feedback(ask(agent, "my tent is late").message_id, "client of my tent is late", "down"))
    with browsing(browser, **look) as page:
        open_review(page, address)
        no_violations(page)
        page.locator(".rows .row").first.click()
        expect(page.locator(".transcript .reviewed")).to_be_visible(timeout=WAIT)
        no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
        for key, dialog in (("p", ".picker"), ("n", ".sheet"), ("?", ".sheet")):
            page.keyboard.press(key)
            expect(page.locator(dialog)).to_be_visible(timeout=WAIT)
            no_violations(page)
            page.keyboard.press("Escape")
            # Gone, not just hidden: the next dialog would be a second one of its kind for a moment.
            expect(page.locator(dialog)).to_have_count(0)
        page.keyboard.press("Escape")
        page.locator('[data-section="disputed"]').click()
        expect(page.locator(".rows .row")).to_have_count(0, timeout=WAIT)
        no_violations(page)
