"""The taste model that the benches movielens, movielens_short and movielens_cold measure, and its rivals.

Trained and measured once, and kept in ``.cache/`` beside this file under a name made of the data and the settings,
so that all three read the same rankings. ``python -m tests.bench.films [PART ...]`` makes them; it goes on
where it was interrupted.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from implicit.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix

from agent.learning import baselines
from agent.learning.baselines import Baseline
from agent.learning.movielens import read_movielens
from agent.learning.ranking import Case, Ranking, Scorer, Split, rank_cases, split
from agent.learning.ranking_report import OURS, RankingReport, report, scorer_of
from agent.learning.recommend import HEAD_ALONE, Keeping, choose_epochs, forget, learn_taste, train_head
from agent.learning.taste import TasteSettings
from agent.model.backbone import mean_pool
from agent.model.heads import RecommendationHead, TasteShape
from agent.model.history import liked
from agent.model.items import ItemSpace, Matrix
from agent.model.taste import Taste, TasteModel
from agent.progress import StepProgress
from tests.bench import data, joint

SETTINGS = TasteSettings(epochs=1) if data.QUICK else TasteSettings()
SASREC_SETTINGS = dataclasses.replace(SETTINGS, epochs=2 * SETTINGS.epochs, enough=1, left_out=0.0)
SASREC = (TasteShape(dropout=0.1), TasteShape(dropout=0.2))
"""Tried of SASRec with twice our epochs: without texts it learns more slowly. More dropout and more width, as were
tried of our own head too, were worse on the validation cases (0.034 and 0.028 against 0.053, NDCG@10)."""
BPR = tuple((factors, rate) for factors in (32, 64) for rate in (0.01, 0.05))


@functools.cache
def films() -> tuple[Split, ItemSpace]:
    """Ratings of 4 and more, cut by the protocol, and the films that they are of."""
    found = read_movielens(data.FOLDER / "ml_latest_small", "films")
    likes = [event for event in found.events if liked(event)]
    if data.QUICK:
        likes = [event for event in likes if int(event.user) % 10 == 0]
    cut = split(likes)
    text = {item.id: item.text for item in found.items}
    return cut, ItemSpace(cut.items, joint.frozen([text[item] for item in cut.items]))


def ours() -> list[Baseline]:
    """The model, its head trained over the films' texts, links and mix; all chosen on the validation cases."""
    cut, space = films()
    torch.manual_seed(0)
    head = RecommendationHead(space.dimension, mean_pool)
    with StepProgress("films") as progress:
        keeping = Keeping(_folder() / "ours", repr(SETTINGS), progress)
        taste, chosen = learn_taste(head, space, cut.before(cut.test), (), SETTINGS, keeping)
    ranking = rank_cases(scorer_of(TasteModel(space, head, taste), cut, space), cut.test)
    forget(_folder() / "ours")
    mix = ", ".join(f"{name} {value:g}" for name, value in dataclasses.asdict(taste.mix).items() if name != "words")
    return [Baseline(OURS, f"{chosen.epochs} epochs, {mix}", chosen.figures.get("mix", 0.0), ranking)]


def sasrec() -> list[Baseline]:
    """The same transformer and softmax over ids alone: the films' texts are zeros."""
    cut, space = films()
    blank = ItemSpace(space.ids, np.zeros_like(space.texts))
    tried = []
    for number, shape in enumerate(SASREC):
        with StepProgress(f"SASRec {number + 1}") as progress:
            keeping = Keeping(_folder() / f"sasrec-{number}", repr((shape, SASREC_SETTINGS)), progress)
            _, epochs, figure = choose_epochs(_head(blank, shape), blank, cut, (), SASREC_SETTINGS, keeping)
        tried.append((figure, epochs, shape))
    figure, epochs, shape = max(tried, key=lambda one: one[0])
    head = _head(blank, shape)
    with StepProgress("SASRec") as progress:
        keeping = Keeping(_folder() / "sasrec", repr((shape, SASREC_SETTINGS)), progress)
        learned = train_head(head, blank, cut.before(cut.test), (), SASREC_SETTINGS, epochs, keeping)
    model = TasteModel(blank, head, Taste(learned, HEAD_ALONE))
    ranking = rank_cases(scorer_of(model, cut, blank), cut.test)
    setting = f"{epochs} epochs, width {shape.width}, dropout {shape.dropout:g}"
    return [Baseline("SASRec with softmax", setting, figure, ranking)]


def bpr() -> list[Baseline]:
    """Bayesian personalised ranking, by ``implicit``."""
    cut, _ = films()
    validation = {setting: rank_cases(_bpr(cut, cut.validation, *setting), cut.validation) for setting in BPR}
    best = max(BPR, key=lambda setting: validation[setting].gains.mean())
    ranking = rank_cases(_bpr(cut, cut.test, *best), cut.test)
    return [Baseline("BPR", f"{best[0]} factors, rate {best[1]:g}", float(validation[best].gains.mean()), ranking)]


def _bpr(cut: Split, cases: Sequence[Case], factors: int, rate: float) -> Scorer:
    """Of users by what they liked before the first of their cases."""
    likes = cut.likes(cases)
    number = {user: i for i, user in enumerate(cut.before(cases))}
    users = np.concatenate([np.full(len(rows), user) for user, rows in enumerate(likes)])
    ones = np.ones(len(users), np.float32)
    liked_by = csr_matrix((ones, (users, np.concatenate(likes))), (len(likes), len(cut.items)))
    iterations = 5 if data.QUICK else 200
    found = BayesianPersonalizedRanking(factors, rate, iterations=iterations, num_threads=1, random_state=0)
    found.fit(liked_by, show_progress=False)

    def score(asked: Sequence[Case]) -> Matrix:
        own = found.user_factors[[number[case.user] for case in asked]]
        return np.asarray(own @ found.item_factors.T, np.float32)

    return score


def closed() -> list[Baseline]:
    """Popularity, item neighbours, EASE and the Markov chain."""
    return baselines.measure(films()[0])


PARTS: dict[str, tuple[Callable[[], list[Baseline]], object]] = {
    "ours": (ours, SETTINGS),
    "closed": (closed, None),
    "bpr": (bpr, BPR),
    "sasrec": (sasrec, (SASREC, SASREC_SETTINGS)),
}
"""How each is made, and the settings that name it in the cache."""


@functools.cache
def measured() -> RankingReport:
    """All parts, from the cache or made now."""
    torch.set_num_threads(1)
    data.require()
    lines = [line for part in PARTS for line in _kept(part)]
    return report(films()[0], lines[0], lines[1:])


def _kept(part: str) -> list[Baseline]:
    make, settings = PARTS[part]
    file = _folder() / f"{part}-{hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}.json"
    if not file.is_file():
        made = [dataclasses.asdict(one) for one in make()]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made, default=lambda rows: rows.tolist()), encoding="utf-8")
    return [_baseline(one) for one in json.loads(file.read_text(encoding="utf-8"))]


def _baseline(kept: dict[str, Any]) -> Baseline:
    ranking = {name: np.array(rows, np.int64) for name, rows in kept.pop("ranking").items()}
    return Baseline(**kept, ranking=Ranking(**ranking))


def _head(space: ItemSpace, shape: TasteShape) -> RecommendationHead:
    torch.manual_seed(0)
    return RecommendationHead(space.dimension, mean_pool, shape)


def _folder() -> Path:
    return joint.CACHE / f"films-{_identity()}"


@functools.cache
def _identity() -> str:
    """Of data and split."""
    cut, space = films()
    digest = hashlib.sha256(space.texts.tobytes())
    digest.update(repr([(case.user, case.target) for case in cut.test]).encode())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for wanted in sys.argv[1:] or PARTS:
        _kept(wanted)
