"""Poison: one client sends 500 wrong corrections of one intent, with corrections learned without a review.

An app of banking77 (40 examples an intent) is trained, answers the client's messages, takes its corrections and is
retrained from scratch with the same recipe and seed. The figure is what the attacked intent's recall falls by, on the
test file, in points; the worst of the attacked intents counts. Beside it: the same corrections taken at their word.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe
from agent.model.storage import load_model
from agent.retraining import retrain
from agent.runtime import Agent
from agent.teach import teach_app
from agent.types import Feedback, Message
from tests.bench import data
from tests.bench.intent_app import by_intent, intent_name, make_app, take
from tests.bench.joint import backbone
from tests.bench.result import Result

TARGET = 3.0
CORRECTIONS = 20 if data.QUICK else 500
EACH = 4 if data.QUICK else 40
ATTACKED = 1 if data.QUICK else 2
RECIPE = recipe(epochs=1 if data.QUICK else 4)
APP = "bank"
OPENINGS = ("", "hi, ", "hello. ", "again: ", "please: ", "so, ", "well, ", "um ", "ok ", "hey, ")
"""How a client who is out for harm varies the same text."""


def measure() -> Result:
    train, test = (
        [(row["text"], intent_name(row["intent"])) for row in data.table(f"banking77/{name}.csv")]
        for name in ("train", "test")
    )
    examples, rest = take(train, EACH, np.random.default_rng(0))
    # The gate is not what is measured here, so its set is a part of the train file that nobody trains on.
    gate_set, rest = take(rest, 3, np.random.default_rng(1))
    intents = sorted({intent for _, intent in train})
    attacked = sorted(by_intent(rest), key=lambda intent: -len(by_intent(rest)[intent]))[:ATTACKED]
    falls, naive = [], []
    for place, intent in enumerate(attacked):
        wrong = intents[(intents.index(intent) + 1 + place) % len(intents)]
        texts = [opening + text for opening in OPENINGS for text in by_intent(rest)[intent]][:CORRECTIONS]
        own = [text for text, label in test if label == intent]
        with tempfile.TemporaryDirectory() as folder:
            settings = make_app(Path(folder), APP, intents, examples, gate_set, accept_corrections=True)
            before = _recall(teach_app(settings, APP, RECIPE, fresh=False, promote=True), own, intent)
            agent = Agent.open(settings, backbone=backbone(), only=APP)
            for text in texts:
                reply = agent.reply(Message(APP, text, "mallory"))
                agent.feedback(Feedback(reply.message_id, "mallory", "intent", wrong))
            agent.close()
            outcome = retrain(settings, APP, auto=False, who="bench", start="scratch", force=True, recipe=RECIPE)
            assert outcome.version is not None
            after = _recall(ModelRegistry(settings.data, APP).version_folder(outcome.version), own, intent)
        with tempfile.TemporaryDirectory() as folder:
            believed = [*examples, *((text, wrong) for text in texts)]
            settings = make_app(Path(folder), APP, intents, believed, gate_set)
            gullible = _recall(teach_app(settings, APP, RECIPE, fresh=False, promote=True), own, intent)
        falls.append(100 * (before - after))
        naive.append(100 * (before - gullible))
        print(f"{intent}: {before:.3f} -> {after:.3f}; taken at their word {gullible:.3f}", flush=True)
    detail = {
        "corrections of one client": len(texts),
        "attacked intents": ATTACKED,
        "mean fall, points": float(np.mean(falls)),
        "worst fall if taken at their word, points": max(naive),
    }
    return Result("poison", max(falls), TARGET, max(falls) <= TARGET, detail)


def _recall(folder: Path, texts: list[str], intent: str) -> float:
    predictions = load_model(folder, backbone()).merge().predict(texts)
    return float(np.mean([p.intent == intent for p in predictions]))
