"""A real server with the trained support app, and Debian's Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.e2e import console

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WAIT = 20_000
"""Milliseconds."""
START = 300
"""Seconds in which a server has to be ready; an app without a model is indexed and gets its probes first."""


@pytest.fixture(scope="session")
def server(trained_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server on a copy of the trained data folder."""
    with serving(trained_data, tmp_path_factory.mktemp("data")) as address:
        yield address


@contextmanager
def serving(trained: Path, data: Path) -> Iterator[str]:
    """A server of its own process on a copy of the data folder ``trained``, which goes to ``data``; its address."""
    shutil.copytree(trained, data, dirs_exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = data / "server.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            # Whichever app has no model in the folder is answered for by probes.
            [sys.executable, "-m", "agent.cli", "serve", "--no-train", "--port", str(port), "--data", str(data)],
            cwd=ROOT,
            env=os.environ | {"SWITCHBOARD_RATE_LIMIT": "0", "HF_HUB_OFFLINE": "1"},
            stdout=stream,
            stderr=stream,
        )
    try:
        _wait(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the server ended by itself:\n{log.read_text()}")
        try:
            if httpx.get(f"{address}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    pytest.fail(f"the server was not ready in time:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """The page of the trained support app, in a browser profile of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(f"{server}/?app=support")
    expect(page.locator("body[data-ready]")).to_be_visible(timeout=WAIT)
    yield page
    context.close()


@pytest.fixture
def customer(browser: Browser, address: str) -> Iterator[Page]:
    """The chat page of the service at ``address``, in a profile of its own."""
    with console.browsing(browser) as page:
        page.goto(address)
        expect(page.locator("body[data-ready]")).to_be_visible(timeout=console.WAIT)
        yield page


@pytest.fixture
def operator(browser: Browser, address: str) -> Iterator[Page]:
    """The console of the same service, with ann signed in."""
    with console.browsing(browser) as page:
        console.sign_in(page, address, "ann")
        yield page


def ask(page: Page, text: str) -> Locator:
    """Type a message and send it by keyboard; the bot's message that answers it."""
    before = page.locator(".bot-message").count()
    page.locator("#message-box textarea").fill(text)
    page.keyboard.press("Enter")
    answer = page.locator(".bot-message").nth(before)
    expect(answer).to_be_visible(timeout=WAIT)
    return answer
