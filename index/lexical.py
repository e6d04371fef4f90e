"""Passages by their words: SQLite's full-text index and BM25, in memory.

It is made anew from the passages when a stored index is loaded (about 0.3 s for 10,000 passages), so that it
can never disagree with them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from index.chunking import plain
from index.types import Passage

if TYPE_CHECKING:
    import sqlite3
else:
    import pysqlite3 as sqlite3

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about am an and any are as at be been but by can could do does did for from had has have how i if
        in into is it its just me my no not of on or our please should so that the their them then
        there they this to was we were what when where which who why will with would you your""",
    )
)
MOST_WORDS = 40
"""Words of a query that are looked up."""
LONGEST_WORD = 64
TITLE_WEIGHT = 2.0
"""Of a word in title or headings, against one in the text."""

# SQLite's bm25() has k1 = 1.2 built in, so a word adds less than idf * (k1 + 1) (sqlite.org/fts5.html).
_SATURATED = 2.2


class LexicalIndex:
    """BM25 over passages. Not safe for threads by itself: its owner holds a lock."""

    def __init__(self) -> None:
        # Isolation None: no transaction stays open behind a change.
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(title, body, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def update(self, gone: Iterable[int], new: Iterable[tuple[int, Passage]]) -> None:
        """Take out passages by number and put in others; all or nothing."""
        rows = [(number, " ".join([p.title, *p.heading_path]), plain(p.text)) for number, p in new]
        self._db.execute("BEGIN")
        try:
            self._db.executemany("DELETE FROM passages WHERE rowid = ?", [(number,) for number in gone])
            self._db.executemany("INSERT INTO passages (rowid, title, body) VALUES (?, ?, ?)", rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._size = int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    def search(self, text: str) -> Mapping[int, float]:
        """Passage number to score, 0 to 1, for every passage that holds one of the words; the rest have 0.

        The score is BM25 over the most that any passage could reach with these words, those that no passage
        holds included: it says how much of what was asked the passage speaks of. Each word is quoted, so
        nothing in a person's text is read as an operator.
        """
        words = dict.fromkeys(re.findall(r"\w+", text.lower()))
        asked = [w for w in words if w not in STOP_WORDS and len(w) <= LONGEST_WORD][:MOST_WORDS]
        rarity = {word: self._rarity(word) for word in asked}
        ceiling = _SATURATED * sum(rarity.values())
        known = [f'"{word}"' for word, value in rarity.items() if value > 0]
        if not known:
            return {}
        rows = self._db.execute(
            "SELECT rowid, bm25(passages, ?, 1.0) FROM passages WHERE passages MATCH ?",
            (TITLE_WEIGHT, " OR ".join(known)),
        )
        return {number: min(1.0, -score / ceiling) for number, score in rows}

    def _rarity(self, word: str) -> float:
        """The word's idf as bm25() has it; 0 if it stands in half of the passages or more and says nothing."""
        (count,) = self._db.execute("SELECT count(*) FROM passages WHERE passages MATCH ?", (f'"{word}"',)).fetchone()
        return max(0.0, math.log((self._size - count + 0.5) / (count + 0.5)))

    def close(self) -> None:
        """Free the memory; the object is of no use afterwards."""
        self._db.close()
