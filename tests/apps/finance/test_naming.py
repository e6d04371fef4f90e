"""Whom a question names, kindly read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apps.finance.naming import find_names, near_names
from apps.finance.setup import Desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk.open(Path(tmp_path_factory.mktemp("desk")))
    with closing(opened.file):
        yield opened


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("compare Harbor and aldgrave", ("HRBR", "ALDG")),
        ("hlxn daily", ("HLXN",)),
        ("$VTRA since may", ("VTRA",)),
        ("mrrwind sentiment july till now", ("MWND",)),
        ("what about orchard", ("ORCH",)),
        ("biggest movers", ()),
        ("does sentiment say anything about volatility?", ()),
    ],
)
def test_names_tickers_and_slips_of_the_keyboard(desk: Desk, text: str, tickers: tuple[str, ...]) -> None:
    found = find_names(text, desk)
    assert found.tickers == tickers
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("how has sentiment on Tesla moved since May?", ("Tesla",)),
        ("compare jpm and bac this quarter", ("jpm", "bac")),
        ("put voltara and tesla on one chart", ()),
        ("$NVDA trend", ("$NVDA",)),
        ("why did it drop last week?", ()),
        ("HAR with sentiment, is it any better?", ()),
        ("only negative ones", ()),
        ("and intel?", ("intel",)),
    ],
)
def test_names_that_are_on_no_list(desk: Desk, text: str, unknown: tuple[str, ...]) -> None:
    assert find_names(text, desk).unknown == unknown


def test_sectors_by_their_usual_names_and_the_whole_list(desk: Desk) -> None:
    assert find_names("how is the tech sector doing?", desk).sectors == ("Technology",)
    assert find_names("energy and mining, what's the tone", desk).sectors == ("Resources",)
    assert find_names("headlines for the whole list", desk).everybody


def test_near_names_are_those_that_look_alike(desk: Desk) -> None:
    assert near_names("Voltaire", desk.companies) == ["Voltara Motors (VTRA)"]
    assert near_names("Tesla", desk.companies) == []
