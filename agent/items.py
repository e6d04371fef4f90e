"""Rows to items: which column is what, and whether every value can be taken."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import BadInputError
from agent.tables import Reject, read_rows, renamed
from agent.types import Item
from index.reading import clean

MOST_ID, MOST_TITLE, MOST_TEXT = 120, 300, 20_000
"""Characters."""
MOST_ATTRIBUTES, MOST_VALUES = 50, 100
"""Of an item, and of one attribute."""
NUMBERS = ("stock", "age")
"""Attributes that are numbers with every item that has them."""
FREE = frozenset({"free", "gratis", "for free", "free of charge"})
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("item_id", "itemid", "movieid", "product_id", "sku", "asin"),
    "title": ("name", "product_name"),
    "text": ("description", "summary", "overview", "body"),
    "price": ("cost", "unit_price"),
    "image": ("image_url", "image_link", "cover", "picture"),
    "url": ("link", "page"),
    "stock": ("quantity", "inventory"),
    "age": ("min_age", "age_from"),
    "category": ("genre", "product_type"),
}
"""Our names, and those that other catalogues use for the same."""
_PRICE = re.compile(r"(\d{1,3}(?:[ ,.']\d{3})+|\d+)([.,]\d{1,2})?")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_CURRENCY = re.compile(r"^(?:[A-Z]{3}|[$€£¥])?\s*|\s*(?:[A-Z]{3}|euros?|dollars?|pounds?|[$€£¥])?$", re.IGNORECASE)
_LIST = "|"
"""What separates the words of one cell of a CSV file."""


def read_items(path: Path, columns: Mapping[str, str] | None = None) -> tuple[list[Item], list[Reject]]:
    """The items of a JSON lines or CSV file, and the rows that are none, each with its cause.

    ``columns`` says which column of the file is what (ours -> theirs) where the names do not. Raises BadInputError if
    the file cannot be read at all, or has none of the columns that ``columns`` names.
    """
    items: dict[str, Item] = {}
    lines: dict[str, int] = {}
    rejects: list[Reject] = []
    asked = columns or {}
    found: set[str] = set()
    for row in read_rows(path):
        if isinstance(row, Reject):
            rejects.append(row)
            continue
        found.update(row.cells)
        try:
            item = item_of(renamed(row.cells, asked, COLUMNS), from_text=path.suffix.lower() == ".csv")
        except ValueError as error:
            rejects.append(Reject(row.line, str(error)))
            continue
        if item.id in items:
            rejects.append(Reject(row.line, f"the id '{item.id}' stands on line {lines[item.id]} already"))
            continue
        items[item.id], lines[item.id] = item, row.line
    missing = [theirs for theirs in asked.values() if theirs not in found]
    if missing:
        raise BadInputError("column", f"{path} has no column '{missing[0]}'. It has: {', '.join(sorted(found))}.")
    return list(items.values()), rejects


def item_of(cells: Mapping[str, object], *, from_text: bool = False) -> Item:
    """An item of a row's cells by our names; what else is in them are its attributes.

    ``from_text`` says that all cells are texts, in which "|" separates words and a number is written as one. Raises
    ValueError with the cause.
    """
    own = {"id", "title", "text", "price", "image", "url"}
    attributes = {
        name: value
        for name, cell in cells.items()
        if name not in own and (value := _attribute(name, cell, from_text)) is not None
    }
    if len(attributes) > MOST_ATTRIBUTES:
        raise ValueError(f"it has {len(attributes)} attributes; at most {MOST_ATTRIBUTES} are taken")
    return Item(
        id=_text(cells, "id", MOST_ID, needed=True),
        title=_text(cells, "title", MOST_TITLE, needed=True),
        text=_text(cells, "text", MOST_TEXT, needed=True),
        attributes=attributes,
        price=price_of(cells.get("price")),
        image=_link(_text(cells, "image", 2000), "image"),
        url=_link(_text(cells, "url", 2000), "url"),
    )


def _text(cells: Mapping[str, object], name: str, most: int, *, needed: bool = False) -> str:
    value = cells.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise ValueError(f"its {name} is no text")
    text = "" if value is None else " ".join(clean(str(value)).split())
    if needed and not text:
        raise ValueError(f"it has no {name}")
    if len(text) > most:
        raise ValueError(f"its {name} has {len(text)} characters; at most {most} are taken")
    return text


def price_of(value: object) -> float | None:
    """A price: a number of 0 or more, "free" (0), or a text such as "12.50", "€ 12,50" or "1,299.00"; None if it is
    empty. Raises ValueError for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    price = math.nan
    if isinstance(value, str):
        if value.strip().casefold() in FREE:
            return 0.0
        found = _PRICE.fullmatch(_CURRENCY.sub("", value.strip()))
        if found:
            price = float(re.sub(r"[ ,.']", "", found[1]) + (found[2] or "").replace(",", "."))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        price = float(value)
    if not 0 <= price < math.inf:
        raise ValueError(f"its price {value!r} is no number of 0 or more; leave it empty if it is not known")
    return price


def _attribute(name: str, cell: object, from_text: bool) -> str | float | tuple[str, ...] | None:
    """None for an empty one."""
    if name in NUMBERS:
        return _number(name, cell)
    if isinstance(cell, bool | int | float):
        if isinstance(cell, bool) or not math.isfinite(cell):
            raise ValueError(f"its {name} is neither a text nor a number, nor a list of texts")
        return float(cell)
    if isinstance(cell, str):
        if from_text and _NUMBER.fullmatch(cell):
            return float(cell)
        if not from_text or _LIST not in cell:
            return " ".join(clean(cell).split()) or None
        cell = cell.split(_LIST)
    if cell is None:
        return None
    if not isinstance(cell, list | tuple) or not all(isinstance(word, str) for word in cell):
        raise ValueError(f"its {name} is neither a text nor a number, nor a list of texts")
    if len(cell) > MOST_VALUES:
        raise ValueError(f"its {name} has {len(cell)} values; at most {MOST_VALUES} are taken")
    return tuple(word for text in cell if (word := " ".join(clean(text).split()))) or None


def _number(name: str, cell: object) -> float | None:
    if cell is None or cell == "":
        return None
    try:
        number = math.nan if isinstance(cell, bool) or not isinstance(cell, str | int | float) else float(cell)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"its {name} {cell!r} is no number of 0 or more")
    return number


def _link(link: str, name: str) -> str:
    """A path on this server, or an https address in the open. Raises ValueError."""
    if not link or (link.startswith("/") and not link.startswith(("//", "/\\"))):
        return link
    try:
        parts = urlsplit(link)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        raise ValueError(f"its {name} '{link[:80]}' is no address") from None
    if parts.scheme != "https" or not host:
        raise ValueError(f"its {name} '{link[:80]}' is neither a path (/...) nor an https address")
    if is_private(host):
        raise ValueError(f"its {name} '{link[:80]}' is a private address, which customers must not be sent to")
    return link


def is_private(host: str) -> bool:
    """Whether a host's name or address lies within a network of somebody's own, by its form; no name is looked up."""
    # Browsers take numbers in many forms for an address ("2130706433", "0x7f.1"): no name in the open ends so.
    if re.fullmatch(r"(.*\.)?(\d+|0x[0-9a-f]*)", host, re.IGNORECASE):
        try:
            return not ipaddress.IPv4Address(host).is_global
        except ValueError:
            return True
    if ":" in host:
        return not ipaddress.IPv6Address(host.partition("%")[0]).is_global
    return "." not in host or host.lower().endswith((".local", ".localhost", ".internal", ".lan", ".home.arpa"))


def item_text(item: Item) -> str:
    """What of an item is embedded: its title, its text and the words of its attributes."""
    words = [value for value in item.attributes.values() if not isinstance(value, float)]
    flat = [word for value in words for word in ((value,) if isinstance(value, str) else value)]
    return ". ".join(part.rstrip(".") for part in (item.title, item.text, ", ".join(flat)) if part) + "."


def texts_of(items: Iterable[Item]) -> dict[str, str]:
    """What is embedded of each, by id."""
    return {item.id: item_text(item) for item in items}
