"""Take-over with two browsers side by side: a customer's and an operator's, over a real service with a tiny model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.model.backbone import Backbone
from agent.runtime import Agent
from tests.agent.library import make_library, train_library
from tests.e2e.console import LOOKS, LOOKS_NAMED, PASSWORD, WAIT, browsing, no_violations, say, sign_in
from tests.e2e.service import free_port, serving
from ui.console.inbox_words import INBOX
from ui.console.words import FRAME
from ui.words import WORDS

pytestmark = pytest.mark.e2e
CHAT, EN, ZH = WORDS["en"], INBOX["en"], INBOX["zh"]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone) -> Iterator[Agent]:
    settings = make_library(tmp_path_factory.mktemp("inbox"), rate_limit=0)
    train_library(settings, tiny)
    agent = Agent.open(settings, backbone=tiny, only="library")
    for name in ("ann", "ben"):
        agent.users.add(name, PASSWORD, "operator", "test")
    yield agent
    agent.close()


@pytest.fixture(scope="module")
def address(agent: Agent) -> Iterator[str]:
    with serving(agent, free_port()) as address:
        yield address


def ask_for_person(customer: Page) -> None:
    say(customer, "let me talk to a person")
    expect(customer.locator(".bot-message.route-handoff").last).to_be_visible(timeout=WAIT)


def open_waiting(operator: Page) -> None:
    operator.locator("#rows-waiting .row").last.click(timeout=WAIT)
    expect(operator.locator(".said").first).to_be_visible(timeout=WAIT)


def test_a_conversation_goes_to_a_person_and_back(customer: Page, operator: Page) -> None:
    ask_for_person(customer)
    expect(customer.locator("#header .status")).to_have_text(CHAT["status_waiting"], timeout=WAIT)
    expect(operator.locator('#bar [data-tab="inbox"] .count')).to_have_text("1", timeout=WAIT)
    open_waiting(operator)
    expect(operator.locator(".state")).to_have_text(EN["is_waiting"])
    expect(operator.locator(".composer")).to_be_hidden()

    operator.keyboard.press("t")
    expect(operator.locator(".state")).to_have_text(EN["is_mine"], timeout=WAIT)
    expect(operator.locator(".composer textarea")).to_be_focused()
    expect(customer.locator("#header .status")).to_have_text("You are talking to ann", timeout=WAIT)
    operator.keyboard.type("Hello, this is Ann. <b>How</b> can I help?")
    operator.keyboard.press("Enter")
    expect(customer.locator(".person-message .text")).to_have_text(
        "Hello, this is Ann. <b>How</b> can I help?", timeout=WAIT
    )

    replies = customer.locator(".bot-message").count()
    say(customer, "when do you open")
    expect(customer.locator(".delivered")).to_have_text(CHAT["delivered"], timeout=WAIT)
    expect(operator.locator(".said.by-user .words").last).to_have_text("when do you open", timeout=WAIT)
    expect(operator.locator("#rows-mine .badge")).to_have_text(EN["your_turn"], timeout=WAIT)
    assert customer.locator(".bot-message").count() == replies

    operator.keyboard.press("Escape")
    operator.keyboard.press("b")
    operator.keyboard.type("Extended the loan on card C-4711.")
    operator.locator("dialog .primary").click()
    expect(operator.locator(".state")).to_have_text(EN["is_with_bot"], timeout=WAIT)
    expect(customer.locator("#header .status")).to_have_text(CHAT["status"], timeout=WAIT)
    expect(customer.get_by_role("group", name=CHAT["survey"])).to_be_visible(timeout=WAIT)
    say(customer, "where is my book")
    expect(customer.locator(".bot-message")).to_have_count(replies + 1, timeout=WAIT)
    # The bot need not ask for the card: it stands in the note.
    expect(customer.locator(".bot-message").last).to_contain_text("C-4711", timeout=WAIT)

    customer.reload()
    expect(customer.locator(".person-message .author")).to_contain_text("ann", timeout=WAIT)
    expect(customer.locator(".user-message")).to_have_count(3)


def test_of_two_operators_one_gets_the_conversation(
    browser: Browser, address: str, customer: Page, operator: Page
) -> None:
    ask_for_person(customer)
    with browsing(browser) as other:
        sign_in(other, address, "ben")
        open_waiting(operator)
        open_waiting(other)
        # Its page does not know yet that the other one was faster: what it asks for waits until unroute.
        other.route("**/console/api/conversations/*?after=*", lambda route: None)
        operator.locator(".acts .primary").click()
        expect(operator.locator(".state")).to_have_text(EN["is_mine"], timeout=WAIT)
        other.locator(".acts .primary").click()
        expect(other.locator("#told")).to_have_text(EN["problem_held"], timeout=WAIT)
        other.unroute("**/console/api/conversations/*?after=*")
        expect(other.locator(".state")).to_have_text("With ann", timeout=WAIT)
        expect(other.locator(".composer")).to_be_hidden()
        expect(other.locator(".acts button").last).to_be_hidden()


def test_one_that_nobody_asked_for_is_taken_over_and_a_deleted_one_goes(customer: Page, operator: Page) -> None:
    say(customer, "hello there")
    expect(customer.locator(".bot-message")).to_have_count(1, timeout=WAIT)
    operator.locator(".lists details > summary").click()
    operator.locator("#rows-with_bot .row", has_text="hello there").first.click(timeout=WAIT)
    operator.locator(".acts .primary").click(timeout=WAIT)
    expect(customer.locator("#header .status")).to_have_text("You are talking to ann", timeout=WAIT)
    customer.locator("#past .delete").first.click()
    customer.locator("#delete-dialog .confirm").click()
    expect(operator.locator("#told")).to_have_text(EN["gone"], timeout=WAIT)
    expect(operator.locator(".empty")).to_be_visible()


def test_a_wrong_password_and_signing_out(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        page.goto(f"{address}/console/inbox")
        page.locator("#name").fill("ann")
        page.locator("#password").fill("not the password")
        page.keyboard.press("Enter")
        expect(page.locator(".refusal")).to_have_text(FRAME["en"]["problem_wrong_sign_in"], timeout=WAIT)
        expect(page.locator("#password")).to_be_focused()
        sign_in(page, address, "ann")
        page.locator(".account summary").click()
        page.locator(".sign-out").click()
        expect(page.locator("#sign-in")).to_be_visible(timeout=WAIT)
        page.go_back()
        expect(page.locator("#sign-in")).to_be_visible(timeout=WAIT)


@pytest.mark.parametrize("look", LOOKS, ids=LOOKS_NAMED)
def test_nothing_denies_the_console_to_anybody(
    browser: Browser, address: str, customer: Page, look: dict[str, Any]
) -> None:
    ask_for_person(customer)
    with browsing(browser, **look) as page:
        page.goto(f"{address}/console")
        expect(page.locator("#sign-in")).to_be_visible(timeout=WAIT)
        no_violations(page)
        sign_in(page, address, "ann")
        expect(page.locator("#rows-waiting .row").first).to_be_visible(timeout=WAIT)
        no_violations(page)
        open_waiting(page)
        page.locator(".acts .primary").click()
        expect(page.locator(".composer")).to_be_visible(timeout=WAIT)
        expect(page.locator("#told")).to_be_empty(timeout=WAIT)
        no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
        page.locator(".acts .secondary").click()
        no_violations(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_be_hidden()


def test_the_list_is_walked_by_keyboard(customer: Page, operator: Page) -> None:
    ask_for_person(customer)
    expect(operator.locator("#rows-waiting .row").first).to_be_visible(timeout=WAIT)
    operator.keyboard.press("j")
    expect(operator.locator(".row[aria-current]")).to_be_focused(timeout=WAIT)
    expect(operator).to_have_url(re.compile(r"/console/inbox#.+"))
    operator.reload()
    expect(operator.locator(".said").first).to_be_visible(timeout=WAIT)
    operator.keyboard.press("Escape")
    expect(operator.locator(".empty")).to_be_visible()
