"""An app made of a public data set of intents, so that the loop is measured through the same doors as any app's."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from agent.config import Settings

Rows = Sequence[tuple[str, str]]
"""Texts with the name of their intent."""

HEAD = """[app]
name = "{name}"
title = "{name}"
description = "A bench."
greeting = "Hello."
disclosure = "I am a machine."
examples = [{offer}]

[responses.noted]
neutral = ["Noted."]
"""
INTENT = """
[intents.{name}]
title = "{title}"
route = "reply"
response = "noted"
"""


def intent_name(label: str) -> str:
    """A data set's label as a domain file may have it."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def make_app(
    folder: Path,
    name: str,
    intents: Iterable[str],
    examples: Rows,
    test: Rows,
    outside: Sequence[str] = (),
    **settings: object,
) -> Settings:
    """Write the app ``name`` below ``folder``, and give settings for it with an empty data folder beside it."""
    app = folder / name
    (app / "test").mkdir(parents=True)
    _write(app / "examples.jsonl", [{"text": text, "intent": intent} for text, intent in examples])
    set_intents(app, intents)
    _write(app / "test" / "examples.jsonl", [{"text": text, "intent": intent} for text, intent in test])
    if outside:
        _write(app / "out_of_scope.jsonl", [{"text": text} for text in outside])
    return Settings.load(env={}, apps=(app,), data=folder / "data", log_level="error", **settings)


def set_intents(app: Path, intents: Iterable[str]) -> None:
    """Write the app's domain file anew, with these intents; what it offers to be sent is its first example."""
    with (app / "examples.jsonl").open(encoding="utf-8") as stream:
        offer = json.dumps(json.loads(stream.readline())["text"])
    parts = [INTENT.format(name=intent, title=intent.replace("_", " ")) for intent in intents]
    (app / "domain.toml").write_text(HEAD.format(name=app.name, offer=offer) + "".join(parts), encoding="utf-8")


def by_intent(rows: Rows) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text, intent in rows:
        found[intent].append(text)
    return found


def take(rows: Rows, each: int, rng: np.random.Generator) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """``each`` rows of every intent, and the rest; the choice is the generator's."""
    taken: list[tuple[str, str]] = []
    rest: list[tuple[str, str]] = []
    for intent, texts in sorted(by_intent(rows).items()):
        order = [texts[i] for i in rng.permutation(len(texts))]
        taken += [(text, intent) for text in order[:each]]
        rest += [(text, intent) for text in order[each:]]
    return taken, rest


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
