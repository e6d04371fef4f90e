"""The canary: what a version read in some of its own examples when it was saved. Before it serves it reads them again.

Files that are whole may still be served wrongly: by another release of a library, a graph of another model, a device
that rounds otherwise. The texts are named by their sha256, so that they stand in the version's memory alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agent.errors import ModelError
from agent.model.multitask import INTENT, QUERY, MultiTaskModel
from agent.types import Example, Prediction

MOST = 32
"""Texts."""
TOLERANCE = 1e-3
"""Most that a confidence or a score may differ where both devices count in float32."""
COARSE = 0.05
"""The same where one of them is a GPU, which counts in bfloat16."""
MOST_DIFFERENT = 0.1
"""Share of the texts that may differ by more: two neighbours that are equally near may change places."""


class Reader(Protocol):
    """A ``MultiTaskModel`` or an ``ExportedModel``."""

    def predict(self, texts: Sequence[str]) -> list[Prediction]: ...


def record(model: MultiTaskModel, memory: Sequence[Example]) -> dict[str, Any]:
    """What goes into the manifest: device and readings. No readings if nothing is remembered or no intent is read."""
    readings = []
    if memory and INTENT in model.heads and QUERY in model.heads:
        chosen = [memory[i * len(memory) // MOST].text for i in range(MOST)] if len(memory) > MOST else None
        texts = list(dict.fromkeys(chosen or [e.text for e in memory]))
        for p in model.predict(texts):
            reading = {"intent": p.intent, "confidence": p.confidence, "out_of_scope": p.out_of_scope}
            readings.append({"text": _digest(p.text), **reading})
    return {"device": model.backbone.device.type, "readings": readings}


def check(model: Reader, device: str, canary: Mapping[str, Any], memory: Sequence[Example], version: str) -> None:
    """Let ``model``, which runs on ``device``, read the canary's texts as far as ``memory`` still has them.

    Raises ModelError naming ``version`` if it reads them otherwise than when it was saved.
    """
    expected = {reading["text"]: reading for reading in canary["readings"]}
    texts = {_digest(e.text): e.text for e in memory if _digest(e.text) in expected}
    tolerance = TOLERANCE if device == canary["device"] == "cpu" else COARSE
    different = 0
    for digest, prediction in zip(texts, model.predict(list(texts.values())), strict=True):
        reading = expected[digest]
        confidence = {r.name: r.confidence for r in prediction.intents}.get(reading["intent"], 0.0)
        far = max(abs(confidence - reading["confidence"]), abs(prediction.out_of_scope - reading["out_of_scope"]))
        different += not far <= tolerance  # so that a figure which is no number differs too
    if different > MOST_DIFFERENT * len(texts):
        raise ModelError(
            f"Version {version} reads {different} of {len(texts)} of its own examples otherwise than when it was "
            "saved. Train again, or roll back."
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
