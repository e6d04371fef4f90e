"""Alerts that are kept: what is watched, what fired, and who has heard of it; the rules themselves are in ``alerts``.

Each ingest is followed by a look at the days of its items, and at no other day: figures that change because a model or
a source's weight did ring nobody. What was looked at is known by the number of the last item, and a rule fires once for
a name and a day, so that an ingest that is repeated, stopped or resumed fires nothing twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from agent.database import insert, now
from agent.errors import BadInputError
from agent.webhook import MOST_POSTS, tell

from .aggregates import Day, days
from .alerts import USUAL_DAYS, Alert, Rule, State, step, z_score
from .trend import value_of

if TYPE_CHECKING:
    import sqlite3

    from .setup import Desk

log = logging.getLogger("switchboard")

ALL = "all"
"""Subject of a rule for each company of the watch list by itself."""
PAST = timedelta(days=7)
"""What fires for a day that lies further back than this from its name's last one is history: it is kept and shown, and
nobody is told of it."""
_COLUMNS = "rules.id AS rule, subject, kind, side, line, rearm, cool_down, fewest"


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule and whom it is for."""

    id: int
    subject: str
    """A ticker, a sector, or ALL."""
    rule: Rule

    def __str__(self) -> str:
        rule = self.rule
        whom = "each company" if self.subject == ALL else self.subject
        if rule.kind == "threshold":
            return f"{whom} {rule.side} {rule.line:+.2f}, armed again at {rule.rearm:+.2f}"
        return f"{whom} unusual: z-score {rule.side} {rule.line:+.1f}, armed again at {rule.rearm:+.1f}"


@dataclass(frozen=True, slots=True)
class Fired:
    id: int
    watched: Watched
    name: str
    """The ticker or sector whose index it was."""
    day: date
    value: float
    """Index or z-score, as the rule has it, when it fired."""
    items: int
    """Without reposts."""
    told: bool
    """Whether there is nobody left to tell."""
    at: str
    """When it was found; UTC, ISO 8601."""

    def __str__(self) -> str:
        rule = self.watched.rule
        items = f"{self.items} item{'s' * (self.items != 1)}"
        if rule.kind == "threshold":
            return f"{self.name} was at {self.value:+.2f} on {self.day}, {rule.side} {rule.line:+.2f} ({items})"
        return (
            f"{self.name} was {abs(self.value):.1f} standard deviations "
            f"{'below' if self.value < 0 else 'above'} what is usual for it on {self.day} ({items})"
        )


def subject_of(desk: Desk, given: str) -> str:
    """The subject that somebody means: a ticker, a company's name, a sector or ``all``, in any case.

    Raises BadInputError naming what there is.
    """
    asked = given.strip().lstrip("$").casefold()
    known = {ALL: ALL}
    for company in desk.companies.values():
        known |= {company.sector.casefold(): company.sector} if company.sector else {}
    for company in desk.companies.values():
        known |= {name.casefold(): company.ticker for name in (*company.names, company.ticker)}
    if asked not in known:
        sectors = sorted({company.sector for company in desk.companies.values() if company.sector})
        raise BadInputError(
            "subject",
            f"There is no company or sector '{given}' on the watch list. "
            f"It has: {', '.join([*sorted(desk.companies), *sectors, ALL])}.",
        )
    return known[asked]


def rules(desk: Desk) -> list[Watched]:
    """What is watched, the oldest first."""
    return [_watched(row) for row in desk.file.read(f"SELECT {_COLUMNS} FROM rules WHERE removed = 0 ORDER BY id", [])]  # noqa: S608


def add_rule(desk: Desk, subject: str, rule: Rule) -> Watched:
    """Watch a subject, as ``subject_of`` has it. The same rule again is the one that there is.

    It is run over the past as well, so that what it would have said stands in the log. Raises BadInputError for an
    unknown subject.
    """
    subject = subject_of(desk, subject)
    with desk.file.transaction() as db:
        for watched in rules(desk):
            if (watched.subject, watched.rule) == (subject, rule):
                return watched
        insert(db, "rules", {"subject": subject} | asdict(rule))
        [row] = db.execute(f"SELECT {_COLUMNS} FROM rules WHERE id = last_insert_rowid()")  # noqa: S608
        watched = _watched(dict(row))
        new = [fired for name in _names(desk, subject) for fired in _run(desk, db, watched, name, None)]
    _say(new)
    return watched


def remove_rule(desk: Desk, id: int) -> Watched:
    """Watch this no longer; what it fired stays in the log. Raises BadInputError if there is no such rule."""
    found = next((watched for watched in rules(desk) if watched.id == id), None)
    if found is None:
        there = ", ".join(str(watched.id) for watched in rules(desk)) or "none"
        raise BadInputError("no_alert", f"There is no alert {id}. There are: {there}.")
    with desk.file.transaction() as db:
        db.execute("UPDATE rules SET removed = 1 WHERE id = ?", [id])
    return found


def fired(
    desk: Desk,
    names: Collection[str] | None = None,
    since: date = date.min,
    until: date = date.max,
    rule: int | None = None,
    most: int = 100,
) -> list[Fired]:
    """What fired for days from ``since`` to ``until``, both included, the latest day first; of some names, or of one
    rule, or of all."""
    marks = ", ".join("?" * len(names or ()))
    rows = desk.file.read(
        # Nothing but question marks is put in.
        f"SELECT {_COLUMNS}, fired.* FROM fired JOIN rules ON rules.id = rule "  # noqa: S608
        "WHERE day BETWEEN ? AND ? AND (? IS NULL OR rule = ?) "
        f"{f'AND name IN ({marks})' if names is not None else ''} ORDER BY day DESC, fired.id DESC LIMIT ?",
        [since.isoformat(), until.isoformat(), rule, rule, *(names or ()), most],
    )
    return [_fired(row) for row in rows]


def check(desk: Desk) -> list[Fired]:
    """Look at the days of all items that came since the last look; what fired, which is kept and in the log."""
    new: list[Fired] = []
    with desk.file.transaction() as db:
        watched = rules(desk)
        touched = _touched(db) if watched else {}
        for one in watched:
            for name in _names(desk, one.subject):
                own = set().union(*(touched.get(ticker, set()) for ticker in _members(desk, name)))
                if own:
                    new += _run(desk, db, one, name, own)
        db.execute("UPDATE looked SET item = MAX(item, COALESCE((SELECT MAX(id) FROM items), 0))")
    _say(new)
    return new


def deliver(desk: Desk, webhook: str, transport: httpx.BaseTransport | None = None) -> None:
    """Tell the webhook of all that it has not heard of; see ``agent.webhook``."""
    rows = desk.file.read(
        f"SELECT {_COLUMNS}, fired.* FROM fired JOIN rules ON rules.id = rule WHERE told = 0 "  # noqa: S608
        "ORDER BY fired.id LIMIT ?",
        [MOST_POSTS],
    )

    def told(id: int) -> None:
        with desk.file.transaction() as db:
            db.execute("UPDATE fired SET told = 1 WHERE id = ?", [id])

    if rows:
        tell(webhook, [(row["id"], to_dict(_fired(row))) for row in rows], told, transport)


def to_dict(fired: Fired) -> dict[str, Any]:
    """What a webhook and the API are told, ready for JSON."""
    rule = fired.watched.rule
    return {
        "app": "finance",
        "state": "fired",
        "name": fired.name,
        "day": fired.day.isoformat(),
        "value": fired.value,
        "items": fired.items,
        "detail": str(fired),
        "rule": {"id": fired.watched.id, "subject": fired.watched.subject} | asdict(rule),
        "at": fired.at,
    }


def _names(desk: Desk, subject: str) -> list[str]:
    """Whose indexes a subject means."""
    return sorted(desk.companies) if subject == ALL else [subject]


def _members(desk: Desk, name: str) -> list[str]:
    """The companies of a name; none of one that is no longer on the watch list."""
    if name in desk.companies:
        return [name]
    return [company.ticker for company in desk.companies.values() if company.sector == name]


def _touched(db: sqlite3.Connection) -> dict[str, set[date]]:
    """Days of the items that have not been looked at, by ticker."""
    found: defaultdict[str, set[date]] = defaultdict(set)
    for row in db.execute("SELECT DISTINCT ticker, day FROM mentions WHERE item > (SELECT item FROM looked)"):
        found[row["ticker"]].add(date.fromisoformat(row["day"]))
    return found


def _run(
    desk: Desk, db: sqlite3.Connection, watched: Watched, name: str, touched: Collection[date] | None
) -> list[Fired]:
    """What a rule fires for one name on the days ``touched``, or on any day for None; each is stored."""
    before = [
        date.fromisoformat(row["day"])
        for row in db.execute("SELECT day FROM fired WHERE rule = ? AND name = ? ORDER BY day", [watched.id, name])
    ]
    since = min(touched) if touched is not None else date.min
    last = max((day for day in before if day < since), default=None)
    values = _values(desk, name, last or since)
    new = []
    state = State(armed=last is None, fired=last)
    for number, (day, value, items) in enumerate(values):
        if day < since if last is None else day <= last:
            continue
        if day in before:
            state = State(armed=False, fired=day)
            continue
        measured: float | None = value
        if watched.rule.kind == "z_score":
            # A row a day at the most, so that these hold all of what is usual.
            measured = z_score([pair[:2] for pair in values[max(0, number - USUAL_DAYS) : number]], day, value)
        after, alert = step(watched.rule, state, day, measured, items)
        if alert is None:
            state = after
        elif touched is None or day in touched:
            state = after
            new.append(_keep(db, watched, name, alert, past=day < values[-1][0] - PAST))
    return new


def _values(desk: Desk, name: str, since: date) -> list[tuple[date, float, int]]:
    """Index and items without reposts of each day that has any, in order; with the days before ``since`` that say what
    is usual."""
    first = since - timedelta(days=USUAL_DAYS) if since > date.min + timedelta(days=USUAL_DAYS) else since
    by_day: defaultdict[date, list[Day]] = defaultdict(list)
    for ticker in _members(desk, name):
        for row in days(desk.file, ticker, first, date.max):
            by_day[row.day].append(row)
    found = []
    for day, rows in sorted(by_day.items()):
        value = value_of(rows)
        if value is not None:
            found.append((day, value, sum(row.stories for row in rows)))
    return found


def _keep(db: sqlite3.Connection, watched: Watched, name: str, alert: Alert, *, past: bool) -> Fired:
    at = now()
    row = {"rule": watched.id, "name": name, "day": alert.day.isoformat(), "value": alert.value, "items": alert.items}
    insert(db, "fired", row | {"told": int(past), "at": at})
    [found] = db.execute("SELECT last_insert_rowid() AS id")
    return Fired(found["id"], watched, name, alert.day, alert.value, alert.items, past, at)


def _say(new: Iterable[Fired]) -> None:
    for one in new:
        if not one.told:
            log.warning("finance: alert: %s", one)


def _watched(row: Mapping[str, Any]) -> Watched:
    rule = Rule(row["kind"], row["side"], row["line"], row["rearm"], row["cool_down"], row["fewest"])
    return Watched(row["rule"], row["subject"], rule)


def _fired(row: Mapping[str, Any]) -> Fired:
    day = date.fromisoformat(row["day"])
    told = bool(row["told"])
    return Fired(row["id"], _watched(row), row["name"], day, row["value"], row["items"], told, row["at"])
