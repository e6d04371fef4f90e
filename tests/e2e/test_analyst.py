"""The page /analyst in a browser: read by pointer and by keyboard, chosen, saved, and given a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.finance.page_words import WORDS
from apps.finance.setup import Desk, clock_of
from tests.apps.finance.conftest import FOLDER, by_word
from tests.apps.finance.test_page import PNG, news, write
from tests.e2e.console import LOOKS, LOOKS_NAMED, WAIT, browsing, no_violations
from tests.e2e.service import StoredAgent, free_port, served

pytestmark = pytest.mark.e2e
EN = WORDS["en"]


class Desked(StoredAgent):
    """With the news desk, whose model goes by a word."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.domains["finance"] = SimpleNamespace(locale="en-GB", folder=FOLDER)

    def version(self, app: str) -> str:
        return "words-1"

    def read(self, app: str, texts: Sequence[str]) -> list[Any]:
        names = ("negative", "neutral", "positive")
        return [
            SimpleNamespace(
                sentiment=SimpleNamespace(scores=dict(zip(names, one.probabilities, strict=True))),
                model_version=one.version,
            )
            for one in by_word(texts)
        ]


def address_of(data: Path, *, demo: bool) -> Iterator[str]:
    desk = Desk.open(data)
    with closing(desk.file):
        desk.ingester(by_word, clock_of()).take_file(write(data / "news.jsonl", news()), demo=demo)
    with served(Desked(data), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from address_of(tmp_path_factory.mktemp("desk"), demo=True)


def open_page(page: Page, address: str, chosen: str = "") -> None:
    page.goto(f"{address}/analyst{chosen}")
    # The last part that is drawn.
    expect(page.locator(".alerts h2")).to_be_visible(timeout=WAIT)


def test_a_chart_is_read_by_keyboard_and_shows_what_was_said(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_page(page, address, "#show=HLXN&by=day")
        plot = page.locator(".charts .plot")
        expect(plot).to_have_attribute("role", "slider")
        plot.focus()
        assert "null" not in page.locator(".charts").inner_text()
        page.keyboard.press("End")
        expect(plot).to_have_attribute(
            "aria-valuetext", "Halcyon Networks, Jul 10, 2026: -0.32 (-0.44 … -0.12), 4 items"
        )
        expect(plot.locator(".tip")).to_be_visible()
        page.keyboard.press("Enter")
        heading = page.get_by_role("heading", name="What was said of Halcyon Networks, Jul 10, 2026")
        expect(heading).to_be_focused(timeout=WAIT)
        expect(page.locator(".said li")).to_have_count(4)
        expect(page.locator(".said li .tone").first).to_have_text("-0.70")
        expect(page.locator(".said a").first).to_have_attribute("href", "https://news.example/1")
        page.get_by_role("button", name=EN["close"]).click()
        expect(heading).to_be_hidden()
        expect(plot).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(plot).to_have_attribute("aria-valuetext", "Halcyon Networks, Jul 9, 2026: 0.00 (0.00 … 0.00), 4 items")
        page.keyboard.press("Escape")
        expect(plot.locator(".tip")).to_be_hidden()


def test_a_chart_is_read_by_pointer(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_page(page, address, "#show=HLXN&by=week")
        page.locator('.charts [data-at="2026-06-29"]').hover()
        expect(page.locator(".charts .tip")).to_contain_text(re.compile(r"Jun 29\s–\sJul 5, 2026"))
        page.locator('.charts [data-at="2026-06-29"]').click()
        expect(page.locator(".items h2")).to_contain_text(re.compile(r"Jun 29\s–\sJul 5, 2026"), timeout=WAIT)
        page.locator('.heat [data-at="2026-06-01"][data-name="QRTZ"]').click()
        expect(page.locator(".items h2")).to_contain_text(
            re.compile(r"Quartzline Semiconductor, Jun 1\s–\s7, 2026"), timeout=WAIT
        )
        expect(page.locator(".said li")).to_have_count(1)
        page.locator(".marks .alert").click()
        expect(page.locator(".items h2")).to_contain_text("Halcyon Networks, Jul 10, 2026", timeout=WAIT)


def test_what_is_chosen_stands_in_the_address(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_page(page, address, "#show=HLXN")
        page.get_by_role("checkbox", name="Technology, as one index").check()
        page.get_by_role("button", name=EN["by_month"]).click()
        expect(page.locator("figure[data-name='sector:Technology'] .plot")).to_be_visible(timeout=WAIT)
        page.reload()
        expect(page.locator(".charts figure")).to_have_count(2, timeout=WAIT)
        expect(page.get_by_role("button", name=EN["by_month"])).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".charts .plot").last).to_have_attribute("aria-valuemax", "1", timeout=WAIT)
        page.get_by_role("textbox", name=EN["since"]).fill("2026-08-01")
        expect(page.get_by_role("alert")).to_have_text(EN["wrong_period"])
        page.get_by_role("checkbox", name="Halcyon Networks HLXN").uncheck()
        page.get_by_role("checkbox", name="Technology, as one index").uncheck()
        page.get_by_role("textbox", name=EN["since"]).fill("2026-06-01")
        expect(page.locator(".charts")).to_have_text(EN["none_chosen"], timeout=WAIT)


def test_pictures_and_tables_are_saved(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_page(page, address, "#show=HLXN")
        for name, begins in (
            (f"Save Halcyon Networks: {EN['png']}", PNG),
            (f"Save Halcyon Networks: {EN['csv']}", "\ufeffname,first".encode()),
            (f"Save Halcyon Networks: {EN['rows']}", "\ufeffitem,".encode()),
            (f"Save {EN['heat']}: {EN['png']}", PNG),
            (f"Save {EN['movers']}: {EN['csv']}", "\ufeffname,before".encode()),
            (f"Save {EN['alerts']}: {EN['csv']}", "\ufeffday,".encode()),
        ):
            with page.expect_download(timeout=WAIT) as waiting:
                page.get_by_role("link", name=name, exact=True).click()
            assert waiting.value.path().read_bytes().startswith(begins), name


def test_volatility_answers_in_a_sentence(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_page(page, address)
        page.get_by_role("button", name=EN["volatility_ask"]).click()
        expect(page.locator(".volatility .answer")).to_contain_text("Only ", timeout=WAIT)


def test_a_file_takes_the_place_of_the_demo(browser: Browser, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    rows = [
        {"text": f"Harbor Financial profit up {n:x}{n}", "published": f"2026-05-{n:02}", "ticker": ""}
        for n in range(1, 9)
    ]
    rows.append({"text": "Harbor Financial", "published": "some day", "ticker": ""})
    rows.append({"text": "news of others", "published": "2026-05-01", "ticker": "NOPE"})
    own.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for address in address_of(tmp_path / "data", demo=True):
        with browsing(browser) as page:
            open_page(page, address)
            expect(page.locator(".notice .badge")).to_have_text(EN["demo"])
            page.locator(".drop input").set_input_files(own)
            brought = page.locator(".brought")
            expect(brought).to_contain_text("own.jsonl: 9 new items, 0 known already, 1 rejected.", timeout=WAIT)
            expect(brought).to_contain_text("Not on the watch list: NOPE (1)")
            expect(page.locator(".notice .badge")).to_have_count(0, timeout=WAIT)
            # The address still names the demo's companies and days: what there is is shown.
            expect(page.locator(".charts .plot").first).to_have_attribute(
                "aria-label", f"{EN['index']}: Harbor Financial. {EN['index_help']}", timeout=WAIT
            )
            page.locator(".drop input").set_input_files(
                {"name": "bad.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
            )
            expect(brought).to_contain_text("bad.csv: ", timeout=WAIT)


@pytest.mark.parametrize("look", LOOKS, ids=LOOKS_NAMED)
def test_nothing_denies_the_page_to_anybody(browser: Browser, address: str, look: dict[str, Any]) -> None:
    with browsing(browser, **look) as page:
        open_page(page, address, "#show=HLXN&show=QRTZ")
        words = WORDS["zh" if look.get("locale") else "en"]
        expect(page.get_by_role("heading", level=1)).to_have_text(words["title"])
        expect(page.locator(".notice")).to_contain_text(words["advice"])
        no_violations(page)
        page.locator(".choose > summary").evaluate("(summary) => (summary.parentElement.open = true)")
        page.locator(".charts summary").first.click()
        page.locator(".marks button").first.click()
        expect(page.locator(".said li").first).to_be_visible(timeout=WAIT)
        no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
