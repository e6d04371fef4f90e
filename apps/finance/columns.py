"""Which column of a file holds what: found by its name, or named by whoever loads the file."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bs4 import BeautifulSoup

from agent.errors import BadInputError
from agent.text import clean

from .times import Clock

NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "title", "headline", "body", "content", "summary", "tweet", "message"),
    "published": ("published", "date", "created_at", "published_at", "timestamp", "datetime", "time", "pubdate"),
    "source": ("source", "publisher", "outlet", "author"),
    "tickers": ("tickers", "ticker", "symbol", "symbols", "stock"),
    "url": ("url", "link"),
    "id": ("id", "guid"),
}
"""By field, the names of columns that are taken for it; the first that a file has wins."""
NEEDED = ("text", "published")
MOST_CHARACTERS = 4000
"""Of one text; what is longer is cut there."""
_FIRST = {"published": ("created_at", "published_at", "timestamp", "datetime")}
"""A file that has both a day and a moment means the moment."""
_TAG = re.compile(r"<[a-zA-Z!/][^>]*>")


class RowError(ValueError):
    """A row that cannot be taken; the message is the reason for the reject file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as a file or a feed has it, cleaned."""

    text: str
    published: datetime
    """UTC."""
    source: str = ""
    tickers: tuple[str, ...] = ()
    url: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one file by field."""

    of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, found: Iterable[str], named: Mapping[str, str] | None = None) -> Columns:
        """The columns among ``found``; ``named`` gives some of them by field.

        Raises BadInputError saying which columns there are and which are needed.
        """
        own = {name.strip().casefold(): name for name in found}
        of: dict[str, str] = {}
        for name, column in (named or {}).items():
            if name not in NAMES:
                raise BadInputError("unknown_field", f"There is no field '{name}'. Choose one of {', '.join(NAMES)}.")
            if column.casefold() not in own:
                raise BadInputError(
                    "missing_columns", f"There is no column '{column}'. The file has: {_listed(own.values())}."
                )
            of[name] = own[column.casefold()]
        for name, known in NAMES.items():
            for candidate in (*_FIRST.get(name, ()), *known):
                if candidate in own:
                    of.setdefault(name, own[candidate])
        missing = [name for name in NEEDED if name not in of]
        if missing:
            needed = "; ".join(f"{name} ({', '.join(NAMES[name])})" for name in missing)
            raise BadInputError(
                "missing_columns",
                f"No column was found for {needed}. The file has: {_listed(own.values())}. "
                f"Name the right one with --column {missing[0]}=NAME.",
            )
        return cls(of)

    def entry(self, row: Mapping[str, Any], clock: Clock) -> Entry:
        """A row as an Entry. Raises RowError or TimeError with the reason why it is none."""
        values = {name: row.get(column) for name, column in self.of.items()}
        return Entry(
            plain(_text(values.get("text"))),
            _moment(values.get("published"), clock),
            _text(values.get("source")),
            _tickers(values.get("tickers")),
            _text(values.get("url")),
            _text(values.get("id")),
        )


def plain(text: str) -> str:
    """The text without HTML, on one line, at most MOST_CHARACTERS long. Raises RowError if nothing is left."""
    if _TAG.search(text):
        soup = BeautifulSoup(text, "html.parser")
        for tag in soup(["script", "style"]):
            tag.decompose()
        text = soup.get_text(" ")
    try:
        return clean(html.unescape(text)[:MOST_CHARACTERS], MOST_CHARACTERS)
    except BadInputError as error:
        raise RowError("there is no text" if error.code == "empty" else str(error)) from error


def _moment(value: Any, clock: Clock) -> datetime:
    return clock.read(value.isoformat() if isinstance(value, datetime) else _text(value))


def _text(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())


def _tickers(value: Any) -> tuple[str, ...]:
    """A list, the same as JSON, or tickers with anything between them."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            value = value.strip("[] ")
    parts = [str(part) for part in value] if isinstance(value, list) else re.split(r"[\s,;|]+", _text(value))
    return tuple(dict.fromkeys(part.strip("$'\" ").upper() for part in parts if part.strip("$'\" ")))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
