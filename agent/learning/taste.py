"""Learns a TasteModel from events and from texts with the items a person would pick: a generator of steps that prints
nothing and writes nothing, like ``agent.learning.train``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.learning.train import Step
from agent.model.items import ItemSpace
from agent.model.taste import TasteModel
from agent.types import Event


@dataclass(frozen=True, slots=True)
class Picked:
    """What somebody asked for and the items that a person would pick for it."""

    words: NDArray[np.float32]
    """(D,): the text's ``Prediction.taste_vector``."""
    items: Sequence[str]
    unwanted: Sequence[str] = ()
    """Items that the text speaks against."""
    history: Sequence[Event] = ()
    """What its writer did before."""


@dataclass(frozen=True, slots=True)
class TasteSettings:
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


class TasteRun:
    """One run; its whole state can be taken out and put back, so that ``agent.learning.fit`` runs it Ctrl-C safe."""

    def __init__(
        self, space: ItemSpace, events: Mapping[str, Sequence[Event]], picked: Sequence[Picked], settings: TasteSettings
    ) -> None:
        """``events`` by user. Raises TrainingError if there is nothing to learn from."""
        raise NotImplementedError

    def train(self) -> Iterator[Step]:
        """Yield after every step until all epochs are done; may be left and entered again."""
        raise NotImplementedError

    def model(self) -> TasteModel:
        """As learned so far."""
        raise NotImplementedError


def train_taste(
    space: ItemSpace,
    events: Mapping[str, Sequence[Event]],
    picked: Sequence[Picked] = (),
    settings: TasteSettings | None = None,
) -> TasteModel:
    """All steps of a run, and the model that came of it."""
    raise NotImplementedError
