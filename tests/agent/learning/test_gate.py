from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import pytest

from agent.learning.figures import Measured, Outcomes, Report
from agent.learning.gate import Figures, GateSettings, Training, Verdict, judge

INTENTS = ("fines", "hours", "loans", "person")
REPORT = Report("1", "", 0.0, {})
KINDS = {"in_scope": 400, "out_of_scope": 60, "sentiment": 0, "questions": 50}
TRAINING = Training(dict.fromkeys(INTENTS, 100), KINDS, 4, 4)


def outcomes(
    texts: int = 400,
    wrong: Iterable[int] = (),
    refused: Iterable[int] = (),
    passed: Iterable[int] = (),
    ranks: Iterable[float] = (),
    **others: object,
) -> Outcomes:
    """Texts of the intents in turn; ``wrong`` are misread, ``refused`` taken for out of scope; of 60 outsiders
    ``passed`` are let through."""
    true = [INTENTS[i % 4] for i in range(texts)]
    wrong, refused, passed = set(wrong), set(refused), set(passed)
    made = {
        "texts": tuple(f"text {i}" for i in range(texts)),
        "true": tuple(true),
        "predicted": tuple(INTENTS[(i + 1) % 4] if i in wrong else t for i, t in enumerate(true)),
        "confidences": (0.97,) * texts,
        "inside": tuple(0.9 if i in refused else 0.1 + 0.0005 * (i % 100) for i in range(texts)),
        "outside": tuple(0.05 if i in passed else 0.7 + 0.001 * i for i in range(60)),
        "ranks": tuple(ranks),
    }
    return Outcomes(**(made | others))  # type: ignore[arg-type]


def figures(measured: Outcomes, rolling: Outcomes | None = None, **others: object) -> Figures:
    recent = None if rolling is None else Measured(REPORT, rolling)
    return Figures("1", Measured(REPORT, measured), recent, **({"training": TRAINING} | others))  # type: ignore[arg-type]


def against(challenger: Figures, champion: Outcomes | None = None, **settings: float) -> Verdict:
    found = figures(champion or outcomes(wrong=range(0, 24)), latency_ms=5.0)
    return judge(found, challenger, GateSettings(**settings))  # type: ignore[arg-type]


def test_a_level_challenger_passes_and_the_figures_are_told() -> None:
    verdict = against(figures(outcomes(wrong=range(3, 27))))
    assert verdict.passed
    assert "accuracy on the frozen test set went from 0.940 to 0.940" in verdict.reasons[0]
    assert "McNemar p = 1" in verdict.reasons[0]
    assert json.loads(json.dumps(verdict.to_dict()))["passed"]
    assert {c.what for c in verdict.comparisons} >= {"accuracy", "macro-F1", "calibration error", "out-of-scope AUROC"}


def test_a_surely_worse_challenger_is_refused_with_its_interval() -> None:
    verdict = against(figures(outcomes(wrong=range(0, 60))))
    assert not verdict.passed
    accuracy = next(c for c in verdict.comparisons if c.what == "accuracy")
    assert accuracy.difference == pytest.approx(-0.09)
    assert -0.13 < accuracy.low < -0.09 < accuracy.high < -0.05
    assert accuracy.p is not None
    assert accuracy.p < 1e-6
    assert any(r.startswith("Worse than the champion: accuracy on the frozen test set") for r in verdict.reasons)


def test_what_may_be_chance_passes() -> None:
    """4 texts lost and 1 gained of 400: McNemar's p is 0.38."""
    assert against(figures(outcomes(wrong=[*range(1, 24), *range(24, 28)]))).passed


def test_a_loss_too_small_to_notice_passes_however_sure() -> None:
    champion = outcomes(texts=2400)
    assert against(figures(outcomes(texts=2400, wrong=range(6))), champion).passed
    assert not against(figures(outcomes(texts=2400, wrong=range(12))), champion).passed


def test_a_better_mean_hides_no_intent_that_collapsed() -> None:
    """Of 100 texts of ``fines`` 30 are lost, of the others 33 gained."""
    champion = outcomes(wrong=[i for i in range(400) if i % 4][:40])
    challenger = outcomes(wrong=[*[i for i in range(400) if i % 4][:7], *range(0, 120, 4)])
    verdict = against(figures(challenger), champion)
    assert next(r for r in verdict.reasons if "collapsed" in r).startswith("Intent 'fines' collapsed: recall of fines")
    accuracy = next(c for c in verdict.comparisons if c.what == "accuracy")
    assert accuracy.difference > 0
    assert len(verdict.reasons) == 1


@pytest.mark.parametrize(("lost", "passes"), [(2, True), (3, True), (5, False)])
def test_an_intent_of_few_texts_is_judged_by_an_interval(lost: int, passes: bool) -> None:
    def small(wrong: int) -> Outcomes:
        o = outcomes()
        true = (*["rare"] * 5, *o.true[5:])
        predicted = (*["hours"] * wrong, *["rare"] * (5 - wrong), *o.predicted[5:])
        return outcomes(true=true, predicted=predicted)

    assert against(figures(small(lost)), small(0)).passed == passes


def test_outsiders_that_are_let_through_are_counted() -> None:
    verdict = against(figures(outcomes(wrong=range(0, 24), passed=range(20))))
    assert any("out-of-scope recall" in reason for reason in verdict.reasons)
    assert any("out-of-scope AUROC" in reason for reason in verdict.reasons)
    assert against(figures(outcomes(wrong=range(0, 24), passed=range(2)))).passed


def test_understood_messages_that_are_refused_are_counted() -> None:
    verdict = against(figures(outcomes(wrong=range(0, 24), refused=range(30, 60))))
    assert any("understood and let through" in reason for reason in verdict.reasons)


def test_overconfidence_is_counted() -> None:
    champion = outcomes(wrong=range(80), confidences=(0.8,) * 400)
    verdict = against(figures(outcomes(wrong=range(80))), champion)
    (reason,) = verdict.reasons
    assert "calibration error on the frozen test set went from 0.000 to 0.170" in reason


def test_retrieval_and_sentiment_are_counted() -> None:
    champion = outcomes(ranks=[1.0] * 60, feelings=(True,) * 100)
    worse = outcomes(ranks=[0.5] * 20 + [1.0] * 40, feelings=(False,) * 9 + (True,) * 91)
    reasons = against(figures(worse), champion).reasons
    assert [r.split(": ")[1].split(" on ")[0] for r in reasons] == ["sentiment accuracy", "retrieval MRR"]


def test_recent_reviews_are_judged_beside_the_frozen_set() -> None:
    champion = figures(outcomes(), outcomes(texts=40, outside=()))
    verdict = judge(champion, figures(outcomes(), outcomes(texts=40, wrong=range(8), outside=())))
    assert any("the recent reviews" in reason for reason in verdict.reasons)
    one = figures(outcomes(), outcomes(texts=1, wrong=[0], outside=()))
    assert judge(figures(outcomes(), outcomes(texts=1, outside=())), one).passed, "one text proves nothing"


@pytest.mark.parametrize(
    ("kinds", "intents", "said"),
    [
        ({"out_of_scope": 0}, {}, "0 out-of-scope texts where the champion had 60"),
        ({"in_scope": 200}, {}, "200 examples of intents where the champion had 400"),
        ({"questions": 10}, {}, "10 questions with their article"),
        ({}, {"fines": 12}, "Intent 'fines' had 12 training examples where the champion had 100"),
    ],
)
def test_missing_data_is_named(kinds: dict[str, int], intents: dict[str, int], said: str) -> None:
    training = Training({**TRAINING.intents, **intents}, {**KINDS, **kinds}, 4, 4)
    verdict = against(figures(outcomes(wrong=range(0, 24)), training=training))
    assert [said in reason for reason in verdict.reasons] == [True]
    old = judge(figures(outcomes(), training=None), figures(outcomes(), training=training))
    assert old.passed, "the champion does not say what it was trained on"


def test_a_new_intent_is_no_loss_and_one_that_was_taken_out_none_either() -> None:
    training = Training({"fines": 100, "hours": 100, "loans": 100, "weather": 15}, KINDS, 4, 4)
    assert against(figures(outcomes(wrong=range(0, 24)), training=training)).passed


def test_a_training_that_was_cut_short_has_to_be_level() -> None:
    early = Training(TRAINING.intents, KINDS, 1, 4, finished=False)
    assert "after 1 of 4 epochs, not even half" in against(figures(outcomes(), training=early)).reasons[0]
    cut = Training(TRAINING.intents, KINDS, 2, 4, finished=False)
    verdict = against(figures(outcomes(wrong=range(0, 27)), training=cut))
    assert "cut short after 2 of 4 epochs" in verdict.reasons[0]
    assert against(figures(outcomes(wrong=range(0, 27)))).passed
    assert against(figures(outcomes(wrong=range(0, 23)), training=cut)).passed


@pytest.mark.parametrize(("latency", "passes"), [(6.9, True), (8.0, False), (None, True)])
def test_latency(latency: float | None, passes: bool) -> None:
    assert against(figures(outcomes(wrong=range(0, 24)), latency_ms=latency)).passed == passes


def test_without_enough_texts_there_is_no_verdict() -> None:
    verdict = judge(figures(outcomes(texts=12)), figures(outcomes(texts=12)))
    assert "has 12 messages whose intent is known, too few" in verdict.reasons[0]


def test_what_a_challenger_lacks_altogether_is_named() -> None:
    champion = outcomes(ranks=[1.0] * 40)
    verdict = against(figures(outcomes(inside=(), outside=())), champion)
    assert list(verdict.reasons) == [
        "The challenger has no out-of-scope score, the champion does.",
        "The challenger looks nothing up, the champion does.",
    ]


def test_honest_noise_passes_nineteen_times_of_twenty() -> None:
    """Both are right with 0.93 on a text, and differ on about six in a hundred."""
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(20):
        hard = rng.random(400) < 0.1
        wrong = [np.flatnonzero(hard & (rng.random(400) < 0.7)).tolist() for _ in range(2)]
        first, second = (outcomes(wrong=w) for w in wrong)
        passed += judge(figures(first), figures(second)).passed
    assert passed >= 18
