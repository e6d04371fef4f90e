"""Which texts tell one story: the same words, or nearly the same letters.

MinHash over runs of letters with locality-sensitive bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3): texts that share a band are compared run by run. Nothing is held in memory; the bands
stand in the database.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import sqlite3

RUN = 5
"""Letters of a run."""
LIKENESS = 0.7
"""Least share of the runs of both texts that both have."""
SOON = timedelta(days=3)
"""Farther apart, the same words are news again."""
BANDS, ROWS = 10, 3
"""Texts alike by LIKENESS share a band with probability 0.985."""
_RANDOM = np.random.default_rng(20260101)
_FACTORS = _RANDOM.integers(0, 1 << 63, (BANDS * ROWS, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_SHIFTS = _RANDOM.integers(0, 1 << 63, (BANDS * ROWS, 1), dtype=np.uint64)
_NOISE = re.compile(r"^\s*(?:RT|MT|via)\s+@\w+:?|https?://\S+|\$[a-z]{1,6}\b|#(?=\w)|@\w+", re.IGNORECASE)


def story_text(text: str) -> str:
    """What two reposts have in common: the words, without links, cashtags, handles and case."""
    return " ".join(re.findall(r"\w+", _NOISE.sub(" ", text).casefold()))


def runs(story: str) -> set[str]:
    """The runs of RUN letters of a text."""
    return {story[i : i + RUN] for i in range(max(1, len(story) - RUN + 1))}


def bands(story: str) -> list[int]:
    """The keys under which a text and its like are filed, BANDS signed 64-bit numbers."""
    hashes = np.array([zlib.crc32(run.encode()) for run in runs(story)], np.uint64)
    # Multiply-shift (Dietzfelbinger et al. 1997): the upper half of a product that wraps at 2 ** 64.
    # Shape: (BANDS * ROWS, runs) -> (BANDS * ROWS,).
    least: NDArray[np.uint64] = ((_FACTORS * hashes + _SHIFTS) >> np.uint64(32)).min(axis=1)
    keys = []
    for number, part in enumerate(least.reshape(BANDS, ROWS)):
        digest = hashlib.blake2b(bytes([number]) + part.tobytes(), digest_size=8).digest()
        keys.append(int.from_bytes(digest, "little", signed=True))
    return keys


def original(
    db: sqlite3.Connection, story: str, keys: Sequence[int], published: datetime, tickers: Sequence[str]
) -> int | None:
    """The item whose story this is: near in words and time and about one of the same companies; None if it is new.

    ``story`` and ``keys`` are its ``story_text`` and ``bands``. Of two copies the one stored first is the original.
    """
    if not story:
        return None
    ends = [(published - SOON).isoformat(), (published + SOON).isoformat()]
    candidates: set[int] = set()
    for key in keys:
        rows = db.execute("SELECT item FROM bands WHERE band = ? AND published BETWEEN ? AND ?", [key, *ends])
        candidates.update(row["item"] for row in rows)
    own = runs(story)
    marks = ", ".join("?" * len(tickers))
    for item in sorted(candidates):
        [row] = db.execute("SELECT text FROM items WHERE id = ?", [item])
        other = runs(story_text(row["text"]))
        if len(own & other) < LIKENESS * len(own | other):
            continue
        # As many marks as tickers, which go in as values.
        about = f"SELECT 1 FROM mentions WHERE item = ? AND ticker IN ({marks}) LIMIT 1"  # noqa: S608
        if db.execute(about, [item, *tickers]).fetchone():
            return item
    return None


def file_story(db: sqlite3.Connection, item: int, keys: Sequence[int], published: datetime) -> None:
    """File an original under its bands, so that its reposts are found."""
    db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?, ?)", [(key, published.isoformat(), item) for key in keys])
