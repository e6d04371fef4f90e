"""The companies that are watched: a CSV file that the user edits."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadInputError

COLUMNS = ("ticker", "company", "sector", "aliases")
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,9}")


@dataclass(frozen=True, slots=True)
class Company:
    """One line of the watch list."""

    ticker: str
    name: str
    sector: str = ""
    aliases: tuple[str, ...] = ()
    """Other names that people use; with ``doubtful`` those that are also words of everyday language."""
    doubtful: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """The full name and the aliases, the longest first."""
        return tuple(sorted({self.name, *self.aliases}, key=lambda name: (-len(name), name)))


def load_watchlist(path: Path, doubtful: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, Company]:
    """Companies by ticker. An alias that is one of the words ``doubtful``, or ends in a question mark, is believed
    only where its context speaks of a company.

    Raises BadInputError naming file and line of what cannot be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or ())]
            if missing:
                raise BadInputError(
                    "watch_list",
                    f"{path}: no column {' and '.join(missing)}. It has: {', '.join(reader.fieldnames or ('none',))}. "
                    f"Needed are {', '.join(COLUMNS)}.",
                )
            companies = [_company(row, f"{path}:{reader.line_num}", doubtful or {}) for row in reader]
    except OSError as error:
        raise BadInputError("watch_list", f"The watch list {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInputError("watch_list", f"The watch list {path} is no UTF-8: {error}.") from error
    found: dict[str, Company] = {}
    owner: dict[str, str] = {}
    for company in companies:
        if company.ticker in found:
            raise BadInputError("watch_list", f"{path}: {company.ticker} stands twice.")
        found[company.ticker] = company
        for name in company.names:
            other = owner.setdefault(name.casefold(), company.ticker)
            if other != company.ticker:
                raise BadInputError(
                    "watch_list", f"{path}: '{name}' is a name of {other} and of {company.ticker}. Take one away."
                )
    return found


def load_doubtful(path: Path) -> dict[str, tuple[str, ...]]:
    """Words of everyday language that companies are named with, each with phrases in which it is no company."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["word"]: tuple(filter(None, row["elsewhere"].split(";"))) for row in csv.DictReader(file)}


def _company(row: Mapping[str, str | None], where: str, doubtful: Mapping[str, tuple[str, ...]]) -> Company:
    ticker = (row["ticker"] or "").strip().lstrip("$").upper()
    name = " ".join((row["company"] or "").split())
    if not _TICKER.fullmatch(ticker) or not name:
        raise BadInputError("watch_list", f"{where}: a line needs a ticker, such as HRBR, and a company.")
    written = [" ".join(alias.split()) for alias in (row.get("aliases") or "").split(";")]
    aliases = tuple(alias.rstrip("?").rstrip() for alias in written if alias.rstrip("? "))
    unsure = {alias for alias, mark in zip(aliases, filter(None, written), strict=True) if mark.endswith("?")}
    unsure |= {alias for alias in (name, *aliases) if alias.casefold() in doubtful}
    return Company(ticker, name, " ".join((row.get("sector") or "").split()), aliases, frozenset(unsure))
