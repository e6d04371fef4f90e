"""The news desk's six questions and what follows on them, in a browser: trained model, demo stream, charts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.e2e.conftest import WAIT, ask, serving

pytestmark = [pytest.mark.e2e, pytest.mark.real]


@pytest.fixture(scope="module")
def page(browser: Browser, finance_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The chat of the news desk over the demo stream, in a browser profile of its own."""
    with serving(finance_data, tmp_path_factory.mktemp("desk")) as address:
        wide: ViewportSize = {"width": 1400, "height": 900}
        context = browser.new_context(base_url=address, viewport=wide, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{address}/?app=finance")
        expect(page.locator("body[data-ready]")).to_be_visible(timeout=WAIT)
        yield page
        context.close()


def chart(answer: Locator) -> Locator:
    """The drawing of an answer, once it is there."""
    drawing = answer.locator(".chart .drawing svg")
    expect(drawing).to_be_visible(timeout=WAIT)
    return drawing


def begin(page: Page) -> None:
    """A new conversation."""
    page.locator(".new").first.click()
    expect(page.locator(".bot-message")).to_have_count(0)


def test_how_sentiment_has_moved_and_what_follows(page: Page) -> None:
    begin(page)
    first = ask(page, "how has sentiment on Voltara moved since May?")
    expect(first).to_contain_text("Voltara Motors, 1 May to 30 October 2026")
    assert "Sentiment index of Voltara Motors" in str(chart(first).get_attribute("aria-label"))
    # The number of the chart, of the text and of the rows is one.
    count = re.search(r"\((\d+) items\)", first.inner_text())
    assert count is not None
    rows = page.request.get(str(first.locator("a[href$='items.csv']").get_attribute("href")))
    assert len(rows.text().splitlines()) == int(count[1]) + 1
    expect(first.locator(".chart .note")).to_contain_text(f"{count[1]} items")
    second = ask(page, "and Halcyon?")
    expect(second).to_contain_text("Halcyon Networks, 1 May to 30 October 2026")
    expect(ask(page, "by month")).to_contain_text("By month it was highest")


def test_two_companies_side_by_side(page: Page) -> None:
    begin(page)
    answer = ask(page, "compare Harbor and Aldgrave this quarter")
    expect(answer.locator("table tbody tr")).to_have_count(2)
    drawing = chart(answer)
    expect(drawing).to_contain_text("Harbor Financial")
    answer.locator(".drawing").focus()
    page.keyboard.press("ArrowRight")
    expect(answer.locator(".chart .point")).to_contain_text(re.compile("Harbor Financial .*Aldgrave Insurance"))


def test_why_it_dropped(page: Page) -> None:
    begin(page)
    ask(page, "sentiment on Harbor this month")
    answer = ask(page, "why did it drop last week?")
    expect(answer).to_contain_text("Harbor Financial fell by")
    expect(answer).to_contain_text("19 to 25 October 2026")
    chart(answer)
    expect(ask(page, "show me the headlines behind that")).to_contain_text("headlines on Harbor Financial")


def test_who_moved_the_most(page: Page) -> None:
    begin(page)
    answer = ask(page, "biggest movers")
    expect(answer).to_contain_text("the biggest moves")
    chart(answer)
    expect(ask(page, "and last month?")).to_contain_text("1 to 30 September 2026")


def test_an_alert_is_set_listed_and_removed(page: Page) -> None:
    begin(page)
    expect(ask(page, "alert me when Orchard turns negative")).to_contain_text("ORCH below")
    expect(ask(page, "which alerts do I have?")).to_contain_text("Orchard Foods")
    expect(ask(page, "delete the alert on Orchard")).to_contain_text("Removed")


def test_volatility_is_answered_honestly(page: Page) -> None:
    begin(page)
    answer = ask(page, "does sentiment say anything about volatility?")
    expect(answer).to_contain_text("Sentiment says nothing here")
    expect(answer).to_contain_text("p =")
    chart(answer)
    table = page.request.get(str(answer.locator(".text a[href$='table.csv']").get_attribute("href")))
    assert table.text().startswith("name,sessions")
    picture = page.request.get(str(answer.locator(".chart a").first.get_attribute("href")))
    assert picture.body().startswith(b"\x89PNG")


def test_a_company_that_is_not_watched_and_a_tip_are_refused(page: Page) -> None:
    begin(page)
    expect(ask(page, "how has sentiment on Tesla moved since May?")).to_contain_text("Tesla is not on the watch list")
    expect(ask(page, "should I buy Voltara?")).to_contain_text(re.compile("advice|buy, hold or sell"))
