"""The simulated shoppers: the same from the same seed, in order, and with a taste that shows."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from apps.shop.shoppers import SHOWN, Shop, draw_shopper, simulate

ITEMS = [json.loads(line) for line in Path("apps/shop/items.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def events() -> list[dict]:
    return list(simulate(ITEMS, shoppers=120, seed=3))


def test_the_seed_decides(events: list[dict]) -> None:
    assert list(simulate(ITEMS, shoppers=120, seed=3)) == events
    assert list(simulate(ITEMS, shoppers=120, seed=4)) != events


def test_events_are_whole_and_in_order(events: list[dict]) -> None:
    known = {item["id"] for item in ITEMS}
    last: dict[str, datetime] = {}
    for event in events:
        assert event["item"] in known
        at = datetime.fromisoformat(event["at"])
        assert at >= last.get(event["user"], at)
        last[event["user"]] = at
        assert (event["kind"] == "rate") == ("value" in event)
        assert 1 <= event.get("value", 1) <= 5
        if "position" in event:
            assert len(set(event["shown"])) == SHOWN
            assert event["shown"][event["position"] - 1] == event["item"]
    assert len({event["id"] for event in events}) == len(events)
    assert {event["kind"] for event in events} == {"view", "click", "like", "dislike", "buy", "rate"}


def test_nothing_is_bought_twice(events: list[dict]) -> None:
    bought = Counter((event["user"], event["item"]) for event in events if event["kind"] == "buy")
    assert max(bought.values()) == 1


def test_the_first_place_is_chosen_more_often(events: list[dict]) -> None:
    places = Counter(event["position"] for event in events if event["kind"] == "click" and "position" in event)
    assert places[1] > 2 * places[SHOWN]


def test_violence_past_the_limit_is_liked_less() -> None:
    shop = Shop(ITEMS, Random(1))
    shopper = draw_shopper("someone", shop, Random(2))
    mild = {**shop.items[0], "violence": shopper.violence}
    assert shopper.liking({**mild, "violence": shopper.violence + 1}, 10.0) == shopper.liking(mild, 10.0) - 1.5
