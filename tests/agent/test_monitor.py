from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlite_utils import Database

from agent import monitor as module
from agent.database import FILE_NAME, DataFile, insert
from agent.learning.drift import Values
from agent.migrations import migrations
from agent.monitor import Monitor
from agent.store import Store
from agent.types import Feedback
from tests.agent.samples import prediction, reply, route

NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def fill(file: DataFile, turns: int, ago: timedelta, app: str = "shop", **columns: Any) -> None:
    """Turns at one time, each in a conversation of its own; ``columns`` overwrite what a turn has."""
    at = (NOW - ago).isoformat(timespec="microseconds")
    with file.transaction() as db:
        [row] = db.execute("SELECT count(*) AS n FROM conversations").fetchall()
        for n in range(row["n"], row["n"] + turns):
            conversation = {"id": f"c{n}", "app": app, "client_id": f"client{n}", "claimed": 0, "state": "{}"}
            insert(db, "conversations", conversation | {"begun_at": at, "updated_at": at})
            for number, (key, role) in enumerate(((f"u{n}", "user"), (f"m{n}", "bot")), 1):
                message = {"id": key, "conversation_id": f"c{n}", "turn": f"m{n}", "number": number, "role": role}
                insert(db, "messages", message | {"text": f"text {n}", "created_at": at})
            figures = {"message_id": f"m{n}", "app": app, "at": at, "model_version": "1", "kind": "answer"}
            figures |= {"latency_ms": float(n), "confidence": 0.8, "unknown_share": 0.0, "distance": 0.3}
            insert(db, "turn_figures", figures | columns)


def test_a_saved_turn_is_counted(store: Store) -> None:
    conversation = store.new_conversation("support", "ann", True)
    store.save_turn(conversation, "support", "m1", "hi", prediction(), route(), reply(conversation), {}, 12.5)
    figures = Monitor(store.file).figures("support")
    assert figures["turns"] == 1
    assert figures["routes"] == {"answer": 1.0}
    assert figures["latency_ms"] == {"p50": 12.5, "p95": 12.5}
    assert figures["confidence"] == pytest.approx(0.91)
    assert sum(n for _, n in figures["traffic"]) == 1
    assert Monitor(store.file).figures("another")["turns"] == 0
    assert json.loads(json.dumps(figures)) == figures


def test_periods_have_their_own_turns(store: Store) -> None:
    fill(store.file, 3, timedelta(hours=2))
    fill(store.file, 2, timedelta(days=3), kind="refuse")
    fill(store.file, 1, timedelta(days=20), kind="handoff")
    monitor = Monitor(store.file)
    day, week, month = (monitor.figures("shop", days, NOW) for days in (1, 7, 30))
    assert [f["turns"] for f in (day, week, month)] == [3, 5, 6]
    assert (day["refusal_rate"], week["refusal_rate"], month["handover_rate"]) == (0, 0.4, pytest.approx(1 / 6))
    assert week["routes"] == {"answer": 0.6, "refuse": 0.4}
    assert dict(day["traffic"])["2026-11-25T10"] == 3
    assert [len(f["traffic"]) for f in (day, week, month)] == [25, 8, 31]
    assert dict(week["traffic"]) | {"2026-11-25": 3, "2026-11-22": 2} == dict(week["traffic"])
    assert month["latency_ms"] == {"p50": pytest.approx(2.5), "p95": pytest.approx(4.75)}


def test_nothing_gives_no_rates(store: Store) -> None:
    figures = Monitor(store.file).figures("shop", 1, NOW)
    assert figures["refusal_rate"] is None
    assert figures["latency_ms"] is None
    assert figures["thumbs"] == {"up": 0, "down": 0, "down_share": None}
    assert figures["csat"] == {"count": 0, "mean": None}
    assert figures["drift"]["shifts"] == []


def test_of_a_changed_mind_the_last_counts(store: Store) -> None:
    fill(store.file, 2, timedelta(minutes=1))
    for kind, value, client in (
        ("down", "", "ann"),
        ("up", "", "ann"),
        ("down", "", "ben"),
        ("csat", "2", "ann"),
        ("csat", "5", "ann"),
        ("csat", "4", "ben"),
        ("comment", "", "ben"),
    ):
        store.add_feedback(Feedback("m0", client, kind, value))  # type: ignore[arg-type]
    figures = Monitor(store.file).figures("shop", 1, datetime.now(UTC) + timedelta(seconds=1))
    assert figures["thumbs"] == {"up": 1, "down": 1, "down_share": 0.5}
    assert figures["csat"] == {"count": 2, "mean": 4.5}


def test_undone_reviews_do_not_count(store: Store) -> None:
    at = NOW.isoformat(timespec="microseconds")
    with store.file.transaction() as db:
        for verdict, undone in (("confirmed", None), ("corrected", None), ("corrected", at)):
            row = {"app": "shop", "text": "hi", "verdict": verdict, "reviewer": "eve", "created_at": at}
            insert(db, "reviews", row | {"undone_at": undone})
    figures = Monitor(store.file).figures("shop", 1, NOW + timedelta(seconds=1))
    assert figures["reviews"] == {"confirmed": 1, "corrected": 1}


class KnownMonitor(Monitor):
    """With training examples that lie 0.2 to 0.4 apart."""

    def _reference(self, app: str) -> tuple[str, Values]:
        return "1", np.linspace(0.2, 0.4, 500)


def test_drift_is_told_within_one_version(store: Store) -> None:
    for n in range(120):
        fill(store.file, 1, timedelta(hours=2), distance=0.2 + 0.2 * n / 120 + (0.3 if n % 10 == 0 else 0))
        fill(store.file, 1, timedelta(days=3), distance=0.2 + 0.2 * n / 120)
    fill(store.file, 50, timedelta(hours=1), distance=0.9, model_version="2")
    drift = KnownMonitor(store.file).figures("shop", 1, NOW)["drift"]
    assert (drift["version"], drift["turns"], drift["turns_before"]) == ("1", 120, 120)
    gaps = {(s["measure"], s["against"]): s["statistic"] for s in drift["shifts"]}
    assert gaps["distance", "training"] == pytest.approx(0.1, abs=0.02)
    assert gaps["distance", "before"] == pytest.approx(0.1, abs=0.02)
    assert gaps["refused", "before"] == 0


def test_far_messages_come_first_with_their_text(store: Store) -> None:
    for distance in (0.3, 0.7, 0.5, 0.39):
        fill(store.file, 1, timedelta(hours=2), distance=distance)
    fill(store.file, 1, timedelta(days=3), distance=0.9)
    far = KnownMonitor(store.file).far("shop", 1, now=NOW)
    assert [(row["message_id"], row["text"], row["distance"]) for row in far] == [
        ("m1", "text 1", 0.7),
        ("m2", "text 2", 0.5),
    ]
    assert len(KnownMonitor(store.file).far("shop", 7, most=1, now=NOW)) == 1


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("COUNTS", "SEARCH turn_figures USING COVERING INDEX turn_figures_by_app (app=? AND at>? AND at<?)"),
        ("LATENCIES", "SEARCH turn_figures USING COVERING INDEX turn_figures_by_app (app=? AND at>? AND at<?)"),
        ("TURNS", "SEARCH turn_figures USING COVERING INDEX turn_figures_by_app (app=? AND at>? AND at<?)"),
        ("SAMPLED", "SEARCH turn_figures USING COVERING INDEX turn_figures_by_app (app=? AND at>? AND at<?)"),
        ("FAR", "SEARCH turn_figures USING INDEX turn_figures_by_app (app=? AND at>? AND at<?)"),
        ("FEEDBACK", "SEARCH f USING INDEX feedback_by_time (created_at>? AND created_at<?)"),
        ("REVIEWS", "SEARCH reviews USING INDEX reviews_by_app (app=? AND created_at>? AND created_at<?)"),
    ],
)
def test_a_period_is_a_range_of_an_index(store: Store, name: str, index: str) -> None:
    names = ("app", "since", "until", "chars", "most", "version", "step", "limit")
    plan = [
        r["detail"] for r in store.file.read(f"EXPLAIN QUERY PLAN {getattr(module, name)}", dict.fromkeys(names, 1))
    ]
    assert index in plan
    assert not [
        step for step in plan if step.startswith("SCAN") and "subquery" not in step.lower() and step != "SCAN t"
    ]
    if name == "LATENCIES":
        assert not [step for step in plan if "TEMP B-TREE" in step]


def test_turns_from_before_are_counted_after_the_migration(tmp_path: Path) -> None:
    with Database(tmp_path / FILE_NAME) as db:
        migrations.apply(db, stop_before="m014_turn_figures")
        at = "2026-11-25T10:00:00.000000+00:00"
        db.execute("INSERT INTO conversations VALUES ('c', 'shop', 'ann', 1, '{}', 1, ?, ?)", [at, at])
        db.execute(
            "INSERT INTO messages (id, conversation_id, turn, number, role, text, created_at) "
            "VALUES ('m', 'c', 'm', 2, 'bot', 'x', ?)",
            [at],
        )
        db.execute("INSERT INTO predictions VALUES ('m', '1', 'a', 0.5, '[]', 0, 1, NULL, '{}', 0, 0, 9.5)")
        db.execute("INSERT INTO routes VALUES ('m', 'refuse', '', NULL, NULL, NULL, '[]', '{}')")
    store = Store.open(tmp_path)
    figures = Monitor(store.file).figures("shop", 1, NOW)
    assert (figures["turns"], figures["refusal_rate"], figures["latency_ms"]["p50"]) == (1, 1.0, 9.5)
    store.close()


def test_a_series_has_every_hour_with_its_own_figures(store: Store) -> None:
    fill(store.file, 3, timedelta(hours=2))
    fill(store.file, 1, timedelta(hours=2), kind="refuse", distance=None, confidence=0.4)
    fill(store.file, 1, timedelta(hours=5), kind="handoff", distance=0.7)
    fill(store.file, 9, timedelta(hours=2), app="other")
    for client, kind, value in (("a", "up", ""), ("b", "down", ""), ("b", "csat", "2"), ("c", "csat", "5")):
        store.add_feedback(Feedback("m0", "client0", kind, value=value))  # type: ignore[arg-type]
        with store.file.transaction() as db:
            db.execute(
                "UPDATE feedback SET client_id = ?, created_at = ? WHERE client_id = 'client0'",
                [client, (NOW - timedelta(hours=1)).isoformat(timespec="microseconds")],
            )
    slots = {slot["start"]: slot for slot in Monitor(store.file).series("shop", 1, NOW)}
    assert list(slots) == [start for start, _ in Monitor(store.file).figures("shop", 1, NOW)["traffic"]]
    busy = slots["2026-11-25T10"]
    assert (busy["turns"], busy["refused"], busy["handed_over"]) == (4, 0.25, 0)
    assert busy["confidence"] == pytest.approx(0.7)
    assert busy["distance"] == pytest.approx(0.3), "of the turns that have one"
    assert busy["p50"] == 1.5
    assert (slots["2026-11-25T07"]["handed_over"], slots["2026-11-25T07"]["distance"]) == (1, 0.7)
    judged = slots["2026-11-25T11"]
    assert (judged["turns"], judged["p50"], judged["refused"], judged["confidence"]) == (0, None, None, None)
    assert (judged["up"], judged["down"], judged["csat"]) == (1, 1, 3.5)
    assert (busy["up"], busy["csat"]) == (0, None)


def test_longer_series_go_by_the_day(store: Store) -> None:
    fill(store.file, 2, timedelta(days=3))
    slots = Monitor(store.file).series("shop", 7, NOW)
    assert {slot["start"]: slot["turns"] for slot in slots}["2026-11-22"] == 2
    assert all(len(slot["start"]) == 10 for slot in slots)
