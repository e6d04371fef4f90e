"""Results that take long to work out: the last one is given at once, while a newer one is worked out in the background.

Knows nothing of what is worked out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")

REST = 4.0
"""How many times as long as it took, at the least, until a result is worked out anew."""


@dataclass(slots=True)
class _Shelf(Generic[Result]):
    result: Result | None = None
    stamp: object = None
    working: bool = False
    failure: BaseException | None = None
    rests_until: float = 0.0
    """By ``time.monotonic``."""


class Refresher(Generic[Key, Result]):
    """Results by key. Safe to call from many threads."""

    def __init__(self, work: Callable[[Key], Result], threads: int) -> None:
        """``threads`` is how many results are worked out at a time."""
        self._work = work
        self._shelves: dict[Key, _Shelf[Result]] = {}
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="refresher")

    def get(self, key: Key, stamp: object, wait_s: float) -> tuple[Result | None, bool]:
        """The last result, None before the first, and whether a newer one is still under way.

        ``stamp`` differs (by ``!=``) whenever the result may: then it is worked out anew, for which this waits
        ``wait_s`` seconds at the most. Raises what the work raised since it was last asked for.
        """
        with self._changed:
            shelf = self._shelves.setdefault(key, _Shelf())
            if shelf.stamp != stamp and not shelf.working and time.monotonic() >= shelf.rests_until:
                shelf.working = True
                self._pool.submit(self._refresh, key, shelf, stamp)
            self._changed.wait_for(lambda: not shelf.working, wait_s)
            failure, shelf.failure = shelf.failure, None
            if failure is not None:
                raise failure
            return shelf.result, shelf.working

    def _refresh(self, key: Key, shelf: _Shelf[Result], stamp: object) -> None:
        began = time.monotonic()
        result, failure = shelf.result, None
        try:
            result = self._work(key)
        except BaseException as error:
            failure = error  # told to whoever asks next, in whose thread it can be answered
        with self._changed:
            shelf.result, shelf.failure = result, failure
            shelf.stamp = stamp if failure is None else shelf.stamp
            shelf.working = False
            ended = time.monotonic()
            shelf.rests_until = ended + REST * (ended - began)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for the work that is under way; what waits is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
