from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.alerts import COOL_DOWN, RULES, AlertBook, Reading, Rule, readings
from agent.database import DataFile
from tests.hook import Hook

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
RULE = Rule("refusal_rate", opens=0.3, closes=0.2, looks=2)
HOOK = "http://192.168.7.7/hooks/s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DataFile]:
    file = DataFile.open(tmp_path)
    yield file
    file.close()


def look(book: AlertBook, *values: float | None, at: datetime = NOW, app: str = "shop") -> list[str]:
    """Look after look, a minute apart; what changed."""
    changed = []
    for n, value in enumerate(values):
        measures = {} if value is None else {"refusal_rate": Reading(value, f"{value:.0%} refused")}
        changed += [alert.state for alert in book.look(app, measures, at + timedelta(minutes=n))]
    return changed


def test_an_alert_opens_after_some_looks_and_closes_below_the_lower_bound(file: DataFile) -> None:
    book = AlertBook(file, [RULE])
    assert look(book, 0.35, 0.25, 0.35) == []
    assert look(book, 0.31) == ["opened"]
    [alert] = book.alerts("shop", open_only=True)
    assert (alert.measure, alert.value, alert.threshold, alert.detail) == ("refusal_rate", 0.31, 0.3, "31% refused")
    assert look(book, 0.5, 0.29, 0.21, None) == []
    assert look(book, 0.19) == ["closed"]
    assert book.alerts("shop", open_only=True) == []
    assert book.alerts("shop")[0].closed_at is not None


def test_it_stays_silent_for_a_while_after_it_was_closed(file: DataFile) -> None:
    book = AlertBook(file, [RULE])
    assert look(book, 0.4, 0.4, 0.1) == ["opened", "closed"]
    assert look(book, 0.4, 0.4, 0.4, at=NOW + timedelta(minutes=10)) == []
    assert look(book, 0.4, at=NOW + COOL_DOWN + timedelta(minutes=10)) == ["opened"]


def test_an_open_alert_outlives_a_restart_and_is_not_opened_twice(file: DataFile) -> None:
    look(AlertBook(file, [RULE]), 0.4, 0.4)
    assert look(AlertBook(file, [RULE]), 0.4, 0.4, 0.4) == []
    assert look(AlertBook(file, [RULE]), 0.1) == ["closed"]


def test_apps_are_counted_apart(file: DataFile) -> None:
    book = AlertBook(file, [RULE])
    assert look(book, 0.4) == []
    assert look(book, 0.4, app="bank") == []
    assert look(book, 0.4) == ["opened"]
    assert [alert.app for alert in book.alerts()] == ["shop"]
    assert book.alerts("bank") == []


def test_the_webhook_hears_of_each_change_once(file: DataFile) -> None:
    book, hook = AlertBook(file, [RULE]), Hook()
    look(book, 0.4, 0.4)
    for _ in range(2):
        book.deliver(HOOK, hook.transport)
    look(book, 0.1)
    for _ in range(2):
        book.deliver(HOOK, hook.transport)
    assert [(said["state"], said["app"], said["measure"], said["value"]) for said in hook.heard] == [
        ("opened", "shop", "refusal_rate", 0.4),
        ("closed", "shop", "refusal_rate", 0.4),
    ]


@pytest.mark.parametrize("status", [500, 302, None])
def test_what_the_webhook_did_not_take_is_told_again(
    file: DataFile, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    book, hook = AlertBook(file, [RULE]), Hook()
    look(book, 0.4, 0.4)
    hook.status = status
    with caplog.at_level(logging.WARNING, "switchboard"):
        book.deliver(HOOK, hook.transport)
    assert "tried again later" in caplog.text
    assert "s3cret" not in caplog.text
    hook.status, hook.heard = 200, []
    book.deliver(HOOK, hook.transport)
    assert [said["state"] for said in hook.heard] == ["opened"]


def test_without_a_webhook_the_past_is_not_told_to_a_later_one(file: DataFile) -> None:
    book, hook = AlertBook(file, [RULE]), Hook()
    look(book, 0.4, 0.4)
    book.deliver("")
    book.deliver(HOOK, hook.transport)
    assert hook.heard == []


def figures(**changes: Any) -> dict[str, Any]:
    shift = {"measure": "distance", "against": "training", "now": 0.5, "then": 0.3, "p": 0.001, "certain": True}
    return {
        "turns": 200,
        "latency_ms": {"p50": 20.0, "p95": 80.0},
        "refusal_rate": 0.1,
        "handover_rate": 0.05,
        "thumbs": {"up": 15, "down": 5, "down_share": 0.25},
        "drift": {"shifts": [shift | {"statistic": 0.2}]},
    } | changes


def test_every_rule_has_its_reading() -> None:
    against = ("distance", "confidence", "unknown")
    shift = {"against": "before", "now": 0.5, "then": 0.3, "p": 0.001, "certain": True, "statistic": 0.2}
    drift = {"shifts": [*figures()["drift"]["shifts"], *({"measure": name} | shift for name in against)]}
    found = readings(figures(drift=drift))
    assert {rule.measure for rule in RULES} <= set(found)
    assert found["refusal_rate"].detail == "10% of 200 messages were refused"
    assert found["distance_from_training"].value == 0.2
    assert all(rule.closes < rule.opens for rule in RULES)


def test_what_may_be_chance_has_no_reading_that_alerts() -> None:
    few = readings(figures(turns=10, thumbs={"up": 1, "down": 4, "down_share": 0.8}))
    assert set(few) == {"distance_from_training"}
    [shift] = figures()["drift"]["shifts"]
    for harmless in ({"certain": False}, {"now": 0.2}):
        found = readings(figures(drift={"shifts": [shift | harmless]}))
        assert found["distance_from_training"].value == 0
    surer = shift | {"measure": "confidence", "against": "before"}
    assert readings(figures(drift={"shifts": [surer]}))["confidence_from_before"].value == 0
    assert readings(figures(drift={"shifts": [surer | {"now": 0.1}]}))["confidence_from_before"].value == 0.2
