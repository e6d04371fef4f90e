"""What the bench ``crash`` kills: a service, one that retrains, one that reviews, promotes and rolls back.

Each function is the work of one process and ends with it alone. The libraries are loaded when this module is, once for
all the processes that are forked from there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import uvicorn

from agent.background import Background
from agent.config import Settings
from agent.database import DataFile
from agent.errors import ModelError
from agent.learning.gate import GateSettings
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.retraining import retrain
from agent.reviews import ReviewBook
from agent.runtime import Agent
from agent.server import create_app
from agent.types import Review
from tests.agent.library import TEXTS

APP = "library"
LENIENT = GateSettings(fewest_texts=10, accuracy=1, auroc=1, recall=1, refused=1, calibration=1, floor=1, slower=1000)
"""Lets every challenger through: what is watched is the move, not the judgement."""
ENDINGS = ("now", "again")
"""Few, so that a training does not grow with the number of reviews."""
MOST_WAIT = 0.3
"""Seconds between two decisions, at most."""


def serve(settings: Settings) -> None:
    """As ``switchboard serve --no-train`` for this one app, without the pages."""
    agent = Agent.open(settings, holder=settings.address, only=APP)
    Background(agent, adapters=False).start()
    uvicorn.run(create_app(agent, with_ui=False), port=settings.port, log_level="error")


def learn(settings: Settings, seed: int) -> None:
    """As ``switchboard retrain --auto``, over and over."""
    rng = random.Random(seed)
    while True:
        # Of few seeds, so that a training that was killed is often gone on with.
        chosen = recipe(rank=4, epochs=2, batch_size=8, seed=rng.randrange(2))
        start = rng.choice(("champion", "scratch"))
        retrain(settings, APP, auto=True, who="bench", start=start, force=True, recipe=chosen, gate=LENIENT)


def decide(settings: Settings, seed: int, journal: Path) -> None:
    """Review, promote and roll back at random, and note in ``journal`` what was done, once it was."""
    rng = random.Random(seed)
    registry = ModelRegistry(settings.data, APP)
    with closing(DataFile.open(settings.data)) as file:
        reviews = ReviewBook(file)
        for number in range(10**9):
            name = f"{seed}-{number}"
            if rng.random() < 0.5:
                intent = rng.choice(list(TEXTS))
                text = f"{rng.choice(TEXTS[intent])} {rng.choice(ENDINGS)}"
                _note(journal, "review", str(reviews.add(Review(APP, text, "corrected", "bench", intent=intent))))
            else:
                # There may be nothing to go back to, and a version may be swept while it is chosen.
                with contextlib.suppress(ModelError):
                    if rng.random() < 0.3:
                        registry.rollback(who="bench", why=name)
                    else:
                        registry.promote(rng.choice(registry.versions()[-3:]).name, who="bench", why=name)
                # The champion promoted again is no move.
                if any(move.why == name for move in registry.history()):
                    _note(journal, "move", name)
            time.sleep(rng.uniform(0, MOST_WAIT))


def _note(journal: Path, kind: str, what: str) -> None:
    """A line that outlives the process, in one call."""
    handle = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, (json.dumps([kind, what]) + "\n").encode())
    os.close(handle)


def noted(journal: Path) -> Iterator[tuple[str, str]]:
    """Kind and name of all that was done by ``decide``."""
    for line in journal.read_text().splitlines() if journal.exists() else ():
        kind, what = json.loads(line)
        yield kind, what
