"""Catalogue: an app's items with what filters ask of them, and where they come from.

An app's own items are ``items.jsonl`` or ``items.csv`` in its folder. A catalogue that was imported stands in their
place; it is in the data folder, ``catalogues/<app>/items.jsonl``. It knows nothing of users and of ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import BadInputError, DomainError
from agent.items import read_items
from agent.types import Item

FILES = ("items.jsonl", "items.csv")
FOLDER = "catalogues"
MOST_NAMED = 20
"""Mistakes of a catalogue that one error names."""

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Filters:
    """What an item must be, to be ranked at all. An item that does not say what is asked for does not pass."""

    price_least: float | None = None
    price_most: float | None = None
    age: float | None = None
    """Years of whom it is for."""
    only: tuple[str, ...] = ()
    """Values that its attributes must have, such as a category, in any case."""
    avoid: tuple[str, ...] = ()
    """Values that they must not have."""
    in_stock: bool = True
    """Leave out what says that none is left."""
    unseen: bool = True
    """Leave out what the user liked, bought or rated already."""


class Catalogue:
    """Items by row, in the order given."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = tuple(items)
        self.row = {item.id: row for row, item in enumerate(self.items)}
        self.prices = _numbers(item.price for item in self.items)
        self._stock = _numbers(_number(item, "stock") for item in self.items)
        self.ages = _numbers(_number(item, "age") for item in self.items)
        rows: dict[str, list[int]] = {}
        self.values: dict[str, str] = {}
        """The words of all attributes as they are written, by what they are in lower case."""
        for row, item in enumerate(self.items):
            for value in values_of(item):
                self.values.setdefault(value.casefold(), value)
                rows.setdefault(value.casefold(), []).append(row)
        self._rows = {value: np.array(found, np.int64) for value, found in rows.items()}

    def __len__(self) -> int:
        return len(self.items)

    def having(self, value: str) -> Mask:
        """(N,): the items of which an attribute has that value."""
        mask = np.zeros(len(self), np.bool_)
        mask[self._rows.get(value.casefold(), np.empty(0, np.int64))] = True
        return mask

    def share(self, value: str) -> float:
        """Of the items, how many have it, 0 to 1."""
        return len(self._rows.get(value.casefold(), ())) / len(self)

    def mask(self, items: Iterable[str]) -> Mask:
        """(N,): those items; ids that there are not are passed over."""
        mask = np.zeros(len(self), np.bool_)
        mask[[self.row[item] for item in items if item in self.row]] = True
        return mask

    def conditions(self, filters: Filters) -> dict[str, Mask]:
        """By the filter's name, which items pass it (N,); only filters that ask for something. ``unseen`` is not among
        them, as it depends on the user."""
        found: dict[str, Mask] = {}
        if filters.price_least is not None:
            found["price_least"] = self.prices >= filters.price_least  # not known: NaN, which is False
        if filters.price_most is not None:
            found["price_most"] = self.prices <= filters.price_most
        if filters.age is not None:
            found["age"] = self.ages <= filters.age
        for value in filters.only:
            found[f"only:{value}"] = self.having(value)
        for value in filters.avoid:
            found[f"avoid:{value}"] = ~self.having(value)
        if filters.in_stock:
            found["in_stock"] = ~(self._stock <= 0)
        return found


def values_of(item: Item) -> list[str]:
    """The words of an item's attributes."""
    values: list[str] = []
    for value in item.attributes.values():
        if isinstance(value, str):
            values.append(value)
        elif isinstance(value, tuple):
            values.extend(value)
    return values


def own_file(folder: Path) -> Path | None:
    """The file of an app's own items; None if it has none."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def own_mistakes(folder: Path) -> list[str]:
    """Every mistake in the file of an app's own items as ``file:line: what``."""
    if all((folder / name).is_file() for name in FILES):
        return [f"{FILES[1]}:1: {FILES[0]} is there too. Keep one of them."]
    path = own_file(folder)
    return _read(path)[1] if path else []


def imported_file(data: Path, app: str) -> Path:
    """Where an app's imported catalogue lies, or would."""
    return data / FOLDER / app / FILES[0]


def load_catalogue(app: str, folder: Path, data: Path) -> Catalogue | None:
    """The app's imported catalogue, else its own in its ``folder``; None if it has neither.

    Raises DomainError, which names every row that is no item, or an empty catalogue.
    """
    imported = imported_file(data, app)
    path = imported if imported.is_file() else own_file(folder)
    if path is None:
        return None
    items, mistakes = _read(path)
    if mistakes:
        raise DomainError(app, mistakes)
    return Catalogue(items)


def _read(path: Path) -> tuple[list[Item], list[str]]:
    try:
        items, rejects = read_items(path)
    except BadInputError as error:
        return [], [f"{path.name}:1: {error}"]
    mistakes = [f"{path.name}:{reject.line}: {reject.cause}." for reject in rejects[:MOST_NAMED]]
    if len(rejects) > MOST_NAMED:
        mistakes.append(f"{path.name}: {len(rejects) - MOST_NAMED} more rows are no items.")
    if not items and not mistakes:
        mistakes = [f"{path.name}:1: the catalogue is empty. Add an item, or remove the file."]
    return items, mistakes


def _numbers(values: Iterable[float | None]) -> Numbers:
    """Shape (N,); NaN for what is not known."""
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _number(item: Item, name: str) -> float | None:
    value = item.attributes.get(name)
    return value if isinstance(value, float) else None
