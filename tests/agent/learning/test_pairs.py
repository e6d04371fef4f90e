from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, roc_auc_score

from agent.learning.evaluate import expected_calibration_error
from agent.learning.pairs import (
    RESAMPLES,
    aurocs,
    calibration_error,
    difference,
    macro_f1,
    mcnemar,
    means,
    newcombe,
    resamples,
)


def outcomes(both: int, lost: int, gained: int, neither: int) -> tuple[list[bool], list[bool]]:
    first = [True] * (both + lost) + [False] * (gained + neither)
    second = [True] * both + [False] * lost + [True] * gained + [False] * neither
    return first, second


def test_mcnemar_looks_at_the_texts_that_differ_alone() -> None:
    assert mcnemar(*outcomes(90, 0, 0, 10)) == 1
    assert mcnemar(*outcomes(90, 8, 0, 2)) == pytest.approx(2 * 0.5**8)
    assert mcnemar(*outcomes(500, 20, 9, 3)) == pytest.approx(binomtest(20, 29).pvalue)
    assert mcnemar(*outcomes(5, 9, 20, 0)) == mcnemar(*outcomes(5, 20, 9, 0))


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    # Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on paired
    # data, table III, method 10: cells (36, 12, 2, 0) and (54, 0, 0, 0).
    [((36, 12, 2, 0), 0.2, 0.0569, 0.3404), ((54, 0, 0, 0), 0.0, -0.0664, 0.0664)],
)
def test_newcombes_interval_is_that_of_his_paper(
    table: tuple[int, int, int, int], value: float, low: float, high: float
) -> None:
    found = newcombe(*outcomes(*table)[::-1])
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=5e-4)


def test_an_interval_of_few_texts_is_wide_and_never_empty() -> None:
    five = newcombe([True] * 5, [False] * 5)
    assert five.value == -1
    assert -1 <= five.low < five.high < -0.3
    one = newcombe([True], [False])
    assert one.high > -0.3


def test_the_first_sample_is_the_texts_as_they_are() -> None:
    drawn = resamples(7)
    assert drawn.shape == (RESAMPLES + 1, 7)
    assert (drawn[0] == 1).all()
    assert (drawn.sum(1) == 7).all()
    assert np.array_equal(drawn, resamples(7))
    assert not np.array_equal(drawn, resamples(7, seed=1))


def test_figures_of_the_texts_as_they_are_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true = rng.choice(["a", "b", "c"], 60).tolist()
    predicted = [t if rng.random() < 0.7 else "b" for t in true]
    drawn = resamples(60)
    labels = sorted(set(true))
    expected = f1_score(true, predicted, labels=labels, average="macro", zero_division=0)
    assert macro_f1(true, predicted, drawn)[0] == pytest.approx(expected)
    right = [t == p for t, p in zip(true, predicted, strict=True)]
    confidences = rng.random(60)
    columns = np.stack([confidences, 1 - confidences], 1).astype(np.float32)
    columns[:, 1] = 0
    at = [0 if r else 1 for r in right]
    assert calibration_error(right, confidences.tolist(), drawn)[0] == pytest.approx(
        expected_calibration_error(columns, at), abs=1e-6
    )
    inside, outside = rng.normal(0, 1, 50).round(1).tolist(), rng.normal(1, 1, 30).round(1).tolist()
    scores = aurocs(inside, outside, resamples(50), resamples(30, 1))
    assert scores[0] == pytest.approx(roc_auc_score([0] * 50 + [1] * 30, inside + outside))
    assert 0.02 < scores[1:].std() < 0.1


def test_an_interval_covers_what_chance_does() -> None:
    first, second = outcomes(800, 60, 20, 120)
    drawn = resamples(1000)
    found = difference(means(first, drawn), means(second, drawn))
    assert found.value == pytest.approx(-0.04)
    # Standard error of the difference: sqrt((lost + gained) / n - value²) / sqrt(n).
    error = np.sqrt((0.08 - 0.04**2) / 1000)
    assert (found.low, found.high) == pytest.approx((-0.04 - 1.96 * error, -0.04 + 1.96 * error), abs=0.002)
    assert (found.low, found.high) == pytest.approx(
        (newcombe(first, second).low, newcombe(first, second).high), abs=0.004
    )
