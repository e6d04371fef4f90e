"""The space that items are ranked in: a frozen vector of each item's text, and what behaviour taught beside it.

It knows nothing of users, of attributes and of files: a filter reaches it as a mask over its rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]


class ItemSpace:
    """Items by row. ``texts`` are the frozen backbone's vectors of their texts, (N, D), unit length.

    A catalogue that changes is a new ItemSpace: what was learned of an item belongs to its id (``TasteModel``).
    """

    def __init__(self, ids: Sequence[str], texts: Matrix) -> None:
        """Raises ModelError if an id stands twice or the two differ in length."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def row(self, item: str) -> int | None:
        """Of the item with that id; None if there is none."""
        raise NotImplementedError

    def rows(self, items: Sequence[str]) -> NDArray[np.int64]:
        """Of those items that there are, in the order given."""
        raise NotImplementedError

    def mask(self, items: Sequence[str]) -> Mask:
        """(N,), true for those items."""
        raise NotImplementedError
