"""Invented shoppers: a simulator of latent tastes that draws histories of events over the shop's catalogue.

What it assumes, so that a figure measured on its histories can be read for what it is:

- A shopper loves three moods and four themes, minds two other moods, leans to one to three kinds of items, bears
  violence up to a limit, and has a budget. The liking of an item is the sum of these, plus chance.
- Interest comes in spells: a visit goes after one loved theme, the next visit keeps it more often than not. Whoever
  bought a part of a series wants the next. So the order of events says more than their set does.
- A visit shows one row of items: some that many buy, some that fit the spell, the rest by chance. A place further
  down is looked at less often, by a known power law; what was not looked at says nothing of the shopper.
- Some visits open an item without a row, as from a search. Few marks are given, mostly for things that were bought.

It knows nothing of the model, of embeddings or of what people write. The same seed gives the same events.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Row = Mapping[str, Any]
"""One line of items.jsonl."""

START = datetime(2025, 1, 6, tzinfo=UTC)
DAYS = 500
"""Length of the simulated time, in days from START on."""
SHOWN = 8
"""Items in a row."""
POSITION_POWER = 0.6
"""The item at place p, from 1 on, is looked at with probability p ** -POSITION_POWER."""
KEEPS_SPELL = 0.7
"""Share of visits that go after the same theme as the visit before."""


@dataclass(frozen=True, slots=True)
class Shopper:
    """The latent taste of one shopper; weights are in logits of a click."""

    user: str
    kinds: Mapping[str, float]
    moods: Mapping[str, float]
    themes: Mapping[str, float]
    violence: int
    """The most that is borne, 0 to 3."""
    budget: float
    """In multiples of the median price of an item's kind."""
    visits: int

    def liking(self, item: Row, median: float) -> float:
        """Logit of a click on ``item`` once it is looked at; ``median`` is the median price of its kind in EUR."""
        words = sum(self.moods.get(mood, 0.0) for mood in item["moods"])
        words += sum(self.themes.get(theme, 0.0) for theme in item["themes"])
        too_violent = max(0, item["violence"] - self.violence)
        too_dear = max(0.0, item["price"] / median - self.budget)
        return self.kinds[item["kind"]] + words - 1.5 * too_violent - 0.8 * too_dear - 1.0


class Shop:
    """The catalogue as the simulator sees it: median prices, popularity, the items of a theme and of a series."""

    def __init__(self, items: Sequence[Row], random: Random) -> None:
        """``items`` holds one row at least for a row of SHOWN items; ``random`` draws what is popular."""
        self.items = [item for item in items if item["stock"] > 0]
        self.medians = {kind: _median(self.items, kind) for kind in sorted({item["kind"] for item in items})}
        self.moods = sorted({mood for item in self.items for mood in item["moods"]})
        self.themes = sorted({theme for item in self.items for theme in item["themes"]})
        order = random.sample(range(len(self.items)), len(self.items))
        self.popularity = [(1 + place) ** -0.8 for place in order]
        self.by_theme = {t: [item for item in self.items if t in item["themes"]] for t in self.themes}

    def row(self, theme: str, wanted: Sequence[Row], random: Random) -> list[Row]:
        """SHOWN items, each once, in the order in which they are shown."""
        picked = {item["id"]: item for item in wanted[:1]}
        near = self.by_theme[theme]
        for item in random.sample(near, min(4, len(near))):
            picked.setdefault(item["id"], item)
        for item in random.choices(self.items, self.popularity, k=3):
            picked.setdefault(item["id"], item)
        while len(picked) < SHOWN:
            item = random.choice(self.items)
            picked.setdefault(item["id"], item)
        row = list(picked.values())[:SHOWN]
        random.shuffle(row)
        return row


def simulate(items: Sequence[Row], *, shoppers: int = 600, seed: int = 6) -> Iterator[dict[str, Any]]:
    """Events of all shoppers, those of one after another in order of time, as lines of an events file:
    ``id``, ``user``, ``item``, ``kind``, ``at``, and where it applies ``value``, ``position`` and ``shown``."""
    random = Random(seed)
    shop = Shop(items, random)
    for number in range(1, shoppers + 1):
        shopper = draw_shopper(f"shopper-{number:03d}", shop, random)
        for place, event in enumerate(_history(shopper, shop, random), start=1):
            yield {"id": f"{shopper.user}-{place}", "user": shopper.user, **event}


def draw_shopper(user: str, shop: Shop, random: Random) -> Shopper:
    """A shopper with a taste of their own."""
    kinds = dict.fromkeys(shop.medians, -2.0)
    for kind in random.sample(sorted(kinds), random.choice((1, 2, 2, 3))):
        kinds[kind] = random.uniform(-0.3, 0.6)
    moods = random.sample(shop.moods, 5)
    themes = random.sample(shop.themes, 4)
    return Shopper(
        user=user,
        kinds=kinds,
        moods={mood: random.uniform(0.6, 1.6) if place < 3 else -1.5 for place, mood in enumerate(moods)},
        themes={theme: random.uniform(0.8, 1.8) for theme in themes},
        violence=random.choice((0, 1, 1, 2, 2, 3)),
        budget=random.lognormvariate(0.4, 0.4),
        visits=5 + min(40, int(random.expovariate(1 / 9))),
    )


def _history(shopper: Shopper, shop: Shop, random: Random) -> Iterator[dict[str, Any]]:
    loved = sorted(shopper.themes)
    theme = random.choice(loved)
    bought: dict[str, Row] = {}
    at = START
    for day in sorted(random.uniform(0, DAYS) for _ in range(shopper.visits)):
        at = max(at, START + timedelta(days=day))
        if random.random() > KEEPS_SPELL:
            theme = random.choice(loved)
        if random.random() < 0.25:
            row, places = [random.choice(shop.by_theme[theme])], False
        else:
            row, places = shop.row(theme, _next_parts(shop, bought), random), True
        shown = tuple(item["id"] for item in row)
        for position, item in enumerate(row, start=1):
            if item["id"] in bought or random.random() > position**-POSITION_POWER:
                continue
            liking = shopper.liking(item, shop.medians[item["kind"]])
            liking += 1.0 * (theme in item["themes"]) + 1.5 * _continues(item, bought) + random.gauss(0, 0.5)
            where = {"position": position, "shown": shown} if places else {}
            for kind, value in _acts(liking, places, random):
                at += timedelta(seconds=random.randint(4, 90))
                mark = {} if value is None else {"value": value}
                yield {"item": item["id"], "kind": kind, "at": at.isoformat(timespec="microseconds"), **mark, **where}
                if kind == "buy":
                    bought[item["id"]] = item


def _acts(liking: float, places: bool, random: Random) -> Iterator[tuple[str, float | None]]:
    """What a shopper does with one item that is looked at: kinds of events in their order, each with its value."""
    if places and random.random() > _sigmoid(liking):
        if random.random() < 0.04 * _sigmoid(-liking - 1):
            yield "dislike", None
        return
    yield ("click" if places else "view"), None
    if random.random() < 0.5 * _sigmoid(liking - 0.5):
        yield "like", None
    if random.random() < 0.6 * _sigmoid(liking - 1.0):
        yield "buy", None
        if random.random() < 0.3:
            yield "rate", float(min(5, max(1, round(3.2 + 0.5 * liking + random.gauss(0, 0.7)))))


def _continues(item: Row, bought: Mapping[str, Row]) -> bool:
    return "series" in item and any(item["series"] == had.get("series") for had in bought.values())


def _next_parts(shop: Shop, bought: Mapping[str, Row]) -> list[Row]:
    return [item for item in shop.items if item["id"] not in bought and _continues(item, bought)]


def _median(items: Sequence[Row], kind: str) -> float:
    prices = sorted(float(item["price"]) for item in items if item["kind"] == kind)
    return prices[len(prices) // 2]


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
