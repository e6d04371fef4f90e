from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.config import Settings
from agent.database import DataFile
from agent.jobs import JobBook
from agent.learning.registry import ModelRegistry
from agent.reviews import ReviewBook
from agent.schedule import PASSED_ON, Schedule, environment
from agent.teach import training_lock
from agent.types import Review

APP = "library"
DAY = timedelta(hours=24)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, apps=(tmp_path / "one", tmp_path / "two"), retrain_every=24, fewest_reviews=2)


@pytest.fixture
def file(settings: Settings) -> Iterator[DataFile]:
    file = DataFile.open(settings.data)
    yield file
    file.close()


def review(file: DataFile, times: int) -> None:
    for number in range(times):
        ReviewBook(file).add(Review(APP, f"text {number}", "corrected", "ann", intent="hours"))


def saying(*lines: object, then: str = "") -> tuple[str, ...]:
    """A command in the place of the retraining: prints its arguments and the lines, and runs ``then``."""
    code = "import json, os, sys\nprint(json.dumps({'arguments': sys.argv[1:]}))\n"
    code += "".join(f"print({json.dumps(json.dumps(line))})\n" for line in lines) + then
    return (sys.executable, "-c", code)


def test_an_app_is_due_after_so_many_hours_if_enough_is_new(settings: Settings, file: DataFile) -> None:
    schedule = Schedule(settings, file, (APP,))
    now = datetime.now(UTC)
    review(file, 1)
    assert not schedule.is_due(APP, now + 2 * DAY), "too little is new"
    review(file, 1)
    assert not schedule.is_due(APP, now + 0.5 * DAY)
    assert schedule.is_due(APP, now + 1.01 * DAY)
    book = JobBook(file)
    job = book.begin(APP, "retrain", "ann", {"until": datetime.now(UTC).isoformat(timespec="microseconds")}, None)
    book.end(job, "done", "")
    assert not schedule.is_due(APP, now + 1.01 * DAY), "these reviews are learned"
    review(file, 2)
    assert schedule.is_due(APP, now + 1.01 * DAY)


def test_an_app_that_is_being_trained_is_left_alone(settings: Settings, file: DataFile) -> None:
    review(file, 2)
    schedule = Schedule(settings, file, (APP,))
    lock = training_lock(ModelRegistry(settings.data, APP))
    assert not schedule.is_due(APP, datetime.now(UTC) + 2 * DAY)
    lock.close()
    assert schedule.is_due(APP, datetime.now(UTC) + 2 * DAY)


@pytest.mark.parametrize("auto", [True, False])
def test_what_came_of_it_is_in_the_log(
    auto: bool, settings: Settings, file: DataFile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "switchboard")
    note = settings.data / "arguments.json"
    then = f"open({str(note)!r}, 'w').write(json.dumps([sys.argv[1:], os.environ['SWITCHBOARD_DATA']]))"
    command = saying({"step": 1, "total": 1}, {"reason": "Version 2 is in service."}, then=then)
    Schedule(replace(settings, auto_promote=auto), file, (APP,), command).retrain(APP)
    assert "library: Version 2 is in service." in caplog.text
    arguments, data = json.loads(note.read_text())
    assert arguments == [APP, "--json", *(["--auto"] if auto else [])]
    assert data == str(settings.data)


def test_a_failure_is_in_the_log(settings: Settings, file: DataFile, caplog: pytest.LogCaptureFixture) -> None:
    Schedule(settings, file, (APP,), saying(then="sys.exit(3)")).retrain(APP)
    assert "failed with status 3" in caplog.text
    Schedule(settings, file, (APP,), ("/no/such/program",)).retrain(APP)
    assert "cannot be run" in caplog.text


def test_the_process_has_the_services_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(settings, accept_corrections=True, keep_versions=3, backbone="folder", threads=2)
    read = Settings.load(env={k: v for k, v in environment(given).items() if k.startswith("SWITCHBOARD_")})
    for name in PASSED_ON:
        assert getattr(read, name) == getattr(given, name), name


def test_closing_ends_what_is_under_way(settings: Settings, file: DataFile) -> None:
    """Whether the process has begun or not by then."""
    schedule = Schedule(settings, file, (APP,), saying(then="sys.stdin.close(); import time; time.sleep(600)"))
    schedule.close()
    schedule.retrain(APP)
    assert schedule._process is None


def test_without_the_setting_nothing_runs(settings: Settings, file: DataFile) -> None:
    schedule = Schedule(replace(settings, retrain_every=0), file, (APP,))
    schedule.start()
    assert not schedule._thread.is_alive()
    schedule.close()
