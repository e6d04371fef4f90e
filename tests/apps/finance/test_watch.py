"""Folders and feeds that are watched: what is taken, when, and what failure does."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInputError
from apps.finance.setup import Desk
from apps.finance.times import Clock
from apps.finance.watch import SETTLED, Watcher

from .conftest import NOW, by_word
from .desks import rows

FEED = "https://wire.example/rss"


class Watched:
    """A watcher over a folder and a feed, with a clock that the test moves."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.now = 1000.0
        self.took: list[tuple[str, int]] = []
        self.failed: list[str] = []
        self.entries: list[Mapping[str, Any]] | str = []
        self.watcher = Watcher(
            desk.ingester(by_word, Clock(NOW)),
            [str(folder), FEED],
            lambda report: self.took.append((report.ingest.name, report.ingest.items)),
            self.failed.append,
            feed=self.feed,
            clock=lambda: self.now,
        )

    def feed(self, address: str) -> list[Mapping[str, Any]]:
        if isinstance(self.entries, str):
            raise BadInputError("feed", self.entries)
        return self.entries

    def look(self, later: float = SETTLED) -> bool:
        self.now += later
        self.watcher.look_at_feeds()
        return self.watcher.look_at_files()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "news"
    folder.mkdir()
    return folder


@pytest.fixture
def watched(tmp_path: Path, folder: Path) -> Iterator[Watched]:
    desk = Desk.open(tmp_path / "data")
    with closing(desk.file):
        yield Watched(desk, folder)


def lines(*given: list[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for some in given for row in some)


def test_a_file_is_taken_once_it_is_written(watched: Watched, folder: Path) -> None:
    path = folder / "a.jsonl"
    path.write_text(lines(rows(0, "calm", 2)))
    assert watched.look()
    path.write_text(lines(rows(0, "calm", 5)))
    assert watched.look()
    assert watched.look(SETTLED / 2)
    assert watched.took == []
    assert not watched.look()
    assert watched.took == [("a.jsonl", 5)]
    assert not watched.look()
    assert watched.took == [("a.jsonl", 5)]


def test_a_file_that_grows_brings_what_is_new(watched: Watched, folder: Path) -> None:
    path = folder / "a.jsonl"
    path.write_text(lines(rows(0, "calm", 2)))
    watched.look()
    watched.look()
    with path.open("a") as file:
        file.write(lines(rows(1, "calm", 3)))
    watched.look()
    watched.look()
    assert watched.took == [("a.jsonl", 2), ("a.jsonl", 3)]


def test_hidden_and_unfinished_files_and_folders_are_let_be(watched: Watched, folder: Path) -> None:
    for name in (".a.jsonl", "a.jsonl.part", "b.jsonl~", "c.jsonl.tmp"):
        (folder / name).write_text(lines(rows(0, "calm", 2)))
    (folder / "deeper").mkdir()
    assert not watched.look()
    assert (watched.took, watched.failed) == ([], [])


def test_a_file_that_fails_is_named_once_and_tried_again(watched: Watched, folder: Path) -> None:
    bad, good = folder / "a.csv", folder / "b.jsonl"
    bad.write_text("one,two\n1,2\n")
    good.write_text(lines(rows(0, "calm", 2)))
    for _ in range(4):
        watched.look()
    assert watched.took == [("b.jsonl", 2)]
    [failure] = watched.failed
    assert failure.startswith(f"{bad}: No column was found for text")
    assert failure.endswith("It is tried again.")
    bad.write_text("text,date\n$HRBR is calm,2026-05-04\n")
    watched.look()
    watched.look()
    assert watched.took[1:] == [("a.csv", 1)]


def test_of_a_file_that_is_cut_short_the_rest_comes_later(watched: Watched, folder: Path) -> None:
    path = folder / "a.jsonl.gz"
    whole = gzip.compress(lines(rows(0, "calm", 40)).encode())
    path.write_bytes(whole[:-12])
    for _ in range(3):
        watched.look()
    assert watched.took == []
    [failure] = watched.failed
    assert "cut short" in failure
    path.write_bytes(whole)
    watched.look()
    watched.look()
    [(_, rest)] = watched.took
    assert 0 < rest < 40


def test_a_folder_that_goes_and_comes_back_is_named(watched: Watched, folder: Path) -> None:
    folder.rename(folder.with_name("away"))
    for _ in range(2):
        watched.look()
    [failure] = watched.failed
    assert str(folder) in failure
    folder.with_name("away").rename(folder)
    (folder / "a.jsonl").write_text(lines(rows(0, "calm", 1)))
    watched.look()
    watched.look()
    assert watched.took == [("a.jsonl", 1)]


def test_a_feed_brings_its_new_entries(watched: Watched) -> None:
    first = rows(0, "calm", 3)
    watched.entries = first
    watched.look()
    watched.look()
    watched.entries = [*first[1:], *rows(1, "loss", 1)]
    watched.look()
    assert watched.took == [(FEED, 3), (FEED, 1)]


def test_an_entry_that_is_rejected_is_rejected_once(watched: Watched) -> None:
    watched.entries = [{"text": "$HRBR no date", "published": ""}]
    watched.look()
    watched.entries = [*watched.entries, *rows(1, "loss", 1)]
    watched.look()
    held = watched.watcher.ingester.file.read("SELECT COUNT(*) AS n FROM rejects", [])
    assert held == [{"n": 1}]


def test_a_feed_that_fails_is_named_and_tried_again(watched: Watched) -> None:
    watched.entries = "the wire is down."
    watched.look()
    watched.look()
    assert watched.failed == [f"{FEED}: the wire is down. It is tried again."]
    watched.entries = rows(0, "calm", 2)
    watched.look()
    assert watched.took == [(FEED, 2)]
    watched.entries = "the wire is down."
    watched.look()
    assert len(watched.failed) == 2


class Hours(threading.Event):
    """Over after so many waits, each of which moves the clock instead of waiting."""

    def __init__(self, watched: Watched, waits: int) -> None:
        super().__init__()
        self.watched = watched
        self.left = waits
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited.append(timeout)
        self.watched.now += timeout
        self.left -= 1
        if not self.left:
            self.set()
        return self.is_set()


def test_it_looks_at_intervals_and_sooner_at_what_is_being_written(watched: Watched, folder: Path) -> None:
    asked: list[float] = []
    feed: Callable[[str], Any] = watched.watcher.feed
    watched.watcher.feed = lambda address: (asked.append(watched.now), feed(address))[1]
    (folder / "a.jsonl").write_text(lines(rows(0, "calm", 2)))
    over, told = Hours(watched, 3), []
    watched.watcher.run(300, over, lambda: told.append(watched.now))
    assert over.waited == [SETTLED, 300 - SETTLED, 300]
    assert asked == [1000, 1300]
    assert told == [1000, 1005, 1300]
    assert watched.took == [("a.jsonl", 2)]
