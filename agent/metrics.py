"""Metrics for Prometheus: counters since the start of the process, and how things stand at the moment of a scrape.

Periods, rates and everything that has to outlive a restart are ``agent.monitor``'s, which reads the database.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from agent.alerts import AlertBook
from agent.model.engine import EngineState

__all__ = ["CONTENT_TYPE", "Meter"]

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the latency's histogram."""


class Meter:
    """Counts for one process. Safe to call from many threads."""

    def __init__(self, state: Callable[[], EngineState], alerts: AlertBook) -> None:
        self._registry = CollectorRegistry()
        self._replies = Counter("switchboard_replies", "Replies given.", ["app", "route"], registry=self._registry)
        self._seconds = Histogram(
            "switchboard_reply_seconds",
            "From a message's arrival to its reply's being kept.",
            ["app"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._feedback = Counter(
            "switchboard_feedback", "What people said of replies.", ["kind"], registry=self._registry
        )
        self._registry.register(_State(state, alerts))

    def reply(self, app: str, route: str, latency_ms: float) -> None:
        """Count a reply."""
        self._replies.labels(app, route).inc()
        self._seconds.labels(app).observe(latency_ms / 1000)

    def feedback(self, kind: str) -> None:
        """Count a judgement."""
        self._feedback.labels(kind).inc()

    def text(self) -> bytes:
        """All of it, of the type CONTENT_TYPE. Raises StoreError."""
        return generate_latest(self._registry)


class _State(Collector):
    """How things stand, read at each scrape."""

    def __init__(self, state: Callable[[], EngineState], alerts: AlertBook) -> None:
        self._state = state
        self._alerts = alerts

    def describe(self) -> Iterator[Metric]:
        """Nothing: what there is depends on the apps, and reading it just to register would be early."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Called by the registry at each scrape."""
        state = self._state()
        yield GaugeMetricFamily("switchboard_waiting", "Texts that wait for the model.", value=state.waiting)
        models = GaugeMetricFamily("switchboard_model", "1 for the version in service.", labels=["app", "version"])
        for app, version in sorted(state.versions.items()):
            models.add_metric([app, version], 1)
        yield models
        opened = GaugeMetricFamily("switchboard_open_alerts", "Alerts that are open.", labels=["app"])
        counts = Count(alert.app for alert in self._alerts.alerts(open_only=True))
        for app in sorted(state.versions):
            opened.add_metric([app], counts[app])
        yield opened
