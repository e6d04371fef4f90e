"""Passages by their words: SQLite's full-text index and BM25, in memory, rebuilt from the passages at load."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from index.documents import Passage

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

STOP_WORDS = frozenset(
    """a about am an and any are as at be been but by can could do does did for from had has have how i if in into is it
    its just me my no not of on or our please should so that the their them then there they this to was we were what when
    where which who why will with would you your""".split()
)
LONGEST_QUERY = 40
"""Words of a query that are looked up."""


class LexicalIndex:
    """BM25 over passages. Not thread-safe by itself: its owner holds a lock."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, body, tokenize = 'porter unicode61 remove_diacritics 2')"
        )

    def add(self, numbered: Iterable[tuple[int, Passage]]) -> None:
        self._db.executemany(
            "INSERT INTO passages (rowid, title, body) VALUES (?, ?, ?)",
            [(number, " ".join([p.title, *p.heading_path]), p.text) for number, p in numbered],
        )

    def remove(self, numbers: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM passages WHERE rowid = ?", [(number,) for number in numbers])

    def search(self, text: str, k: int) -> Mapping[int, float]:
        """BM25 by passage number for the ``k`` best, higher is better; empty if no word is found.

        Words are quoted one by one, so that nothing in a person's text is read as an operator.
        """
        words = [w for w in re.findall(r"\w+", text.casefold()) if w not in STOP_WORDS][:LONGEST_QUERY]
        if not words:
            return {}
        query = " OR ".join(f'"{word}"' for word in dict.fromkeys(words))
        rows = self._db.execute(
            "SELECT rowid, bm25(passages, 2.0, 1.0) FROM passages WHERE passages MATCH ? ORDER BY 2 LIMIT ?", (query, k)
        )
        return {int(number): -float(score) for number, score in rows}

    def close(self) -> None:
        self._db.close()
