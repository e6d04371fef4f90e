"""Rankings side by side: the model's and those of the baselines, on the same cases, with what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.learning.baselines import Baseline
from agent.learning.ranking import (
    Case,
    Difference,
    Figures,
    Scorer,
    Split,
    difference,
    figures,
    part,
    short_histories,
)
from agent.learning.recommend import known_case
from agent.model.items import ItemSpace, Matrix
from agent.model.taste import TasteModel

OURS = "Switchboard"
COLD_AT = 50
"""Places among which an item without events is looked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One ranking."""

    name: str
    setting: str
    validation: float
    """NDCG on the validation cases, by which the setting was chosen."""
    all: Figures
    short: float | None
    """NDCG of the users with a short history; None if there are none."""
    cold: float | None
    """Share of the targets without an event in training that stand among the first COLD_AT; None if there are none."""
    ahead: Difference | None
    """Ours less this in NDCG; None for ours."""
    ahead_short: Difference | None


@dataclass(frozen=True, slots=True)
class RankingReport:
    """Ready for JSON by ``dataclasses.asdict``."""

    users: int
    items: int
    tied: int
    """Test cases that the order of events of the same time decides."""
    short: int
    cold: int
    """Test cases of users with a short history, and with a target without an event in training."""
    lines: tuple[Line, ...]
    """Ours first."""


def report(cut: Split, ours: Baseline, others: Sequence[Baseline]) -> RankingReport:
    """All rankings are of the test cases of ``cut``."""
    likes = cut.likes(cut.test)
    counts = np.bincount(np.concatenate(likes), minlength=len(cut.items))
    short = short_histories(cut.test)
    cold = [i for i, case in enumerate(cut.test) if counts[case.target] == 0]
    lines = []
    for one in (ours, *others):
        ranking = one.ranking
        theirs = part(ranking, short)
        lines.append(
            Line(
                name=one.name,
                setting=one.setting,
                validation=one.validation,
                all=figures(ranking, cut.test, likes, len(cut.items)),
                short=float(theirs.gains.mean()) if short else None,
                cold=float((ranking.ranks[cold] <= COLD_AT).mean()) if cold else None,
                ahead=None if one is ours else difference(ours.ranking.gains, ranking.gains),
                ahead_short=None
                if one is ours or not short
                else difference(part(ours.ranking, short).gains, theirs.gains),
            )
        )
    return RankingReport(len(cut.test), len(cut.items), cut.tied, len(short), len(cold), tuple(lines))


def scorer_of(model: TasteModel, cut: Split, space: ItemSpace) -> Scorer:
    """What the protocol asks; the items of ``cut`` are those of the space."""

    def score(cases: Sequence[Case]) -> Matrix:
        return model.scores_of([known_case(case, cut, space).past for case in cases])

    return score
