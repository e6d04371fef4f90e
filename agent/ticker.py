"""A thread that looks at something every so many seconds, until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ticker:
    """Calls ``look`` in a thread of its own, for the first time after one interval. ``look`` raises nothing."""

    def __init__(self, name: str, every_s: float, look: Callable[[], object]) -> None:
        self._every_s = every_s
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End it, after the look that is under way."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self._look()
