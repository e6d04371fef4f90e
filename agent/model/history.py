"""One user's events as numbers, and batches of them as the recommendation head reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent.model.items import ItemSpace, Rows
from agent.types import EVENT_KINDS, Event, EventKind

LENGTH = 50
"""Events of a user that are read, the latest ones."""
STRENGTHS: Mapping[EventKind, float] = {"view": 0.2, "click": 0.4, "like": 1.0, "dislike": -1.0, "buy": 1.0}
"""How much an event says that its user likes the item, -1 to 1; of a mark see ``strength``."""
MIDDLE, SPREAD = 3.0, 1.0
"""The mark that says nothing, and how far from it those are that say all."""
LIKED = 4.0
"""Mark from which on a rated item counts as liked."""
DAY = 86400.0


def strength(event: Event, feeling: float | None = None) -> float:
    """How much an event says that its user likes the item, -1 (not at all) to 1; ``feeling``, in the same range, is how
    they spoke of it, and counts as much as what they did."""
    if event.kind == "rate":
        did = float(np.clip(((event.value or 0.0) - MIDDLE) / SPREAD, -1, 1))
    else:
        did = STRENGTHS[event.kind]
    return did if feeling is None else (did + feeling) / 2


def liked(event: Event) -> bool:
    """Whether an event says that its user liked the item."""
    return event.kind in {"like", "buy"} or (event.kind == "rate" and (event.value or 0.0) >= LIKED)


def disliked(event: Event) -> bool:
    """Whether an event says that its user did not like the item."""
    return strength(event) < 0


@dataclass(frozen=True, slots=True)
class Past:
    """The latest events of one user with items of a space, oldest first, L of them, all of shape (L,)."""

    rows: Rows
    kinds: NDArray[np.int64]
    """Places in EVENT_KINDS."""
    strengths: NDArray[np.float32]
    """-1 to 1."""
    gaps: NDArray[np.float32]
    """Logarithm of one plus the days since the event before; 0 for the first."""

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: NDArray[np.int64]) -> Past:
        """Some of the events; the gaps that the others leave are not closed."""
        return Past(self.rows[places], self.kinds[places], self.strengths[places], self.gaps[places])


def known_events(events: Sequence[Event], space: ItemSpace, length: int | None = LENGTH) -> list[Event]:
    """The latest ``length`` events with items of the space, or all for None, oldest first; those of the same time keep
    their order."""
    found = sorted((event for event in events if space.row(event.item) is not None), key=lambda event: event.at)
    return found if length is None else found[-length:]


def past_of(events: Sequence[Event], space: ItemSpace, feelings: Mapping[str, float] | None = None) -> Past:
    """Of ``known_events``; ``feelings`` by event id."""
    said = feelings or {}
    times = np.array([datetime.fromisoformat(event.at).timestamp() for event in events])
    days = np.diff(times, prepend=times[:1]) / DAY
    return Past(
        rows=space.rows(event.item for event in events),
        kinds=np.array([EVENT_KINDS.index(event.kind) for event in events], np.int64),
        strengths=np.array([strength(event, said.get(event.id)) for event in events], np.float32),
        gaps=np.log1p(np.maximum(days, 0)).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """B users' events, each padded on the right to L."""

    items: Tensor
    """(B, L, W): the items' vectors in the head's own space."""
    kinds: Tensor
    """(B, L)."""
    marks: Tensor
    """(B, L, 2): strength and gap."""
    lengths: Tensor
    """(B,): events of each user, 0 to L."""


def history_of(pasts: Sequence[Past], table: Tensor) -> ItemHistory:
    """``table`` holds the items' vectors in the head's own space, (N, W)."""
    longest = max(len(past) for past in pasts)
    rows = torch.zeros(len(pasts), longest, dtype=torch.long)
    kinds = torch.zeros(len(pasts), longest, dtype=torch.long)
    marks = torch.zeros(len(pasts), longest, 2)
    for i, past in enumerate(pasts):
        rows[i, : len(past)] = torch.from_numpy(past.rows)
        kinds[i, : len(past)] = torch.from_numpy(past.kinds)
        marks[i, : len(past)] = torch.from_numpy(np.stack([past.strengths, past.gaps], axis=1))
    return ItemHistory(table[rows], kinds, marks, torch.tensor([len(past) for past in pasts]))
