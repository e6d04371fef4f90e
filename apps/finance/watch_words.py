"""What an alert is to watch for, in words: "turns negative", "below -0.3", "moves more than two sigma"."""

from __future__ import annotations

import re

from .alerts import Rule, Side, rule_of

USUAL_LINE = 2.0
"""Standard deviations beyond which a move is unusual where no number is given."""
_NUMBER = re.compile(
    r"(?P<sign>[-+−]|minus |plus )?(?P<digits>\d*\.\d+|\d+(?!\s*(?:days?|weeks?|months?|%|:|items)))", re.I
)
_SPELT = {"two": 2.0, "three": 3.0, "four": 4.0}
_DEVIATIONS = re.compile(
    r"(?P<number>\d+(?:\.\d+)?|two|three|four)?[ -]?(?:sigmas?|standard deviations?|sd)\b|\bz[- ]?scores?\b", re.I
)
_UNUSUAL = re.compile(
    r"\b(?:unusual|odd|sharp\w*|sudden\w*|swings?|breaks?|break ?out|explodes?|crash\w*|leaves? its|below its|above its"
    r"|big|huge|moves?|level shifts?|change points?|any direction|both directions)\b",
    re.I,
)
_DOWN = re.compile(
    r"\b(?:below|under|beneath|drops?|falls?|fallen|dips?|sinks?|slips?|slides?|sours?|worse|negative|red|bad|down|hat\w+"
    r"|against|turns? on|crash\w*|lower)\b|<",
    re.I,
)
_UP = re.compile(
    r"\b(?:above|over|exceeds?|rises?|climbs?|climbed|gains?|positive|recover\w*|improves?|jumps?|back|up|upwards|better"
    r"|like|higher)\b|>",
    re.I,
)
_ZERO = re.compile(r"\b(?:zero|sign|flips?|turns?)\b", re.I)
_COOL_DOWN = re.compile(r"\b(\d{1,3}) days?\b|\b(a) week\b", re.I)


def rules_of(text: str) -> list[Rule]:
    """The rules that a wish for an alert means, one for each direction; without a hint anything unusual, both ways.

    ``text`` is without the names of companies. Raises RuleError for a line that an index cannot cross.
    """
    cool_down = _cool_down(text)
    text = _COOL_DOWN.sub(" ", text)
    down, up = bool(_DOWN.search(text)), bool(_UP.search(text))
    deviations = _DEVIATIONS.search(text)
    line = _line(_DEVIATIONS.sub(" ", text) if deviations and deviations["number"] else text)
    if deviations is not None:
        width = _width(deviations["number"]) or abs(line or 0.0) or USUAL_LINE
        return [rule_of("z_score", side, _signed(width, side), cool_down=cool_down) for side in _sides(down, up)]
    if line is not None:
        side: Side = "below" if down or (not up and line < 0) else "above"
        return [rule_of("threshold", side, line, cool_down=cool_down)]
    if _UNUSUAL.search(text) or not (down or up or _ZERO.search(text)):
        return [rule_of("z_score", side, _signed(USUAL_LINE, side), cool_down=cool_down) for side in _sides(down, up)]
    return [rule_of("threshold", side, 0.0, cool_down=cool_down) for side in _sides(down, up)]


def _sides(down: bool, up: bool) -> tuple[Side, ...]:
    return ("below", "above") if down == up else ("below",) if down else ("above",)


def _signed(width: float, side: Side) -> float:
    return -width if side == "below" else width


def _line(text: str) -> float | None:
    """The first number of a text, with its sign."""
    found = _NUMBER.search(text)
    if found is None:
        return None
    sign = (found["sign"] or "").strip().lower()
    return float(found["digits"]) * (-1 if sign in ("-", "−", "minus") else 1)


def _width(number: str | None) -> float | None:
    return None if number is None else _SPELT.get(number.lower()) or float(number)


def _cool_down(text: str) -> int:
    """Days of quiet that a text asks for, else the usual three."""
    found = _COOL_DOWN.search(text)
    if found is None:
        return 3
    return int(found[1]) if found[1] else 7
