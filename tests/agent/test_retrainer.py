from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings
from agent.errors import LockedError
from agent.learning.registry import ModelRegistry
from agent.retrainer import PASSED_ON, Retrainer, environment
from agent.teach import training_lock

APP = "library"
DONE = {"version": "2", "promoted": True, "reason": "Version 2 is in service.", "verdict": None}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, apps=(tmp_path / "one", tmp_path / "two"))


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A process waits until this file is there."""
    return tmp_path / "gate"


@pytest.fixture
def made() -> Iterator[list[Retrainer]]:
    made: list[Retrainer] = []
    yield made
    for retrainer in made:
        retrainer.close()


def saying(*lines: object, then: str = "") -> tuple[str, ...]:
    """A command in the place of the retraining: prints its lines, and runs ``then``."""
    code = "import json, os, signal, sys, time\n"
    code += "".join(f"print({json.dumps(json.dumps(line))}, flush=True)\n" for line in lines) + then
    return (sys.executable, "-c", code)


def until(what: Any) -> None:
    """Wait for what another thread brings about."""
    pause = threading.Event()
    for _ in range(6000):
        if what():
            return
        pause.wait(0.01)
    pytest.fail("it did not come about within a minute")


def test_how_far_it_has_come_and_what_came_of_it(settings: Settings, gate: Path, made: list[Retrainer]) -> None:
    steps = [{"step": 1, "total": 4}, {"step": 4, "total": 4}, {"step": 1, "total": 2}]
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\nprint({json.dumps(json.dumps(DONE))})"
    retrainer = Retrainer(settings, saying(*steps, then=wait))
    made.append(retrainer)
    assert retrainer.state(APP) is None
    retrainer.start(APP, "ann")
    until(lambda: retrainer.state(APP)["attempt"] == 2)  # type: ignore[index]
    state = retrainer.state(APP)
    assert state is not None
    assert (state["state"], state["who"], state["step"], state["total"]) == ("running", "ann", 1, 2)
    assert state["rate"] is None, "nothing is known of the second attempt's rate yet"
    with pytest.raises(LockedError):
        retrainer.start(APP, "bob")
    gate.touch()
    retrainer.wait(APP)
    state = retrainer.state(APP)
    assert state is not None
    assert (state["state"], state["version"], state["promoted"]) == ("done", "2", True)
    assert state["reason"] == DONE["reason"]
    assert state["ended_at"] >= state["began_at"]
    assert not retrainer.busy


def test_a_rate_and_what_is_left_are_told(settings: Settings, gate: Path, made: list[Retrainer]) -> None:
    steps = "for n in range(1, 5): print(json.dumps({'step': n, 'total': 100}), flush=True); time.sleep(0.01)\n"
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
    retrainer = Retrainer(settings, saying(then=steps + wait))
    made.append(retrainer)
    retrainer.start(APP, "ann")
    until(lambda: retrainer.state(APP)["step"] == 4)  # type: ignore[index]
    state = retrainer.state(APP)
    assert state is not None
    assert state["rate"] > 0
    assert state["seconds_left"] == pytest.approx(96 / state["rate"])
    gate.touch()


@pytest.mark.parametrize(
    ("force", "auto", "options"), [(False, False, []), (True, False, ["--force"]), (False, True, ["--auto"])]
)
def test_what_the_process_is_told(
    force: bool, auto: bool, options: list[str], settings: Settings, tmp_path: Path, made: list[Retrainer]
) -> None:
    note = tmp_path / "arguments.json"
    then = f"open({str(note)!r}, 'w').write(json.dumps([sys.argv[1:], os.environ['SWITCHBOARD_DATA'], os.nice(0)]))"
    retrainer = Retrainer(settings, saying(then=then))
    made.append(retrainer)
    retrainer.start(APP, "ann", force=force, auto=auto)
    retrainer.wait(APP)
    arguments, data, niceness = json.loads(note.read_text())
    assert arguments == [APP, "--json", "--who", "ann", *options]
    assert data == str(settings.data)
    assert niceness >= 10


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (saying({"failed": "Too few examples of: fines."}, then="sys.exit(1)"), "Too few examples of: fines."),
        (saying(then="sys.exit(3)"), "ended with status 3"),
        (saying(then="os.kill(os.getpid(), signal.SIGKILL)"), "ended by SIGKILL"),
    ],
)
def test_a_failure_is_told_and_the_next_one_may_begin(
    command: tuple[str, ...],
    reason: str,
    settings: Settings,
    made: list[Retrainer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    retrainer = Retrainer(settings, command)
    made.append(retrainer)
    for _ in range(2):
        retrainer.start(APP, "ann")
        retrainer.wait(APP)
        state = retrainer.state(APP)
        assert state is not None
        assert state["state"] == "failed"
        assert reason in state["reason"]
    assert reason in caplog.text


def test_no_program_is_an_error_of_whoever_asks(settings: Settings, made: list[Retrainer]) -> None:
    retrainer = Retrainer(settings, ("/no/such/program",))
    made.append(retrainer)
    with pytest.raises(OSError, match="no/such"):
        retrainer.start(APP, "ann")
    assert retrainer.state(APP) is None
    assert not retrainer.busy


def test_it_is_stopped_by_request(settings: Settings, made: list[Retrainer]) -> None:
    retrainer = Retrainer(settings, saying({"step": 3, "total": 9}, then="time.sleep(600)"))
    made.append(retrainer)
    retrainer.stop(APP)  # nothing is under way
    retrainer.start(APP, "ann")
    until(lambda: retrainer.state(APP)["step"] == 3)  # type: ignore[index]
    retrainer.stop(APP)
    retrainer.wait(APP)
    state = retrainer.state(APP)
    assert state is not None
    assert (state["state"], state["step"]) == ("stopped", 3)


def test_an_app_that_somebody_trains_is_left_alone(settings: Settings, made: list[Retrainer]) -> None:
    retrainer = Retrainer(settings, saying(DONE))
    made.append(retrainer)
    lock = training_lock(ModelRegistry(settings.data, APP))
    with pytest.raises(LockedError):
        retrainer.start(APP, "ann")
    assert retrainer.state(APP) is None
    lock.close()
    retrainer.start(APP, "ann")
    retrainer.wait(APP)


def test_closing_ends_what_is_under_way_and_begins_nothing(settings: Settings) -> None:
    retrainer = Retrainer(settings, saying(then="time.sleep(600)"))
    retrainer.start(APP, "ann")
    retrainer.close()
    assert not retrainer.busy
    with pytest.raises(LockedError):
        retrainer.start(APP, "ann")


def test_the_process_has_the_services_settings(settings: Settings) -> None:
    given = replace(settings, accept_corrections=True, keep_versions=3, backbone="folder", threads=2)
    read = Settings.load(env={k: v for k, v in environment(given).items() if k.startswith("SWITCHBOARD_")})
    for name in PASSED_ON:
        assert getattr(read, name) == getattr(given, name), name
