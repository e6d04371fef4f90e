"""The tab Models in a browser: retrain, look, put in service, roll back, over a real service with a tiny model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from agent import retrainer
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.retraining import retrain
from agent.runtime import Agent
from tests.agent.library import TEXTS, make_library, train_library
from tests.e2e.console import LOOKS, LOOKS_NAMED, PASSWORD, WAIT, browsing, no_violations
from tests.e2e.service import free_port, serving
from ui.console.models_words import MODELS

pytestmark = pytest.mark.e2e
EN, ZH = MODELS["en"], MODELS["zh"]
APP = "library"
TRAINED = 300_000
"""Milliseconds in which a process has started, trained and measured on a busy machine."""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, tiny: Backbone, tiny_folder: Path) -> Iterator[Agent]:
    settings = make_library(tmp_path_factory.mktemp("models"), rate_limit=0, backbone=str(tiny_folder), device="cpu")
    test = settings.apps[0] / "test"
    test.mkdir()
    rows = [
        {"text": f"{text} {end}", "intent": name}
        for name, texts in TEXTS.items()
        for text in texts
        for end in ("please", "thanks", "for me")
    ]
    (test / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train_library(settings, tiny)
    agent = Agent.open(settings, backbone=tiny, only=APP)
    agent.users.add("ann", PASSWORD, "operator", "test")
    agent.users.add("root", PASSWORD, "admin", "test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrainer, "NICENESS", 0)  # nobody waits for a reply here
        yield agent
    agent.close()


@pytest.fixture(scope="module")
def address(agent: Agent) -> Iterator[str]:
    with serving(agent, free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def challenger(agent: Agent) -> str:
    """Name of a version that was held against the champion."""
    version = retrain(agent.settings, APP, auto=False, who="test", force=True).version
    assert version is not None
    return version


def open_models(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/console/models")
    page.locator("#name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#main.models tbody tr").first).to_be_visible(timeout=WAIT)


def champion(agent: Agent) -> str:
    folder = ModelRegistry(agent.settings.data, APP).champion()
    assert folder is not None
    return folder.name


def say(key: str, version: str, words: Any = EN) -> str:
    return str(words[key]).replace("{version}", version)


def test_retrain_look_put_in_service_and_roll_back(browser: Browser, address: str, agent: Agent) -> None:
    with browsing(browser) as page:
        open_models(page, address, "root")
        expect(page.locator(".now h2")).to_have_text(say("serves", "1"))
        expect(page.locator(".roll-back")).to_be_hidden()
        page.get_by_role("button", name=EN["retrain"]).click()
        expect(page.locator(".retrain")).to_be_disabled()
        expect(page.locator(".progress .badge")).to_have_text(EN["state_running"], timeout=WAIT)
        steps = re.compile(rf"Step \d+ of \d+|{EN['measuring']}")
        expect(page.locator(".progress .how")).to_contain_text(steps, timeout=TRAINED)
        expect(page.locator(".progress .badge")).to_have_text(EN["state_done"], timeout=TRAINED)
        # Nothing went into service by itself, and the challenger is shown beside the champion.
        expect(page.locator(".now h2")).to_have_text(say("serves", "1"))
        expect(page.locator(".comparison h2")).to_have_text("Version 2 beside version 1", timeout=WAIT)
        expect(page.locator(".comparison .verdict li").first).to_be_visible()
        expect(page.get_by_role("group", name=EN["overall"])).to_contain_text(EN["what_accuracy"])
        row = page.locator("tbody tr", has=page.get_by_role("button", name=say("version_name", "2"), exact=True))
        expect(row).to_contain_text("root")
        expect(row.locator(".name .badge")).to_have_text(EN["challenger"])

        row.get_by_role("button", name=say("promote_version", "2")).click()
        dialog = page.locator("dialog.ask")
        dialog.locator(".primary").click()
        expect(dialog).to_be_visible()  # without a reason nothing is moved
        page.locator("#why").fill("   ")
        dialog.locator(".primary").click()
        expect(dialog).to_be_visible()
        assert champion(agent) == "1"
        page.locator("#why").fill("It knows <b>more</b>")
        dialog.locator(".primary").click()
        expect(page.locator(".now h2")).to_have_text(say("serves", "2"), timeout=WAIT)
        expect(page.locator(".moves li").first).to_contain_text("It knows <b>more</b>")
        assert (champion(agent), agent.engine.version(APP)) == ("2", "2")

        page.locator(".roll-back").click()
        page.locator("#why").fill("It was wrong about fines")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".now h2")).to_have_text(say("serves", "1"), timeout=WAIT)
        expect(page.locator(".moves li").first).to_contain_text("by root")
        expect(page.locator(".moves li").first).to_contain_text("It was wrong about fines")
        assert agent.engine.version(APP) == "1"


def test_a_version_that_cannot_serve_is_refused_and_the_old_one_goes_on(
    browser: Browser, address: str, agent: Agent
) -> None:
    registry = ModelRegistry(agent.settings.data, APP)
    before = champion(agent)
    broken = registry.next_folder()
    broken.mkdir()
    for file in registry.version_folder(before).iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "heads.safetensors").write_bytes(b"no weights")
    with browsing(browser) as page:
        open_models(page, address, "root")
        page.get_by_role("button", name=say("promote_version", broken.name)).click()
        page.locator("#why").fill("why not")
        page.locator("dialog.ask .primary").click()
        expect(page.locator("#told")).to_have_text(EN["problem_version_refused"], timeout=WAIT)
        expect(page.locator(".now h2")).to_have_text(say("serves", before))
    assert (champion(agent), agent.engine.version(APP)) == (before, before)


def test_a_retraining_is_stopped_and_an_operator_moves_nothing(browser: Browser, address: str) -> None:
    with browsing(browser) as page:
        open_models(page, address, "ann")
        expect(page.locator(".promote, .roll-back")).to_have_count(0)
        page.locator(".retrain").click()
        page.locator(".stop").click(timeout=WAIT)
        expect(page.locator(".progress .badge")).to_have_text(EN["state_stopped"], timeout=TRAINED)
        expect(page.locator(".retrain")).to_be_enabled()


@pytest.mark.parametrize("look", LOOKS, ids=LOOKS_NAMED)
def test_nothing_denies_the_tab_to_anybody(
    browser: Browser, address: str, challenger: str, look: dict[str, Any]
) -> None:
    words = ZH if "locale" in look else EN
    with browsing(browser, **look) as page:
        open_models(page, address, "root")
        page.get_by_role("button", name=say("version_name", challenger, words), exact=True).click()
        expect(page.locator(".comparison .verdict")).to_be_visible(timeout=WAIT)
        no_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"]
        page.locator(".promote").first.click()
        no_violations(page)
        page.keyboard.press("Escape")
        expect(page.locator("dialog.ask")).to_be_hidden()
