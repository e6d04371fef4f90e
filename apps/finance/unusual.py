"""Days on which an index was unusual for its company: what the page marks without anybody having asked for an alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from .alerts import Rule, State, step, z_score
from .trend import Point

LINE = 3.0
"""Standard deviations from what was usual in the months before."""
RULES = (
    Rule("z_score", "below", -LINE, -LINE / 2, cool_down=7),
    Rule("z_score", "above", LINE, LINE / 2, cool_down=7),
)


@dataclass(frozen=True)
class Unusual:
    day: date
    value: float
    """The index, -1 to 1."""
    z: float
    items: int

    @property
    def text(self) -> str:
        side = "above" if self.z > 0 else "below"
        return f"unusual: {self.value:+.2f} is {abs(self.z):.1f} standard deviations {side} what was usual"


def unusual_days(points: Sequence[Point]) -> list[Unusual]:
    """The days that stand out of ``points``, which are of single days in order."""
    history: list[tuple[date, float]] = []
    states = [State() for _ in RULES]
    found = []
    for point in points:
        if point.value is None:
            continue
        day = point.period.first
        z = z_score(history, day, point.value)
        history.append((day, point.value))
        for number, rule in enumerate(RULES):
            states[number], alert = step(rule, states[number], day, z, point.n)
            if alert is not None:
                found.append(Unusual(day, point.value, alert.value, point.n))
    return found
