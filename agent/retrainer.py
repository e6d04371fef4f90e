"""Retrainer: retrains apps beside a running service, each in a process of its own, one at a time per app.

It follows how far a process has come, and ends it on request; a training then keeps its state, and the next one of the
app goes on from there. What a process does is ``agent.retraining``'s affair; what it promotes, the service takes up as
it takes up every promotion.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agent.config import PREFIX, Settings
from agent.database import now
from agent.errors import LockedError
from agent.learning.registry import ModelRegistry
from agent.lock import TRAINING, FolderLock

log = logging.getLogger("switchboard")

COMMAND = (sys.executable, "-m", "agent.cli", "retrain")
NICENESS = 10
"""Replies come first."""
GRACE = 5.0
"""Seconds in which a process that is to end may keep its state."""
PASSED_ON = (
    "data",
    "apps",
    "backbone",
    "device",
    "threads",
    "fewest_reviews",
    "keep_versions",
    "accept_corrections",
    "client_examples",
    "client_percent",
    "unlabelled",
)
"""Settings that a retraining depends on."""


@dataclass(frozen=True, slots=True)
class Retraining:
    """How far an app's retraining has come, or what came of it."""

    state: Literal["running", "stopping", "done", "stopped", "failed"]
    who: str
    began_at: str
    """UTC, ISO 8601; so is ``ended_at``, which is None until it has ended."""
    ended_at: str | None = None
    attempt: int = 0
    """1 once training steps are done, 2 if it tries another way to begin after that."""
    step: int = 0
    total: int = 0
    rate: float | None = None
    """Steps a second; None until it can be told, as ``seconds_left``, which is of this attempt."""
    seconds_left: float | None = None
    version: str | None = None
    """The version that it made."""
    promoted: bool = False
    reason: str = ""
    """What came of it, in plain words."""


@dataclass(slots=True)
class _Running:
    """A process and the place from where its rate is counted."""

    process: subprocess.Popen[str]
    first: tuple[float, int] | None = None


class Retrainer:
    """Safe to call from many threads; ``close`` ends what is under way, which keeps its state."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        """``command`` is what retrains, given an app's name and options."""
        self._settings = settings
        self._command = command
        self._lock = threading.Lock()
        self._states: dict[str, Retraining] = {}
        self._running: dict[str, _Running] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._over = False

    def start(self, app: str, who: str, *, force: bool = False, auto: bool = False) -> None:
        """Begin to retrain an app, even if little is new with ``force``; ``auto`` serves what passes the gate.

        Raises LockedError if the app is being trained, by this service or another process, and OSError if no process
        can be begun.
        """
        registry = ModelRegistry(self._settings.data, app)
        registry.folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if app in self._running or self._over:
                raise LockedError(registry.folder, "a retraining of this service")
            # Whoever trains holds it; the process takes it for itself.
            FolderLock(registry.folder, f"retraining of {app}", TRAINING).close()
            options = ["--json", "--who", who, *(["--force"] if force else []), *(["--auto"] if auto else [])]
            process = subprocess.Popen(  # noqa: S603 (our own module; a name is one argument, whatever is in it)
                [*self._command, app, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C reaches the service alone, which then ends this process in its own way.
                start_new_session=True,
                env=os.environ | environment(self._settings),
            )
            os.setpriority(os.PRIO_PROCESS, process.pid, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
            self._running[app] = _Running(process)
            self._states[app] = Retraining("running", who, now())
            self._threads[app] = threading.Thread(target=self._follow, args=(app,), name=f"retrain {app}")
            self._threads[app].start()
        log.info("%s: retraining beside the service, begun by %s", app, who)

    def state(self, app: str) -> dict[str, Any] | None:
        """The last retraining that this service began (see ``Retraining``), ready for JSON; None if there was none."""
        found = self._states.get(app)
        return None if found is None else asdict(found)

    @property
    def busy(self) -> bool:
        """Whether a retraining is under way."""
        return bool(self._running)

    def stop(self, app: str) -> None:
        """End the app's retraining, if one is under way; it keeps its state and ends soon."""
        with self._lock:
            if app in self._running:
                self._states[app] = replace(self._states[app], state="stopping")
                self._running[app].process.terminate()

    def wait(self, app: str) -> None:
        """Return once no retraining of the app is under way."""
        thread = self._threads.get(app)
        if thread is not None:
            thread.join()

    def close(self) -> None:
        """End what is under way, and begin nothing any more."""
        self._over = True
        for app in list(self._running):
            self.stop(app)
        for app, thread in list(self._threads.items()):
            thread.join(GRACE)
            with self._lock:
                if app in self._running:
                    self._running[app].process.kill()
            thread.join()

    def _follow(self, app: str) -> None:
        """Read what an app's process says to its end."""
        running = self._running[app]
        outcome: dict[str, Any] | None = None
        failure = ""
        with running.process as process:
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                if "step" in said:
                    self._note(app, running, said["step"], said["total"])
                failure = said.get("failed", failure)
                if "reason" in said:
                    outcome = said
        with self._lock:
            state = self._states[app]
            if outcome is not None:
                version, promoted = outcome["version"], outcome["promoted"]
                end = replace(state, state="done", version=version, promoted=promoted, reason=outcome["reason"])
            elif state.state == "stopping":
                end = replace(state, state="stopped", reason="It was stopped; the next one goes on where it was.")
            else:
                end = replace(state, state="failed", reason=failure or _ending(running.process.returncode))
            self._states[app] = replace(end, ended_at=now(), seconds_left=None)
            del self._running[app]
        log.log(logging.ERROR if end.state == "failed" else logging.INFO, "%s: retraining: %s", app, end.reason)

    def _note(self, app: str, running: _Running, step: int, total: int) -> None:
        at = time.monotonic()
        with self._lock:
            state = self._states[app]
            attempt = state.attempt + (state.attempt == 0 or step <= state.step)
            if running.first is None or attempt != state.attempt:
                running.first = (at, step)
            seconds, done = at - running.first[0], step - running.first[1]
            rate = done / seconds if done and seconds > 0 else None
            left = None if rate is None else (total - step) / rate
            self._states[app] = replace(state, attempt=attempt, step=step, total=total, rate=rate, seconds_left=left)


def environment(settings: Settings) -> dict[str, str]:
    """The settings that a retraining depends on, as the variables that ``Settings.load`` reads."""
    found = {"OMP_NUM_THREADS": str(settings.threads), "TOKENIZERS_PARALLELISM": "false"}
    for name in PASSED_ON:
        value = getattr(settings, name)
        text = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)
        found[PREFIX + name.upper()] = text.lower() if isinstance(value, bool) else text
    found[PREFIX + "DATA"] = str(Path(settings.data).absolute())
    return found


def _ending(status: int) -> str:
    """How a process ended that has said nothing of it."""
    if status < 0:
        return f"The process was ended by {signal.Signals(-status).name}."
    return f"The process ended with status {status}; the log has its lines."
