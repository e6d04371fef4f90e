"""A chart in a reply, in a browser: drawn in the page, read by pointer and keyboard, cleaned of what is no drawing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.agent.samples import figure
from tests.e2e.service import StoredAgent, free_port, served
from tests.e2e.test_page import PHONE, WIDE, ask, opened
from ui.words import WORDS

pytestmark = pytest.mark.e2e
CHART = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 576 260" role="img"
     aria-label="Parcels" onload="window.hit = 1" style="background: url(https://evil.example/p.png)">
  <style>* { background: red }</style>
  <script>window.hit = 1</script>
  <foreignObject><p xmlns="http://www.w3.org/1999/xhtml">not drawn</p></foreignObject>
  <image href="https://evil.example/p.png"/>
  <a href="javascript:window.hit = 1"><text x="9" y="9">linked</text></a>
  <use xlink:href="https://evil.example/a.svg#b"/>
  <defs><path id="dot" d="M0 0h4v4h-4z"/></defs>
  <g><title>2026-05-02: 7 parcels</title><path d="M300 10h200v200h-200z" style="fill: var(--accent); opacity: 0"/></g>
  <g><title>2026-05-01: 3 parcels</title><path d="M50 10h200v200h-200z" style="fill: var(--accent); opacity: 0"/></g>
  <use xlink:href="#dot" x="40" y="50" style="fill: var(--ink)" onclick="window.hit = 1"/>
  <text x="20" y="250" style="fill: var(--muted)">May</text>
</svg>"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(StoredAgent(tmp_path_factory.mktemp("figures")), free_port()) as address:
        yield address


def drawn(page: Page, status: int = 200) -> None:
    """Ask for the reply with a chart, and answer the page's request for its drawing."""

    def fulfil(route: Route) -> None:
        route.fulfill(status=status, content_type="image/svg+xml", body=CHART)

    page.route(f"**{figure().svg}*", fulfil)
    ask(page, "chart please")


def test_a_chart_is_drawn_in_the_page_and_nothing_else_comes_with_it(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        abroad: list[str] = []
        page.on("request", lambda request: abroad.append(request.url) if "evil" in request.url else None)
        drawn(page)
        drawing = page.locator(".chart .drawing")
        expect(drawing.locator("svg use[href='#dot']")).to_have_count(1)
        assert drawing.locator("script, style, image, foreignObject, a, img, p").count() == 0
        assert drawing.locator("use:not([href])").count() == 1
        assert drawing.locator("[onclick], [onload]").count() == 0
        assert drawing.locator("svg").get_attribute("style") is None
        assert page.evaluate("window.hit") is None
        assert abroad == []
        links = page.locator(".chart .links a")
        assert [link.get_attribute("href") for link in links.all()] == [figure().png, figure().table]


def test_its_points_are_read_by_pointer_and_by_keyboard_in_the_order_of_time(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        drawn(page)
        drawing, said = page.locator(".chart .drawing"), page.locator(".chart .point")
        expect(drawing).to_have_attribute("tabindex", "0")
        drawing.locator("[data-point^='2026-05-02']").hover()
        expect(said).to_have_text("2026-05-02: 7 parcels")
        drawing.focus()
        page.keyboard.press("Escape")
        expect(said).to_have_text("")
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text("2026-05-01: 3 parcels")
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text("2026-05-02: 7 parcels")
        expect(drawing.locator(".shown")).to_have_count(1)
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text("2026-05-02: 7 parcels")


def test_a_drawing_that_cannot_be_had_leaves_its_picture(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        drawn(page, status=404)
        expect(page.locator(".chart img")).to_have_attribute("src", figure().png)
        expect(page.locator(".chart .drawing")).not_to_have_attribute("tabindex", "0")


def test_a_kept_conversation_shows_its_chart_again(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        drawn(page)
        expect(page.locator(".chart svg")).to_have_count(1)
        page.reload()
        expect(page.locator(".chart svg")).to_have_count(1)
        expect(page.locator(".chart .note")).to_have_text(figure().note)


@pytest.mark.parametrize(("viewport", "scheme", "locale"), [(WIDE, "light", "en-GB"), (PHONE, "dark", "zh-CN")])
def test_it_fits_a_phone_and_axe_finds_nothing_serious(
    browser: Browser, address: str, viewport: Any, scheme: Any, locale: str
) -> None:
    with opened(browser, address, viewport=viewport, color_scheme=scheme, locale=locale) as page:
        drawn(page)
        expect(page.locator(".chart .drawing")).to_have_attribute(
            "aria-label", WORDS["zh" if locale == "zh-CN" else "en"]["figure"]
        )
        wide = "[...document.querySelectorAll('#scroll, .chart')].filter((part) => part.scrollWidth > part.clientWidth)"
        assert page.evaluate(f"{wide}.length") == 0
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
