from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from agent.learning.calibrate import (
    VOTE_WEIGHTS,
    _threshold_by_balance,
    _threshold_by_loss,
    fit_intent,
    fit_temperature,
    fit_vote,
)
from agent.model.backbone import Backbone
from agent.model.multitask import HeadSpec, ModelSpec, MultiTaskModel, Outputs
from agent.model.neighbours import HalfVectors, nearest
from agent.model.scope import ScopeScorer, strangeness


def test_the_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(4000, 3))
    chances = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = [int(rng.choice(3, p=p)) for p in chances]
    assert fit_temperature((honest * 5).astype(np.float32), labels) == pytest.approx(5, rel=0.1)


def test_strangeness_grows_away_from_what_is_known() -> None:
    known = np.eye(4, dtype=np.float32)
    far = -known[:1]
    sure, unsure = np.array([[9.0, 0.0]], np.float32), np.array([[0.1, 0.0]], np.float32)
    near_parts = strangeness(sure, known[:1], known[:1], known, known)
    far_parts = strangeness(unsure, far, far, known, known)
    assert (far_parts > near_parts).all()


def test_a_score_is_the_same_with_neighbours_found_before_and_without_features_that_do_not_count() -> None:
    rng = np.random.default_rng(0)
    known, texts = (rng.normal(size=(n, 8)).astype(np.float32) for n in (40, 5))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    logits = rng.normal(size=(5, 3)).astype(np.float32)
    even = (1.0,) * 4
    scorer = ScopeScorer(known, known[::-1], even, even, (1.0, 0.0, 1.0, 0.0), 0.0)
    wanted = scorer.score(logits, texts, texts)
    assert scorer.score(logits, texts, texts, nearest(texts, known, 20)) == pytest.approx(wanted)
    assert len(scorer.lean().features) == 0
    assert scorer.lean().score(logits, texts, texts) == pytest.approx(wanted, abs=1e-3)
    whole = replace(scorer, weights=even)
    assert whole.lean().score(logits, texts, texts) == pytest.approx(whole.score(logits, texts, texts), abs=1e-3)


def test_half_precision_finds_the_same_neighbours() -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=(500, 16)).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    texts, half = known[:40][:, ::-1], HalfVectors(known)
    wanted, found = nearest(texts, known, 5), nearest(texts, half, 5)
    assert (wanted.rows == found.rows).mean() > 0.95
    assert found.cosines == pytest.approx(wanted.cosines, abs=1e-3)
    assert nearest(texts, half, 1000).rows.shape == (40, 500)
    assert half.matrix() == pytest.approx(known, abs=1e-3)


def test_nearest_gives_the_best_first_and_survives_few_known() -> None:
    known = np.array([[1, 0], [0, 1]], np.float32)
    found = nearest(np.array([[0.6, 0.8]], np.float32), known, k=3)
    assert found.cosines.tolist() == [[pytest.approx(0.8), pytest.approx(0.6)]]
    assert found.rows.tolist() == [[1, 0]]


def test_the_threshold_loses_no_more_than_its_budget() -> None:
    sums = np.arange(200, dtype=np.float32)
    understood = np.ones(200, bool)
    threshold = _threshold_by_loss(sums, understood)
    assert (sums >= threshold).sum() == 5


def test_messages_that_were_misunderstood_do_not_spend_the_budget() -> None:
    sums = np.arange(200, dtype=np.float32)
    understood = np.arange(200) < 150
    assert 140 < _threshold_by_loss(sums, understood) < 150


def test_the_balanced_threshold_parts_two_kinds() -> None:
    inside, outside = np.array([0.0, 1.0, 2.0], np.float32), np.array([5.0, 6.0], np.float32)
    assert 2 < _threshold_by_balance(inside, np.ones(3, bool), outside) < 5


@pytest.mark.parametrize("outsiders", [[], ["moon landing fake " * n for n in range(1, 25)]])
def test_an_intent_head_is_fitted_in_place(tiny: Backbone, outsiders: list[str]) -> None:
    model = MultiTaskModel(tiny, ModelSpec({"intent": HeadSpec("intent", ("a", "b")), "query": HeadSpec("query")}))
    known = ["where is my parcel", "charged twice", "late order", "wrong card"]
    fit_intent(model, "intent", known, [0, 1, 0, 1], ["where is my order", "card charged"], [0, 1], outsiders)
    scores = [p.out_of_scope for p in model.predict([*known, "weather", ""])]
    assert all(0 <= s <= 1 for s in scores)
    scorer, vote = model.scopes["intent"], model.votes["intent"]
    assert scorer.queries.shape == (4, 32)
    assert all(w >= 0 for w in scorer.weights)
    assert np.array_equal(scorer.queries, vote.queries)
    assert vote.labels.tolist() == [0, 1, 0, 1]
    assert model.temperatures["intent"] > 0


def outputs(logits: list[list[float]], queries: list[list[float]]) -> Outputs:
    return Outputs({"intent": torch.tensor(logits)}, {}, torch.tensor(queries))


def test_the_vote_weighs_as_much_as_it_helps_on_held_out_data() -> None:
    memory = outputs([[0.0, 0.0]] * 2, [[1.0, 0.0], [0.0, 1.0]])
    queries = [[1.0, 0.0], [0.0, 1.0]] * 10
    misled = outputs([[0.0, 2.0], [2.0, 0.0]] * 10, queries)
    _, helpful = fit_vote(memory, [0, 1], misled, [0, 1] * 10, "intent")
    assert helpful.weight == max(VOTE_WEIGHTS)
    _, harmful = fit_vote(memory, [1, 0], outputs([[2.0, 0.0], [0.0, 2.0]] * 10, queries), [0, 1] * 10, "intent")
    assert harmful.weight == 0
