"""TasteModel: what somebody may like, from what they did, from what they say, from both or from neither.

It ranks the rows of an item space that a mask allows, and says which events and words moved a score. It knows nothing
of users' names, of attributes, of files and of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.model.items import ItemSpace, Mask
from agent.types import Event

Vector = NDArray[np.float32]
WORDS = "words"


@dataclass(frozen=True, slots=True)
class Scored:
    """An item with its score; scores of one ranking compare, those of two do not."""

    item: str
    score: float


@dataclass(frozen=True, slots=True)
class Reason:
    """What moved an item's score: the score with all there is, less the score without this."""

    event: Event | None
    """None: it is the words."""
    weight: float
    """More than 0 if it moved the item up."""


class TasteModel:
    """Ranks items for one user at a time; any thread may call it.

    ``history`` is always one user's events in any order, of which the latest ``length`` of known items count;
    ``words`` is a message's ``Prediction.taste_vector`` (D,) or None; ``feelings`` gives, by event id, how the user
    spoke of the item, -1 to 1; ``allowed`` (N,) are the only rows that are ranked at all.
    """

    space: ItemSpace

    @classmethod
    def untrained(cls, space: ItemSpace) -> TasteModel:
        """Ranks by texts alone: words and liked items pull, disliked ones push; without either every item is equal.
        What an app serves until something was learned."""
        raise NotImplementedError

    def over(self, space: ItemSpace) -> TasteModel:
        """The same model over another catalogue; what it learned of items that both have stays theirs."""
        raise NotImplementedError

    def scores(
        self, history: Sequence[Event] = (), words: Vector | None = None, *, feelings: Mapping[str, float] | None = None
    ) -> Vector:
        """(N,): of every item."""
        raise NotImplementedError

    def rank(
        self,
        history: Sequence[Event] = (),
        words: Vector | None = None,
        *,
        allowed: Mask | None = None,
        k: int = 10,
        feelings: Mapping[str, float] | None = None,
    ) -> list[Scored]:
        """The ``k`` best of the allowed items, best first; fewer if fewer are allowed. Equal scores stay in the
        order of the rows."""
        raise NotImplementedError

    def similar(self, item: str, *, allowed: Mask | None = None, k: int = 10) -> list[Scored]:
        """The items nearest to one, itself left out. Raises ModelError if there is no such item."""
        raise NotImplementedError

    def diverse(self, ranked: Sequence[Scored], k: int, dial: float) -> list[Scored]:
        """``k`` of ``ranked`` by maximal marginal relevance; ``dial`` 0 keeps the order, 1 looks at the difference
        alone."""
        raise NotImplementedError

    def explain(
        self,
        item: str,
        history: Sequence[Event] = (),
        words: Vector | None = None,
        *,
        feelings: Mapping[str, float] | None = None,
        most: int = 3,
    ) -> list[Reason]:
        """The events and the words that moved the item's score most, the strongest first, by leaving each out.
        Raises ModelError if there is no such item."""
        raise NotImplementedError


def load_taste(folder: Path, space: ItemSpace) -> TasteModel | None:
    """Of the version in that folder, over that catalogue; None if the version learned no taste."""
    raise NotImplementedError
