"""The tab Monitor in a browser: plots that are read by mouse, by keyboard and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.alerts import AlertBook, Reading, Rule
from agent.database import insert
from agent.monitor import Monitor
from tests.e2e.console import LOOKS, LOOKS_NAMED, PASSWORD, WAIT, browsing, no_violations
from tests.e2e.service import StoredAgent, free_port, served
from ui.console.monitor_words import MONITOR

pytestmark = pytest.mark.e2e
EN = MONITOR["en"]
LATE = "<b>who</b> wrote the book about the lighthouse"


class Watched(StoredAgent):
    """Ten messages, eight hours and less ago, and an open alert."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.monitor = Monitor(self.store.file)
        rule = Rule("refusal_rate", opens=0.3, closes=0.2, looks=1)
        self.alerts = AlertBook(self.store.file, [rule])
        self.alerts.look("support", {"refusal_rate": Reading(0.4, "40% of 10 messages were refused")})
        with self.store.file.transaction() as db:
            for n in range(10):
                at = (datetime.now(UTC) - timedelta(hours=n % 8)).isoformat(timespec="microseconds")
                conversation = {"id": f"c{n}", "app": "support", "client_id": "a", "claimed": 0, "state": "{}"}
                insert(db, "conversations", conversation | {"begun_at": at, "updated_at": at})
                for number, (key, role) in enumerate(((f"u{n}", "user"), (f"m{n}", "bot")), 1):
                    message = {"id": key, "conversation_id": f"c{n}", "turn": f"m{n}", "number": number, "role": role}
                    insert(db, "messages", message | {"text": LATE, "created_at": at})
                figures = {"message_id": f"m{n}", "app": "support", "at": at, "model_version": "1", "kind": "answer"}
                figures |= {"latency_ms": 40.0, "confidence": 0.8, "unknown_share": 0.0, "distance": 0.3}
                insert(db, "turn_figures", figures)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    agent = Watched(tmp_path_factory.mktemp("monitor"))
    agent.users.add("ann", PASSWORD, "operator", "test")
    with served(agent, free_port()) as address:
        yield address


def open_monitor(page: Page, address: str) -> None:
    page.goto(f"{address}/console/monitor")
    page.locator("#name").fill("ann")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#main.monitor svg")).to_have_count(6, timeout=WAIT)


def test_plots_are_read_by_keyboard_by_mouse_and_as_tables(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_monitor(page, address)
        figure = page.locator("figure").first
        slider = figure.get_by_role("slider")
        expect(slider).to_have_attribute("aria-valuenow", "24")
        page.locator(".segments button").last.focus()
        page.keyboard.press("Tab")  # the closed alerts are none, so that the first plot is next
        expect(slider).to_be_focused()
        expect(figure.locator(".tip")).to_be_visible()
        page.keyboard.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuenow", "23")
        page.keyboard.press("End")
        newest = slider.get_attribute("aria-valuetext")
        assert newest is not None
        page.keyboard.press("Escape")
        expect(figure.locator(".tip")).to_be_hidden()
        slider.hover(position={"x": 60, "y": 60})
        expect(figure.locator(".tip")).to_be_visible()
        page.mouse.move(0, 0)
        figure.locator("summary").click()
        rows = figure.locator("tbody tr")
        expect(rows).to_have_count(25)
        counts = [int(text) for text in rows.locator("td").all_inner_texts()]
        assert sum(counts) == 10
        assert newest.endswith(f" {counts[-1]}")


def test_a_period_is_chosen_and_stays(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_monitor(page, address)
        page.get_by_role("button", name=EN["days_7"]).click()
        expect(page.get_by_role("button", name=EN["days_7"])).to_have_attribute("aria-pressed", "true", timeout=WAIT)
        expect(page.locator("figure").first.get_by_role("slider")).to_have_attribute("aria-valuemax", "7")
        page.reload()
        expect(page.get_by_role("button", name=EN["days_7"])).to_have_attribute("aria-pressed", "true", timeout=WAIT)


def test_an_app_without_traffic_says_so_and_alerts_are_each_apps_own(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_monitor(page, address)
        expect(page.locator(".alerts li.opened")).to_contain_text("40% of 10 messages were refused")
        page.locator("select").select_option("finance")
        expect(page.locator(".empty")).to_contain_text(EN["nothing"], timeout=WAIT)
        expect(page.locator("figure").first).to_be_hidden()
        expect(page.locator(".alerts")).to_contain_text(EN["alerts_none"])


@pytest.mark.parametrize("look", LOOKS, ids=LOOKS_NAMED)
def test_nothing_denies_the_tab_to_anybody(browser: Browser, address: str, look: dict[str, Any]) -> None:
    with browsing(browser, **look) as page:
        open_monitor(page, address)
        no_violations(page)
        page.locator("figure summary").first.click()
        no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
