"""Tables in files: CSV and JSON lines as rows with their line numbers; a line that is none is named with its cause.

It knows nothing of what the rows mean.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from agent.errors import BadInputError

SUFFIXES = (".jsonl", ".csv")
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """A row with the line that it ends on, from 1 on."""

    line: int
    cells: Mapping[str, object]
    """By column; those of a CSV file are texts."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken."""

    line: int
    cause: str


def read_rows(path: Path) -> Iterator[Row | Reject]:
    """The rows of a ``.jsonl`` or a ``.csv`` file (with a header; comma, semicolon, tab or bar), one at a time.

    Raises BadInputError, which names the file: of another ending, not there, not UTF-8, or without a header.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInputError("file", f"{path} is neither JSON lines nor CSV by its ending: {', '.join(SUFFIXES)}.")
    try:
        # A byte order mark is what spreadsheets begin their files with.
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _csv_rows(path, file) if path.suffix.lower() == ".csv" else _json_rows(file)
    except OSError as error:
        raise BadInputError("file", f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInputError("file", f"{path} is not UTF-8 ({error.reason}). Save it as UTF-8.") from error


def renamed(
    cells: Mapping[str, object], asked: Mapping[str, str], others: Mapping[str, tuple[str, ...]]
) -> dict[str, object]:
    """The cells under our names: those of ``asked`` (ours -> theirs), then those whose names are ours already (the
    keys of ``others``), then those with another name that it gives for ours. What is left keeps its name."""
    ours = {theirs: name for name, theirs in asked.items() if theirs in cells}
    same = {name: name for name in others}
    for known in (same, {other: name for name, names in others.items() for other in names}):
        for theirs in cells:
            name = known.get(theirs.lower())
            if name is not None and theirs not in ours and name not in ours.values():
                ours[theirs] = name
    return {ours.get(theirs, theirs): value for theirs, value in cells.items()}


def _json_rows(lines: Iterable[str]) -> Iterator[Row | Reject]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Reject(number, f"it is no JSON ({error})")
            continue
        yield Row(number, cells) if isinstance(cells, dict) else Reject(number, "it is no JSON object")


def _csv_rows(path: Path, file: TextIO) -> Iterator[Row | Reject]:
    header = file.readline()
    if not header.strip():
        raise BadInputError("file", f"{path} has no header: its first line must name the columns.")
    delimiter = max(DELIMITERS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
    reader = csv.reader(file, delimiter=delimiter)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Reject(reader.line_num + 1, f"it is no CSV ({error})")
            continue
        if cells is None:
            return
        line = reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            yield Reject(line, f"it has {len(cells)} cells where the header has {len(names)}")
            continue
        yield Row(line, {name: cell.strip() for name, cell in zip(names, cells, strict=True)})
