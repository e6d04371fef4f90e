from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from agent.database import DataFile
from agent.events import MOST_READ, EventBook
from agent.types import Event, EventKind


@pytest.fixture
def book(tmp_path: Path) -> Iterator[EventBook]:
    file = DataFile.open(tmp_path)
    yield EventBook(file)
    file.close()


def at(second: int) -> str:
    return f"2026-11-24T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000+00:00"


def event(name: str, item: str = "kite", kind: EventKind = "click", second: int = 0, user: str = "ann") -> Event:
    return Event(name, "toys", user, item, kind, at(second))


def test_an_id_counts_once(book: EventBook) -> None:
    assert book.add([event("e1"), event("e2"), event("e1", "lamp")]) == 2
    assert book.add([event("e1", "lamp"), event("e3")]) == 1
    assert [(e.id, e.item) for e in book.history("toys", "ann")] == [("e1", "kite"), ("e2", "kite"), ("e3", "kite")]
    # Ids are their sender's: another's are none of theirs.
    assert book.add([event("e1", user="ben"), replace(event("e1"), app="books")]) == 2


def test_all_of_an_event_comes_back(book: EventBook) -> None:
    rated = Event("e1", "toys", "ann", "kite", "rate", at(3), 4.5, 2, ("lamp", "kite"))
    book.add([rated])
    assert book.history("toys", "ann") == [rated]


def test_events_may_come_late_and_in_any_order(book: EventBook) -> None:
    events = [event(f"e{second}", second=second) for second in range(50)]
    mixed = random.Random(0).sample(events, 50)
    for one in mixed:
        book.add([one])
    assert book.history("toys", "ann") == events
    assert book.history("toys", "ann", 3) == events[-3:]


def test_of_a_user_with_very_many_events_the_latest_are_read(book: EventBook) -> None:
    for start in range(0, 50_000, 5000):
        book.add([event(f"e{second}", second=second) for second in range(start, start + 5000)])
    history = book.history("toys", "ann")
    assert (len(history), history[-1].id, history[0].id) == (MOST_READ, "e49999", f"e{50_000 - MOST_READ}")
    assert book.count("toys", "ann") == 50_000
    [(user, learned)] = book.users("toys")
    assert (user, learned) == ("ann", history)
    [plan] = book._file.read(
        "EXPLAIN QUERY PLAN SELECT * FROM events WHERE client_id = 'ann' AND app = 'toys' ORDER BY at DESC LIMIT 9", []
    )
    assert "events_by_client" in plan["detail"]


def test_every_user_is_read_to_learn_from(book: EventBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.events.BATCH", 2)
    names = ["ann", "ben", "cyd", "dee", "eve"]
    book.add([event(f"{name}{n}", second=n, user=name) for name in names for n in (2, 1)])
    book.add([replace(event("other", user="zed"), app="books")])
    assert [(user, [e.id for e in events]) for user, events in book.users("toys")] == [
        (name, [f"{name}1", f"{name}2"]) for name in names
    ]


def test_popularity_counts_people_not_clicks(book: EventBook) -> None:
    book.add([event("a1", "kite", "like"), event("a2", "kite", "buy"), event("a3", "lamp", "click")])
    book.add([event("b1", "kite", "buy", user="ben"), event("b2", "lamp", "dislike", user="ben")])
    marks = [("c1", "lamp", 4.0), ("c2", "song", 3.5)]
    book.add([replace(event(name, item, "rate", user="cyd"), value=mark) for name, item, mark in marks])
    assert book.popularity("toys") == {"kite": 2, "lamp": 1}


def test_rows_that_were_shown_are_their_users_alone(book: EventBook) -> None:
    row = book.show("toys", "ann", ["lamp", "kite"])
    assert book.shown("toys", "ann", row) == ("lamp", "kite")
    assert book.shown("toys", "ben", row) == ()
    assert book.shown("books", "ann", row) == ()
    book.show("toys", "ben", ["kite"])
    assert book.exposures("toys") == [("lamp", "kite"), ("kite",)]


def test_wishes_hold_until_they_are_taken_back(book: EventBook) -> None:
    book.change_wishes("toys", "ann", ["horror", "war"], [], "no horror, no war")
    book.change_wishes("toys", "ann", ["horror"], ["war"], "war is fine, horror is not")
    assert [(wish.value, wish.said) for wish in book.wishes("toys", "ann")] == [
        ("horror", "war is fine, horror is not")
    ]
    assert book.wishes("toys", "ben") == []
    assert book.take_back("toys", "ann", "Horror")
    assert not book.take_back("toys", "ann", "horror")
    assert book.wishes("toys", "ann") == []


def test_one_item_can_be_forgotten(book: EventBook) -> None:
    book.add([event("e1"), event("e2", "lamp"), event("e3"), event("e4", user="ben")])
    assert book.forget("toys", "ann", "kite") == 2
    assert [e.id for e in book.history("toys", "ann")] == ["e2"]
    assert book.count("toys", "ben") == 1


def test_many_threads_add_the_same_events(book: EventBook) -> None:
    events = [event(f"e{n}", second=n) for n in range(100)]
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: book.add(events), range(4)))
    assert sorted(added) == [0, 0, 0, 100]
