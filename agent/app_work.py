"""What apps do beside a running service: each ``background.py`` in a thread of its own, until the server stops.

Knows nothing of what is done there. Replies never wait for it: what it asks of the engine queues like any message.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from agent.app_code import load_part
from agent.app_web import OneApp
from agent.service import Service

log = logging.getLogger("switchboard")

Work = Callable[[threading.Event], None]
"""Runs until the event is set, or until there is nothing left to do."""
AGAIN_AFTER = 60.0
"""Seconds between a failure and the next try."""
GRACE = 10.0
"""Seconds in which work has to end once it is told to."""


def works_of(service: Service) -> dict[str, Work]:
    """The work of the apps that bring any. Raises DomainError for code that cannot be loaded."""
    parts = {name: load_part(Path(domain.folder), "background") for name, domain in service.domains.items()}
    return {name: partial(part.run, OneApp(service, name)) for name, part in parts.items() if part is not None}


class AppWork:
    """Runs the work of apps, by app; ``close`` ends it."""

    def __init__(self, works: Mapping[str, Work], again_after: float = AGAIN_AFTER) -> None:
        """``again_after`` is in seconds."""
        self._again_after = again_after
        self._over = threading.Event()
        # Daemons: work that does not listen must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._run, args=(app, work), name=f"work of {app}", daemon=True)
            for app, work in works.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Tell all to end, and wait for those that do so within GRACE seconds."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(GRACE)
            if thread.is_alive():
                log.warning("The %s goes on after the service; what it does now may be lost", thread.name)

    def _run(self, app: str, work: Work) -> None:
        while not self._over.is_set():
            try:
                work(self._over)
                return
            except Exception:  # an app's own code may raise anything; the service goes on without it meanwhile
                log.exception("%s: its work in the background failed; it begins again in a minute", app)
                self._over.wait(self._again_after)
