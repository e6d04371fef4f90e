"""Schedule: retrains the apps of a running service every so many hours, each in a process of its own.

It asks the database whether there is anything new before it begins a process; what that process does is
``agent.retraining``'s affair, and what it promotes the service takes up by itself.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.config import PREFIX, Settings
from agent.database import DataFile
from agent.errors import LockedError
from agent.jobs import JobBook
from agent.learning.registry import ModelRegistry
from agent.retraining import KIND, count_new
from agent.teach import training_lock

log = logging.getLogger("switchboard")

COMMAND = (sys.executable, "-m", "agent.cli", "retrain")
LOOK_EVERY = 60.0
"""Seconds between two looks whether an app is due."""
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
)
"""Settings that a retraining depends on."""


class Schedule:
    """Does nothing where ``settings.retrain_every`` is 0. ``close`` ends what is under way, which keeps its state."""

    def __init__(
        self, settings: Settings, file: DataFile, apps: Sequence[str], command: Sequence[str] = COMMAND
    ) -> None:
        """``command`` is what retrains, given an app's name and options."""
        self._settings = settings
        self._file = file
        self._apps = apps
        self._command = command
        self._began = datetime.now(UTC)
        self._over = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="schedule")

    def start(self) -> None:
        if self._settings.retrain_every:
            self._thread.start()

    def close(self) -> None:
        self._over.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            for app in self._apps:
                if not self._over.is_set() and self.is_due(app, datetime.now(UTC)):
                    self.retrain(app)

    def is_due(self, app: str, at: datetime) -> bool:
        """Whether the app's last retraining (or the start of the service) is long enough ago, there is enough that is
        new, and nobody trains it."""
        book = JobBook(self._file)
        last = [job for job in book.jobs(app) if job.kind == KIND][:1]
        since = datetime.fromisoformat(last[0].began_at) if last else self._began
        if at - since < timedelta(hours=self._settings.retrain_every):
            return False
        if count_new(self._file, app, book.last(app, KIND)) < self._settings.fewest_reviews:
            return False
        try:
            training_lock(ModelRegistry(self._settings.data, app)).close()
        except LockedError:
            return False
        return True

    def retrain(self, app: str) -> None:
        """Run one retraining to its end; the log says what came of it."""
        log.info("%s: retraining in the background", app)
        options = ["--json", *(["--auto"] if self._settings.auto_promote else [])]
        try:
            with subprocess.Popen(  # noqa: S603 (our own module; no text of a person's)
                [*self._command, app, *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env=os.environ | environment(self._settings),
            ) as process:
                self._process = process
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
                if self._over.is_set():
                    process.terminate()
                assert process.stdout is not None
                said = [json.loads(line) for line in process.stdout]
        except OSError as error:
            log.error("%s: the retraining cannot be run: %s", app, error)
            return
        finally:
            self._process = None
        reasons = [line["reason"] for line in said if "reason" in line]
        if reasons:
            log.info("%s: %s", app, reasons[-1])
        elif not self._over.is_set():
            log.error("%s: the retraining failed with status %d; its lines are above", app, process.returncode)


def environment(settings: Settings) -> dict[str, str]:
    """The settings that a retraining depends on, as the variables that ``Settings.load`` reads."""
    found = {"OMP_NUM_THREADS": str(settings.threads), "TOKENIZERS_PARALLELISM": "false"}
    for name in PASSED_ON:
        value = getattr(settings, name)
        text = os.pathsep.join(map(str, value)) if isinstance(value, tuple) else str(value)
        found[PREFIX + name.upper()] = text.lower() if isinstance(value, bool) else text
    found[PREFIX + "DATA"] = str(Path(settings.data).absolute())
    return found
