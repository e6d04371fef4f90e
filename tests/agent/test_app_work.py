"""What apps do beside a running service."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.app_work import AppWork, works_of
from agent.config import Settings

SECONDS = 30


def running(works: dict[str, Callable[[threading.Event], None]], again_after: float = 0.0) -> AppWork:
    work = AppWork(works, again_after)
    work.start()
    return work


def test_work_runs_until_the_service_ends() -> None:
    began, ended = threading.Event(), threading.Event()

    def run(stop: threading.Event) -> None:
        began.set()
        assert stop.wait(SECONDS)
        ended.set()

    work = running({"library": run})
    assert began.wait(SECONDS)
    assert not ended.is_set()
    work.close()
    assert ended.is_set()


def test_work_that_fails_is_named_and_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []
    done = threading.Event()

    def run(stop: threading.Event) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise KeyError("shelf")
        done.set()

    with caplog.at_level(logging.ERROR):
        work = running({"library": run})
        assert done.wait(SECONDS)
        work.close()
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in said] == ["library", "library"]
    assert caplog.records[0].exc_info is not None
    # What has done all it had to do is not begun again.
    assert len(tries) == 3


def test_one_apps_failure_is_not_anothers() -> None:
    done = threading.Event()

    def fail(stop: threading.Event) -> None:
        raise RuntimeError

    work = running({"broken": fail, "library": lambda stop: done.set()}, again_after=SECONDS)
    assert done.wait(SECONDS)
    # Waiting for the next try ends at once.
    work.close()
    assert not {thread.name for thread in threading.enumerate()} & {"work of broken", "work of library"}


def test_work_that_does_not_listen_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.app_work.GRACE", 0.01)
    released = threading.Event()
    work = running({"deaf": lambda stop: assert_released(released)})
    with caplog.at_level(logging.WARNING):
        work.close()
    assert "work of deaf" in caplog.text
    released.set()


def assert_released(released: threading.Event) -> None:
    assert released.wait(SECONDS)


def test_an_apps_file_is_its_work(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "background.py").write_text(
        "def run(service, stop):\n    (service.data / 'seen').write_text(f'{service.name} {service.version}')\n"
    )
    plain = tmp_path / "plain"
    plain.mkdir()
    service: Any = SimpleNamespace(
        domains={"library": SimpleNamespace(folder=folder), "plain": SimpleNamespace(folder=plain)},
        settings=Settings(data=tmp_path / "data"),
        version=lambda app: "7",
    )
    works = works_of(service)
    assert list(works) == ["library"]
    works["library"](threading.Event())
    assert (tmp_path / "data" / "apps" / "library" / "seen").read_text() == "library 7"
