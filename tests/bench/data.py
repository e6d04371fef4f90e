"""The public data sets that the benches measure on, read from where they lie."""

from __future__ import annotations

import csv
import os
import random
import sys
from pathlib import Path

from agent.learning.train import Row

FOLDER = Path(os.environ.get("SWITCHBOARD_BENCH_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
QUICK = os.environ.get("QUICK", "") not in {"", "0"}


def require() -> None:
    """Leave with a clear word where the data is absent."""
    if not (FOLDER / "banking77" / "test.csv").is_file():
        sys.exit(
            f"No bench data in {FOLDER}. "
            "Name the folder that holds banking77/ and the others with SWITCHBOARD_BENCH_DATA."
        )


def table(name: str) -> list[dict[str, str]]:
    """Rows of a CSV below the data folder, by column."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def split_off(
    rows: list[dict[str, str]], share: float, seed: int = 0
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Shuffle by seed; the first ``share`` of the rows and the rest."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    cut = round(len(rows) * share)
    return shuffled[:cut], shuffled[cut:]


def labelled(rows: list[dict[str, str]], head: str, labels: tuple[str, ...], column: str = "intent") -> list[Row]:
    index = {label: i for i, label in enumerate(labels)}
    return [Row(row["text"], {head: index[row[column]]}) for row in rows]


def label_names(rows: list[dict[str, str]], column: str = "intent") -> tuple[str, ...]:
    return tuple(sorted({row[column] for row in rows}))
