from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from agent.database import DataFile
from agent.errors import LockedError
from agent.jobs import JobBook
from agent.retrainer import Retrainer
from agent.reviews import ReviewBook
from agent.schedule import WHO, Schedule
from agent.types import Review

APP = "library"
DAY = timedelta(hours=24)


class Noted(Retrainer):
    """Begins nothing; remembers what it was asked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.begun: list[tuple[str, str, bool]] = []
        self.failure: Exception | None = None
        self.is_busy = False

    @property
    def busy(self) -> bool:
        return self.is_busy

    def start(self, app: str, who: str, *, force: bool = False, auto: bool = False) -> None:
        if self.failure is not None:
            raise self.failure
        assert not force
        self.begun.append((app, who, auto))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, retrain_every=24, fewest_reviews=2)


@pytest.fixture
def file(settings: Settings) -> Iterator[DataFile]:
    file = DataFile.open(settings.data)
    yield file
    file.close()


@pytest.fixture
def retrainer(settings: Settings) -> Noted:
    return Noted(settings)


def review(file: DataFile, times: int) -> None:
    for number in range(times):
        ReviewBook(file).add(Review(APP, f"text {number}", "corrected", "ann", intent="hours"))


def later(days: float) -> datetime:
    return datetime.now(UTC) + days * DAY


def test_an_app_is_due_after_so_many_hours_if_enough_is_new(
    settings: Settings, file: DataFile, retrainer: Noted
) -> None:
    schedule = Schedule(settings, file, (APP,), retrainer)
    review(file, 1)
    assert not schedule.is_due(APP, later(2)), "too little is new"
    review(file, 1)
    assert not schedule.is_due(APP, later(0.5))
    assert schedule.is_due(APP, later(1.01))
    book = JobBook(file)
    job = book.begin(APP, "retrain", "ann", {"until": datetime.now(UTC).isoformat(timespec="microseconds")}, None)
    book.end(job, "done", "")
    assert not schedule.is_due(APP, later(1.01)), "these reviews are learned"
    review(file, 2)
    assert schedule.is_due(APP, later(1.01))


@pytest.mark.parametrize("auto", [True, False])
def test_what_is_due_is_begun_unless_another_one_is_under_way(
    auto: bool, settings: Settings, file: DataFile, retrainer: Noted
) -> None:
    review(file, 2)
    schedule = Schedule(replace(settings, auto_promote=auto), file, ("empty", APP), retrainer)
    schedule.look(later(0))
    retrainer.is_busy = True
    schedule.look(later(2))
    assert retrainer.begun == []
    retrainer.is_busy = False
    schedule.look(later(2))
    assert retrainer.begun == [(APP, WHO, auto)]


@pytest.mark.parametrize(("failure", "lines"), [(LockedError(Path("x"), "a person"), 0), (OSError("no room"), 1)])
def test_what_cannot_begin_is_in_the_log(
    failure: Any,
    lines: int,
    settings: Settings,
    file: DataFile,
    retrainer: Noted,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """That somebody trains the app already is no failure."""
    review(file, 2)
    retrainer.failure = failure
    Schedule(settings, file, (APP,), retrainer).look(later(2))
    assert caplog.text.count("cannot begin") == lines


def test_without_the_setting_nothing_runs(settings: Settings, file: DataFile, retrainer: Noted) -> None:
    schedule = Schedule(replace(settings, retrain_every=0), file, (APP,), retrainer)
    schedule.start()
    assert not schedule._thread.is_alive()
    schedule.close()
