from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.errors import BadInputError
from agent.event_rows import COLUMNS, event_of
from agent.tables import renamed
from agent.types import Event

AT = "2026-11-24T09:30:00.000000+00:00"
CLICK = {"id": "e1", "item": "kite", "kind": "click", "at": AT}


def test_an_event_with_all_that_it_may_have() -> None:
    row = CLICK | {"user": "ann", "position": 2, "shown": ["lamp", "kite"]}
    assert event_of(row, "toys") == Event("e1", "toys", "ann", "kite", "click", AT, None, 2, ("lamp", "kite"))
    assert event_of(row, "toys", "ben").user == "ben"


@pytest.mark.parametrize(
    ("cells", "kind", "value"),
    [
        ({"userId": "7", "movieId": 31, "rating": "2.5", "timestamp": "1260759144"}, "rate", 2.5),
        ({"customer_id": "7", "SKU": "31", "event_type": "Purchase", "time": "2009-12-14T02:52:24Z"}, "buy", None),
        ({"client": "7", "item": "31", "type": "pageview", "date": "2009-12-14 03:52:24+01:00"}, "view", None),
    ],
)
def test_logs_of_others(cells: dict[str, object], kind: str, value: float | None) -> None:
    found = event_of(renamed(cells, {}, COLUMNS), "toys")
    assert (found.user, found.item, found.kind, found.value) == ("7", "31", kind, value)
    assert found.at == "2009-12-14T02:52:24.000000+00:00"


def test_a_row_without_an_id_gets_the_same_one_each_time() -> None:
    row = {"user": "ann", "item": "kite", "kind": "like", "at": AT}
    ids = {event_of(changed, "toys").id for changed in (row, row, row | {"id": ""}, row | {"kind": "dislike"})}
    assert len(ids) == 2


def test_times_become_utc_and_sort_as_text() -> None:
    written = ["2026-11-24", "2026-11-24T00:00:01", "2026-11-24T01:00:02+01:00", 1795478403, 1795478403.5]
    found = [event_of(CLICK | {"at": at}, "toys", "ann").at for at in written]
    assert found == sorted(found)
    assert found[0] == "2026-11-24T00:00:00.000000+00:00"
    assert found[4] == "2026-11-24T00:00:03.500000+00:00"


def test_a_clock_may_be_a_little_ahead() -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert event_of(CLICK | {"at": soon}, "toys", "ann")
    with pytest.raises(BadInputError, match="is no time since 1970 that has come yet"):
        event_of(CLICK | {"at": (datetime.now(UTC) + timedelta(days=2)).isoformat()}, "toys", "ann")


@pytest.mark.parametrize(
    ("changes", "code", "cause"),
    [
        ({"item": ""}, "bad_event", "has no item"),
        ({"item": ["kite"]}, "bad_event", "item is no text"),
        ({"user": None}, "bad_event", "has no user"),
        ({"item": "x" * 121}, "bad_event", "item has 121 characters"),
        ({"kind": "stare"}, "bad_kind", "'stare' is no kind of event. Known: view, click, like, dislike, buy, rate"),
        ({"kind": None}, "bad_kind", "'None' is no kind"),
        ({"kind": "rate"}, "bad_value", "'rate' needs a value"),
        ({"value": 3}, "bad_value", "'click' takes no value"),
        ({"kind": "rate", "value": 6}, "bad_value", "between 0 and 5"),
        ({"kind": "rate", "value": "nan"}, "bad_value", "between 0 and 5"),
        ({"kind": "rate", "value": True}, "bad_value", "between 0 and 5"),
        ({"at": "yesterday"}, "bad_time", "'yesterday' is no time"),
        ({"at": None}, "bad_time", "'None' is no time"),
        ({"at": -5}, "bad_time", "'-5' is no time"),
        ({"at": 1e300}, "bad_time", "is no time"),
        ({"at": "9999-12-31T23:59:59-23:00"}, "bad_time", "is no time"),
        ({"shown": ["lamp"]}, "bad_event", "The row that was shown has no item 'kite'"),
        ({"shown": ["kite"] * 201}, "bad_event", "at most 200"),
        ({"position": 0}, "bad_event", "'0' is no place"),
        ({"position": 1.5}, "bad_event", "'1.5' is no place"),
        ({"position": 1, "shown": ["lamp", "kite"]}, "bad_event", "'1' is no place of item 'kite'"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(changes: dict[str, Any], code: str, cause: str) -> None:
    with pytest.raises(BadInputError, match=cause.replace("(", r"\(")) as caught:
        event_of(CLICK | {"user": "ann"} | changes, "toys")
    assert caught.value.code == code
