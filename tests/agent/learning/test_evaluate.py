from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from agent.learning import evaluate
from agent.learning.calibrate import fit_intent
from agent.learning.data import Dataset
from agent.learning.evaluate import (
    Report,
    auroc,
    classifier_report,
    evaluate_model,
    expected_calibration_error,
    measure_model,
    reciprocal_ranks,
    reliability_bins,
)
from agent.model.backbone import Backbone
from agent.model.multitask import HeadSpec, ModelSpec, MultiTaskModel, Outputs
from agent.types import SENTIMENTS, Example

INTENTS = ("a", "b", "c")


def rows(*values: list[float]) -> Any:
    return np.array(values, np.float32)


class FakeModel:
    """Reads ``facts``: by text, the probabilities of the intents, the score, and the query and frozen vectors."""

    version = "7"
    heads = ("intent", "sentiment", "query")

    def __init__(self, facts: dict[str, dict[str, Any]], scope: bool = True, query: bool = True) -> None:
        self.facts, self.query = facts, query
        self.asked: list[str] = []
        self.backbone = SimpleNamespace(encode=self._encode)
        # The score is handed through as the first feature.
        self.scopes = {"intent": SimpleNamespace(score=lambda logits, features, query: features[:, 0])} if scope else {}

    def _column(self, texts: list[str], key: str, default: list[float]) -> torch.Tensor:
        return torch.tensor([self.facts.get(text, {}).get(key, default) for text in texts], dtype=torch.float32)

    def _encode(self, texts: list[str], prompt: str) -> Any:
        assert prompt == "query"
        return self._column(texts, "frozen", [1, 0]).numpy()

    def labels(self, head: str) -> tuple[str, ...]:
        return INTENTS if head == "intent" else SENTIMENTS

    def read(self, texts: list[str]) -> Outputs:
        self.asked += texts
        return Outputs(
            {
                "intent": self._column(texts, "intent", [1, 0, 0]),
                "sentiment": self._column(texts, "feeling", [1, 0, 0]),
            },
            {"intent": self._column(texts, "score", [0]), "sentiment": torch.zeros(len(texts), 1)},
            self._column(texts, "query", [1, 0]) if self.query else None,
        )

    def probabilities(self, outputs: Outputs, head: str) -> Any:
        return outputs.logits[head].numpy()


def measured(model: FakeModel, examples: list[Example], documents: dict[str, Any] | None = None) -> Report:
    return evaluate_model(cast(MultiTaskModel, model), Dataset(tuple(examples)), documents or {})


def test_calibration_error_is_the_weighted_gap() -> None:
    # Two texts at 0.95, one of them right; two at 0.65, both right: (2 * 0.45 + 2 * 0.35) / 4.
    probabilities = rows([0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65])
    assert expected_calibration_error(probabilities, [0, 1, 1, 1], bins=15) == pytest.approx(0.4)


def test_calibration_error_of_an_honest_model_is_small_and_of_a_boaster_large() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 4000).astype(np.float32)
    labels = (rng.random(4000) > sure).astype(int)  # column 0 is right as often as it says
    assert expected_calibration_error(np.stack([sure, 1 - sure], 1), labels) < 0.03
    assert expected_calibration_error(np.tile(rows([1, 0]), (4000, 1)), labels) == pytest.approx(
        labels.mean(), abs=1e-6
    )


def test_bins_hold_their_upper_edge_and_every_text() -> None:
    bins = reliability_bins(rows([0.5, 0.5], [1, 0], [1.0000001, 0], [0.75, 0.25]), [0, 0, 0, 0], bins=4)
    assert [b.count for b in bins] == [0, 1, 1, 2]
    assert (bins[0].confidence, bins[0].accuracy) == (0, 0)


def test_calibration_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no texts"):
        expected_calibration_error(np.empty((0, 3), np.float32), [])


def test_auroc_counts_pairs_and_halves_ties() -> None:
    assert auroc(rows([0, 1, 2])[0], rows([3, 4])[0]) == 1
    assert auroc(rows([1, 1])[0], rows([1])[0]) == 0.5
    assert auroc(rows([0, 3])[0], rows([1, 2])[0]) == 0.5
    with pytest.raises(ValueError, match="outside"):
        auroc(rows([0])[0], rows([])[0])


def test_reciprocal_ranks() -> None:
    scores = rows([0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5])
    assert reciprocal_ranks(scores, [[1], [0], {0, 2}, []]).tolist() == pytest.approx([1, 1 / 3, 1 / 2, 0])
    assert reciprocal_ranks(scores[:1], [[0]], k=2).tolist() == [0]


def test_a_constant_scorer_earns_nothing_by_its_ties() -> None:
    assert reciprocal_ranks(np.ones((1, 4), np.float32), [[0]]).tolist() == [0.25]
    assert reciprocal_ranks(np.ones((1, 4), np.float32), [[0, 1, 2, 3]]).tolist() == [1]
    with pytest.raises(ValueError, match="finite"):
        reciprocal_ranks(rows([float("nan"), 1]), [[0]])


def test_classifier_figures() -> None:
    probabilities = rows([0.9, 0.1, 0], [0.2, 0.8, 0], [0.4, 0.6, 0], [0.3, 0.7, 0])
    report = classifier_report(probabilities, INTENTS, ["a", "a", "a", "b"], ["one", "two", "three", "four"])
    assert report.accuracy == 0.5
    assert report.matrix == ((1, 2, 0), (0, 1, 0), (0, 0, 0))
    a, b, c = report.labels
    assert (a.precision, a.recall, a.f1, a.support) == pytest.approx((1, 1 / 3, 0.5, 3))
    assert (b.precision, b.recall, b.f1, b.support) == pytest.approx((1 / 3, 1, 0.5, 1))
    assert (c.precision, c.support) == (0, 0)
    # `c` has no texts in the test split and does not pull the means down.
    assert (report.precision, report.recall, report.f1) == pytest.approx((2 / 3, 2 / 3, 0.5))
    (only,) = report.confusions
    assert (only.true, only.predicted, only.count, only.texts) == ("a", "b", 2, ("two", "three"))


def test_confusions_come_largest_first_and_a_label_the_model_lacks_is_misread() -> None:
    probabilities = rows([0, 1, 0], [1, 0, 0], [1, 0, 0])
    report = classifier_report(probabilities, INTENTS, ["a", "new", "new"], ["x", "y", "z"])
    assert [(c.true, c.predicted, c.count) for c in report.confusions] == [("new", "a", 2), ("a", "b", 1)]
    assert report.accuracy == 0
    assert [row.label for row in report.labels] == ["a", "b", "c", "new"]
    assert report.labels[3].support == 2
    assert report.ece == pytest.approx(1)


def test_out_of_scope_figures() -> None:
    wrong = [0.0, 1.0, 0.0]
    model = FakeModel(
        {
            "in 1": {"score": [0.1]},
            "in 2": {"score": [0.6]},
            "in 3": {"score": [0.2], "intent": wrong},
            "in 4": {"score": [0.3], "intent": wrong},
            "out 1": {"score": [0.5]},
            "out 2": {"score": [0.3]},
        }
    )
    inside = [Example(f"in {n}", intent="a") for n in range(1, 5)]
    outside = [Example(f"out {n}", out_of_scope=True) for n in range(1, 3)]
    scope = measured(model, inside + outside).out_of_scope
    assert scope is not None
    assert (scope.in_scope, scope.out_of_scope, scope.threshold) == (4, 2, 0.5)
    assert scope.recall == 0.5  # a score at the threshold is refused
    assert scope.precision == 0.5
    assert scope.in_scope_lost == 0.25
    assert scope.understood_lost == 0.5
    assert scope.auroc == pytest.approx(5.5 / 8)
    assert (scope.curve[-1].in_scope_lost, scope.curve[-1].recall) == (1, 1)
    assert all(0 <= point.threshold <= 1 for point in scope.curve)


def test_precision_is_unknown_where_nothing_is_refused() -> None:
    model = FakeModel({})
    scope = measured(model, [Example("in", intent="a"), Example("out", out_of_scope=True)]).out_of_scope
    assert scope is not None
    assert (scope.precision, scope.recall) == (None, 0)


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    points = evaluate._curve(rng.random(3000), rng.random(3000))
    assert len(points) == evaluate.MOST_CURVE_POINTS
    assert (points[-1].in_scope_lost, points[-1].recall) == (1, 1)
    assert [p.in_scope_lost for p in points] == sorted(p.in_scope_lost for p in points)


def test_retrieval_beside_the_frozen_embedding() -> None:
    documents = {"near": rows([0, 1], [0.6, 0.8]), "far": rows([1, 0])}
    model = FakeModel(
        {
            "q1": {"query": [0.6, 0.8], "frozen": [1, 0]},  # best passage of `near` against `far`
            "q2": {"query": [1, 0], "frozen": [1, 0]},
        }
    )
    examples = [
        Example("hello", intent="a"),
        Example("q1", document="near"),
        Example("q2", document="far"),
        Example("q3", document="gone"),
    ]
    retrieval = measured(model, examples, documents).retrieval
    assert retrieval is not None
    assert (retrieval.count, retrieval.documents, retrieval.unknown) == (2, 2, ("gone",))
    assert (retrieval.query.accuracy_at_1, retrieval.query.mrr_at_10, retrieval.query.ndcg_at_10) == (1, 1, 1)
    assert (retrieval.frozen.accuracy_at_1, retrieval.frozen.mrr_at_10) == (0.5, 0.75)
    assert retrieval.frozen.ndcg_at_10 == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_a_hit_beyond_the_tenth_counts_nothing() -> None:
    documents = {f"d{n}": rows([1, 0]) for n in range(10)} | {"right": rows([0, 1])}
    retrieval = measured(FakeModel({}), [Example("q", document="right")], documents).retrieval
    assert retrieval is not None
    assert retrieval.query.mrr_at_10 == retrieval.query.ndcg_at_10 == 0


def test_outcomes_tell_of_each_text_what_became_of_it() -> None:
    model = FakeModel(
        {
            "in 1": {"score": [0.1], "intent": [0.2, 0.8, 0]},
            "in 2": {"score": [0.6], "intent": [0.9, 0.1, 0]},
            "out": {"score": [0.7]},
            "q": {"query": [0.6, 0.8]},
        }
    )
    examples = [
        Example("in 1", intent="b"),
        Example("felt", sentiment="positive"),
        Example("in 2", intent="b"),
        Example("out", out_of_scope=True),
        Example("q", document="near"),
    ]
    documents = {"near": rows([1, 0]), "far": rows([0, 1])}
    found = measure_model(cast(MultiTaskModel, model), Dataset(tuple(examples)), documents)
    outcomes = found.outcomes
    assert (outcomes.texts, outcomes.true, outcomes.predicted) == (("in 1", "in 2"), ("b", "b"), ("b", "a"))
    assert outcomes.right == (True, False)
    assert outcomes.confidences == pytest.approx((0.8, 0.9))
    assert (outcomes.inside, outcomes.outside) == (pytest.approx((0.1, 0.6)), pytest.approx((0.7,)))
    assert len(outcomes.feelings) == 1
    assert outcomes.ranks == (0.5,)
    assert found.report.counts["texts"] == 5


def test_parts_without_data_are_none() -> None:
    report = measured(FakeModel({}), [])
    assert (report.intent, report.sentiment, report.out_of_scope, report.retrieval) == (None,) * 4
    assert report.counts["texts"] == 0
    assert measured(FakeModel({}), [Example("x", sentiment="negative")]).intent is None
    both = [Example("x", intent="a"), Example("y", out_of_scope=True), Example("z", document="d")]
    for model in (FakeModel({}, scope=False), FakeModel({}, query=False)):
        assert measured(model, both).out_of_scope is None
    assert measured(FakeModel({}, query=False), both, {"d": rows([1, 0])}).retrieval is None


def test_each_text_is_read_once_in_chunks_and_the_progress_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "CHUNK", 2)
    texts = [f"t{n}" for n in range(5)]
    model = FakeModel({"t4": {"intent": [0, 0, 1]}})
    test = Dataset(tuple(Example(t, intent="c", sentiment="negative", document="d") for t in texts))
    said: list[tuple[int, int]] = []
    report = evaluate_model(
        cast(MultiTaskModel, model), test, {"d": rows([1, 0])}, lambda done, total: said.append((done, total))
    )
    assert model.asked == texts
    assert said == [(n, 10) for n in (2, 4, 5, 7, 9, 10)]
    assert report.intent is not None
    assert report.intent.accuracy == pytest.approx(0.2)
    assert report.sentiment is not None
    assert report.sentiment.accuracy == 1
    assert report.model_version == "7"


def test_a_report_survives_json_and_refuses_what_is_none(tiny: Backbone) -> None:
    heads = {"intent": HeadSpec("intent", ("a", "b")), "sentiment": HeadSpec("sentiment", SENTIMENTS)}
    torch.manual_seed(0)
    model = MultiTaskModel(tiny, ModelSpec(heads | {"query": HeadSpec("query")}), version="3")
    known = ["where is my parcel", "charged twice", "late order", "wrong card"]
    fit_intent(model, "intent", known, [0, 1, 0, 1], ["where is my order", "card charged"], [0, 1])
    examples = [
        Example("where is the box", intent="a", sentiment="neutral", document="box"),
        Example("card charged twice", intent="b", sentiment="negative"),
        Example("weather", out_of_scope=True),
    ]
    documents = {"box": tiny.encode(["the box", "a box"]), "card": tiny.encode(["card charged"])}
    report = evaluate_model(model, Dataset(tuple(examples)), documents)
    assert None not in (report.intent, report.sentiment, report.out_of_scope, report.retrieval)
    plain = report.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert Report.from_dict(plain) == report
    assert Report.from_dict(Report("1", "", 0.0, {}).to_dict()).intent is None
    with pytest.raises(ValueError, match="unknown.*colour"):
        Report.from_dict(plain | {"colour": "red"})
    with pytest.raises(ValueError, match="missing.*seconds"):
        Report.from_dict({k: v for k, v in plain.items() if k != "seconds"})
