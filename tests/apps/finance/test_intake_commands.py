"""``switchboard finance watch`` and ``import-stocknet``, with a model that likes everything."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.errors import BadInputError
from apps.finance import alarm, commands, intake_commands
from apps.finance.queries import PRICES, prices_of
from apps.finance.setup import WATCHLIST, Desk

from .desks import rows

Run = Callable[..., str]
STOCKS = """sector,ticker,company
Consumer Goods,AAPL,Apple Inc.
Basic Matierials,XOM,Exxon Mobil Corporation
Financial,JPM,JPMorgan Chase & Co.
"""
TWEETS = """ticker,date,created_at,lang,text
AAPL,2014-01-01,Wed Jan 01 03:59:03 +0000 2014,en,Summary of the webcast featuring $AAPL $XOM
XOM,2014-01-02,Wed Jan 01 23:10:40 +0000 2014,en,Why Exxon moves aggressively to acquire
"""
PRICE_ROWS = """ticker,date,open,high,low,close,adj_close,volume
AAPL,2013-12-31,79.17,80.18,79.14,80.15,75.1,55771100
XOM,2013-12-31,100.7,101.3,100.4,101.2,88.5,8509600
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    def load(settings: Any, name: str) -> Any:
        def predict(texts: Sequence[str]) -> list[Any]:
            liked = SimpleNamespace(scores={"negative": 0.1, "neutral": 0.1, "positive": 0.8})
            return [SimpleNamespace(sentiment=liked, model_version="1") for _ in texts]

        return SimpleNamespace(predict=predict, version="1")

    monkeypatch.setattr(intake_commands, "serve_champion", load)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(commands.group, [*arguments, "--data", str(tmp_path / "data")])
        if result.exception is not None:
            raise result.exception
        return result.output

    return invoke


@pytest.fixture
def stocknet(tmp_path: Path) -> Path:
    folder = tmp_path / "stocknet"
    folder.mkdir()
    for name, text in (("stocks.csv", STOCKS), ("tweets.csv", TWEETS), ("prices.csv", PRICE_ROWS)):
        (folder / name).write_text(text)
    return folder


def test_stocknet_brings_companies_prices_and_items(run: Run, stocknet: Path, tmp_path: Path) -> None:
    said = run("import-stocknet", str(stocknet))
    assert "3 new companies on the watch list." in said
    assert "tweets.csv: 2 new items, 0 known already, 0 rejected." in said
    desk = Desk.open(tmp_path / "data")
    with closing(desk.file):
        assert list(desk.companies) == ["AAPL", "XOM", "JPM"]
        exxon = desk.companies["XOM"]
        assert (exxon.name, exxon.sector) == ("Exxon Mobil Corporation", "Basic Materials")
        assert exxon.aliases == ("Exxon Mobil", "Exxon", "ExxonMobil")
        assert desk.companies["AAPL"].aliases == ("Apple",)
        assert sorted(prices_of(desk)) == ["AAPL", "XOM"]
        held = desk.file.read("SELECT ticker, day FROM mentions ORDER BY item, ticker", [])
    # The moment counts, not the trading day beside it.
    assert [(row["ticker"], row["day"]) for row in held] == [
        ("AAPL", "2014-01-01"),
        ("XOM", "2014-01-01"),
        ("XOM", "2014-01-01"),
    ]


def test_the_same_folder_again_adds_nothing(run: Run, stocknet: Path) -> None:
    run("import-stocknet", str(stocknet))
    said = run("import-stocknet", str(stocknet))
    assert "0 new companies" in said
    assert "tweets.csv: 2 new items" in said


def test_what_the_user_has_stays(run: Run, stocknet: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "apps" / "finance"
    own.mkdir(parents=True)
    (own / WATCHLIST).write_text("company,ticker,aliases\nApple,AAPL,iFruit\nTesla,TSLA,")
    run("import-stocknet", str(stocknet))
    desk = Desk.open(tmp_path / "data")
    with closing(desk.file):
        assert list(desk.companies) == ["AAPL", "TSLA", "XOM", "JPM"]
        assert desk.companies["AAPL"].aliases == ("iFruit",)
        assert desk.companies["JPM"].aliases == ("JPMorgan Chase", "JPMorgan", "JP Morgan", "Chase")


def test_other_prices_are_not_overwritten(run: Run, stocknet: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "apps" / "finance" / PRICES
    own.parent.mkdir(parents=True)
    own.write_text(PRICE_ROWS.replace("80.15", "80.16"))
    with pytest.raises(BadInputError, match="holds other prices, which stay. Move that file away first"):
        run("import-stocknet", str(stocknet))
    assert "80.16" in own.read_text()
    assert not own.with_name(WATCHLIST).exists()


def test_a_name_that_two_companies_have_is_refused(run: Run, stocknet: Path, tmp_path: Path) -> None:
    own = tmp_path / "data" / "apps" / "finance" / WATCHLIST
    own.parent.mkdir(parents=True)
    own.write_text("ticker,company\nAPPL,Apple\n")
    with pytest.raises(BadInputError, match="'Apple' is a name of APPL and of AAPL"):
        run("import-stocknet", str(stocknet))
    assert own.read_text() == "ticker,company\nAPPL,Apple\n"


def test_missing_files_are_named(run: Run, stocknet: Path) -> None:
    (stocknet / "tweets.csv").unlink()
    (stocknet / "stocks.csv").unlink()
    with pytest.raises(BadInputError, match="has no stocks.csv and no tweets.csv"):
        run("import-stocknet", str(stocknet))


def test_a_broken_price_file_is_refused_before_anything_is_taken(run: Run, stocknet: Path, tmp_path: Path) -> None:
    (stocknet / "prices.csv").write_text(PRICE_ROWS.replace("80.18", "8.18"))
    with pytest.raises(BadInputError, match="prices.csv, line 2"):
        run("import-stocknet", str(stocknet))
    assert not (tmp_path / "data" / "apps" / "finance" / WATCHLIST).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_ends_cleanly(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    (tmp_path / "news.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(0, "calm", 3)))
    looks: list[Desk] = []

    def deliver(desk: Desk, webhook: str) -> None:
        looks.append(desk)
        if len(looks) == 2:
            signal.raise_signal(number)

    monkeypatch.setattr("apps.finance.watch.SETTLED", 0.0)
    monkeypatch.setattr(alarm, "deliver", deliver)
    before = signal.getsignal(signal.SIGTERM)
    said = run("watch", str(tmp_path / "news.jsonl"), "--every", "1s")
    assert "news.jsonl: 3 new items" in said
    assert "Stopped." in said
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_place_that_is_not_there_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="There is no file or folder"):
        run("watch", str(tmp_path / "none"))
    with pytest.raises(BadInputError, match="--every is '5'"):
        run("watch", str(tmp_path), "--every", "5")
