"""Alerts: measures of an app that left their bounds, kept in the database, said in the log and by a webhook.

A rule opens an alert at one threshold, after several looks in a row, and closes it at a lower one; after that it is
silent for a while. So a figure that wavers around a threshold, or a test that is repeated every few minutes and errs
once, does not ring all day.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from agent.database import DataFile, insert
from agent.webhook import MOST_POSTS, tell

log = logging.getLogger("switchboard")

COOL_DOWN = timedelta(hours=6)
"""After an alert was closed, its measure opens none for so long."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a measure opens an alert, and when it closes it again. More is worse."""

    measure: str
    opens: float
    """At or above this, in ``looks`` looks in a row."""
    closes: float
    """Below this."""
    looks: int = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure now, with its figures in plain words. Never a customer's."""

    value: float
    detail: str


@dataclass(frozen=True, slots=True)
class Alert:
    id: int
    app: str
    measure: str
    value: float
    """When it opened, as ``detail``."""
    threshold: float
    detail: str
    opened_at: str
    """UTC, ISO 8601, as ``closed_at``."""
    closed_at: str | None
    told: str
    """What the webhook has heard of it: nothing, opened or closed."""

    @property
    def state(self) -> str:
        return "closed" if self.closed_at else "opened"


RULES = (
    Rule("latency_p95_ms", 3000, 2000),
    Rule("refusal_rate", 0.30, 0.20),
    Rule("handover_rate", 0.30, 0.20),
    Rule("down_share", 0.40, 0.25),
    # Gaps between distributions. Training examples lie closer to each other than to anything new, so that the first
    # bound lies above what unseen messages of the same kind have (0.10).
    Rule("distance_from_training", 0.15, 0.12),
    Rule("distance_from_before", 0.08, 0.05),
    Rule("confidence_from_before", 0.12, 0.08),
    Rule("unknown_from_before", 0.05, 0.02),
)
FEWEST_TURNS = 50
"""Of a period whose rates are judged, and the thumbs behind a share of them."""
FEWEST_THUMBS = 20


def readings(figures: Mapping[str, Any]) -> dict[str, Reading]:
    """The measures that the rules know, from what ``Monitor.figures`` gave; those with too little behind them are left
    out."""
    found = {}
    turns = figures["turns"]
    if turns >= FEWEST_TURNS:
        p95 = figures["latency_ms"]["p95"]
        found["latency_p95_ms"] = Reading(p95, f"95 of 100 replies took at most {p95:.0f} ms")
        for name, what in (("refusal_rate", "refused"), ("handover_rate", "handed over")):
            found[name] = Reading(figures[name], f"{figures[name]:.0%} of {turns} messages were {what}")
    thumbs = figures["thumbs"]
    if thumbs["up"] + thumbs["down"] >= FEWEST_THUMBS:
        said = f"{thumbs['down']} thumbs down, {thumbs['up']} up"
        found["down_share"] = Reading(thumbs["down_share"], said)
    for shift in figures["drift"]["shifts"]:
        detail = (
            f"{shift['measure']} is {shift['now']:.3f} on average, {shift['then']:.3f} "
            f"{'in the training examples' if shift['against'] == 'training' else 'before'} "
            f"(gap {shift['statistic']:.2f}, corrected p {shift['p']:.2g})"
        )
        rose = shift["now"] > shift["then"]
        worse = not rose if shift["measure"] == "confidence" else rose
        # A gap that may be chance, or is for the better, is none.
        gap = shift["statistic"] if shift["certain"] and worse else 0.0
        found[f"{shift['measure']}_from_{shift['against']}"] = Reading(gap, detail)
    return found


class AlertBook:
    """The alerts of a data folder. Safe to call from many threads, ``look`` from one; raises what ``DataFile`` raises.

    How often in a row a measure was out of bounds is kept in memory: a restart counts anew.
    """

    def __init__(self, file: DataFile, rules: Sequence[Rule] = RULES) -> None:
        self._file = file
        self._rules = rules
        self._out: Counter[tuple[str, str]] = Counter()

    def alerts(self, app: str | None = None, *, open_only: bool = False, most: int = 100) -> list[Alert]:
        """The newest first, of one app or of all."""
        rows = self._file.read(
            "SELECT * FROM alerts WHERE (:app IS NULL OR app = :app) AND (NOT :open_only OR closed_at IS NULL) "
            "ORDER BY id DESC LIMIT :most",
            {"app": app, "open_only": open_only, "most": most},
        )
        return [Alert(**row) for row in rows]

    def look(self, app: str, measures: Mapping[str, Reading], now: datetime | None = None) -> list[Alert]:
        """Open and close alerts by the measures of this look; those that changed. A measure without a reading
        changes nothing."""
        at = now or datetime.now(UTC)
        changed = []
        for rule in self._rules:
            reading = measures.get(rule.measure)
            if reading is None:
                continue
            latest = self._latest(app, rule.measure)
            if latest is not None and latest.closed_at is None:
                if reading.value < rule.closes:
                    changed.append(self._close(latest, at))
                continue
            self._out[app, rule.measure] = self._out[app, rule.measure] + 1 if reading.value >= rule.opens else 0
            if self._out[app, rule.measure] >= rule.looks and not _is_cooling(latest, at):
                self._out[app, rule.measure] = 0
                changed.append(self._open(app, rule, reading, at))
        for alert in changed:
            log.warning("%s: alert %s, %s: %s", alert.app, alert.state, alert.measure, alert.detail)
        return changed

    def _latest(self, app: str, measure: str) -> Alert | None:
        rows = self._file.read(
            "SELECT * FROM alerts WHERE app = ? AND measure = ? ORDER BY id DESC LIMIT 1", [app, measure]
        )
        return Alert(**rows[0]) if rows else None

    def _open(self, app: str, rule: Rule, reading: Reading, at: datetime) -> Alert:
        with self._file.transaction() as db:
            row = {"app": app, "measure": rule.measure, "threshold": rule.opens, "opened_at": at.isoformat()}
            insert(db, "alerts", row | asdict(reading))
            found = db.execute("SELECT * FROM alerts WHERE id = last_insert_rowid()").fetchone()
        return Alert(**dict(found))

    def _close(self, alert: Alert, at: datetime) -> Alert:
        with self._file.transaction() as db:
            sql = "UPDATE alerts SET closed_at = ? WHERE id = ? RETURNING *"
            found = db.execute(sql, [at.isoformat(), alert.id]).fetchone()
        return Alert(**dict(found))

    def deliver(self, webhook: str, transport: httpx.BaseTransport | None = None) -> None:
        """Tell the webhook of every change that it has not heard of; see ``agent.webhook``."""
        rows = self._file.read(
            "SELECT * FROM alerts WHERE told != CASE WHEN closed_at IS NULL THEN 'opened' ELSE 'closed' END "
            "ORDER BY id LIMIT ?",
            [MOST_POSTS],
        )
        waiting = {row["id"]: Alert(**row) for row in rows}
        if waiting:
            said = [(one, to_dict(alert)) for one, alert in waiting.items()]
            tell(webhook, said, lambda one: self._tell(waiting[one]), transport)

    def _tell(self, alert: Alert) -> None:
        with self._file.transaction() as db:
            db.execute("UPDATE alerts SET told = ? WHERE id = ?", [alert.state, alert.id])


def to_dict(alert: Alert) -> dict[str, Any]:
    """What a webhook and a page are told, ready for JSON."""
    names = ("app", "measure", "value", "threshold", "detail", "opened_at", "closed_at")
    return {"state": alert.state, **{name: getattr(alert, name) for name in names}}


def _is_cooling(latest: Alert | None, at: datetime) -> bool:
    if latest is None or latest.closed_at is None:
        return False
    return at < datetime.fromisoformat(latest.closed_at) + COOL_DOWN
