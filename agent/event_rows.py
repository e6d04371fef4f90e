"""Rows to events: which column is what, and whether every value can be taken."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from agent.errors import BadInputError
from agent.types import EVENT_KINDS, Event, EventKind
from index.reading import clean

MOST_ID = 120
"""Characters of an id: the event's, a user's, an item's."""
MOST_SHOWN = 200
BEST_MARK = 5.0
AHEAD = timedelta(days=1)
"""How far a sender's clock may be before ours."""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("event_id", "eventid"),
    "user": ("user_id", "userid", "client", "client_id", "customer", "customer_id"),
    "item": ("item_id", "itemid", "movieid", "product_id", "sku", "asin"),
    "kind": ("event", "event_type", "type", "action"),
    "value": ("rating", "score", "mark"),
    "at": ("timestamp", "time", "date", "created_at"),
}
"""Our names, and those that other logs use for the same."""
KINDS: Mapping[str, EventKind] = {
    **{kind: kind for kind in EVENT_KINDS},
    "pageview": "view",
    "page_view": "view",
    "purchase": "buy",
    "order": "buy",
    "rating": "rate",
}


def event_of(cells: Mapping[str, object], app: str, user: str = "") -> Event:
    """An event of a row's cells by our names; ``user`` is whose it is where the row does not say.

    ``at`` is ISO 8601 (UTC unless it says otherwise) or seconds since 1970; a row with a value and no kind is a
    ``rate``; one without an id gets one that depends on what it says alone. Raises BadInputError with a stable code.
    """
    value = _value(cells.get("value"))
    kind = _kind(cells.get("kind"), value)
    if (kind == "rate") != (value is not None):
        wanted = "needs a value, the mark" if kind == "rate" else "takes no value"
        raise BadInputError("bad_value", f"An event of kind '{kind}' {wanted}.")
    user = user or _id(cells.get("user"), "user")
    item = _id(cells.get("item"), "item")
    at = _time(cells.get("at"))
    shown = _shown(cells.get("shown"))
    position = _position(cells.get("position"), shown, item)
    told = cells.get("id")
    derived = hashlib.sha256("\n".join((user, item, kind, at)).encode()).hexdigest()[:32]
    return Event(_id(told, "id") if told else derived, app, user, item, kind, at, value, position, shown)


def named_user(name: str) -> str:
    """The client's id of a user whom a program names, in a request with an API key or in an import."""
    return f"user:{name}"


def _id(value: object, name: str) -> str:
    """A number that stands for a name, as in many logs, becomes its text."""
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise BadInputError("bad_event", f"The event's {name} is no text.")
    text = "" if value is None else " ".join(clean(str(value)).split())
    if not text:
        raise BadInputError("bad_event", f"The event has no {name}.")
    if len(text) > MOST_ID:
        raise BadInputError("bad_event", f"The event's {name} has {len(text)} characters; at most {MOST_ID} are taken.")
    return text


def _kind(value: object, mark: float | None) -> EventKind:
    if value in (None, "") and mark is not None:
        return "rate"
    known = KINDS.get(value.strip().casefold()) if isinstance(value, str) else None
    if known is None:
        raise BadInputError("bad_kind", f"'{str(value)[:40]}' is no kind of event. Known: {', '.join(EVENT_KINDS)}.")
    return known


def _value(value: object) -> float | None:
    if value is None or value == "":
        return None
    mark = _number(value)
    if not 0 <= mark <= BEST_MARK:
        raise BadInputError("bad_value", f"A mark lies between 0 and {BEST_MARK:g}; it is {str(value)[:40]!r}.")
    return mark


def _time(value: object) -> str:
    """UTC, ISO 8601, to the microsecond."""
    try:
        seconds = _number(value)
        if math.isfinite(seconds):
            at = datetime.fromtimestamp(seconds, UTC)
        else:
            at = datetime.fromisoformat(value) if isinstance(value, str) else datetime.max
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        at = datetime.max.replace(tzinfo=UTC)
    if not FIRST <= at <= datetime.now(UTC) + AHEAD:
        raise BadInputError(
            "bad_time", f"'{str(value)[:40]}' is no time since 1970 that has come yet: ISO 8601, or seconds since 1970."
        )
    return at.isoformat(timespec="microseconds")


def _number(value: object) -> float:
    """NaN for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def _shown(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    ids = value.split("|") if isinstance(value, str) else value
    if not isinstance(ids, list | tuple) or len(ids) > MOST_SHOWN:
        raise BadInputError("bad_event", f"'shown' must be a list of at most {MOST_SHOWN} items' ids.")
    return tuple(_id(item, "shown") for item in ids)


def _position(value: object, shown: tuple[str, ...], item: str) -> int | None:
    """Raises BadInputError if it contradicts what was shown."""
    if shown and item not in shown:
        raise BadInputError("bad_event", f"The row that was shown has no item '{item}'.")
    if value is None or value == "":
        return shown.index(item) + 1 if shown else None
    place = _number(value)
    if not 1 <= place <= MOST_SHOWN or place != int(place) or (shown and shown[int(place) - 1 : int(place)] != (item,)):
        raise BadInputError("bad_event", f"{str(value)[:40]!r} is no place of item '{item}' in a row, from 1 on.")
    return int(place)
