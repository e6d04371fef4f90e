"""Rankings side by side: the model's and those of the baselines, on the same cases, with what lies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from agent.learning.baselines import Baseline, measure
from agent.learning.fit import Progress
from agent.learning.ranking import (
    Case,
    Difference,
    Figures,
    Scorer,
    Split,
    difference,
    figures,
    part,
    rank_cases,
    short_histories,
    split,
)
from agent.learning.recommend import Keeping, known_case, learn_taste
from agent.learning.taste import TasteSettings
from agent.model.backbone import mean_pool
from agent.model.heads import RecommendationHead
from agent.model.items import ItemSpace, Matrix
from agent.model.taste import TasteModel
from agent.types import Event

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


def measure_taste(
    space: ItemSpace, events: Mapping[str, Sequence[Event]], progress: Progress | None = None
) -> RankingReport:
    """Learn a taste from what users did before the last item they liked, and see who finds that one: the model or a
    baseline. Only what users did is measured, not what they say.

    Raises TrainingError if no user liked enough items, or there is nothing to learn from.
    """
    cut = split((event for own in events.values() for event in own), items=space.ids)
    torch.manual_seed(TasteSettings().seed)
    head = RecommendationHead(space.dimension, mean_pool)
    before, settings = cut.before(cut.test), TasteSettings()
    taste, chosen = learn_taste(head, space, before, (), settings, Keeping(progress=progress))
    ranking = rank_cases(scorer_of(TasteModel(space, head, taste), cut, space), cut.test)
    ours = Baseline(OURS, f"{chosen.epochs} epochs", chosen.figures.get("mix", 0.0), ranking)
    return report(cut, ours, measure(cut))


def print_ranking(found: RankingReport, console: Console, *, app: str) -> None:
    """A table of all rankings, with what lies between ours and each other."""
    title = f"{app}: the last item that each of {found.users} users liked, among {found.items}"
    names = ("NDCG@10", "HR@10", "MRR", "coverage", "novelty", "popularity lift", "long tail", "short", "ours ahead by")
    table = Table("", *names, title=title)
    for line in found.lines:
        a = line.all
        values = (a.ndcg, a.hit_rate, a.mrr, a.coverage, a.novelty, a.popularity_lift, a.tail, line.short)
        cells = ["" if value is None else f"{value:.3f}" for value in values]
        d = line.ahead
        ahead = "" if d is None else f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f})"
        table.add_row(f"{line.name} {line.setting}".strip(), *cells, ahead)
    console.print(table)
    console.print(
        f"Full ranking, nothing sampled. {found.tied} cases depend on the order of events of the same time, which is "
        f"that in which they were recorded. Short: NDCG@10 of the {found.short} users with a short history. Nobody had "
        f"liked {found.cold} of the targets before. In brackets the 95 % interval of a paired bootstrap.",
        highlight=False,
        soft_wrap=True,
    )
