"""What commands share: the app's files, found in its folder and in its data folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.database import DataFile
from agent.errors import BadInputError, ModelError
from agent.types import SENTIMENTS, Prediction

from . import alarm
from .aggregates import weigh_sources
from .ingest import Ingester, Score
from .items import Reading, open_items
from .mentions import Finder
from .sources import load_sources
from .times import Clock
from .watchlist import Company, load_doubtful, load_watchlist

FOLDER = Path(__file__).parent
NAME = FOLDER.name
WATCHLIST, SOURCES = "watchlist.csv", "sources.csv"


@dataclass(frozen=True, slots=True)
class Desk:
    """The watch list and the items of one data folder."""

    file: DataFile
    companies: Mapping[str, Company]
    doubtful: Mapping[str, tuple[str, ...]]
    own_watchlist: bool
    """Whether the watch list is one of the user's own."""

    @classmethod
    def open(cls, data: Path) -> Desk:
        """``data`` is the service's data folder. A file of the user's own there, ``apps/finance/watchlist.csv`` or
        ``sources.csv``, stands for the app's.

        Raises BadInputError or StoreError.
        """
        own = data / "apps" / NAME
        doubtful = load_doubtful(FOLDER / "doubtful.csv")
        companies = load_watchlist(_first(own / WATCHLIST, FOLDER / WATCHLIST), doubtful)
        file = open_items(own)
        weigh_sources(file, load_sources(_first(own / SOURCES, FOLDER / "demo" / SOURCES)))
        return cls(file, companies, doubtful, (own / WATCHLIST).is_file())

    def ingester(self, score: Score, clock: Clock, columns: Mapping[str, str] | None = None) -> Ingester:
        """Takes in items; each ingest of it is followed by a look at the alerts."""
        finder = Finder(self.companies, self.doubtful)
        tickers = frozenset(self.companies)
        return Ingester(self.file, finder, tickers, score, clock, columns or {}, lambda: alarm.check(self))


def score_by(predict: Callable[[Sequence[str]], Sequence[Prediction]]) -> Score:
    """The sentiment of an app's model as a Score. It raises ModelError if the model reads no sentiment."""

    def score(texts: Sequence[str]) -> list[Reading]:
        return [Reading(_probabilities(one), one.model_version) for one in predict(texts)]

    return score


def clock_of(zone: str = "UTC", day_first: bool | None = None) -> Clock:
    """Raises BadInputError for a zone that there is not."""
    try:
        return Clock(datetime.now(UTC), ZoneInfo(zone), day_first)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInputError("zone", f"There is no time zone '{zone}'. Write it as Europe/Berlin.") from error


def _probabilities(prediction: Prediction) -> tuple[float, float, float]:
    if prediction.sentiment is None:
        raise ModelError(f"Version {prediction.model_version} reads no sentiment. Run: switchboard train {NAME}")
    scores: Mapping[Any, float] = prediction.sentiment.scores
    negative, neutral, positive = (float(scores[label]) for label in SENTIMENTS)
    return negative, neutral, positive


def _first(own: Path, bundled: Path) -> Path:
    return own if own.is_file() else bundled
