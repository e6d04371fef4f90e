"""What an app's taste is learned from: its items, its users' events, and texts with the items a person would pick."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import TrainingError
from agent.learning.recommend import held_out
from agent.learning.taste import Picked
from agent.learning.train import Picks
from agent.model.history import liked
from agent.model.items import ItemSpace
from agent.model.multitask import MultiTaskModel
from agent.types import Event

FILE = "utterances.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """A text with the items that a person would pick for it, and those that it speaks against, by id."""

    text: str
    items: tuple[str, ...]
    unwanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TasteData:
    space: ItemSpace
    events: Mapping[str, Sequence[Event]]
    """By user, in the order in which they were recorded; of items of the space."""
    asked: Sequence[Asked] = ()
    noticed: tuple[float, ...] = (1.0,)
    """How likely each place of a row is noticed (see ``agent.learning.propensity``)."""

    @property
    def is_enough(self) -> bool:
        """Whether there is anything to learn from beside the items' texts."""
        return bool(self.asked) or any(liked(event) for own in self.events.values() for event in own[1:])

    def hash(self) -> str:
        """sha256 over all of it; names the data in a manifest."""
        digest = hashlib.sha256(self.space.texts.tobytes())
        digest.update(repr((self.space.ids, [(user, list(own)) for user, own in self.events.items()])).encode())
        digest.update(repr((list(self.asked), self.noticed)).encode())
        return digest.hexdigest()

    def taught(self) -> list[Asked]:
        """The texts that the words' side is trained on with the other heads: all but those held out."""
        held = held_out(len(self.asked))
        return [one for i, one in enumerate(self.asked) if i not in held]

    def picks(self, first: int) -> Picks:
        """Of the texts that are taught; ``first`` is the row of the first one."""
        right = {first + i: tuple(self.space.rows(one.items).tolist()) for i, one in enumerate(self.taught())}
        wrong = {first + i: tuple(self.space.rows(one.unwanted).tolist()) for i, one in enumerate(self.taught())}
        return Picks(self.space.texts, right, wrong)

    def picked(self, model: MultiTaskModel) -> list[Picked]:
        """The texts as the model reads them. Raises TrainingError if it has no recommendation head."""
        if not self.asked:
            return []
        words = model.read([one.text for one in self.asked]).taste
        if words is None:
            raise TrainingError(f"Model {model.version} has no recommendation head.")
        return [Picked(vector, one.items, one.unwanted) for vector, one in zip(words.numpy(), self.asked, strict=True)]


def load_asked(folder: Path, items: Collection[str]) -> list[Asked]:
    """Read utterances.jsonl, a row ``{"text": ..., "items": [...], "not": [...]}`` each; it may be absent.

    Raises TrainingError with file and line of a row that cannot be used, or that names an item that there is not.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_asked(line, items, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _asked(line: str, items: Collection[str], where: str) -> Asked:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise TrainingError(f"{where}: not valid JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
        raise TrainingError(f'{where}: needs a "text".')
    named = [_names(row.get(key, []), key, where) for key in ("items", "not")]
    if not named[0]:
        raise TrainingError(f'{where}: needs "items", the ids of what a person would pick.')
    unknown = next((item for own in named for item in own if item not in items), None)
    if unknown is not None:
        raise TrainingError(f"{where}: the catalogue has no item '{unknown}'.")
    return Asked(row["text"].strip(), *named)


def _names(value: Any, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TrainingError(f'{where}: "{key}" is a list of ids.')
    return tuple(value)
