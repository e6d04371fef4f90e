"""Monitor: figures of an app over a period, from the database and the version in service alone.

What is counted of a turn stands in one index (``turn_figures_by_app``), so that a period costs one walk along a range
of it; latencies and drift are told from a bounded sample.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from agent.database import DataFile
from agent.learning.drift import FEWEST, Traffic, Values, far_limit, references, shifts, to_dict
from agent.learning.registry import ModelRegistry
from agent.model.memory import Memory

MOST_LATENCIES = 10_000
SAMPLE = 2000
"""Turns of a period, spread evenly, that drift is told from."""
BEFORE = timedelta(days=7)
"""The time before a period that the period is compared with."""
HOURLY_DAYS = 2
"""Up to so many days traffic is counted by the hour, beyond them by the day."""

COUNTS = (
    "SELECT substr(at, 1, :chars) AS start, kind, count(*) AS turns, sum(confidence) AS confidence "
    "FROM turn_figures WHERE app = :app AND at >= :since AND at < :until GROUP BY 1, 2"
)
LATENCIES = (
    "SELECT latency_ms FROM turn_figures WHERE app = :app AND at >= :since AND at < :until ORDER BY at DESC LIMIT :most"
)
MEANS = (
    "SELECT substr(at, 1, :chars) AS start, kind, count(*) AS turns, sum(confidence) AS confidence, "
    "sum(distance) AS distance, count(distance) AS measured "
    "FROM turn_figures WHERE app = :app AND at >= :since AND at < :until GROUP BY 1, 2"
)
LATENCIES_BY_TIME = (
    "SELECT substr(at, 1, :chars) AS start, latency_ms FROM turn_figures "
    "WHERE app = :app AND at >= :since AND at < :until AND rowid % :step = 0"
)
TURNS = (
    "SELECT count(*) AS turns FROM turn_figures "
    "WHERE app = :app AND at >= :since AND at < :until AND model_version = :version"
)
SAMPLED = (
    "SELECT kind, confidence, unknown_share, distance FROM turn_figures "
    "WHERE app = :app AND at >= :since AND at < :until AND model_version = :version AND rowid % :step = 0"
)
FAR = (
    "SELECT t.message_id, t.distance, t.at, m.text FROM ("
    "SELECT message_id, distance, at FROM turn_figures WHERE app = :app AND at >= :since AND at < :until "
    "AND model_version = :version AND distance >= :limit ORDER BY distance DESC LIMIT :most) t "
    "JOIN messages b ON b.id = t.message_id "
    "JOIN messages m ON m.conversation_id = b.conversation_id AND m.number = b.number - 1 ORDER BY t.distance DESC"
)
# Of what one client said of one reply the last counts: max(id) makes SQLite take the other columns from its row. CROSS
# JOIN keeps it from walking all turns of the app.
FEEDBACK = (
    "SELECT kind, value, count(*) AS judgements FROM ("
    "SELECT max(f.id), f.kind, f.value FROM feedback f CROSS JOIN turn_figures t ON t.message_id = f.message_id "
    "WHERE f.created_at >= :since AND f.created_at < :until AND t.app = :app AND f.kind IN ('up', 'down', 'csat') "
    "GROUP BY f.message_id, f.client_id, f.kind = 'csat') GROUP BY kind, value"
)
FEEDBACK_BY_TIME = (
    "SELECT substr(created_at, 1, :chars) AS start, kind, count(*) AS judgements, sum(value) AS total FROM ("
    "SELECT max(f.id), f.created_at, f.kind, f.value FROM feedback f "
    "CROSS JOIN turn_figures t ON t.message_id = f.message_id "
    "WHERE f.created_at >= :since AND f.created_at < :until AND t.app = :app AND f.kind IN ('up', 'down', 'csat') "
    "GROUP BY f.message_id, f.client_id, f.kind = 'csat') GROUP BY 1, 2"
)
REVIEWS = (
    "SELECT verdict, count(*) AS reviews FROM reviews WHERE app = :app AND created_at >= :since "
    "AND created_at < :until AND undone_at IS NULL GROUP BY verdict"
)


class Monitor:
    """Reads the figures of a data folder. Safe to call from many threads; raises what ``DataFile`` raises."""

    def __init__(self, file: DataFile) -> None:
        self._file = file
        self._references: dict[str, tuple[str, Values]] = {}

    def figures(self, app: str, days: int = 1, now: datetime | None = None) -> dict[str, Any]:
        """The last ``days`` days up to ``now``, ready for JSON. Rates and shares are 0 to 1, and None where there is
        nothing to take them from; latencies are in milliseconds, of the last MOST_LATENCIES turns.

        Raises ModelError if the version in service is damaged.
        """
        until = now or datetime.now(UTC)
        since = until - timedelta(days=days)
        period = {"app": app, "since": _text(since), "until": _text(until)}
        hourly = days <= HOURLY_DAYS
        counts = self._file.read(COUNTS, period | {"chars": 13 if hourly else 10})
        turns = sum(row["turns"] for row in counts)
        kinds: Counter[str] = Counter()
        points: Counter[str] = Counter()
        for row in counts:
            kinds[row["kind"]] += row["turns"]
            points[row["start"]] += row["turns"]
        latencies = self._file.read(LATENCIES, period | {"most": MOST_LATENCIES})
        return {
            **period,
            "days": days,
            "turns": turns,
            "traffic": [[start, points[start]] for start in _slots(since, until, hourly)],
            "latency_ms": _percentiles([row["latency_ms"] for row in latencies]),
            "routes": {kind: n / turns for kind, n in kinds.most_common()},
            "refusal_rate": _share(kinds["refuse"], turns),
            "handover_rate": _share(kinds["handoff"], turns),
            "confidence": _share(sum(row["confidence"] for row in counts), turns),
            **self._feedback(period),
            "reviews": {row["verdict"]: row["reviews"] for row in self._file.read(REVIEWS, period)},
            "drift": self._drift(app, since, until),
        }

    def series(self, app: str, days: int = 1, now: datetime | None = None) -> list[dict[str, Any]]:
        """The same period hour by hour or day by day (``start``, UTC, as in ``traffic``), ready for JSON: ``turns``,
        ``p50`` and ``p95`` of the latency in milliseconds (of a sample), ``refused`` and ``handed_over`` as shares,
        ``confidence`` and ``distance`` to the training examples on average, thumbs ``up`` and ``down``, and the mean
        ``csat``. None where there is nothing to take a figure from."""
        until = now or datetime.now(UTC)
        since = until - timedelta(days=days)
        hourly = days <= HOURLY_DAYS
        period = {"app": app, "since": _text(since), "until": _text(until), "chars": 13 if hourly else 10}
        sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        for row in self._file.read(MEANS, period):
            slot = sums[row["start"]]
            slot[f"route {row['kind']}"] = row["turns"]
            for name in ("turns", "confidence", "distance", "measured"):
                slot[name] += row[name] or 0
        for row in self._file.read(FEEDBACK_BY_TIME, period):
            sums[row["start"]] |= {row["kind"]: row["judgements"], f"sum of {row['kind']}": row["total"]}
        step = max(1, int(sum(slot["turns"] for slot in sums.values())) // MOST_LATENCIES)
        latencies: defaultdict[str, list[float]] = defaultdict(list)
        for row in self._file.read(LATENCIES_BY_TIME, period | {"step": step}):
            latencies[row["start"]].append(row["latency_ms"])
        return [
            {
                "start": start,
                "turns": int((slot := sums[start])["turns"]),
                **(_percentiles(latencies[start]) or {"p50": None, "p95": None}),
                "refused": _share(slot["route refuse"], slot["turns"]),
                "handed_over": _share(slot["route handoff"], slot["turns"]),
                "confidence": _share(slot["confidence"], slot["turns"]),
                "distance": _share(slot["distance"], slot["measured"]),
                "up": int(slot["up"]),
                "down": int(slot["down"]),
                "csat": _share(slot["sum of csat"], slot["csat"]),
            }
            for start in _slots(since, until, hourly)
        ]

    def _feedback(self, period: Mapping[str, Any]) -> dict[str, Any]:
        judged: Counter[str] = Counter()
        marks: list[int] = []
        for row in self._file.read(FEEDBACK, period):
            judged[row["kind"]] += row["judgements"]
            if row["kind"] == "csat":
                marks += [int(row["value"])] * row["judgements"]
        thumbs = {"up": judged["up"], "down": judged["down"]}
        return {
            "thumbs": thumbs | {"down_share": _share(judged["down"], judged["up"] + judged["down"])},
            "csat": {"count": len(marks), "mean": _share(sum(marks), len(marks))},
        }

    def _drift(self, app: str, since: datetime, until: datetime) -> dict[str, Any]:
        """Each measure of this period against the training examples and against the week before, as read by the
        version in service: another version's distances and confidences would not compare."""
        version, training = self._reference(app)
        now, turns = self._traffic(app, version, since, until)
        before, turns_before = self._traffic(app, version, since - BEFORE, since)
        return {
            "version": version,
            "turns": turns,
            "turns_before": turns_before,
            "needed": FEWEST,
            "shifts": [to_dict(shift) for shift in shifts(now, before, training)],
        }

    def far(self, app: str, days: int = 1, most: int = 50, now: datetime | None = None) -> list[dict[str, Any]]:
        """The period's messages that lie further from the training examples than nearly all of these do from each
        other, the furthest first: message_id (of the reply), text, distance, at. They are what a shift comes from.
        """
        until = now or datetime.now(UTC)
        version, training = self._reference(app)
        asked = {"app": app, "since": _text(until - timedelta(days=days)), "until": _text(until), "version": version}
        return self._file.read(FAR, asked | {"limit": far_limit(training), "most": most})

    def _traffic(self, app: str, version: str, since: datetime, until: datetime) -> tuple[Traffic, int]:
        """A sample of the turns of a period, and how many there are."""
        period = {"app": app, "version": version, "since": _text(since), "until": _text(until)}
        [row] = self._file.read(TURNS, period)
        turns = int(row["turns"])
        rows = self._file.read(SAMPLED, period | {"step": max(1, turns // SAMPLE)})

        def column(values: Sequence[float | None]) -> Values:
            return np.array(values, dtype=np.float64)  # None becomes NaN

        traffic = Traffic(
            confidence=column([row["confidence"] for row in rows]),
            distance=column([row["distance"] for row in rows]),
            refused=column([row["kind"] == "refuse" for row in rows]),
            handed_over=column([row["kind"] == "handoff" for row in rows]),
            unknown=column([row["unknown_share"] > 0 for row in rows]),
        )
        return traffic, turns

    def _reference(self, app: str) -> tuple[str, Values]:
        """Name of the version in service, empty if there is none, and how far its training examples lie apart."""
        champion = ModelRegistry(self._file.folder, app).champion()
        if champion is None:
            return "", np.empty(0)
        kept = self._references.get(app)
        if kept is None or kept[0] != champion.name:
            kept = self._references[app] = (champion.name, references(Memory.load(champion).queries))
        return kept


def _text(time: datetime) -> str:
    """As the database keeps it, so that texts sort as times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _slots(since: datetime, until: datetime, hourly: bool) -> list[str]:
    """Every hour ("2026-11-25T03") or day ("2026-11-25") of the period, UTC, in order."""
    start = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    step = timedelta(hours=1)
    if not hourly:
        start, step = start.replace(hour=0), timedelta(days=1)
    slots = []
    while start < until:
        slots.append(start.isoformat()[: 13 if hourly else 10])
        start += step
    return slots


def _percentiles(latencies: Sequence[float]) -> dict[str, float] | None:
    if not latencies:
        return None
    p50, p95 = np.percentile(latencies, (50, 95))
    return {"p50": float(p50), "p95": float(p95)}


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
