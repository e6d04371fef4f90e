"""Baselines and the report that holds the model against them."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from agent.learning import ranking_report
from agent.learning.baselines import ease, markov, measure, neighbours, popularity
from agent.learning.ranking import Case, split
from agent.learning.ranking_report import OURS, measure_taste, print_ranking
from agent.learning.taste import TasteSettings
from tests.agent.learning.crowd import events, space

LIKES = [np.array([0, 1, 2]), np.array([0, 1, 3]), np.array([0, 4, 5]), np.array([1, 4, 5])]


def case(*history: int) -> Case:
    return Case("u", np.array(history), 5, len(history))


def test_popularity_counts_users() -> None:
    assert popularity(LIKES, 6)(1.0)([case(2), case(3)]).tolist() == [[3, 3, 1, 1, 2, 2]] * 2


def test_neighbours_are_those_that_the_same_users_liked() -> None:
    [scores] = neighbours(LIKES, 6)(1.0)([case(4)])
    assert scores[5] == pytest.approx(1)
    assert scores[0] == pytest.approx(1 / np.sqrt(6))
    assert scores[2] == 0


def test_ease_never_predicts_an_item_from_itself_and_recency_fades() -> None:
    with_fade = ease(LIKES, 6, ridge=1.0)
    [old], [new] = with_fade(0.5)([case(4, 0)]), with_fade(0.5)([case(0, 4)])
    assert int(np.argmax(new)) == 5
    assert new[5] > old[5]
    assert with_fade(1.0)([case(4)])[0, 4] == 0


def test_a_markov_chain_goes_by_what_came_right_after() -> None:
    alone, chained = neighbours(LIKES, 6)(0.5), markov(LIKES, 6, share=2.0)(0.5)
    [gained] = chained([case(4, 0)]) - alone([case(4, 0)])
    # After 0 came 1 twice and 4 once.
    assert gained.tolist() == pytest.approx([0, 2 * 2 / np.sqrt(3), 0, 0, 2 / np.sqrt(3), 0], abs=1e-6)


def test_every_baseline_is_chosen_on_validation_and_measured_on_the_test() -> None:
    cut = split((event for own in events().values() for event in own), items=space().ids)
    found = {one.name: one for one in measure(cut)}
    assert list(found) == [
        "popularity",
        "item-kNN",
        "item-kNN with recency",
        "EASE",
        "EASE with recency",
        "Markov chain with kNN",
    ]
    assert found["Markov chain with kNN"].ranking.gains.mean() > found["popularity"].ranking.gains.mean()
    assert found["EASE with recency"].validation >= found["popularity"].validation
    assert found["EASE with recency"].setting.startswith("ridge ")
    assert found["popularity"].setting == ""
    assert all(len(one.ranking.ranks) == len(cut.test) for one in found.values())


def test_the_report_holds_the_model_against_the_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = dataclasses.replace(TasteSettings(), epochs=2)
    monkeypatch.setattr(ranking_report, "TasteSettings", lambda: quick)
    found = measure_taste(space(), events())
    assert [line.name for line in found.lines][:2] == [OURS, "popularity"]
    ours, popular = found.lines[0], found.lines[1]
    assert ours.ahead is None
    assert popular.ahead is not None
    assert popular.ahead.mean == pytest.approx(ours.all.ndcg - popular.all.ndcg)
    assert popular.ahead.low <= popular.ahead.mean <= popular.ahead.high
    assert ours.all.ndcg > popular.all.ndcg
    assert (found.users, found.items, found.tied, found.short) == (60, 40, 0, 60)
    assert json.loads(json.dumps(dataclasses.asdict(found)))["lines"][1]["name"] == "popularity"
    text = io.StringIO()
    print_ranking(found, Console(file=text, width=200), app="films")
    assert "the last item that each of 60 users liked, among 40" in text.getvalue()
    assert "EASE with recency" in text.getvalue()
