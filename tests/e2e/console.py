"""The console in a browser: profiles side by side, signing in, and whether a page denies itself to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

WAIT = 60_000
"""Milliseconds."""
PASSWORD = "three words in a row"
WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
LOOKS: list[dict[str, Any]] = [
    {"viewport": WIDE, "color_scheme": "light"},
    {"viewport": WIDE, "color_scheme": "dark"},
    {"viewport": PHONE, "color_scheme": "light", "locale": "zh-CN"},
    {"viewport": PHONE, "color_scheme": "dark", "locale": "zh-CN"},
]
LOOKS_NAMED = ["wide-light", "wide-dark", "phone-light", "phone-dark"]


@contextmanager
def browsing(browser: Browser, **options: Any) -> Iterator[Page]:
    """A browser profile of its own; any error of a script fails the test."""
    context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce"} | options)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def sign_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/console")
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#main.inbox .lists")).to_be_visible(timeout=WAIT)


def say(customer: Page, text: str) -> None:
    customer.locator("#message-box textarea").fill(text)
    customer.keyboard.press("Enter")


def no_violations(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]
    ] == []
