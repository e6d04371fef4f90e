"""Alert rules: two lines, a cool-down, too few items, and what is unusual for a company."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest

from apps.finance.alerts import Alert, Rule, RuleError, State, step, z_score

FIRST = date(2014, 5, 1)
BELOW = Rule("threshold", "below", -0.3, rearm=-0.2, cool_down=0, fewest=1)


def run(rule: Rule, values: Sequence[float | None], items: int = 9) -> list[int]:
    """Numbers of the days that gave an alert."""
    state, fired = State(), []
    for number, value in enumerate(values):
        state, alert = step(rule, state, FIRST + timedelta(days=number), value, items)
        if alert:
            assert alert == Alert(FIRST + timedelta(days=number), value or 0.0, items)
            fired.append(number)
    return fired


def test_a_value_that_wobbles_around_the_line_fires_once() -> None:
    assert run(BELOW, [0, -0.31, -0.29, -0.32, -0.25, -0.4]) == [1]


def test_it_fires_again_after_the_second_line() -> None:
    assert run(BELOW, [-0.31, -0.19, -0.31]) == [0, 2]
    assert run(BELOW, [-0.31, -0.2, -0.31]) == [0]


def test_the_other_side_is_the_mirror_image() -> None:
    above = Rule("threshold", "above", 0.3, rearm=0.2, cool_down=0, fewest=1)
    values = [0, -0.31, -0.29, -0.1, -0.4, -0.5, 0.1, -0.9]
    assert run(above, [-v for v in values]) == run(BELOW, values) == [1, 4, 7]


def test_a_cool_down_keeps_quiet_and_then_speaks_if_the_value_is_still_there() -> None:
    rule = Rule("threshold", "below", -0.3, rearm=-0.2, cool_down=3, fewest=1)
    assert run(rule, [-0.4, 0, -0.4, -0.4, -0.4]) == [0, 4]
    assert run(rule, [-0.4, 0, -0.4, 0, 0]) == [0]


def test_too_few_items_fire_nothing_and_arm_again() -> None:
    rule = Rule("threshold", "below", -0.3, rearm=-0.2, cool_down=0, fewest=3)
    assert run(rule, [-0.9, -0.9], items=2) == []
    state, _ = step(rule, State(), FIRST, -0.9, 3)
    state, _ = step(rule, state, FIRST + timedelta(days=1), 0.0, 1)
    assert state.armed


def test_days_without_a_value_change_nothing() -> None:
    assert run(BELOW, [-0.4, None, -0.4, None, 0, None, -0.4]) == [0, 6]


def test_between_two_alerts_lies_the_second_line_and_the_cool_down() -> None:
    rule = Rule("threshold", "below", -0.3, rearm=-0.1, cool_down=5, fewest=1)
    for seed in range(50):
        chance = random.Random(seed)
        values = [chance.uniform(-1, 1) for _ in range(200)]
        fired = run(rule, values)
        assert fired
        for first, second in pairwise(fired):
            assert second - first > rule.cool_down
            assert max(values[first + 1 : second]) > rule.rearm
        assert all(values[day] < rule.line for day in fired)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"line": -0.3, "rearm": -0.4}, "armed again above it, not at -0.4"),
        ({"line": -0.3, "rearm": -0.3}, "armed again above it"),
        ({"side": "above", "line": 0.3, "rearm": 0.4}, "armed again below it"),
        ({"line": -1.0, "rearm": 0.0}, "never gets beyond -1"),
        ({"line": float("nan"), "rearm": 0.0}, "no numbers"),
        ({"line": -0.3, "rearm": 0.0, "cool_down": -1}, "0 days or more"),
        ({"line": -0.3, "rearm": 0.0, "fewest": 0}, "1 item or more"),
    ],
)
def test_a_rule_that_could_never_work_is_refused(rule: dict[str, object], says: str) -> None:
    with pytest.raises(RuleError, match=says):
        Rule(**{"kind": "threshold", "side": "below"} | rule)  # type: ignore[arg-type]


def history(values: Sequence[float]) -> list[tuple[date, float]]:
    return [(FIRST + timedelta(days=number), value) for number, value in enumerate(values)]


def test_a_z_score_sees_earlier_days_alone() -> None:
    past = history([0.1, -0.1] * 15)
    day = FIRST + timedelta(days=30)
    score = z_score(past, day, 0.5)
    assert score == pytest.approx(0.5 / 0.1017, rel=0.01)
    assert z_score([*past, (day, 9.0), (day + timedelta(days=1), -9.0)], day, 0.5) == score
    assert z_score([(FIRST - timedelta(days=90), 50.0), *past], day, 0.5) == score


def test_nothing_is_unusual_for_a_company_of_which_little_is_known() -> None:
    assert z_score(history([0.1, -0.1] * 5), FIRST + timedelta(days=30), 0.9) is None
    assert z_score(history([0.1] * 30), FIRST + timedelta(days=30), 0.9) is None
