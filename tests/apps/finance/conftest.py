"""The app's own watch list over an empty folder, and a reader that goes by a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.database import DataFile
from apps.finance.ingest import Ingester
from apps.finance.items import Reading, open_items
from apps.finance.mentions import Finder
from apps.finance.times import Clock
from apps.finance.watchlist import Company, load_doubtful, load_watchlist

FOLDER = Path(__file__).parents[3] / "apps" / "finance"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOUBTFUL = load_doubtful(FOLDER / "doubtful.csv")


def by_word(texts: Sequence[str]) -> list[Reading]:
    """Negative where a text says "loss", positive where it says "profit", else neutral."""
    negative, neutral, positive = (0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)
    return [
        Reading(negative if "loss" in text else positive if "profit" in text else neutral, "words-1") for text in texts
    ]


@pytest.fixture(scope="session")
def companies() -> dict[str, Company]:
    return load_watchlist(FOLDER / "watchlist.csv", DOUBTFUL)


@pytest.fixture(scope="session")
def finder(companies: dict[str, Company]) -> Finder:
    return Finder(companies, DOUBTFUL)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    with closing(open_items(tmp_path / "items")) as opened:
        yield opened


@pytest.fixture
def ingester(file: DataFile, finder: Finder, companies: dict[str, Company]) -> Ingester:
    return Ingester(file, finder, frozenset(companies), by_word, Clock(NOW))
