"""The layout of the StockNet data set (Xu and Cohen 2018, "Stock movement prediction from tweets and historical
prices"): ``stocks.csv``, ``prices.csv`` and ``tweets.csv`` in one folder.

The companies go onto the user's own watch list, the prices beside it; the tweets are a file of items like any other.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from agent.errors import BadInputError

from .prices import PriceError, read_prices
from .queries import PRICES
from .readers import sha256_of
from .setup import FOLDER, NAME, WATCHLIST
from .watchlist import COLUMNS, load_doubtful, load_watchlist

STOCKS, TWEETS = "stocks.csv", "tweets.csv"
_SPELT = {"Basic Matierials": "Basic Materials"}
"""Sectors that the set misspells."""
_LEGAL = re.compile(r"^The |,? (?:Corporation|Company|Corp\.?|Inc\.?|Ltd\.?|plc|Stores|& Co\.?)(?=$| )", re.I)
"""What a name has besides what people say."""


def bring(folder: Path, data: Path) -> tuple[int, Path]:
    """Put the companies and the prices of ``folder`` into the app's part of the data folder ``data``; how many
    companies are new on the watch list, and the file of the tweets. The same folder again changes nothing.

    What stands on the watch list already stays as it is. Raises BadInputError if a file is missing or cannot be taken,
    or if there are other prices already.
    """
    missing = [name for name in (STOCKS, PRICES, TWEETS) if not (folder / name).is_file()]
    if missing:
        raise BadInputError("stocknet", f"{folder} has no {' and no '.join(missing)}, of which all three are needed.")
    own = data / "apps" / NAME
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    _bring_prices(folder / PRICES, own / PRICES)
    return _bring_companies(folder / STOCKS, own / WATCHLIST), folder / TWEETS


def _bring_prices(found: Path, own: Path) -> None:
    try:
        read_prices(found)
    except PriceError as error:
        raise BadInputError("prices", str(error)) from error
    if own.is_file():
        if sha256_of(own) != sha256_of(found):
            raise BadInputError("prices", f"{own} holds other prices, which stay. Move that file away first.")
        return
    aside = own.with_suffix(".part")
    shutil.copyfile(found, aside)
    os.replace(aside, own)


def _bring_companies(found: Path, own: Path) -> int:
    columns, stocks = _table(found)
    if not {"sector", *COLUMNS[:2]} <= set(columns):
        raise BadInputError("stocknet", f"{found}: needed are the columns sector, ticker and company.")
    doubtful = load_doubtful(FOLDER / "doubtful.csv")
    held = load_watchlist(own, doubtful) if own.is_file() else {}
    new = [stock for stock in stocks if stock["ticker"] not in held]
    if new:
        columns, lines = _table(own) if held else ([], [])
        aside = own.with_suffix(".part")
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, dict.fromkeys([*columns, *COLUMNS]))
            writer.writeheader()
            writer.writerows([*lines, *map(_line, new)])
        # Before it counts: a name that two companies have is refused.
        load_watchlist(aside, doubtful)
        os.replace(aside, own)
    return len(new)


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), list(reader)


def _line(stock: Mapping[str, str]) -> dict[str, str]:
    name = " ".join(stock["company"].split())
    said = [_LEGAL.sub("", name).strip(), *_others().get(stock["ticker"], ())]
    aliases = ";".join(dict.fromkeys(alias for alias in said if alias != name))
    sector = _SPELT.get(stock["sector"], stock["sector"])
    return dict(zip(COLUMNS, (stock["ticker"], name, sector, aliases), strict=True))


def _others() -> dict[str, list[str]]:
    """What people call well-known companies besides, by ticker."""
    with (FOLDER / "nicknames.csv").open(encoding="utf-8", newline="") as file:
        return {row["ticker"]: row["names"].split(";") for row in csv.DictReader(file)}
