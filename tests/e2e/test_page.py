"""The page itself in a browser, over a service without a model: keyboard, languages, colours, lists, and axe-core."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.service import StoredAgent, free_port, served
from tests.ui.fake import SENTENCE
from ui.words import WORDS

pytestmark = pytest.mark.e2e
EN, ZH = WORDS["en"], WORDS["zh"]
WAIT = 60_000
WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> StoredAgent:
    return StoredAgent(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def address(agent: StoredAgent) -> Iterator[str]:
    with served(agent, free_port()) as address:
        yield address


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """The page in a browser profile of its own, without animation; any error of a script fails the test."""
    context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce"} | options)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    visit(page, address)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address) as page:
        yield page


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address, viewport=PHONE, locale="zh-CN", color_scheme="dark") as page:
        yield page


def visit(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("body[data-ready]")).to_be_visible(timeout=WAIT)


def box(page: Page) -> Locator:
    return page.locator("#message-box textarea")


def ask(page: Page, text: str) -> Locator:
    """Send a message by keyboard; the bot's message (or notice) that answers it."""
    answers = page.locator(".bot-message, .notice")
    before = answers.count()
    box(page).fill(text)
    page.keyboard.press("Enter")
    expect(answers.nth(before)).to_be_visible(timeout=WAIT)
    return answers.nth(before)


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press ``key`` until the focus is on ``selector``."""
    for _ in range(60):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    pytest.fail(f"{key} does not reach {selector}")


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


# Reaching everything


def test_everything_can_be_done_by_keyboard_alone(page: Page, agent: StoredAgent) -> None:
    expect(box(page)).to_be_focused()
    page.keyboard.type("can i return worn shoes?")
    page.keyboard.press("Enter")
    answer = page.locator(".bot-message")
    expect(answer).to_be_visible(timeout=WAIT)

    tab_to(page, ".why > summary", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(answer.locator(".why .panel")).to_contain_text(EN["why_answer"])

    tab_to(page, ".thumb-down", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(answer.locator(".reasons")).to_be_visible()
    expect(answer.locator(".reasons input").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(answer.locator(".reasons")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.type("the rule changed in May")
    page.keyboard.press("Enter")
    expect(answer.locator(".verdict")).to_have_text(EN["thanks"], timeout=WAIT)
    expect(answer.locator(".thumb-down")).to_have_attribute("aria-pressed", "true")
    [said] = agent.store.file.read("SELECT reason, comment FROM feedback WHERE comment LIKE '%May'", [])
    assert said == {"reason": "outdated", "comment": "the rule changed in May"}

    tab_to(page, "#past .delete", "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#delete-dialog .keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#delete-dialog")).to_be_hidden()
    expect(page.locator("#past .delete")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#past")).to_contain_text(EN["past_none"], timeout=WAIT)
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#announce")).to_have_text(EN["deleted"])


def test_the_first_stop_skips_to_the_message_box(page: Page) -> None:
    tab_to(page, ".skip", "Shift+Tab")
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()


def test_the_list_is_a_drawer_on_a_phone(phone: Page) -> None:
    expect(phone.locator("#side")).to_be_hidden()
    phone.locator(".menu").click()
    expect(phone.locator("#side .close")).to_be_focused()
    expect(phone.locator(".menu")).to_have_attribute("aria-expanded", "true")
    assert phone.evaluate("document.querySelector('#composer').inert")
    phone.keyboard.press("Escape")
    expect(phone.locator("#side")).to_be_hidden()
    expect(phone.locator(".menu")).to_be_focused()
    assert not phone.evaluate("document.querySelector('#composer').inert")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_nothing_is_wider_than_a_phone(browser: Browser, address: str, locale: str) -> None:
    def check(state: str) -> None:
        wide = phone.evaluate(
            "[document.documentElement, ...document.querySelectorAll('#scroll, #side, #header, #composer, dialog')]"
            ".filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.id || part.tagName)"
        )
        assert wide == [], state

    with opened(browser, address, viewport=PHONE, locale=locale) as phone:
        check("greeting")
        ask(phone, "hostile " + "a" * 300)
        ask(phone, "where is my parcel?")
        answer = ask(phone, "can i return worn shoes?")
        answer.locator(".why > summary").click()
        answer.locator(".thumb-down").click()
        check("conversation")
        ask(phone, "busy " + "a" * 300)
        check("notice")
        phone.locator(".apps > summary").click()
        check("choice of apps")
        phone.keyboard.press("Escape")
        phone.locator(".menu").click()
        phone.locator("#past .delete").first.click()
        check("drawer and dialog")


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en-GB"), ("dark", "zh-CN")])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_serious_on_any_page(
    browser: Browser, address: str, scheme: Any, locale: str, viewport: Any
) -> None:
    axe = Axe()

    def check(page: Page, state: str) -> None:
        found = axe.run(page).response["violations"]
        grave = [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
        assert grave == [], state

    with opened(browser, address, viewport=viewport, locale=locale, color_scheme=scheme) as page:
        check(page, "greeting")
        ask(page, "is the moon landing fake")
        answer = ask(page, "can i return worn shoes?")
        answer.locator(".why > summary").click()
        answer.locator(".thumb-down").click()
        answer.locator(".reason").first.click()
        ask(page, "busy now")
        check(page, "conversation")
        page.locator(".apps > summary").click()
        check(page, "choice of apps")
        page.keyboard.press("Escape")
        if viewport is PHONE:
            page.locator(".menu").click()
            check(page, "drawer")
        page.locator("#past .delete").first.click(force=True)
        check(page, "dialog")
        link = answer.locator(".citation a").first.get_attribute("href")
        for path in (link, "/docs"):
            page.goto(f"{address}{path}")
            check(page, str(path))


# Conversations


def test_conversations_outlive_a_reload_and_a_restart(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with served(StoredAgent(tmp_path), port) as address, opened(browser, address) as page:
        answer = ask(page, "can i return worn shoes?")
        answer.locator(".thumb-up").click()
        expect(answer.locator(".thumb-up")).to_have_attribute("aria-pressed", "true", timeout=WAIT)
        page.locator("#side .new").click()
        expect(page.locator(".welcome")).to_be_visible(timeout=WAIT)
        ask(page, "where is my parcel?")
        expect(page.locator("#past .name")).to_have_text(["where is my parcel?", "can i return worn shoes?"])
        visit(page, address)
        expect(page.locator(".user-message")).to_have_text(["where is my parcel?"])
        state = page.context.storage_state()
    with served(StoredAgent(tmp_path), port) as address, opened(browser, address, storage_state=state) as page:
        expect(page.locator(".user-message")).to_have_text(["where is my parcel?"])
        page.locator("#past .open").last.click()
        expect(page.locator(".user-message")).to_have_text(["can i return worn shoes?"], timeout=WAIT)
        expect(page.locator("#past [aria-current]")).to_contain_text("can i return worn shoes?")
        expect(page.locator(".thumb-up")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".bot-message .why")).to_be_visible()
        ask(page, "where is my parcel now?")
        expect(page.locator("#past .name")).to_have_count(2)
        expect(page.locator("#past .name").first).to_have_text("can i return worn shoes?")


def test_a_conversation_that_is_left_early_keeps_its_reply(page: Page, agent: StoredAgent) -> None:
    agent.go.clear()
    box(page).fill("wait for it")
    page.keyboard.press("Enter")
    expect(page.locator(".typing")).to_be_visible(timeout=WAIT)
    page.locator("#side .new").click()
    expect(page.locator(".typing")).to_be_visible()
    agent.go.set()
    expect(page.locator(".welcome")).to_be_visible(timeout=WAIT)
    ask(page, "where is my parcel?")
    expect(page.locator(".user-message")).to_have_text(["where is my parcel?"])
    expect(page.locator("#past .name")).to_have_text(["where is my parcel?", "wait for it"])


def test_the_conversation_that_is_left_is_judged_once_by_keyboard(page: Page, agent: StoredAgent) -> None:
    ask(page, "where is my parcel?")
    expect(page.locator(".survey")).to_have_count(0)
    page.locator("#side .new").click()
    survey = page.get_by_role("group", name=EN["survey"])
    expect(survey).to_be_visible(timeout=WAIT)
    tab_to(page, '.survey [data-mark="4"]', "Shift+Tab")
    page.keyboard.press("Enter")
    expect(survey.locator(".verdict")).to_have_text(EN["thanks_up"], timeout=WAIT)
    expect(survey.locator("[aria-pressed=true]")).to_have_text("4")
    message = survey.get_attribute("data-message-id")
    said = agent.store.file.read("SELECT kind, value FROM feedback WHERE message_id = ?", [message])
    assert said == [{"kind": "csat", "value": "4"}]
    found = Axe().run(page, ".survey").response["violations"]
    assert found == []

    page.locator("#past .open").first.click()
    expect(page.locator(".bot-message")).to_be_visible(timeout=WAIT)
    page.locator("#side .new").click()
    expect(page.locator(".welcome")).to_be_visible(timeout=WAIT)
    expect(survey).to_have_count(0)
    ask(page, "where is it now?")
    page.locator("#past .delete").first.click()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".welcome")).to_be_visible(timeout=WAIT)
    expect(survey).to_have_count(0)


def test_a_conversation_that_is_deleted_elsewhere_gives_way_to_a_new_one(page: Page, agent: StoredAgent) -> None:
    ask(page, "where is my parcel?")
    shown = page.locator("#past .open[aria-current]").get_attribute("data-conversation")
    assert shown is not None
    row = agent.store.conversation(shown)
    assert row is not None
    agent.delete_conversation(shown, row.client_id)
    ask(page, "can i return worn shoes?")
    expect(page.locator(".remark")).to_have_text(EN["moved_on"])
    expect(page.locator("#past .name")).to_have_text(["can i return worn shoes?"])


# Messages


def test_a_source_opens_the_passage_at_its_sentence(page: Page) -> None:
    answer = ask(page, "can i return worn shoes?")
    with page.context.expect_page() as opening:
        answer.locator(".citation a").first.click()
    passage = opening.value
    expect(passage.locator("#sentence")).to_have_text(SENTENCE, timeout=WAIT)
    expect(passage.locator("#sentence")).to_be_in_viewport()
    assert passage.evaluate("scrollY") > 1000


def test_a_reply_can_be_copied_and_asked_again(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = ask(page, "can i return worn shoes?")
    first.locator(".copy").click()
    expect(first.locator(".verdict")).to_have_text(EN["copied"])
    assert SENTENCE in page.evaluate("navigator.clipboard.readText()")
    first.locator(".again").click()
    expect(page.locator(".user-message")).to_have_text(["can i return worn shoes?"] * 2, timeout=WAIT)
    expect(page.locator(".bot-message")).to_have_count(2, timeout=WAIT)
    expect(first.locator(".again")).to_be_hidden()


def test_the_message_box_grows_with_its_text_up_to_a_limit(page: Page) -> None:
    def height() -> float:
        return float(box(page).evaluate("(area) => area.clientHeight"))

    one = height()
    heights = []
    for _ in range(12):
        page.keyboard.type("a line")
        page.keyboard.press("Shift+Enter")
        heights.append(height())
    assert one < heights[3] < heights[6]
    assert heights[-1] == heights[-2] < PHONE["height"] / 3


def test_new_messages_are_announced_and_waiting_is_named(page: Page, agent: StoredAgent) -> None:
    agent.go.clear()
    log = page.get_by_role("log", name=EN["conversation"])
    expect(log).to_have_attribute("aria-live", "polite")
    box(page).fill("wait for it")
    page.keyboard.press("Enter")
    expect(log.get_by_role("img", name=EN["typing"])).to_be_visible(timeout=WAIT)
    agent.go.set()
    expect(log.get_by_role("article", name=EN["assistant"])).to_be_visible(timeout=WAIT)
    expect(log.get_by_role("img", name=EN["typing"])).to_have_count(0)


# Languages, colours, apps


def test_the_page_speaks_chinese_where_the_browser_does_and_switches_for_good(phone: Page, address: str) -> None:
    expect(phone.locator("html")).to_have_attribute("lang", ZH["tag"])
    expect(box(phone)).to_have_attribute("placeholder", ZH["placeholder"])
    answer = ask(phone, "where is my parcel?")
    expect(answer.locator(".text")).to_have_attribute("lang", "en-GB")
    expect(answer.locator(".why > summary")).to_have_text(ZH["why"])
    phone.locator(".menu").click()
    phone.get_by_role("button", name=EN["language"]).click()
    expect(phone.locator("html")).to_have_attribute("lang", "en", timeout=WAIT)
    visit(phone, address)
    expect(box(phone)).to_have_attribute("placeholder", EN["placeholder"])
    expect(phone.locator(".why > summary")).to_have_text(EN["why"])


def test_light_or_dark_follows_the_system_until_one_is_chosen(page: Page, address: str) -> None:
    light = background(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dark = background(page)
    assert dark != light
    page.get_by_role("button", name=EN["theme_light"]).click()
    assert background(page) == light
    visit(page, address)
    assert background(page) == light
    expect(page.get_by_role("button", name=EN["theme_light"])).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name=EN["theme_auto"]).click()
    assert background(page) == dark


def test_each_app_has_its_own_colour_greeting_and_conversations(page: Page) -> None:
    ask(page, "where is my parcel?")
    colour = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')")
    page.locator(".apps > summary").click()
    page.locator(".apps a").last.click()
    expect(page.locator(".greeting")).to_have_text("Paste a headline.", timeout=WAIT)
    expect(page).to_have_title("Market Mood")
    expect(page.locator("#past")).to_contain_text(EN["past_none"])
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')") != colour
    page.go_back()
    expect(page.locator(".user-message")).to_have_text(["where is my parcel?"], timeout=WAIT)


def test_training_in_the_background_is_said_quietly(browser: Browser, address: str, agent: StoredAgent) -> None:
    agent.training = {"step": 34, "total": 100}
    with opened(browser, address) as page:
        expect(page.locator("#hint")).to_have_attribute("data-training", re.compile(r"\(34 %\)"), timeout=WAIT)
        agent.training = None
        expect(page.locator("#hint")).not_to_have_attribute("data-training", re.compile("."), timeout=WAIT)
