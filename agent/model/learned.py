"""What behaviour taught of a catalogue's items, by their ids: so that a catalogue may lose items and get new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from agent.errors import ModelError
from agent.model.items import ItemSpace, Matrix


@dataclass(frozen=True, slots=True)
class Learned:
    """Of M items."""

    ids: tuple[str, ...]
    offsets: Matrix
    """What each has beside its text in the head's own space, (M, W); zeros for one with too few events."""
    links: csr_matrix
    """(M, M): how much a liked item of that row speaks for the item of that column, float32."""
    likes: Matrix
    """(M,): how many users liked each."""

    @classmethod
    def nothing(cls, width: int) -> Learned:
        """Of no item."""
        empty = csr_matrix((0, 0), dtype=np.float32)
        return cls((), np.empty((0, width), np.float32), empty, np.empty(0, np.float32))

    def over(self, space: ItemSpace) -> Learned:
        """The same of the N items of a space, in its order: nothing of those that were not known."""
        place = {item: i for i, item in enumerate(self.ids)}
        pairs = [(row, place[item]) for row, item in enumerate(space.ids) if item in place]
        rows, known = np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64)
        offsets = np.zeros((len(space), self.offsets.shape[1]), np.float32)
        likes = np.zeros(len(space), np.float32)
        offsets[rows], likes[rows] = self.offsets[known], self.likes[known]
        ones = np.ones(len(rows), np.float32)
        chosen = csr_matrix((ones, (rows, known)), (len(space), len(self.ids)))
        links = csr_matrix(chosen @ self.links @ chosen.T, dtype=np.float32)
        links.sort_indices()
        return Learned(space.ids, offsets, links, likes)

    def tensors(self) -> dict[str, Any]:
        """Arrays by name, for a file."""
        return {
            "offsets": self.offsets,
            "likes": self.likes,
            "links.weights": self.links.data.astype(np.float32),
            "links.items": self.links.indices.astype(np.int64),
            "links.starts": self.links.indptr.astype(np.int64),
        }

    @classmethod
    def of(cls, ids: Sequence[str], tensors: Mapping[str, Any]) -> Learned:
        """What ``tensors`` gave. Raises ModelError if the arrays do not fit each other."""
        try:
            parts = (tensors["links.weights"], tensors["links.items"], tensors["links.starts"])
            links = csr_matrix(parts, (len(ids), len(ids)))
            found = cls(tuple(ids), tensors["offsets"], links, tensors["likes"])
        except (KeyError, ValueError) as error:
            raise ModelError(f"What was learned of items cannot be read: {error}. Train the app again.") from error
        if len(found.offsets) != len(ids) or len(found.likes) != len(ids):
            raise ModelError("What was learned of items is of another number of items. Train the app again.")
        return found
