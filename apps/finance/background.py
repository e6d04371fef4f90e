"""What the news desk does beside a running service: the demo stream on the first start, all items scored anew as soon
as another version of the model is in service, and the webhook told of the alerts that it has not heard of.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing

from agent.errors import BusyError
from agent.service import AppService

from . import alarm, demo_stream
from .ingest import Score
from .items import Reading
from .rescore import rescore, waiting
from .setup import Desk, clock_of, score_by

log = logging.getLogger("switchboard")

LOOK_EVERY = 2.0
"""Seconds between two looks at the version in service."""
TELL_EVERY = 60.0
"""Seconds between two tries to tell the webhook."""
BREATH = 0.05
"""Seconds that are left to customers between two batches."""


class _Stopped(Exception):
    """The service ends; the batch that was to be read is left for the next start."""


def run(service: AppService, stop: threading.Event) -> None:
    """Look until ``stop`` is set. What was begun goes on from there at the next start."""
    desk = Desk.open(service.settings.data)
    with closing(desk.file):
        score = _patient(score_by(service.predict), stop)
        told = -TELL_EVERY
        try:
            while True:
                look(desk, service.version, score)
                if time.monotonic() >= told + TELL_EVERY:
                    told = time.monotonic()
                    alarm.deliver(desk, service.settings.alert_webhook)
                if stop.wait(LOOK_EVERY):
                    return
        except _Stopped:
            return


def look(desk: Desk, version: str | None, score: Score) -> None:
    """Do what is to be done with the model ``version`` in service; nothing while there is none."""
    if version is None:
        return
    # Whoever keeps a watch list of his own will bring his own items.
    if not desk.own_watchlist and demo_stream.is_wanted(desk.file):
        log.info("finance: the demo stream is taken in")
        report = desk.ingester(score, clock_of()).take_file(demo_stream.ITEMS, demo=True)
        log.info("finance: the demo stream is there, with %d items", report.ingest.items)
    stale = waiting(desk.file, version)
    if stale:
        log.info("finance: version %s reads %d passages anew", version, stale)
        log.info("finance: %d passages were read anew", rescore(desk.file, score, version))


def _patient(score: Score, stop: threading.Event) -> Score:
    """Scores when the engine has room, a little after whatever it scored before."""

    def read(texts: Sequence[str]) -> Sequence[Reading]:
        while not stop.wait(BREATH):
            try:
                return score(texts)
            except BusyError:
                continue
        raise _Stopped

    return read
