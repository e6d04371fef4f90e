"""The space that items are ranked in: a frozen vector of each item's text, by row.

It knows nothing of users, of attributes and of files: a filter reaches it as a mask over its rows. What behaviour
taught of an item belongs to its id (see ``agent.model.learned``), so that a catalogue may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError

Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class ItemSpace:
    """Items by row. ``texts`` are the frozen backbone's vectors of their texts, (N, D), unit length."""

    def __init__(self, ids: Sequence[str], texts: Matrix) -> None:
        """Raises ModelError if an id stands twice, or the two differ in length."""
        self.ids = tuple(ids)
        self.texts = texts
        self._row = {item: row for row, item in enumerate(self.ids)}
        if len(self._row) < len(self.ids):
            twice = next(item for row, item in enumerate(self.ids) if self._row[item] != row)
            raise ModelError(f"Item '{twice}' stands twice in the catalogue. Give each item an id of its own.")
        if texts.ndim != 2 or len(texts) != len(self.ids):
            raise ModelError(f"{len(self.ids)} items need as many vectors; the matrix has shape {texts.shape}.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.texts.shape[1])

    @cached_property
    def centre(self) -> Matrix:
        """The mean of all text vectors, (D,): what every item of the catalogue says. Zeros if there is no item."""
        return self.texts.mean(0) if len(self) else np.zeros(self.dimension, np.float32)

    def row(self, item: str) -> int | None:
        """Of the item with that id; None if there is none."""
        return self._row.get(item)

    def rows(self, items: Iterable[str]) -> Rows:
        """Of those items that there are, in the order given."""
        return np.array([self._row[item] for item in items if item in self._row], np.int64)

    def mask(self, items: Iterable[str]) -> Mask:
        """(N,), true for those items."""
        found = np.zeros(len(self), np.bool_)
        found[self.rows(items)] = True
        return found
