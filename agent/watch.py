"""Watch: looks at the figures of a running service every few minutes, raises alerts, and enforces the retention.

One thread, which no reply waits for.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import httpx

from agent.alerts import readings
from agent.errors import SwitchboardError
from agent.runtime import Agent
from agent.ticker import Ticker

log = logging.getLogger("switchboard")

SWEEP_EVERY = timedelta(days=1)
WHO = "retention"
"""Who sweeps, in the audit log."""


class Watch(Ticker):
    """Looks until ``close``."""

    def __init__(self, agent: Agent, transport: httpx.BaseTransport | None = None) -> None:
        """``transport`` carries the webhook's requests; None takes the network."""
        self._agent = agent
        self._transport = transport
        self._swept: datetime | None = None
        super().__init__("watch", agent.settings.watch_every * 60, self.look)

    def look(self, now: datetime | None = None) -> None:
        """One look at every app, and once a day the sweep. What fails is in the log, and the next look tries again."""
        at = now or datetime.now(UTC)
        for app in self._agent.domains:
            try:
                figures = self._agent.monitor.figures(app, days=1, now=at)
                self._agent.alerts.look(app, readings(figures), at)
            except SwitchboardError as error:
                log.error("%s: its figures cannot be read: %s", app, error)
        try:
            self._agent.alerts.deliver(self._agent.settings.alert_webhook, self._transport)
            self._sweep(at)
        except SwitchboardError as error:
            log.error("Alerts or the retention have to wait: %s", error)

    def _sweep(self, at: datetime) -> None:
        days = self._agent.settings.retention_days
        if not days or (self._swept is not None and at < self._swept + SWEEP_EVERY):
            return
        erased = self._agent.privacy.sweep(days, WHO)
        self._swept = at
        log.info("%d conversations had rested for %d days and were erased", erased.conversations, days)
