"""``items.db``: what was read, what each item says of each company, and the days that sum it up.

A batch of rows goes in as one transaction together with how far its file has been read, so that an ingest that is
killed goes on where it stopped and no row counts twice.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.database import DataFile, now

from . import demo_stream, reposts
from .aggregates import add_to_days, confidence
from .columns import Entry
from .schema import steps
from .sources import DEFAULT_WEIGHT
from .times import session_day

if TYPE_CHECKING:
    import sqlite3

FILE_NAME = "items.db"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model reads in a text."""

    probabilities: tuple[float, float, float]
    """Negative, neutral, positive."""
    version: str
    """Of the model."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an item says of one company."""

    ticker: str
    passage: str
    """The words on which it rests."""
    reads: str
    """Those words as the model was given them."""
    reading: Reading


@dataclass(frozen=True, slots=True)
class Scored:
    entry: Entry
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    row: int
    """Its number in the file; the first after a header is 1."""
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Ingest:
    """How far the reading of one file has come."""

    id: int
    name: str
    rows: int
    items: int
    known: int
    """Rows that were stored before, from this or another file."""
    done: bool
    error: str
    """Why it could not be read to its end; empty if it could."""
    demo: bool
    """Whether it is the app's own demo stream."""


def open_items(folder: Path) -> DataFile:
    """The app's database in its data folder. Raises StoreError."""
    return DataFile.open(folder, FILE_NAME, steps)


def begin(file: DataFile, name: str, sha256: str, *, demo: bool = False) -> Ingest:
    """The ingest of a file of that content: a new one, or the one that was begun before."""
    with file.transaction() as db:
        db.execute(
            "INSERT INTO ingests (name, sha256, demo, began_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [name, sha256, int(demo), now()],
        )
        return _ingest(db, "sha256", sha256)


def add(file: DataFile, ingest: Ingest, rows: int, scored: Sequence[Scored], rejects: Sequence[Reject] = ()) -> Ingest:
    """Store a batch, and that the file's first ``rows`` rows have been read.

    Of an ingest that somebody else has ended nothing more is taken. The first items of the user's own take the place of
    the demo stream.
    """
    with file.transaction() as db:
        current = _ingest(db, "id", ingest.id)
        if current.done:
            return current
        if scored and not ingest.demo:
            demo_stream.make_room(db)
        weights = {row["source"]: row["weight"] for row in db.execute("SELECT source, weight FROM sources")}
        [first] = db.execute("SELECT COALESCE(MAX(id), 0) + 1 AS id FROM items")
        new = sum(_add_item(db, ingest.id, one, weights.get(one.entry.source, DEFAULT_WEIGHT)) for one in scored)
        add_to_days(db, first["id"])
        db.executemany(
            "INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)",
            [(ingest.id, reject.row, reject.reason, reject.content) for reject in rejects],
        )
        db.execute(
            "UPDATE ingests SET rows = ?, items = items + ?, known = known + ? WHERE id = ?",
            [rows, new, len(scored) - new, ingest.id],
        )
        return _ingest(db, "id", ingest.id)


def finish(file: DataFile, ingest: Ingest, error: str = "") -> Ingest:
    """The file has been read as far as it goes."""
    with file.transaction() as db:
        db.execute("UPDATE ingests SET done = 1, error = ? WHERE id = ?", [error, ingest.id])
        return _ingest(db, "id", ingest.id)


def write_rejects(file: DataFile, ingest: Ingest, path: Path) -> int:
    """Write the rows that could not be taken to a CSV file; how many there are. No file is written for none."""
    rows = file.read("SELECT row, reason, content FROM rejects WHERE ingest = ? ORDER BY row", [ingest.id])
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        with aside.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["row", "reason", "content"])
            writer.writeheader()
            for row in rows:
                writer.writerow(row | {name: harmless(row[name]) for name in ("reason", "content")})
        os.replace(aside, path)
    return len(rows)


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def key_of(entry: Entry) -> str:
    """What tells one item from another, in whatever file it comes."""
    parts = [entry.source, entry.published.isoformat(), entry.id or entry.text, *sorted(entry.tickers)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _add_item(db: sqlite3.Connection, ingest: int, scored: Scored, weight: float) -> bool:
    """Store one item with its mentions; False if it is stored already."""
    entry, key = scored.entry, key_of(scored.entry)
    with closing(db.execute("SELECT 1 FROM items WHERE key = ?", [key])) as known:
        if known.fetchone():
            return False
    tickers = [verdict.ticker for verdict in scored.verdicts]
    story = reposts.story_text(entry.text) if tickers else ""
    keys = reposts.bands(story) if story else []
    first = reposts.original(db, story, keys, entry.published, tickers) if story else None
    item = db.execute(
        "INSERT INTO items (key, ingest, published, source, url, text, repost_of) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [key, ingest, entry.published.isoformat(), entry.source, entry.url, entry.text, first],
    ).lastrowid
    assert item is not None
    if first is None:
        reposts.file_story(db, item, keys, entry.published)
    day, session = entry.published.date().isoformat(), session_day(entry.published).isoformat()
    for verdict in scored.verdicts:
        probabilities, version = verdict.reading.probabilities, verdict.reading.version
        sure = confidence(probabilities)
        own = 0.0 if first is not None else weight * sure
        db.execute(
            "INSERT INTO mentions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [item, verdict.ticker, day, session, *probabilities, sure, own, verdict.passage, verdict.reads, version],
        )
    return True


def _ingest(db: sqlite3.Connection, column: str, value: str | int) -> Ingest:
    # The column comes from this module alone.
    sql = f"SELECT id, name, rows, items, known, done, error, demo FROM ingests WHERE {column} = ?"  # noqa: S608
    [row] = db.execute(sql, [value])
    return Ingest(**{**dict(row), "done": bool(row["done"]), "demo": bool(row["demo"])})
