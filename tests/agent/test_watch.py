from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from agent.alerts import AlertBook
from agent.config import Settings
from agent.errors import ModelError
from agent.monitor import Monitor
from agent.privacy import Privacy
from agent.redaction import BuiltinRedactor
from agent.store import Store
from agent.types import Route
from agent.watch import SWEEP_EVERY, Watch
from tests.agent.samples import prediction, reply
from tests.agent.test_alerts import HOOK, Hook


class Service(SimpleNamespace):
    """What a watch asks of an agent, over a real database."""

    def __init__(self, data: Path, **settings: Any) -> None:
        store = Store.open(data)
        super().__init__(
            settings=Settings(data=data, **settings),
            domains={"support": None},
            store=store,
            monitor=Monitor(store.file),
            alerts=AlertBook(store.file),
            privacy=Privacy(store.file, BuiltinRedactor()),
        )

    def talk(self, client: str, turns: int, kind: str) -> None:
        for number in range(turns):
            conversation = self.store.new_conversation("support", f"{client}{number}", True)
            answer = reply(conversation, f"{client}-{number}")
            text = f"a word of {client}"
            route = Route(kind, "because")  # type: ignore[arg-type]
            args = ("support", answer.message_id, text, prediction(text), route, answer, {}, 9.0)
            self.store.save_turn(conversation, *args)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, alert_webhook=HOOK, retention_days=30)
    yield service
    service.store.close()


def test_what_goes_wrong_is_told_and_that_it_is_over_too(service: Service) -> None:
    hook = Hook()
    watch = Watch(service, hook.transport)  # type: ignore[arg-type]
    service.talk("ann", 60, "refuse")
    now = datetime.now(UTC)
    for minute in range(2):
        watch.look(now + timedelta(minutes=minute))
    assert hook.heard == []
    watch.look(now + timedelta(minutes=2))
    [said] = hook.heard
    assert (said["state"], said["app"], said["measure"], said["value"]) == ("opened", "support", "refusal_rate", 1.0)
    assert "ann" not in json.dumps(said)
    service.talk("ben", 300, "answer")
    watch.look(datetime.now(UTC) + timedelta(minutes=3))
    assert [said["state"] for said in hook.heard] == ["opened", "closed"]


def test_a_webhook_that_fails_hears_of_it_at_the_next_look(service: Service) -> None:
    hook = Hook()
    watch = Watch(service, hook.transport)  # type: ignore[arg-type]
    service.talk("ann", 60, "refuse")
    hook.status = None
    now = datetime.now(UTC)
    for minute in range(3):
        watch.look(now + timedelta(minutes=minute))
    hook.status = 200
    watch.look(now + timedelta(minutes=3))
    assert [said["state"] for said in hook.heard] == ["opened"]


def test_conversations_that_rested_too_long_are_erased_once_a_day(service: Service) -> None:
    watch = Watch(service, httpx.MockTransport(lambda _: httpx.Response(200)))  # type: ignore[arg-type]

    def age(client: str) -> None:
        old = (datetime.now(UTC) - timedelta(days=31)).isoformat(timespec="microseconds")
        with service.store.file.transaction() as db:
            db.execute("UPDATE conversations SET updated_at = ? WHERE client_id = ?", [old, client])

    service.talk("ann", 2, "answer")
    age("ann0")
    now = datetime.now(UTC)
    watch.look(now)
    assert service.store.counts()["conversations"] == 1
    age("ann1")
    watch.look(now + timedelta(hours=1))
    assert service.store.counts()["conversations"] == 1
    watch.look(now + SWEEP_EVERY)
    assert service.store.counts()["conversations"] == 0


def test_without_the_setting_conversations_stay(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.talk("ann", 1, "answer")
    with service.store.file.transaction() as db:
        db.execute("UPDATE conversations SET updated_at = '2001-01-01T00:00:00.000000+00:00'")
    Watch(service).look()  # type: ignore[arg-type]
    assert service.store.counts()["conversations"] == 1
    service.store.close()


def test_an_app_that_cannot_be_read_does_not_hide_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = service.monitor.figures

    def figures(app: str, **options: Any) -> dict[str, Any]:
        if app == "broken":
            raise ModelError("its champion is damaged")
        return read(app, **options)

    monkeypatch.setattr(service.monitor, "figures", figures)
    service.domains = {"broken": None, "support": None}
    service.talk("ann", 60, "refuse")
    watch = Watch(service, Hook().transport)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR, "switchboard"):
        for _ in range(3):
            watch.look()
    assert "broken: its figures cannot be read: its champion is damaged" in caplog.text
    assert [alert.app for alert in service.alerts.alerts()] == ["support"]


def test_it_ends_when_it_is_closed(service: Service) -> None:
    watch = Watch(service)  # type: ignore[arg-type]
    watch.close()
    watch = Watch(service)  # type: ignore[arg-type]
    watch.start()
    watch.close()
    assert not watch._thread.is_alive()
