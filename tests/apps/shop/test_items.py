"""The shop's catalogue: every line is whole, and says what the filters and the simulator read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

ITEMS = [json.loads(line) for line in Path("apps/shop/items.jsonl").read_text(encoding="utf-8").splitlines()]
SIZE = {"book": {"pages"}, "film": {"minutes"}, "game": {"players"}, "gear": {"grams"}}


def test_ids_and_titles_are_unique() -> None:
    assert max(Counter(item["id"] for item in ITEMS).values()) == 1
    assert max(Counter(item["title"] for item in ITEMS).values()) == 1


def test_every_item_is_whole() -> None:
    for item in ITEMS:
        assert 40 <= len(item["text"].split()) <= 80, item["id"]
        assert item["price"] > 0, item["id"]
        assert item["stock"] >= 0, item["id"]
        assert item["violence"] in range(4), item["id"]
        assert item["age"] in range(19), item["id"]
        assert item["year"] in range(2000, 2030), item["id"]
        assert all(item[key] for key in ("category", "moods", "themes")), item["id"]
        assert SIZE[item["kind"]] <= item.keys(), item["id"]
        assert item["kind"] != "game" or ("minutes" in item) != ("hours" in item), item["id"]


def test_violence_is_not_for_small_children() -> None:
    assert [item["id"] for item in ITEMS if item["violence"] >= 2 and item["age"] < 12] == []
