"""When an alert fires: an index beyond a line, or unusual for its company. A rule, a state and a day give the next.

Hysteresis: a rule that fired is armed again only when the value is back on the other side of a second line. Cool-down:
it keeps quiet for some days after it fired, even if armed. Knows nothing of how an alert reaches anybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import fmean, stdev
from typing import Literal

Kind = Literal["threshold", "z_score"]
Side = Literal["below", "above"]
USUAL_DAYS = 90
"""Days before a day that say what is usual."""
FEWEST_USUAL = 20
"""Of them with items; with fewer nothing is called unusual."""


REARM = {"threshold": 0.1, "z_score": 1.0}
"""How far back from its line a rule is armed again where nothing else is said."""


class RuleError(ValueError):
    """A rule that could never work; the message says what to change."""


@dataclass(frozen=True)
class Rule:
    """What to watch of one index."""

    kind: Kind
    side: Side
    line: float
    """Fires beyond it. Of a threshold -1 to 1; of a z-score standard deviations, signed."""
    rearm: float
    """Armed again beyond this one, on the other side."""
    cool_down: int = 3
    """Days after an alert without another."""
    fewest: int = 3
    """Items that a day needs to fire; any number arms again."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.line) and math.isfinite(self.rearm)):
            raise RuleError(f"The lines {self.line} and {self.rearm} are no numbers.")
        if self.kind == "threshold" and not -1 < self.line < 1:
            raise RuleError(f"An index never gets beyond {self.line:g}. Take a line between -1 and 1.")
        if self._beyond(self.rearm, self.line) or self.rearm == self.line:
            other = "above" if self.side == "below" else "below"
            raise RuleError(f"An alert {self.side} {self.line:g} is armed again {other} it, not at {self.rearm:g}.")
        if self.cool_down < 0 or self.fewest < 1:
            raise RuleError("A cool-down has 0 days or more, and a day that fires has 1 item or more.")

    def _beyond(self, value: float, line: float) -> bool:
        return value < line if self.side == "below" else value > line

    def fires(self, value: float) -> bool:
        return self._beyond(value, self.line)

    def arms(self, value: float) -> bool:
        return not self._beyond(value, self.rearm) and value != self.rearm


def rule_of(
    kind: Kind, side: Side, line: float, rearm: float | None = None, cool_down: int = 3, fewest: int = 3
) -> Rule:
    """A rule that is armed again REARM away from its line, unless ``rearm`` says where. Raises RuleError."""
    back = REARM[kind] if side == "below" else -REARM[kind]
    return Rule(kind, side, line, line + back if rearm is None else rearm, cool_down, fewest)


@dataclass(frozen=True)
class State:
    """Of one rule, between two days. A new rule is armed: a value that is beyond its line already fires at once."""

    armed: bool = True
    fired: date | None = None
    """The day of the last alert."""


@dataclass(frozen=True)
class Alert:
    day: date
    value: float
    """Index or z-score, as the rule has it."""
    items: int


def step(rule: Rule, state: State, day: date, value: float | None, items: int) -> tuple[State, Alert | None]:
    """One day: the state after it, and the alert that it gives.

    Days in order. ``value`` is None where there is none: no items, or too few days to say what is usual; nothing
    changes then. A value beyond the line within the cool-down, or on too few items, leaves the rule armed: it fires
    when both are over, if the value is still there.
    """
    if value is None:
        return state, None
    if not state.armed:
        return (replace(state, armed=True) if rule.arms(value) else state), None
    quiet = state.fired is not None and day <= state.fired + timedelta(days=rule.cool_down)
    if quiet or items < rule.fewest or not rule.fires(value):
        return state, None
    return State(armed=False, fired=day), Alert(day, value, items)


def z_score(history: Sequence[tuple[date, float]], day: date, value: float) -> float | None:
    """How many standard deviations ``value`` lies from what was usual in the USUAL_DAYS before ``day``.

    ``history`` holds days with items and their values, in any order; the day itself and later ones are left out.
    None below FEWEST_USUAL of them, or where they are all equal.
    """
    since = day - timedelta(days=USUAL_DAYS)
    usual = [past for at, past in history if since <= at < day]
    if len(usual) < FEWEST_USUAL:
        return None
    spread = stdev(usual)
    return (value - fmean(usual)) / spread if spread > 0 else None
