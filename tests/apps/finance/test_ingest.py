"""From a file to items and days: resumable, no row twice, one story one voice."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.database import DataFile
from agent.errors import BadInputError
from apps.finance import ingest as module
from apps.finance.aggregates import Day, confidence, days, scores, span, weigh_sources
from apps.finance.ingest import Ingester
from apps.finance.items import FILE_NAME
from apps.finance.readers import CutShortError
from apps.finance.sources import Source, load_sources
from tests.apps.finance.conftest import by_word

EVER = (date(2020, 1, 1), date(2030, 1, 1))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def item(text: str, published: str = "2026-07-01T12:00:00Z", **others: Any) -> dict[str, Any]:
    return {"text": text, "published": published, **others}


def many(count: int) -> list[dict[str, Any]]:
    """Different stories, one an hour."""
    words = ("north", "south", "copper", "cloud", "dividend", "strike", "pilot", "harvest", "rate", "signal")
    return [
        item(
            " ".join(["Halcyon", *(words[i // n % 10] for n in (1, 10, 100)), "profit" if i % 3 else "loss", f"{i:x}"]),
            f"2026-0{1 + i // 600}-{1 + i // 24 % 25:02}T{i % 24:02}:00:00Z",
            id=str(i),
        )
        for i in range(count)
    ]


def count(file: DataFile) -> int:
    return int(file.read("SELECT COUNT(*) AS n FROM items", [])[0]["n"])


def test_items_mentions_and_days(ingester: Ingester, tmp_path: Path) -> None:
    rows = [
        item("Halcyon profit up", source="Wire"),
        item("Halcyon loss; Quartzline profit", "2026-07-01T20:30:00Z"),
        item("Weather fine"),
    ]
    report = ingester.take_file(write(tmp_path / "n.jsonl", rows))
    assert (report.ingest.items, report.rejects, report.ingest.done) == (3, 0, True)
    [day] = days(ingester.file, "HLXN", *EVER)
    sure = confidence([0.1, 0.1, 0.8])
    assert (day.day, day.n, day.stories) == (date(2026, 7, 1), 2, 2)
    assert (day.negative, day.neutral, day.positive) == (1, 0, 1)
    # Sources without a weight count half.
    assert day.weight_sum == pytest.approx(sure)
    assert day.score_sum == pytest.approx(0.0)
    assert day.score_sq_sum == pytest.approx(0.49 * sure)
    assert [d.day for d in days(ingester.file, "HLXN", *EVER, session=True)] == [date(2026, 7, 1), date(2026, 7, 2)]
    assert days(ingester.file, "QRTZ", *EVER)[0].positive == 1
    assert span(ingester.file, ["HLXN", "QRTZ", "NONE"]) == (date(2026, 7, 1), date(2026, 7, 1))
    assert span(ingester.file, ["CLDN"]) is None
    assert [(d, round(s, 3)) for d, s, _ in scores(ingester.file, "HLXN", *EVER)] == [
        (date(2026, 7, 1), 0.7),
        (date(2026, 7, 1), -0.7),
    ]


def test_the_same_file_twice_adds_nothing(ingester: Ingester, tmp_path: Path) -> None:
    path = write(tmp_path / "n.jsonl", many(20))
    ingester.take_file(path)
    before = ingester.file.read("SELECT * FROM days", [])
    assert ingester.take_file(path).ingest.items == 20
    # The same rows in another file neither.
    again = ingester.take_file(write(tmp_path / "m.jsonl", [*many(20), item("Halcyon new", "2026-08-01")])).ingest
    assert (again.items, again.known) == (1, 20)
    after = ingester.file.read("SELECT * FROM days WHERE day < '2026-08'", [])
    assert (count(ingester.file), after) == (21, before)


def test_a_killed_ingest_goes_on_where_it_stopped(
    ingester: Ingester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    path = write(tmp_path / "n.jsonl", many(45))
    read: list[str] = []

    def dies(texts: Sequence[str]) -> list[tuple[float, float, float]]:
        if len(read) > 20:
            raise KeyboardInterrupt
        read.extend(texts)
        return by_word(texts)

    with pytest.raises(KeyboardInterrupt):
        replace(ingester, score=dies).take_file(path)
    assert count(ingester.file) == 30
    seen: list[int] = []
    report = ingester.take_file(path, seen.append)
    assert (report.ingest.items, report.ingest.known, seen) == (45, 0, [40, 45])
    assert sum(day.n for day in days(ingester.file, "HLXN", *EVER)) == 45


def test_memory_holds_one_batch(ingester: Ingester, tmp_path: Path) -> None:
    asked: list[int] = []

    def counts(texts: Sequence[str]) -> list[tuple[float, float, float]]:
        asked.append(len(texts))
        return by_word(texts)

    replace(ingester, score=counts).take_file(write(tmp_path / "n.jsonl", many(600)))
    assert max(asked) == 32
    assert sum(asked) == 600


def test_bad_rows_go_to_a_reject_file_with_number_and_reason(ingester: Ingester, tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text(
        "headline,date\nHalcyon up,2026-07-01\n,2026-07-01\n=cmd|x,03/04/2026\nHalcyon,14.03.2026,more\n"
        "Halcyon down,2031-01-01\nHalcyon flat,Mar 3 2026 at noon\n",
        encoding="utf-8",
    )
    report = ingester.take_file(path)
    assert (report.ingest.items, report.rejects) == (1, 5)
    assert report.reject_file is not None
    with report.reject_file.open(encoding="utf-8", newline="") as stream:
        found = {int(row["row"]): row for row in csv.DictReader(stream)}
    assert [found[n]["reason"].split(":")[0] for n in (2, 3, 4, 5, 6)] == [
        "there is no text",
        "'03/04/2026' may be two days",
        "3 cells under 2 columns",
        "'2031-01-01' lies in the future",
        "'Mar 3 2026 at noon' is no date",
    ]
    assert not any(row["content"].startswith(("=", "+", "-", "@")) for row in found.values())


def test_three_formats_of_dates_in_one_file(ingester: Ingester, tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text('title,date\nHalcyon a,2026-07-01\nHalcyon b,13/07/2026\nHalcyon c,"July 21, 2026"\n')
    assert ingester.take_file(path).ingest.items == 3
    assert [day.day.day for day in days(ingester.file, "HLXN", *EVER)] == [1, 13, 21]


def test_missing_columns_are_named_and_the_file_can_be_loaded_again(ingester: Ingester, tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("kop,date\nHalcyon up,2026-07-01\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"The file has: kop, date.*--column text=NAME"):
        ingester.take_file(path)
    assert replace(ingester, columns={"text": "kop"}).take_file(path).ingest.items == 1


def test_what_a_cut_gzip_holds_is_kept_and_the_whole_file_adds_the_rest(ingester: Ingester, tmp_path: Path) -> None:
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in many(1200)).encode())
    path = tmp_path / "n.jsonl.gz"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(CutShortError):
        ingester.take_file(path)
    kept = count(ingester.file)
    assert 0 < kept < 1200
    assert ingester.take_file(path).ingest.error.startswith("n.jsonl.gz is cut short")
    path.write_bytes(whole)
    assert ingester.take_file(path).ingest.known == kept
    assert count(ingester.file) == 1200


def test_reposts_have_no_voice(ingester: Ingester, tmp_path: Path) -> None:
    text = "Halcyon reports a record profit as security budgets hold up across Europe and Asia"
    rows = [
        item(text, source="Wire"),
        item(f"RT @someone: {text} https://t.example/1", "2026-07-01T15:00:00Z", source="A"),
        item(text.replace("across", "in"), "2026-07-02T15:00:00Z", source="B"),
        item(text, "2026-07-20T15:00:00Z", source="C"),
        item(text.replace("Halcyon", "Quartzline"), "2026-07-01T16:00:00Z", source="D"),
        item("Halcyon names a new head of research in Oslo", "2026-07-01T17:00:00Z"),
    ]
    ingester.take_file(write(tmp_path / "n.jsonl", rows))
    found = {row["source"]: row["repost_of"] for row in ingester.file.read("SELECT source, repost_of FROM items", [])}
    # Soon and nearly the same is a repost; weeks later, or about another company, it is news.
    assert found == {"Wire": None, "A": 1, "B": 1, "C": None, "D": None, "": None}
    first, second, _ = days(ingester.file, "HLXN", *EVER)
    assert (first.n, first.stories) == (3, 2)
    assert (second.n, second.stories, second.weight_sum) == (1, 0, 0.0)


def test_a_new_weight_of_a_source_applies_to_old_items(ingester: Ingester, tmp_path: Path) -> None:
    rows = [item("Halcyon profit", source="Wire"), item("Halcyon down on a loss", source="Forum")]
    ingester.take_file(write(tmp_path / "n.jsonl", rows))
    weigh_sources(ingester.file, [Source("Forum", "forum", 0.1)])
    sure = confidence([0.1, 0.1, 0.8])
    for session in (False, True):
        [day] = days(ingester.file, "HLXN", *EVER, session=session)
        assert day.weight_sum == pytest.approx(0.6 * sure)
        assert day.score_sum == pytest.approx((0.5 - 0.1) * 0.7 * sure)
    ingester.take_file(write(tmp_path / "m.jsonl", [item("Halcyon sinks on another big loss", source="Forum")]))
    assert days(ingester.file, "HLXN", *EVER)[0].weight_sum == pytest.approx(0.7 * sure)


def test_days_kept_up_to_date_are_those_of_one_load(file: DataFile, ingester: Ingester, tmp_path: Path) -> None:
    rows = many(40)
    for part in (rows[20:], rows[:20]):
        ingester.take_rows("api", part)
    [row] = file.read("SELECT SUM(n) AS n, SUM(weight_sum) AS w FROM days WHERE session = 0", [])
    [whole] = file.read("SELECT COUNT(*) AS n, SUM(weight) AS w FROM mentions", [])
    assert row["n"] == whole["n"] == 40
    assert row["w"] == pytest.approx(whole["w"])


def test_a_query_of_days_reads_an_index_and_no_item(file: DataFile) -> None:
    plan = file.read(
        "EXPLAIN QUERY PLAN SELECT * FROM days WHERE session = 0 AND ticker = 'A' AND day BETWEEN 'a' AND 'b'", []
    )
    assert [row["detail"] for row in plan] == [
        "SEARCH days USING PRIMARY KEY (session=? AND ticker=? AND day>? AND day<?)"
    ]


def test_an_unknown_ticker_is_counted(ingester: Ingester, tmp_path: Path) -> None:
    rows = [item("Halcyon profit", tickers=["HLXN", "ZZZZ"]), item("Others profit", tickers="ZZZZ")]
    report = ingester.take_file(write(tmp_path / "n.jsonl", rows))
    assert report.unknown == {"ZZZZ": 2}
    assert days(ingester.file, "ZZZZ", *EVER) == []


def test_an_empty_file_is_none_of_our_worries(ingester: Ingester, tmp_path: Path) -> None:
    assert ingester.take_file(write(tmp_path / "n.jsonl", [])).ingest.done


def test_the_demo_stream_is_taken_whole(ingester: Ingester) -> None:
    demo = Path(module.__file__).parent / "demo"
    weigh_sources(ingester.file, load_sources(demo / "sources.csv"))
    report = ingester.take_file(demo / "items.jsonl")
    assert (report.ingest.items, report.rejects) == (2589, 0)
    [row] = ingester.file.read("SELECT COUNT(repost_of) AS n FROM items", [])
    # About one in twenty, says the stream's description.
    assert 100 < row["n"] < 160


def test_a_database_of_a_newer_release_is_left_alone(ingester: Ingester) -> None:
    from agent.errors import StoreError
    from apps.finance.items import open_items

    with ingester.file.transaction() as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('finance', 'm999_later', 'x')"
        )
    with pytest.raises(StoreError, match=rf"{FILE_NAME} was written by a newer release \(m999_later\)"):
        open_items(ingester.file.folder)


@pytest.mark.parametrize("weight", ["1.5", "", "much"])
def test_a_source_with_an_impossible_weight_is_named(tmp_path: Path, weight: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"source,kind,weight\nWire,newswire,{weight}\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"s.csv:2.*between 0 and 1"):
        load_sources(path)


def test_a_day_has_the_fields_that_trend_reads() -> None:
    assert list(Day.__dataclass_fields__) == [
        *("day", "ticker", "n", "stories", "weight_sum", "weight_sq_sum", "score_sum", "score_sq_sum"),
        *("negative", "neutral", "positive"),
    ]
