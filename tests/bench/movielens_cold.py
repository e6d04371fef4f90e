"""movielens_cold: films that nobody liked in training, found by their texts: how often among the first 50 of all."""

from __future__ import annotations

from typing import Any

from agent.learning.ranking_report import COLD_AT
from tests.bench import films
from tests.bench.result import Result

OVER_POPULARITY, OVER_CHANCE = 5.0, 3.0


def measure() -> Result:
    """The target is five times popularity's share, or three times that of texts in an order of chance, whichever is
    more; chance finds COLD_AT of all that are ranked."""
    found = films.measured()
    mine, *others = found.lines
    popular = next(line.cold or 0.0 for line in others if line.name == "popularity")
    chance = COLD_AT / found.items
    target = max(OVER_POPULARITY * popular, OVER_CHANCE * chance)
    detail: dict[str, Any] = {"cases": found.cold, "chance": chance}
    detail |= {line.name: line.cold for line in others}
    figure = mine.cold or 0.0
    return Result("movielens_cold", figure, target, figure >= target, detail)
