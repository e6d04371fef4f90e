"""Answers that can be had again: the same figures, and the rows that bear them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.database import DataFile
from apps.finance import queries
from apps.finance.aggregates import Day
from apps.finance.queries import Asked, ask, recall
from apps.finance.setup import Desk

from .desks import FIRST, rows, take

LAST = FIRST + timedelta(days=27)
MONTH = Asked("compare", ("HRBR", "ALDG"), FIRST, LAST, "week")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Harbor falls after two weeks; Aldgrave has an item a day."""
    desk = Desk.open(tmp_path)
    take(desk, *(rows(day, "profit" if day < 14 else "loss", 3) for day in range(28)))
    take(desk, *(rows(day, "profit", 1, "ALDG") for day in range(28)))
    yield desk
    desk.file.close()


def test_an_answer_stays_as_it_was_when_newer_items_come(desk: Desk) -> None:
    before = ask(desk, MONTH)
    kept = (before.table(), before.items_table(), before.items, before.shifts, before.moves, before.headlines)
    take(desk, rows(13, "loss", 9), rows(20, "profit breach", 5, "ALDG"))
    again = recall(desk, before.id)
    assert (
        again.table(),
        again.items_table(),
        again.items,
        again.shifts,
        again.moves,
        again.headlines,
    ) == kept
    now = ask(desk, MONTH)
    assert now.id != before.id
    assert now.items == before.items + 14


def test_items_that_come_while_an_answer_is_read_are_not_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ask(desk, MONTH)
    read = queries.days
    late = [rows(13, "loss", 9)]

    def days(*arguments: Any, **options: Any) -> list[Day]:
        while late:
            take(desk, late.pop())
        return read(*arguments, **options)

    monkeypatch.setattr(queries, "days", days)
    answered = ask(desk, MONTH)
    assert answered.id == before.id
    assert answered.table() == before.table()
    assert answered.items == len(answered.items_table()[1]) == before.items


def test_the_rows_bear_the_figures_out(desk: Desk) -> None:
    answered = ask(desk, MONTH)
    header, found = answered.items_table()
    assert len(found) == answered.items == 28 * 4
    stories = [dict(zip(header, row, strict=True)) for row in found]
    harbor = [row for row in stories if row["ticker"] == "HRBR" and row["published"] < str(FIRST + timedelta(days=7))]
    weight = sum(row["weight"] for row in harbor)
    mean = sum(row["weight"] * (row["positive"] - row["negative"]) for row in harbor) / (weight + 1)
    assert answered.series["Harbor Financial"][0].value == pytest.approx(mean)


def test_movers_have_the_rows_of_the_span_before_as_well(desk: Desk) -> None:
    asked = Asked("movers", ("HRBR",), FIRST + timedelta(days=14), FIRST + timedelta(days=20))
    answered = ask(desk, asked)
    [move] = answered.moves
    _, found = answered.items_table()
    assert len(found) == move.n_before + move.n_after == 42


@pytest.mark.parametrize("feeling", ["", "negative", "positive"])
def test_headlines_are_the_same_by_either_way_of_looking(
    desk: Desk, feeling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked("evidence", ("HRBR", "ALDG"), FIRST + timedelta(days=3), LAST, feeling=feeling, top=7)
    few = ask(desk, asked).headlines
    monkeypatch.setattr(queries, "FEW", 0)
    assert ask(desk, asked).headlines == few
    assert len(few) == 7
    signs = {"": {True, False}, "negative": {False}, "positive": {True}}
    assert {one.score > 0 for one in few} <= signs[feeling]


def test_of_many_items_the_index_gives_headlines_in_their_order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "FEW", 0)
    read, plans = DataFile.read, []

    def explained(file: DataFile, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        if "mentions_by_pull" in sql:
            plans.append([step["detail"] for step in read(file, f"EXPLAIN QUERY PLAN {sql}", parameters)])
        return read(file, sql, parameters)

    monkeypatch.setattr(DataFile, "read", explained)
    ask(desk, MONTH)
    assert len(plans) == len(MONTH.tickers)
    # Sorting is among equals only: all mentions of a company are never put in order.
    assert all("USE TEMP B-TREE FOR ORDER BY" not in plan for plan in plans)
