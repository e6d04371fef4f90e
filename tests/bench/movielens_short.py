"""movielens_short: as movielens, of the users with 5 to 10 liked films only."""

from __future__ import annotations

from typing import Any

from tests.bench import films
from tests.bench.movielens import told
from tests.bench.result import Result

MARGIN = 1.10


def measure() -> Result:
    """The target is a tenth above the best baseline's figure."""
    found = films.measured()
    mine, *others = found.lines
    target = MARGIN * max(line.short or 0.0 for line in others)
    detail: dict[str, Any] = {"users": found.short}
    detail |= {line.name: told(line, line.ahead_short, line.short) for line in others}
    figure = mine.short or 0.0
    return Result("movielens_short", figure, target, figure >= target, detail)
