"""movielens: NDCG@10 on ml_latest_small by leave-one-out over time and full ranking, against the baselines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from agent.learning.ranking import Difference
from agent.learning.ranking_report import Line
from tests.bench import films
from tests.bench.result import Result


def told(line: Line, ahead: Difference | None, ndcg: float | None) -> str:
    """One rival's figure, with what lies between it and ours."""
    setting = f" ({line.setting})" if line.setting else ""
    between = "" if ahead is None else f"; ours {ahead.mean:+.4f}, 95 % interval {ahead.low:+.4f} to {ahead.high:+.4f}"
    return f"{ndcg or 0.0:.4f}{setting}{between}"


def figures(line: Line) -> dict[str, Any]:
    """All figures of a ranking, for the kept result."""
    return {name: round(value, 4) for name, value in asdict(line.all).items()} | {
        "validation": round(line.validation, 4)
    }


def measure() -> Result:
    """The target is the best baseline's figure, which ours has to pass."""
    found = films.measured()
    mine, *others = found.lines
    best = max(line.all.ndcg for line in others)
    detail: dict[str, Any] = {
        "users": found.users,
        "items": found.items,
        "cases that the order of equal times decides": found.tied,
        "ours": told(mine, None, mine.all.ndcg),
    }
    detail |= {line.name: told(line, line.ahead, line.all.ndcg) for line in others}
    detail["figures"] = {line.name: figures(line) for line in found.lines}
    return Result("movielens", mine.all.ndcg, best, mine.all.ndcg > best, detail)
