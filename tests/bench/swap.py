"""swap: the model is swapped under 32 clients; replies that fail, or that another version read than they say."""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx
import uvicorn

from agent.learning.registry import ModelRegistry
from agent.model.storage import load_memory, load_model, save_model
from agent.runtime import Agent
from agent.server import create_app
from tests.bench.data import QUICK
from tests.bench.reply import TEXTS
from tests.bench.result import Result
from tests.bench.service import settings_for, trained_data
from tests.bench.support import APP

CLIENTS = 32
SECONDS = 15 if QUICK else 120
EVERY = 3 if QUICK else 10
"""Seconds between two swaps."""
SAME = 0.01
"""Most that a confidence may differ between two readings by one version."""
HOTTER = 3.0
"""The second version's temperature over the first's: it ranks alike, with other confidences."""


def measure() -> Result:
    """The figure counts the failed and the mixed replies."""
    with trained_data() as data:
        settings = settings_for(data)
        registry = ModelRegistry(data, APP)
        agent = Agent.open(settings, only=APP)
        versions = _two_versions(agent, registry)
        config = uvicorn.Config(create_app(agent, with_ui=False), port=settings.port, log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.05)
            expected = {}
            for version in versions:
                registry.promote(version)
                agent.load_champion(APP)
                expected |= {(version, text): _read(settings.address, text)[1] for text in TEXTS}
            tally = _load(settings.address, expected, agent, registry, versions)
        finally:
            server.should_exit = True
            thread.join()
            agent.close()
    wrong = tally["failed"] + tally["mixed"]
    spread = min(abs(expected[versions[0], t] - expected[versions[1], t]) for t in TEXTS)
    detail = dict(tally) | {"clients": CLIENTS, "smallest difference between the versions' confidences": spread}
    return Result("swap", float(wrong), 0.0, wrong == 0 and tally["swaps"] > 1, detail)


def _two_versions(agent: Agent, registry: ModelRegistry) -> tuple[str, str]:
    """The champion, and a copy with another temperature."""
    champion = registry.champion()
    assert champion is not None
    model = load_model(champion, agent.backbone)
    model.temperatures["intent"] = HOTTER * model.temperatures.get("intent", 1.0)
    folder = registry.next_folder()
    save_model(model, folder, memory=load_memory(champion))
    return champion.name, folder.name


def _read(address: str, text: str, client: httpx.Client | None = None) -> tuple[str, float]:
    """Version and best confidence of a reply. Raises httpx.HTTPError."""
    post = httpx.post if client is None else client.post
    reply = post(f"{address}/v1/messages", json={"app": APP, "text": text}, timeout=30).raise_for_status().json()
    return reply["model_version"], reply["why"]["intents"][0]["confidence"]


def _load(
    address: str,
    expected: dict[tuple[str, str], float],
    agent: Agent,
    registry: ModelRegistry,
    versions: tuple[str, str],
) -> Counter[str]:
    tally: Counter[str] = Counter(failed=0, mixed=0, replies=0, swaps=0)
    counting = threading.Lock()
    stop = threading.Event()

    def converse(number: int) -> None:
        with httpx.Client() as client:
            turn = number
            while not stop.is_set():
                turn += 1
                text = TEXTS[turn % len(TEXTS)]
                try:
                    version, confidence = _read(address, text, client)
                    outcome = "replies" if abs(confidence - expected[version, text]) <= SAME else "mixed"
                except httpx.HTTPError:
                    outcome = "failed"
                with counting:
                    tally[outcome] += 1

    threads = [threading.Thread(target=converse, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() + EVERY < end:
        time.sleep(EVERY)
        registry.promote(versions[tally["swaps"] % 2])
        agent.load_champion(APP)
        tally["swaps"] += 1
    stop.set()
    for thread in threads:
        thread.join()
    return tally
