"""Why an answer was given: what was kept with it, and what is computed only when somebody asks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.dialogue.tracker import Tracker
from agent.learning.registry import ModelRegistry
from agent.model.backbone import Backbone
from agent.model.engine import InferenceEngine
from agent.model.memory import Memory
from agent.model.occlusion import weigh
from agent.rows import Turn
from agent.types import Prediction, Route
from index.knowledge import Hit

NEAREST = 5
READ_TOGETHER = (
    "The message was read together with what was said before, or with its slips of the keyboard mended. The nearest "
    "examples and the words' weights are of the message alone, as it was typed."
)
FEWEST_PIECES = 4
"""Into which even the longest message is divided."""
LEARNED_SINCE = "Reviews were learned since, so the words' weights are those of the message as it is read now."
NOTHING_LEARNED = {"reviews": 0, "changed": False}
SAME = 0.01
"""Most that an intent's confidence differs between two readings of a text by one version."""


def explain(
    prediction: Prediction, route: Route, tracker: Tracker, hits: Sequence[Hit], moved: bool = False
) -> dict[str, Any]:
    """Why this answer: ready for JSON, figures to four digits. ``moved``: reviews have changed the first hit."""
    feeling = prediction.sentiment
    return {
        "intents": [{"name": r.name, "confidence": round(r.confidence, 4)} for r in prediction.intents[:5]],
        "out_of_scope": {
            "score": round(prediction.out_of_scope, 4),
            "threshold": round(prediction.out_of_scope_threshold, 4),
        },
        "sentiment": {k: round(v, 4) for k, v in feeling.scores.items()} if feeling else {},
        "decided_by": {"score": route.score, "threshold": route.threshold},
        "slots": dict(tracker.slots),
        "handover": asdict(tracker.summary) if tracker.summary and tracker.holder == "person" else None,
        "passages": [
            {
                "id": hit.passage.id,
                "title": hit.passage.title,
                "score": round(hit.score, 4),
                "dense": round(hit.dense, 4),
                "lexical": round(hit.lexical, 4),
            }
            for hit in hits
        ],
        "unknown_share": round(prediction.unknown_share, 4),
        "learned": {"reviews": prediction.lessons, "changed": prediction.corrected or moved},
    }


def why(
    turn: Turn, engine: InferenceEngine, registry: ModelRegistry, backbone: Backbone, token_budget: int
) -> dict[str, Any]:
    """A kept turn with its nearest training examples and the words that weighed most, in the form of ``WhyOut``.

    Both are computed by the version that answered; where another one serves by now, they are None. Both are of the
    message alone, which may have been read together with what was said before. ``note`` says either. The words cost
    about one batch of ``token_budget`` tokens at the most.

    Raises BusyError, and ModelError if the version's files are damaged.
    """
    found = {
        "message_id": turn.message_id,
        "text": turn.text,
        "model_version": turn.model_version,
        "route": turn.route,
        "generator": None,
        "learned": NOTHING_LEARNED,
        **turn.why,
        "nearest": None,
        "words": None,
        "note": "",
    }
    intent = turn.intent
    tokens = backbone.token_counts([turn.text])[0]
    predictions: list[Prediction] = []

    def probabilities(texts: Sequence[str]) -> list[float]:
        predictions.extend(engine.predict(turn.app, texts))
        return [_confidence(prediction, intent) for prediction in predictions]

    pieces = weigh(turn.text, probabilities, max(FEWEST_PIECES, token_budget // tokens))
    # A request is read by one version, whichever serves by then.
    serving = predictions[0].model_version
    if serving != turn.model_version:
        note = f"Version {turn.model_version} gave this answer; version {serving} serves now, so neither the nearest "
        return found | {"note": note + "examples nor the weights of the words can be computed any more."}
    alone = _confidence(predictions[0], intent)
    kept = next((ranked["confidence"] for ranked in turn.why["intents"]), 0.0)
    memory = _memory(registry.version_folder(serving))
    note = ""
    if abs(alone - kept) > SAME:
        note = READ_TOGETHER if predictions[0].lessons == found["learned"]["reviews"] else LEARNED_SINCE
    return found | {
        "nearest": [
            {"text": example.text, "intent": example.intent, "cosine": round(cosine, 4)}
            for example, cosine in memory.nearest(predictions[0].query_vector, NEAREST)
        ],
        "words": [
            {
                "text": turn.text[piece.start : piece.end],
                "start": piece.start,
                "end": piece.end,
                "weight": round(piece.weight, 4),
            }
            for piece in sorted(pieces, key=lambda piece: -piece.weight)
        ],
        "note": note,
    }


def _confidence(prediction: Prediction, intent: str | None) -> float:
    return next((ranked.confidence for ranked in prediction.intents if ranked.name == intent), 0.0)


@functools.lru_cache(maxsize=4)
def _memory(folder: Path) -> Memory:
    """Versions never change, so that what was read once stays true."""
    return Memory.load(folder)
