"""ItemIndex: the frozen vectors of an app's items, kept level with their texts, and the nearest of those that a filter
allows.

It takes ``encode`` as an argument and knows nothing of prices, of users and of who asks: a filter reaches it as a mask
over its rows. A stored index (see ``index.storage``) holds

    items.jsonl         a line an item, in the order of the rows: its id and the hash of the text that was embedded
    items.safetensors   the vectors, float32, in the same order
    items.faiss         the inverted lists over them, where there are more than the flat limit

and its manifest names format, backbone hash, dimension and metric.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load, save

from index.knowledge import ENCODE_AT_ONCE, Encode, Progress
from index.records import check
from index.storage import read_files, write_files
from index.types import IndexDamagedError
from index.vectors import FLAT_LIMIT, METRIC, Mask, VectorIndex, Vectors, checked

FORMAT = 1
ITEMS, VECTORS, LISTS = "items.jsonl", "items.safetensors", "items.faiss"


@dataclass(frozen=True, slots=True)
class ItemSync:
    """What a sync did, counted."""

    added: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


class ItemIndex:
    """Items by row. A sync is not safe for threads; between two of them any number may search."""

    def __init__(self, dimension: int, backbone_hash: str, *, flat_limit: int = FLAT_LIMIT) -> None:
        """An empty index. Up to ``flat_limit`` items that a filter allows, every one is compared; above, inverted
        lists are used."""
        self.dimension = dimension
        self.backbone_hash = backbone_hash
        self.flat_limit = flat_limit
        self.ids: tuple[str, ...] = ()
        self.vectors: Vectors = np.empty((0, dimension), np.float32)
        """Shape (N, D), unit length, in the order of ``ids``."""
        self._hashes: tuple[str, ...] = ()
        self._lists: VectorIndex | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def missing(self, texts: Mapping[str, str]) -> list[str]:
        """The items, of those whose texts are given by id, that a sync would embed."""
        known = dict(zip(self.ids, self._hashes, strict=True))
        return [item for item, text in texts.items() if known.get(item) != _hash(text)]

    def sync(self, texts: Mapping[str, str], encode: Encode, progress: Progress | None = None) -> ItemSync:
        """Bring the index level with the items' texts, by id, in their order; only texts that changed are embedded.

        Raises KnowledgeError if ``encode`` gives no unit vectors; the index is then as it was.
        """
        hashes = {item: _hash(text) for item, text in texts.items()}
        known = dict(zip(self.ids, self._hashes, strict=True))
        fresh = self.missing(texts)
        report = ItemSync(
            added=sum(item not in known for item in fresh),
            changed=sum(item in known for item in fresh),
            removed=sum(item not in texts for item in known),
        )
        ids = tuple(texts)
        if not report and ids == self.ids:
            return report
        rows = {item: row for row, item in enumerate(ids)}
        vectors = np.empty((len(ids), self.dimension), np.float32)
        stay = [row for row, item in enumerate(self.ids) if known[item] == hashes.get(item)]
        vectors[[rows[self.ids[row]] for row in stay]] = self.vectors[stay]
        for start in range(0, len(fresh), ENCODE_AT_ONCE):
            batch = fresh[start : start + ENCODE_AT_ONCE]
            vectors[[rows[item] for item in batch]] = checked(
                encode([texts[item] for item in batch]), len(batch), self.dimension
            )
            if progress is not None:
                progress(start + len(batch), len(fresh))
        self.ids, self._hashes, self.vectors = ids, tuple(hashes.values()), vectors
        self._lists = _lists_over(vectors, self.flat_limit)
        return report

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> list[tuple[int, float]]:
        """Up to ``k`` (row, cosine) for a query (D,) of unit length, best first, among the rows that ``allowed`` (N,)
        is true for. Equal ones keep the order of the rows."""
        count = len(self) if allowed is None else int(allowed.sum())
        k = min(k, count)
        if k < 1:
            return []
        if self._lists is not None and count > self.flat_limit:
            if allowed is None:
                return self._lists.search(query, k)
            return self._lists.search_masked(query, k, allowed)
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        cosines = (self.vectors if count == len(self) else self.vectors[rows]) @ query  # Shape: (count,)
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(int(rows[i]), float(cosines[i])) for i in best]

    def save(self, folder: Path) -> None:
        """Store the index in ``folder``, in one atomic step. Raises KnowledgeError if the disk refuses; what was stored
        there before is then whole."""
        about = {
            "format": FORMAT,
            "backbone_hash": self.backbone_hash,
            "dimension": self.dimension,
            "metric": METRIC,
            "items": len(self),
        }
        lines = [json.dumps({"id": i, "hash": h}) + "\n" for i, h in zip(self.ids, self._hashes, strict=True)]
        files = {ITEMS: "".join(lines).encode(), VECTORS: save({"vectors": self.vectors})}
        if self._lists is not None:
            files[LISTS] = self._lists.to_bytes()
        write_files(folder, about, files)

    @classmethod
    def load(cls, folder: Path, backbone_hash: str, *, flat_limit: int = FLAT_LIMIT) -> ItemIndex:
        """Read a stored index, every file checked.

        Raises IndexDamagedError naming folder and cause: a file is missing or damaged, or the index was made by
        another backbone or another release.
        """
        about, files = read_files(folder)
        check(folder, about, files, backbone_hash, FORMAT, (ITEMS, VECTORS))
        index = cls(int(about["dimension"]), backbone_hash, flat_limit=flat_limit)
        rows = [json.loads(line) for line in files[ITEMS].decode().splitlines()]
        index.ids, index._hashes = tuple(row["id"] for row in rows), tuple(row["hash"] for row in rows)
        try:
            index.vectors = load(files[VECTORS])["vectors"]
        except (safetensors.SafetensorError, KeyError) as error:
            raise IndexDamagedError(folder, f"{VECTORS} cannot be read ({error})") from error
        if index.vectors.shape != (len(rows), index.dimension):
            raise IndexDamagedError(folder, f"{ITEMS} and {VECTORS} hold different items")
        if LISTS not in files:
            index._lists = _lists_over(index.vectors, flat_limit)
            return index
        try:
            index._lists = VectorIndex.from_bytes(files[LISTS], index.dimension, "ivf", flat_limit)
        except ValueError as error:
            raise IndexDamagedError(folder, f"{LISTS}: {error}") from error
        if len(index._lists) != len(rows):
            raise IndexDamagedError(folder, f"{ITEMS} and {LISTS} hold different items")
        return index


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _lists_over(vectors: Vectors, flat_limit: int) -> VectorIndex | None:
    if len(vectors) <= flat_limit:
        return None
    lists = VectorIndex(vectors.shape[1], flat_limit)
    lists.update([], range(len(vectors)), vectors)
    return lists
