"""Schedule: has the apps of a running service retrained every so many hours.

It asks the database whether there is anything new before it begins; the rest is ``agent.retrainer``'s affair.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from agent.config import Settings
from agent.database import DataFile
from agent.errors import LockedError, SwitchboardError
from agent.jobs import JobBook
from agent.retrainer import Retrainer
from agent.ticker import Ticker
from agent.versions import KIND, count_new

log = logging.getLogger("switchboard")

LOOK_EVERY = 60.0
"""Seconds between two looks whether an app is due."""
WHO = "schedule"


class Schedule(Ticker):
    """Does nothing where ``settings.retrain_every`` is 0. ``close`` ends it; what it began is the retrainer's."""

    def __init__(self, settings: Settings, file: DataFile, apps: Sequence[str], retrainer: Retrainer) -> None:
        self._settings = settings
        self._file = file
        self._apps = apps
        self._retrainer = retrainer
        self._began = datetime.now(UTC)
        super().__init__("schedule", LOOK_EVERY, lambda: self.look(datetime.now(UTC)))

    def start(self) -> None:
        if self._settings.retrain_every:
            super().start()

    def look(self, at: datetime) -> None:
        """Have the first app retrained that is due and that nobody trains, unless a retraining is under way. What
        fails is in the log, and the next look tries again."""
        for app in self._apps:
            if self._retrainer.busy or self._over.is_set():
                return
            try:
                if self.is_due(app, at):
                    self._retrainer.start(app, WHO, auto=self._settings.auto_promote)
            except LockedError:  # somebody trains it; its turn comes
                continue
            except (SwitchboardError, OSError) as error:
                log.error("%s: the retraining cannot begin: %s", app, error)

    def is_due(self, app: str, at: datetime) -> bool:
        """Whether the app's last retraining (or the start of the service) is long enough ago, and there is enough
        that is new."""
        last = [job for job in JobBook(self._file).jobs(app) if job.kind == KIND][:1]
        since = datetime.fromisoformat(last[0].began_at) if last else self._began
        if at - since < timedelta(hours=self._settings.retrain_every):
            return False
        return count_new(self._file, app) >= self._settings.fewest_reviews
