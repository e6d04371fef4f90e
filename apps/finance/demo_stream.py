"""The demo stream among the items of ``items.db``: never beside a user's own ones unless he asks for it.

What belongs to it is known by its ingest. It is taken in by the same way as any file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.database import DataFile

from .aggregates import count_again
from .sources import DEFAULT_WEIGHT

if TYPE_CHECKING:
    import sqlite3

ITEMS = Path(__file__).parent / "demo" / "items.jsonl"
PRICES = ITEMS.with_name("prices.csv")
_IDS = "SELECT items.id FROM items JOIN ingests ON ingests.id = ingest WHERE demo = 1"


def is_there(file: DataFile) -> bool:
    """Whether items of the demo stream are among those that are shown."""
    return bool(file.read(f"{_IDS} LIMIT 1", []))


def is_wanted(file: DataFile) -> bool:
    """Whether nobody has brought items yet, and the stream was neither taken in to its end nor sent away."""
    return not file.read("SELECT 1 FROM ingests WHERE demo = 0 AND items > 0 OR demo = 1 AND done = 1 LIMIT 1", [])


def invite(file: DataFile) -> None:
    """Have the stream taken in by the next ingest of it, even if it was sent away before."""
    with file.transaction() as db:
        db.execute("UPDATE ingests SET done = 0 WHERE demo = 1 AND items = 0")


def send_away(file: DataFile) -> int:
    """Remove the demo stream for good; how many items that were."""
    with file.transaction() as db:
        return _remove(db)


def make_room(db: sqlite3.Connection) -> None:
    """Remove the stream if the user has no items of his own yet, within the transaction that brings the first ones."""
    if not db.execute("SELECT 1 FROM ingests WHERE demo = 0 AND items > 0 LIMIT 1").fetchone():
        _remove(db)


def _remove(db: sqlite3.Connection) -> int:
    # What is put into these statements comes from this module alone.
    touched = {
        (row["ticker"], row["day"], row["session"])
        for row in db.execute(f"SELECT ticker, day, session FROM mentions WHERE item IN ({_IDS})")  # noqa: S608
    }
    # A user's own item that told a story of the stream again now tells it first.
    own = f"SELECT id FROM items WHERE repost_of IN ({_IDS}) AND id NOT IN ({_IDS})"  # noqa: S608
    db.execute(
        "UPDATE mentions SET weight = confidence * COALESCE((SELECT sources.weight FROM items "  # noqa: S608
        f"JOIN sources USING (source) WHERE items.id = item), ?) WHERE item IN ({own})",
        [DEFAULT_WEIGHT],
    )
    touched |= {
        (row["ticker"], row["day"], row["session"])
        for row in db.execute(f"SELECT ticker, day, session FROM mentions WHERE item IN ({own})")  # noqa: S608
    }
    db.execute(f"UPDATE items SET repost_of = NULL WHERE repost_of IN ({_IDS})")  # noqa: S608
    for table in ("mentions", "bands"):
        db.execute(f"DELETE FROM {table} WHERE item IN ({_IDS})")  # noqa: S608
    removed = db.execute(f"DELETE FROM items WHERE id IN ({_IDS})").rowcount  # noqa: S608
    # Ended, so that whoever is taking it in just now stops.
    db.execute("UPDATE ingests SET rows = 0, items = 0, known = 0, done = 1 WHERE demo = 1")
    count_again(db, touched)
    return removed
