"""Folders and feeds, looked at again and again: new files and new entries are taken in as they come.

A file counts as written once it has not changed for SETTLED seconds; one that changes later is read again, and what is
known of it adds nothing. What fails is named, stays where it is, and is tried again at the next look.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agent.errors import SwitchboardError

from . import feeds
from .ingest import Ingester, Report
from .readers import CutShortError

SETTLED = 5.0
"""Seconds."""
UNFINISHED = (".part", ".tmp", ".crdownload", "~")
"""How names of files end that are not meant to be read yet; hidden ones are not either."""

Stamp = tuple[int, int]
"""Size, and time of the last change in nanoseconds."""
Take = Callable[[Ingester, Path], Report]


def is_feed(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def feed_rows(address: str) -> list[Mapping[str, Any]]:
    """The entries of a feed that the operator named, which may lie in the own network. Raises BadInputError."""
    return feeds.read_feed(feeds.fetch(address, local=True), address)


@dataclass
class Watcher:
    """What is watched, and what has been taken of it since the start."""

    ingester: Ingester
    places: Sequence[str]
    """Files, folders, and addresses of feeds."""
    took: Callable[[Report], object]
    """Hears of each ingest."""
    failed: Callable[[str], object]
    """Hears of each failure that is another than the one before at its place."""
    take: Take = Ingester.take_file
    feed: Callable[[str], list[Mapping[str, Any]]] = feed_rows
    clock: Callable[[], float] = time.monotonic
    """Seconds that pass."""
    _taken: dict[Path, Stamp] = field(default_factory=dict, init=False)
    _seen: dict[Path, tuple[Stamp, float]] = field(default_factory=dict, init=False)
    """Files that wait, with the time since when they have been as they are."""
    _entries: dict[str, set[str]] = field(default_factory=dict, init=False)
    """Those of each feed's last look."""
    _failures: dict[str, str] = field(default_factory=dict, init=False)

    def run(self, every: float, over: threading.Event, after: Callable[[], object] = lambda: None) -> None:
        """Look every so many seconds until ``over`` is set, more often at files that are being written; ``after`` is
        called after each look."""
        due = self.clock()
        while not over.is_set():
            if self.clock() >= due:
                due = self.clock() + every
                self.look_at_feeds()
            waiting = self.look_at_files()
            after()
            over.wait(min(SETTLED, every) if waiting else max(0.0, due - self.clock()))

    def look_at_feeds(self) -> None:
        for place in filter(is_feed, self.places):
            self._try(place, partial(self._take_feed, place))

    def look_at_files(self) -> bool:
        """Whether some of them are not read yet, as they may still be being written."""
        waiting = False
        for place in self.places:
            if not is_feed(place):
                waiting |= bool(self._try(place, partial(self._take_files, Path(place))))
        return waiting

    def _take_feed(self, address: str) -> None:
        rows = {json.dumps(row, sort_keys=True): row for row in self.feed(address)}
        before = self._entries.get(address, set())
        new = [row for key, row in rows.items() if key not in before]
        if new:
            self.took(self.ingester.take_rows(address, new))
        self._entries[address] = set(rows)

    def _take_files(self, place: Path) -> bool:
        waiting = False
        for path in sorted(place.iterdir()) if place.is_dir() else [place]:
            if path.name.startswith(".") or path.name.endswith(UNFINISHED) or path.is_dir():
                continue
            held = path.stat()
            stamp = (held.st_size, held.st_mtime_ns)
            if self._taken.get(path) == stamp:
                continue
            seen, since = self._seen.get(path, (None, 0.0))
            if seen != stamp:
                self._seen[path] = (stamp, self.clock())
                waiting = True
            elif self.clock() < since + SETTLED:
                waiting = True
            elif self._try(str(path), partial(self._take_file, path)):
                self._taken[path] = stamp
                del self._seen[path]
        return waiting

    def _take_file(self, path: Path) -> bool:
        try:
            self.took(self.take(self.ingester, path))
        except CutShortError as error:
            # What there is of it was taken. Once there is more, its stamp is another.
            self.failed(f"{path}: {error}")
        return True

    def _try(self, place: str, look: Callable[[], bool | None]) -> bool | None:
        """What ``look`` gives; None if it fails."""
        try:
            result = look()
        except (SwitchboardError, OSError) as error:
            if self._failures.get(place) != str(error):
                self._failures[place] = str(error)
                self.failed(f"{place}: {error} It is tried again.")
            return None
        self._failures.pop(place, None)
        return result
