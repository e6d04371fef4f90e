"""What an alert is to watch for, in words."""

from __future__ import annotations

import pytest

from apps.finance.alerts import RuleError
from apps.finance.watch_words import rules_of


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("alert me when it turns negative", ["threshold below 0"]),
        ("as soon as sentiment goes positive", ["threshold above 0"]),
        ("notify me when it crosses zero", ["threshold below 0", "threshold above 0"]),
        ("tell me if it drops below -0.3", ["threshold below -0.3"]),
        ("falls under minus .25", ["threshold below -0.25"]),
        ("back above 0.2", ["threshold above 0.2"]),
        ("create alert: < -0.2", ["threshold below -0.2"]),
        ("at -0.25", ["threshold below -0.25"]),
        ("moves more than two sigma", ["z_score below -2", "z_score above 2"]),
        ("when the z score exceeds 3", ["z_score above 3"]),
        ("warn me about big drops", ["z_score below -2"]),
        ("set an alert", ["z_score below -2", "z_score above 2"]),
        ("changes sharply", ["z_score below -2", "z_score above 2"]),
    ],
)
def test_a_wish_becomes_rules(text: str, rules: list[str]) -> None:
    assert [f"{rule.kind} {rule.side} {rule.line:g}" for rule in rules_of(text)] == rules


def test_a_cool_down_is_no_line() -> None:
    [rule] = rules_of("below -0.3 with 5 days of cool-down")
    assert (rule.line, rule.cool_down) == (-0.3, 5)
    [rule] = rules_of("turns negative, with a week of cool-down")
    assert rule.cool_down == 7


def test_a_line_that_no_index_crosses_is_refused() -> None:
    with pytest.raises(RuleError):
        rules_of("below -1.5")
