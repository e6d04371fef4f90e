"""The demo stream keeps to itself, and another version of the model scores all items anew."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.database import DataFile
from agent.errors import BusyError
from apps.finance import background, demo_stream
from apps.finance.aggregates import count_again, days
from apps.finance.ingest import BATCH, Ingester
from apps.finance.items import Reading, add, begin
from apps.finance.rescore import rescore, waiting
from apps.finance.setup import Desk
from tests.apps.finance.conftest import FOLDER, by_word

EVER = (date(2020, 1, 1), date(2030, 1, 1))
WORDS = ("copper", "cloud", "dividend", "strike", "pilot", "harvest", "rate", "signal", "licence", "storm")


def write(path: Path, texts: Sequence[str], **others: Any) -> Path:
    rows = [{"text": text, "published": "2026-07-01T12:00:00Z", **others} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def stories(count: int, company: str = "Halcyon") -> list[str]:
    return [f"{company} {' '.join(WORDS[i // n % 10] for n in (1, 10, 100))} profit {i:x}" for i in range(count)]


def turned(texts: Sequence[str]) -> list[Reading]:
    """The next version: what was positive is negative."""
    return [Reading((p[2], p[1], p[0]), "words-2") for p in (one.probabilities for one in by_word(texts))]


def sums(file: DataFile) -> list[tuple[Any, ...]]:
    """The days as they stand."""
    rows = file.read("SELECT * FROM days ORDER BY session, ticker, day", [])
    return [tuple(round(v, 9) if isinstance(v, float) else v for v in row.values()) for row in rows]


def counted(file: DataFile) -> list[tuple[Any, ...]]:
    """The days as the mentions alone give them."""
    with file.transaction() as db:
        touched = {tuple(row) for row in db.execute("SELECT ticker, day, session FROM mentions")}
        db.execute("DELETE FROM days")
        count_again(db, touched)
    return sums(file)


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    """The app's own watch list over an empty data folder."""
    desk = Desk.open(tmp_path / "data")
    with closing(desk.file):
        yield desk


def count(file: DataFile) -> int:
    return int(file.read("SELECT COUNT(*) AS n FROM items", [])[0]["n"])


# Scored anew


def test_every_verdict_names_its_version(ingester: Ingester, tmp_path: Path) -> None:
    ingester.take_file(write(tmp_path / "a.jsonl", ["Halcyon profit; Quartzline loss", "Weather fine"]))
    rows = ingester.file.read("SELECT ticker, reads, scored_by FROM mentions ORDER BY ticker", [])
    assert [(row["ticker"], row["scored_by"]) for row in rows] == [("HLXN", "words-1"), ("QRTZ", "words-1")]
    assert rows[0]["reads"].startswith("the company profit")
    assert (waiting(ingester.file, "words-1"), waiting(ingester.file, "words-2")) == (0, 2)


def test_another_version_scores_anew_and_the_days_follow(ingester: Ingester, tmp_path: Path) -> None:
    texts = ["Halcyon profit up", "RT @x: Halcyon profit up", "Quartzline loss"]
    ingester.take_file(write(tmp_path / "a.jsonl", texts, source="Wire"))
    assert days(ingester.file, "HLXN", *EVER)[0].positive == 1
    assert rescore(ingester.file, turned, "words-2") == 3
    [halcyon] = days(ingester.file, "HLXN", *EVER)
    # The repost still has no voice.
    assert (halcyon.n, halcyon.stories, halcyon.positive, halcyon.negative) == (2, 1, 0, 1)
    assert halcyon.score_sum < 0
    assert sums(ingester.file) == counted(ingester.file)
    assert waiting(ingester.file, "words-2") == 0
    assert rescore(ingester.file, turned, "words-2") == 0


def test_scoring_anew_goes_on_where_it_was_stopped(ingester: Ingester, tmp_path: Path) -> None:
    total = BATCH + 20
    ingester.take_file(write(tmp_path / "a.jsonl", stories(total)))
    heard: list[int] = []
    assert rescore(ingester.file, turned, "words-2", heard.append, lambda: bool(heard)) == BATCH
    assert heard == [BATCH]
    assert waiting(ingester.file, "words-2") == 20
    read: list[str] = []

    def noted(texts: Sequence[str]) -> list[Reading]:
        read.extend(texts)
        return turned(texts)

    assert rescore(ingester.file, noted, "words-2") == 20
    assert len(read) == 20
    assert sums(ingester.file) == counted(ingester.file)


def test_a_score_that_fails_leaves_what_was_there(ingester: Ingester, tmp_path: Path) -> None:
    ingester.take_file(write(tmp_path / "a.jsonl", stories(3)))
    before = sums(ingester.file)

    def fail(texts: Sequence[str]) -> list[Reading]:
        raise BusyError(1)

    with pytest.raises(BusyError):
        rescore(ingester.file, fail, "words-2")
    assert sums(ingester.file) == before
    assert waiting(ingester.file, "words-1") == 0


# The demo stream


def test_the_first_look_brings_the_demo_stream_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo_stream, "ITEMS", write(tmp_path / "demo.jsonl", stories(4)))
    background.look(desk, None, by_word)
    assert count(desk.file) == 0
    background.look(desk, "words-1", by_word)
    assert count(desk.file) == 4
    assert demo_stream.is_there(desk.file)
    background.look(desk, "words-2", turned)
    assert count(desk.file) == 4
    assert waiting(desk.file, "words-2") == 0


def test_the_demo_stream_stays_away_once_it_was_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo_stream, "ITEMS", write(tmp_path / "demo.jsonl", stories(4)))
    background.look(desk, "words-1", by_word)
    assert demo_stream.send_away(desk.file) == 4
    background.look(desk, "words-1", by_word)
    assert count(desk.file) == 0
    assert sums(desk.file) == []
    assert not demo_stream.is_there(desk.file)
    # Who asks for it has it again.
    demo_stream.invite(desk.file)
    desk.ingester(by_word, background.clock_of()).take_file(demo_stream.ITEMS, demo=True)
    assert count(desk.file) == 4


def test_own_items_take_the_place_of_the_demo_stream(ingester: Ingester, tmp_path: Path) -> None:
    ingester.take_file(write(tmp_path / "demo.jsonl", stories(5)), demo=True)
    # A file that brings nothing sends nothing away.
    ingester.take_file(write(tmp_path / "none.jsonl", ["Halcyon"], published="no day"))
    assert count(ingester.file) == 5
    ingester.take_file(write(tmp_path / "own.jsonl", ["Quartzline loss"]))
    assert count(ingester.file) == 1
    assert not demo_stream.is_there(ingester.file)
    assert not demo_stream.is_wanted(ingester.file)
    assert sums(ingester.file) == counted(ingester.file)


def test_an_ingest_of_the_demo_stream_ends_when_own_items_come(ingester: Ingester, tmp_path: Path) -> None:
    demo = write(tmp_path / "demo.jsonl", stories(2 * BATCH))
    own = write(tmp_path / "own.jsonl", ["Quartzline loss"])

    def own_come(rows: int) -> None:
        ingester.take_file(own)

    ingester.take_file(demo, own_come, demo=True)
    assert count(ingester.file) == 1


def test_beside_own_items_the_demo_stream_comes_and_goes_if_asked(ingester: Ingester, tmp_path: Path) -> None:
    [story] = stories(1)
    ingester.take_file(write(tmp_path / "own.jsonl", ["Quartzline loss"], source="Wire"))
    assert not demo_stream.is_wanted(ingester.file)
    ingester.take_file(write(tmp_path / "demo.jsonl", [story], source="Wire"), demo=True)
    more = write(tmp_path / "more.jsonl", [f"RT @x: {story}"], source="Wire")
    ingester.take_file(more)
    assert count(ingester.file) == 3
    assert demo_stream.send_away(ingester.file) == 1
    # The user's own copy of the story tells it now.
    [halcyon] = days(ingester.file, "HLXN", *EVER)
    assert (halcyon.n, halcyon.stories) == (1, 1)
    assert halcyon.weight_sum > 0
    assert sums(ingester.file) == counted(ingester.file)


def test_a_watch_list_of_ones_own_keeps_the_demo_stream_away(tmp_path: Path) -> None:
    own = tmp_path / "apps" / "finance"
    own.mkdir(parents=True)
    shutil.copy(FOLDER / "watchlist.csv", own / "watchlist.csv")
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        background.look(desk, "words-1", by_word)
        assert count(desk.file) == 0


def test_the_work_ends_in_the_midst_and_the_next_start_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo_stream, "ITEMS", write(tmp_path / "demo.jsonl", stories(2 * BATCH)))
    monkeypatch.setattr(background, "BREATH", 0.0)
    stop = threading.Event()
    calls: list[int] = []

    def predict(texts: Sequence[str]) -> list[Any]:
        calls.append(len(texts))
        if len(calls) == 2:
            raise BusyError(1)
        if len(calls) == 12:
            stop.set()
        return [
            SimpleNamespace(sentiment=SimpleNamespace(scores={"negative": 0.1, "neutral": 0.1, "positive": 0.8}),
                            model_version="v1")
            for _ in texts
        ]  # fmt: skip

    service: Any = SimpleNamespace(settings=SimpleNamespace(data=tmp_path), predict=predict, version="v1")
    background.run(service, stop)
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        assert count(desk.file) == BATCH
        assert demo_stream.is_wanted(desk.file)
        background.look(desk, "v1", by_word)
        assert count(desk.file) == 2 * BATCH


def test_an_ended_ingest_takes_nothing_more(file: DataFile) -> None:
    ingest = begin(file, "demo.jsonl", "0", demo=True)
    demo_stream.send_away(file)
    assert add(file, ingest, 5, []).done
    assert file.read("SELECT rows FROM ingests", []) == [{"rows": 0}]
