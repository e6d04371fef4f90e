"""Alerts that are kept: after each ingest, once for a day, told to the log and the webhook."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import BadInputError
from apps.finance import alarm, background, items
from apps.finance.alerts import rule_of
from apps.finance.rescore import rescore
from apps.finance.setup import Desk
from apps.finance.times import Clock
from tests.hook import Hook

from .conftest import NOW, by_word
from .desks import FIRST, rows, take

BELOW = rule_of("threshold", "below", -0.3, cool_down=0)
HOOK = "http://192.168.7.7/hooks/s3cret"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        yield desk


def days(desk: Desk, *names: str) -> list[int]:
    """Days from FIRST on which something fired, in order."""
    return sorted((one.day - FIRST).days for one in alarm.fired(desk, names or None))


def test_an_ingest_fires_what_it_touches(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    watched = alarm.add_rule(desk, "HRBR", BELOW)
    with caplog.at_level(logging.WARNING, "switchboard"):
        take(desk, rows(0, "calm", 4), rows(0, "loss", 9, "VTRA"))
        assert alarm.fired(desk) == []
        take(desk, rows(1, "loss", 9))
    [fired] = alarm.fired(desk)
    assert (fired.name, fired.day, fired.items, fired.watched) == ("HRBR", FIRST + timedelta(days=1), 9, watched)
    assert -0.5 < fired.value < -0.4
    assert caplog.messages == [f"finance: alert: HRBR was at {fired.value:+.2f} on 2026-05-05, below -0.30 (9 items)"]


def test_the_same_ingest_again_fires_nothing_twice(desk: Desk) -> None:
    alarm.add_rule(desk, "all", BELOW)
    for _ in range(2):
        take(desk, rows(1, "loss", 9))
    assert days(desk) == [1]
    take(desk, rows(1, "loss", 12))
    assert days(desk) == [1]
    assert alarm.check(desk) == []


def test_what_a_stopped_ingest_brought_is_looked_at_by_the_next(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    ingester = desk.ingester(by_word, Clock(NOW))

    class StopError(Exception):
        pass

    def stop(done: int) -> None:
        raise StopError

    path = desk.file.folder / "news.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows(1, "loss", 9)))
    with pytest.raises(StopError):
        ingester.take_file(path, stop)
    assert alarm.fired(desk) == []
    ingester.take_file(path)
    assert days(desk) == [1]


def test_a_file_that_is_cut_short_is_looked_at_as_far_as_it_goes(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    path = desk.file.folder / "news.jsonl.gz"
    whole = gzip.compress("\n".join(json.dumps(row) for row in rows(1, "loss", 40)).encode())
    path.write_bytes(whole[:-12])
    with pytest.raises(BadInputError, match="cut short"):
        desk.ingester(by_word, Clock(NOW)).take_file(path)
    assert days(desk) == [1]


def test_hysteresis_and_cool_down_hold_from_one_ingest_to_the_next(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", rule_of("threshold", "below", -0.3, cool_down=3))
    for day, feeling in enumerate(["loss", "loss", "calm", "loss", "loss", "calm", "loss"]):
        take(desk, rows(day, feeling, 9))
    # Armed again on day 2, quiet until day 3.
    assert days(desk) == [0, 4]


def test_items_of_old_days_fire_for_those_days_alone(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(20, "loss", 9))
    take(desk, rows(10, "loss", 9))
    take(desk, rows(15, "calm", 9))
    assert days(desk) == [10, 20]


def test_figures_that_change_without_items_ring_nobody(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(1, "calm", 9))
    rescore(desk.file, lambda texts: [items.Reading((0.9, 0.05, 0.05), "2") for _ in texts], "2")
    assert alarm.check(desk) == []
    take(desk, rows(2, "calm", 9))
    assert days(desk) == []


def test_a_new_rule_says_what_it_would_have_said_and_tells_of_the_last_week_alone(desk: Desk) -> None:
    take(desk, rows(0, "loss", 9), rows(5, "calm", 9), rows(15, "loss", 9), rows(18, "calm", 9), rows(20, "loss", 9))
    alarm.add_rule(desk, "HRBR", BELOW)
    assert [(days, one.told) for one, days in zip(alarm.fired(desk), [20, 15, 0], strict=True)] == [
        (20, False),
        (15, False),
        (0, True),
    ]


def test_a_sector_is_the_sum_of_its_companies(desk: Desk) -> None:
    alarm.add_rule(desk, "financials", BELOW)
    take(desk, rows(0, "loss", 9, "HRBR"), rows(0, "profit", 9, "ALDG"), rows(0, "loss", 9, "VTRA"))
    assert alarm.fired(desk) == []
    take(desk, rows(1, "loss", 5, "HRBR"), rows(1, "loss", 5, "ALDG"))
    [fired] = alarm.fired(desk)
    assert (fired.name, fired.items) == ("Financials", 10)


def test_all_watches_each_company_by_itself(desk: Desk) -> None:
    alarm.add_rule(desk, "all", BELOW)
    take(desk, rows(0, "loss", 9, "HRBR"), rows(0, "profit", 9, "ALDG"), rows(0, "loss", 9, "VTRA"))
    assert sorted(one.name for one in alarm.fired(desk)) == ["HRBR", "VTRA"]
    assert days(desk, "HRBR") == [0]
    assert days(desk, "ALDG") == []


def test_a_z_score_speaks_of_what_is_usual_for_the_company(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", rule_of("z_score", "below", -3))
    usual = [rows(day, "calm" if day % 2 else "profit", 4) for day in range(30)]
    take(desk, *usual)
    assert alarm.fired(desk) == []
    take(desk, rows(30, "loss", 9))
    [fired] = alarm.fired(desk)
    assert fired.value < -3
    assert "standard deviations below what is usual for it" in str(fired)


def test_the_same_rule_again_is_the_one_there_is(desk: Desk) -> None:
    first = alarm.add_rule(desk, "Harbor Bank", BELOW)
    assert alarm.add_rule(desk, "$hrbr", BELOW) == first
    assert alarm.rules(desk) == [first]
    assert str(first) == "HRBR below -0.30, armed again at -0.20"


def test_a_removed_rule_fires_no_more_and_its_log_stays(desk: Desk) -> None:
    watched = alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(0, "loss", 9))
    assert alarm.remove_rule(desk, watched.id) == watched
    take(desk, rows(1, "calm", 9), rows(2, "loss", 9))
    assert alarm.rules(desk) == []
    assert days(desk) == [0]
    with pytest.raises(BadInputError, match="There is no alert 1. There are: none"):
        alarm.remove_rule(desk, watched.id)


def test_an_unknown_subject_is_named_with_those_there_are(desk: Desk) -> None:
    with pytest.raises(BadInputError, match="'Acme' on the watch list. It has: ALDG, .*Technology, Transport, all"):
        alarm.add_rule(desk, "Acme", BELOW)


def test_the_log_is_asked_by_time_name_and_rule(desk: Desk) -> None:
    one, other = alarm.add_rule(desk, "HRBR", BELOW), alarm.add_rule(desk, "VTRA", BELOW)
    take(desk, rows(0, "loss", 9), rows(1, "loss", 9, "VTRA"))
    assert [f.name for f in alarm.fired(desk)] == ["VTRA", "HRBR"]
    assert [f.name for f in alarm.fired(desk, most=1)] == ["VTRA"]
    assert [f.name for f in alarm.fired(desk, until=FIRST)] == ["HRBR"]
    assert [f.name for f in alarm.fired(desk, since=FIRST + timedelta(days=1))] == ["VTRA"]
    assert [f.watched for f in alarm.fired(desk, rule=one.id)] == [one]
    assert [f.watched for f in alarm.fired(desk, rule=other.id)] == [other]
    assert alarm.fired(desk, []) == []


def test_the_webhook_hears_of_each_alert_once(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(0, "loss", 9))
    hook = Hook()
    for _ in range(2):
        alarm.deliver(desk, HOOK, hook.transport)
    [said] = hook.heard
    assert (said["app"], said["state"], said["name"], said["day"]) == ("finance", "fired", "HRBR", "2026-05-04")
    assert said["rule"] == {
        **{"id": 1, "subject": "HRBR", "kind": "threshold", "side": "below", "line": -0.3},
        **{"rearm": pytest.approx(-0.2), "cool_down": 0, "fewest": 3},
    }


@pytest.mark.parametrize("status", [500, 302, None])
def test_what_the_webhook_did_not_take_is_told_again(
    desk: Desk, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(0, "loss", 9))
    hook = Hook()
    hook.status = status
    with caplog.at_level(logging.WARNING, "switchboard"):
        alarm.deliver(desk, HOOK, hook.transport)
    assert "tried again later" in caplog.text
    assert "s3cret" not in caplog.text
    assert len(alarm.fired(desk)) == 1
    hook.status, hook.heard = 200, []
    alarm.deliver(desk, HOOK, hook.transport)
    assert [said["name"] for said in hook.heard] == ["HRBR"]


def test_without_a_webhook_the_past_is_not_told_to_a_later_one(desk: Desk) -> None:
    alarm.add_rule(desk, "HRBR", BELOW)
    take(desk, rows(0, "loss", 9))
    alarm.deliver(desk, "")
    hook = Hook()
    alarm.deliver(desk, HOOK, hook.transport)
    assert hook.heard == []


def test_a_running_service_tells_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, heard = threading.Event(), []

    def deliver(desk: Desk, webhook: str) -> None:
        heard.append((webhook, [str(one.day) for one in alarm.fired(desk)]))
        stop.set()

    monkeypatch.setattr(alarm, "deliver", deliver)
    desk = Desk.open(tmp_path)
    with closing(desk.file):
        alarm.add_rule(desk, "HRBR", BELOW)
        take(desk, rows(0, "loss", 9))
    settings = SimpleNamespace(data=tmp_path, alert_webhook=HOOK)
    service: Any = SimpleNamespace(settings=settings, predict=None, version=None)
    background.run(service, stop)
    assert heard == [(HOOK, ["2026-05-04"])]


def test_items_that_take_the_demo_streams_place_are_looked_at(desk: Desk) -> None:
    """Their ids begin where those of the stream ended."""
    alarm.add_rule(desk, "HRBR", BELOW)
    path = desk.file.folder / "demo.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows(0, "calm", 40)))
    desk.ingester(by_word, Clock(NOW)).take_file(path, demo=True)
    take(desk, rows(1, "loss", 9))
    assert days(desk) == [1]
