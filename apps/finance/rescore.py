"""Items scored anew when another version of the model is in service; the sums of their days follow.

By company and day, a batch a transaction: what was done before a stop stays, and the next run goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.database import DataFile

from .aggregates import confidence, count_again
from .ingest import BATCH, Score, read_all
from .items import Reading
from .sources import DEFAULT_WEIGHT


def waiting(file: DataFile, version: str) -> int:
    """How many verdicts another version than ``version`` gave."""
    # Not "!=", which no index serves.
    [row] = file.read("SELECT COUNT(*) AS n FROM mentions WHERE scored_by < ? OR scored_by > ?", [version, version])
    return int(row["n"])


def rescore(
    file: DataFile,
    score: Score,
    version: str,
    progress: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Score what another version than ``version`` gave, until all is done or ``stop`` says so; how many those were.

    ``progress`` hears of the verdicts done. Each gets the name of the version that read it, whichever that is by then.
    """
    done, after = 0, ("", "", 0)
    while not stop():
        # Row values go along the index mentions_by_day, which ends with the key.
        rows = file.read(
            "SELECT item, ticker, day, session, reads, repost_of, COALESCE(sources.weight, ?) AS weight "
            "FROM mentions JOIN items ON items.id = item LEFT JOIN sources USING (source) "
            "WHERE (ticker, mentions.day, item) > (?, ?, ?) AND scored_by != ? "
            "ORDER BY ticker, mentions.day, item LIMIT ?",
            [DEFAULT_WEIGHT, *after, version, BATCH],
        )
        if not rows:
            break
        _store(file, rows, read_all(score, {row["reads"] for row in rows}))
        done += len(rows)
        after = (rows[-1]["ticker"], rows[-1]["day"], rows[-1]["item"])
        progress(done)
    return done


def _store(file: DataFile, rows: list[dict[str, Any]], readings: dict[str, Reading]) -> None:
    changes = []
    for row in rows:
        reading = readings[row["reads"]]
        sure = confidence(reading.probabilities)
        weight = 0.0 if row["repost_of"] is not None else row["weight"] * sure
        changes.append([*reading.probabilities, sure, weight, reading.version, row["item"], row["ticker"]])
    with file.transaction() as db:
        db.executemany(
            "UPDATE mentions SET negative = ?, neutral = ?, positive = ?, confidence = ?, weight = ?, scored_by = ? "
            "WHERE item = ? AND ticker = ?",
            changes,
        )
        count_again(db, {(row["ticker"], row["day"], row["session"]) for row in rows})
