"""Trains a recommendation head on users' events and on texts with the items that a person would pick: a generator of
steps that prints nothing and writes nothing, like ``agent.learning.train``; ``agent.learning.fit`` runs it.

At every event the head has to name the next item that the user likes, among all items (a full softmax). An item that
the user does not like, or that a text speaks against, counts several times among the wrong ones. A like of an item
that was far down in a row of others counts more, as fewer notice it (inverse propensity, clipped); what was not
looked at is no evidence of anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent.errors import TrainingError
from agent.learning.propensity import event_weights
from agent.learning.run import Run, Step
from agent.model.heads import RecommendationHead
from agent.model.history import LENGTH, Past, disliked, history_of, known_events, liked, past_of
from agent.model.items import ItemSpace, Rows
from agent.model.learned import Learned
from agent.types import Event

NOTHING = -100
"""Target of an event after which nothing was liked."""


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
    batch_size: int = 32
    """Stretches of up to LENGTH events, or texts."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.06
    clip: float = 1.0
    patience: int = 4
    """Epochs without a better validation figure before training stops."""
    unwanted: float = 5.0
    """How many wrong items one counts as that is not liked."""
    left_out: float = 0.1
    """Share of the events that are left out of what the head reads, others each time."""
    enough: int = 2
    """Likes from which on an item gets a vector of its own beside that of its text."""
    noticed: tuple[float, ...] = (1.0,)
    """How likely each place of a row is noticed (see ``agent.learning.propensity``)."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Sequence:
    """One user's events, L of them, and what has to be found after each."""

    past: Past
    targets: Rows
    """(L,): row of the next liked item, or NOTHING."""
    weights: NDArray[np.float32]
    """(L,): what that like counts."""
    unwanted: Rows


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A text with its items' rows."""

    words: Tensor
    rows: Rows
    unwanted: Rows
    past: Past


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Events ``start`` to ``end`` of a sequence."""

    sequence: _Sequence
    start: int
    end: int


_Batch = Sequence[_Stretch | _Wanted]
"""All of one kind."""


class TasteRun(Run):
    """One run over a head and the vectors of the items that have enough likes."""

    def __init__(
        self,
        head: RecommendationHead,
        space: ItemSpace,
        events: Mapping[str, Sequence[Event]],
        picked: Sequence[Picked],
        settings: TasteSettings,
    ) -> None:
        """``events`` by user. Raises TrainingError if there is neither a like after another event nor a text with an
        item of the space."""
        self.head, self.space, self.settings = head, space, settings
        self.likes = np.zeros(len(space), np.float32)
        for own in events.values():
            self.likes[space.rows({event.item for event in own if liked(event)})] += 1
        self._sequences = [_sequence(known_events(own, space, None), space, settings) for own in events.values()]
        self._sequences = [s for s in self._sequences if (s.targets != NOTHING).any()]
        self._wanted = [_wanted(one, space) for one in picked]
        self._wanted = [one for one in self._wanted if len(one.rows)]
        if not self._sequences and not self._wanted:
            raise TrainingError("There is nothing to learn a taste from: no user liked an item after another event.")
        self._texts = torch.from_numpy(space.texts)
        self._prior = torch.from_numpy(np.log1p(self.likes))
        self._own = torch.from_numpy((self.likes >= settings.enough).astype(np.float32)).unsqueeze(1)  # (N, 1)
        torch.manual_seed(settings.seed)
        self.offsets = nn.Parameter(0.02 * torch.randn(len(space), head.shape.width))
        # What the head reads in words is trained with the adapter, which this run does not touch.
        trainable = {n: p for n, p in head.named_parameters() if not n.startswith("residual.")}
        trainable["offsets"] = self.offsets
        stretches = sum(math.ceil(len(s.past) / LENGTH) for s in self._sequences)
        steps = math.ceil(stretches / settings.batch_size) + math.ceil(len(self._wanted) / settings.batch_size)
        super().__init__(
            trainable,
            [{"params": list(trainable.values()), "lr": settings.learning_rate}],
            steps_an_epoch=steps,
            epochs=settings.epochs,
            patience=settings.patience,
            warmup=settings.warmup,
            weight_decay=settings.weight_decay,
            seed=settings.seed,
        )

    def train(self) -> Iterator[Step]:
        while self.done < self.total:
            epoch = self.done // self.steps_an_epoch
            rng = np.random.default_rng((self.settings.seed, epoch))
            for batch in self._batches(rng)[self.done % self.steps_an_epoch :]:
                self.head.train()
                losses = self._descend(self._losses(batch), self.settings.clip)
                yield self._stepped(epoch, losses, len(batch))

    def learned(self) -> Learned:
        """What the items have learned so far, without links."""
        nothing = Learned.nothing(self.head.shape.width).over(self.space)
        offsets = (self.offsets * self._own).detach().numpy().copy()
        return Learned(self.space.ids, offsets, nothing.links, self.likes)

    def _batches(self, rng: np.random.Generator) -> list[_Batch]:
        """As many each epoch; where the stretches of a sequence begin is drawn anew."""
        stretches: list[_Stretch] = []
        for sequence in self._sequences:
            length = len(sequence.past)
            pieces = math.ceil(length / LENGTH)
            shift = int(rng.integers(pieces * LENGTH - length + 1))
            for start in range(-shift, pieces * LENGTH - shift, LENGTH):
                stretches.append(_Stretch(sequence, max(0, start), min(length, start + LENGTH)))
        size = self.settings.batch_size
        batches: list[_Batch] = []
        for kind in (stretches, self._wanted):
            order = rng.permutation(len(kind)).tolist()
            batches += [[kind[i] for i in order[start : start + size]] for start in range(0, len(order), size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _table(self) -> Tensor:
        """(N, W)."""
        return self.head.table(self._texts, self.offsets * self._own)

    def _losses(self, batch: _Batch) -> dict[str, Tensor]:
        stretches = [one for one in batch if isinstance(one, _Stretch)]
        wanted = [one for one in batch if isinstance(one, _Wanted)]
        return {"next": self._next_loss(stretches)} if stretches else {"picked": self._picked_loss(wanted)}

    def _next_loss(self, stretches: Sequence[_Stretch]) -> Tensor:
        """Minus log of the share of each next item, weighted."""
        table = self._table()
        cut = [self._thinned(one.sequence, one.start, one.end) for one in stretches]
        tastes = self.head.along(history_of([sequence.past for sequence in cut], table))  # (B, L, W)
        found = [np.flatnonzero(sequence.targets != NOTHING) for sequence in cut]
        user = np.concatenate([np.full(len(own), i) for i, own in enumerate(found)])
        place = np.concatenate(found)
        targets = torch.from_numpy(np.concatenate([s.targets[own] for s, own in zip(cut, found, strict=True)]))
        weights = torch.from_numpy(np.concatenate([s.weights[own] for s, own in zip(cut, found, strict=True)]))
        logits = self.head.scores(self.head.dropout(tastes[user, place]), table, self._prior)  # (P, N)
        if any(len(one.sequence.unwanted) for one in stretches):
            logits = logits + self._against([one.sequence.unwanted for one in stretches])[user]
        losses = nn.functional.cross_entropy(logits, targets, reduction="none")
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6)

    def _thinned(self, sequence: _Sequence, start: int, end: int) -> _Sequence:
        """A stretch without some of its events, and one of them at least."""
        keep = torch.rand(end - start) >= self.settings.left_out
        keep[-1] |= not bool(keep.any())
        places = start + keep.nonzero().squeeze(1).numpy()
        past = sequence.past.at(places)
        return _Sequence(past, sequence.targets[places], sequence.weights[places], sequence.unwanted)

    def _picked_loss(self, wanted: Sequence[_Wanted]) -> Tensor:
        """Minus log of the share of a text's items among all."""
        table = self._table()
        rows = [[i for i, one in enumerate(wanted) if bool(len(one.past)) is known] for known in (True, False)]
        parts = []
        for own, known in zip(rows, (True, False), strict=True):
            if own:
                history = history_of([wanted[i].past for i in own], table) if known else None
                parts.append(self.head(history, torch.stack([wanted[i].words for i in own])))
        ordered = [wanted[i] for own in rows for i in own]
        logits = self.head.scores(self.head.dropout(torch.cat(parts)), table, self._prior)  # (B, N)
        right = torch.full_like(logits, -torch.inf)
        for i, one in enumerate(ordered):
            right[i, one.rows] = 0
        among = torch.logsumexp(logits + self._against([one.unwanted for one in ordered]), 1)
        return (among - torch.logsumexp(logits + right, 1)).mean()

    def _against(self, unwanted: Sequence[Rows]) -> Tensor:
        """(B, N): what is added to the logits of items that are not wanted, so that each counts several times."""
        found = torch.zeros(len(unwanted), len(self.space))
        for i, rows in enumerate(unwanted):
            found[i, rows] = math.log(self.settings.unwanted)
        return found


def _sequence(events: Sequence[Event], space: ItemSpace, settings: TasteSettings) -> _Sequence:
    past = past_of(events, space)
    targets = np.full(len(events), NOTHING, np.int64)
    weights = event_weights(events, settings.noticed)[1:]
    weights = np.append(weights, np.float32(1))  # of what comes after each event
    for place in range(len(events) - 2, -1, -1):
        after = events[place + 1]
        if liked(after):
            targets[place] = past.rows[place + 1]
        else:
            targets[place], weights[place] = targets[place + 1], weights[place + 1]
    return _Sequence(past, targets, weights, space.rows({event.item for event in events if disliked(event)}))


def _wanted(picked: Picked, space: ItemSpace) -> _Wanted:
    past = past_of(known_events(picked.history, space), space)
    words = torch.from_numpy(np.asarray(picked.words, np.float32))
    return _Wanted(words, space.rows(picked.items), space.rows(picked.unwanted), past)
