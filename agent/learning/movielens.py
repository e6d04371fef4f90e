"""Reads the layouts that MovieLens ships: ``ratings.csv`` with ``movies.csv``, and ``u.data`` with ``u.item``."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from agent.errors import BadInputError
from agent.types import Event, Item

T = TypeVar("T")

_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_ARTICLE = re.compile(r"^(.*), (The|A|An)$")
NO_GENRES = "(no genres listed)"
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""Of the flags in u.item, in order."""


@dataclass(frozen=True, slots=True)
class MovieLens:
    items: Sequence[Item]
    """``text`` is the title, the year and the genres, in words; ``attributes``: ``genres`` (a tuple) and ``year``."""
    events: Sequence[Event]
    """Of kind ``rate``, in the file's order; ids are "<user>-<item>", items those of the files as text."""
    notices: Sequence[str]
    """A line for each row that could not be read, with file and line; such rows are left out."""


def read_movielens(folder: Path, app: str) -> MovieLens:
    """Raises BadInputError naming the files that either layout needs if the folder holds neither, and the first
    mistake if nothing of a file can be read."""
    notices: list[str] = []
    if (folder / "ratings.csv").is_file() and (folder / "movies.csv").is_file():
        items = _read(folder / "movies.csv", _table, _movie, notices)
        events = _read(folder / "ratings.csv", _table, lambda c: _rating(c, app), notices)
    elif (folder / "u.data").is_file() and (folder / "u.item").is_file():
        items = _read(folder / "u.item", _lines("|", "latin-1"), _flagged, notices)
        events = _read(folder / "u.data", _lines("\t", "utf-8"), lambda c: _rating(c, app), notices)
    else:
        raise BadInputError(
            "no_movielens",
            f"{folder} holds no MovieLens data: neither ratings.csv with movies.csv, nor u.data with u.item.",
        )
    return MovieLens(items, events, notices)


Rows = Callable[[Path], Iterator[tuple[int, list[str]]]]
"""The rows of a file with their lines, from 1 on."""


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        next(reader, None)
        for cells in reader:
            yield reader.line_num, cells


def _lines(separator: str, encoding: str) -> Rows:
    def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
        with path.open(encoding=encoding) as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip("\n").split(separator)

    return rows


def _read(path: Path, rows: Rows, make: Callable[[list[str]], T], notices: list[str]) -> list[T]:
    found: list[T] = []
    before = len(notices)
    try:
        for number, cells in rows(path):
            try:
                found.append(make(cells))
            except (ValueError, IndexError, OverflowError) as error:
                notices.append(f"{path.name}:{number}: {error}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError("unreadable", f"{path} cannot be read: {error}.") from error
    if not found:
        first = notices[before] if len(notices) > before else f"{path.name} is empty"
        raise BadInputError("nothing_read", f"No row of {path} can be read. {first}.")
    return found


def _rating(cells: list[str], app: str) -> Event:
    user, item, mark, seconds = (cell.strip() for cell in cells)
    value, at = float(mark), datetime.fromtimestamp(int(seconds), UTC)
    if not 0 <= value <= 5:
        raise ValueError(f"the mark {mark} is not within 0 to 5")
    return Event(f"{user}-{item}", app, user, item, "rate", at.isoformat(timespec="microseconds"), value)


def _movie(cells: list[str]) -> Item:
    item, title, genres = cells
    return _item(item, title, () if genres == NO_GENRES else tuple(genres.split("|")))


def _flagged(cells: list[str]) -> Item:
    flags = cells[5 : 5 + len(GENRES)]
    return _item(cells[0], cells[1], tuple(g for g, flag in zip(GENRES[1:], flags[1:], strict=True) if flag == "1"))


def _item(item: str, title: str, genres: tuple[str, ...]) -> Item:
    if not item.strip() or not title.strip():
        raise ValueError("a film needs an id and a title")
    year = _YEAR.search(title)
    name = _YEAR.sub("", title)
    moved = _ARTICLE.match(name)
    name = f"{moved[2]} {moved[1]}" if moved else name
    dated = f"{name} ({year[1]})" if year else name
    text = f"{dated}. {', '.join(genres).lower()}." if genres else f"{dated}."
    attributes: dict[str, str | float | tuple[str, ...]] = {"genres": genres}
    if year:
        attributes["year"] = float(year[1])
    return Item(item.strip(), dated, text, attributes)
