"""Forecasts out of sample, the tests that compare them, and the sentence that follows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kstest, ttest_1samp

from apps.finance.har import (
    Comparison,
    Forecasts,
    TooFewSessionsError,
    compare,
    diebold_mariano,
    forecast,
    sentence,
)
from apps.finance.volatility import har_features

Floats = NDArray[np.float64]
WINDOW = 120
SESSIONS = 420
DAYS = [date(2014, 1, 1) + timedelta(days=n) for n in range(SESSIONS)]


def world(seed: int, effect: float) -> tuple[Floats, Floats]:
    """Logarithmic volatility that persists, and moves with the sentiment of the session before by ``effect``."""
    random = np.random.default_rng(seed)
    sentiment = random.normal(0, 1, (SESSIONS, 3))
    log_vol = np.zeros(SESSIONS)
    for now in range(1, SESSIONS):
        log_vol[now] = 0.7 * log_vol[now - 1] + effect * sentiment[now - 1, 0] + random.normal(0, 0.5)
    return log_vol, sentiment


def run(seed: int, effect: float) -> Forecasts:
    log_vol, sentiment = world(seed, effect)
    return forecast(DAYS, log_vol, har_features(log_vol), sentiment, WINDOW)


def test_sentiment_that_matters_is_found() -> None:
    result = compare("A", [run(0, 0.4)])
    assert result.r2_sentiment > result.r2_har + 0.1 > 0.3
    assert result.dm > 0
    assert max(result.p, result.p_nested) < 0.001
    assert sentence(result).startswith("Sentiment of the day before improved the forecast of the volatility of A: out-")


def test_sentiment_that_does_not_matter_is_said_to_say_nothing() -> None:
    results = [compare("A", [run(seed, 0.0)]) for seed in range(20)]
    assert sum(result.p < 0.05 and result.dm > 0 for result in results) <= 2
    assert sum(result.p_nested < 0.05 for result in results) <= 4
    silent = max(results, key=lambda result: result.p)
    assert sentence(silent).startswith("Sentiment says nothing here on the volatility of A: out-of-sample R2 ")
    assert f"p = {silent.p:.2f}, {silent.count} sessions from {silent.first} to {silent.last}." in sentence(silent)


def test_a_worse_forecast_is_called_worse() -> None:
    worse = Comparison("A", 300, DAYS[0], DAYS[-1], 0.3, 0.2, -3.0, 0.003, 0.9)
    assert sentence(worse).startswith("Sentiment says nothing here on the volatility of A, and made its forecast worse")
    assert "p < 0.01" in sentence(worse)


def test_each_forecast_is_fitted_on_what_its_session_knows() -> None:
    log_vol, sentiment = world(1, 0.4)
    before = forecast(DAYS, log_vol, har_features(log_vol), sentiment, WINDOW)
    cut = 300
    later, other = world(2, -0.4)
    log_vol[cut + 1 :], sentiment[cut + 1 :] = later[cut + 1 :], other[cut + 1 :]
    after = forecast(DAYS, log_vol, har_features(log_vol), sentiment, WINDOW)
    # The session after the cut is the last whose forecast knows nothing of what changed.
    known = sum(day <= DAYS[cut + 1] for day in before.days)
    for name in ("har", "sentiment", "average"):
        assert getattr(before, name)[:known].tolist() == getattr(after, name)[:known].tolist()
        assert getattr(before, name)[known] != getattr(after, name)[known]


def test_sessions_without_a_value_are_neither_fitted_nor_forecast() -> None:
    log_vol, sentiment = world(2, 0.0)
    log_vol[250] = np.nan
    found = forecast(DAYS, log_vol, har_features(log_vol), sentiment, WINDOW)
    assert not {DAYS[250], DAYS[251]} & set(found.days)
    assert np.isfinite(found.sentiment).all()


def test_too_short_a_file_says_what_is_needed() -> None:
    log_vol, sentiment = world(3, 0.0)
    with pytest.raises(TooFewSessionsError, match="need 170. Load a longer price file"):
        forecast(DAYS[:150], log_vol[:150], har_features(log_vol[:150]), sentiment[:150], WINDOW)


def test_one_step_ahead_the_statistic_is_that_of_a_t_test() -> None:
    first, second = np.random.default_rng(0).gamma(1.0, 1.0, (2, 80))
    statistic, p = diebold_mariano(first, second)
    known = ttest_1samp(first - second, 0.0)
    assert statistic == pytest.approx(known.statistic)
    assert p == pytest.approx(known.pvalue)
    assert diebold_mariano(second, first) == pytest.approx((-statistic, p))
    assert diebold_mariano(first, first) == (0.0, 1.0)


@pytest.mark.parametrize("horizon", [1, 3])
def test_equal_forecasts_give_uniform_p_values(horizon: int) -> None:
    random = np.random.default_rng(horizon)
    values = []
    for _ in range(400):
        # Errors of a horizon overlap: moving averages of as many shocks.
        losses = [np.convolve(random.normal(0, 1, 200), np.ones(horizon), "valid") ** 2 for _ in range(2)]
        values.append(diebold_mariano(losses[0], losses[1], horizon)[1])
    assert kstest(values, "uniform").pvalue > 0.01


def test_companies_that_move_together_are_no_more_evidence_than_one() -> None:
    one = run(4, 0.4)
    alone, pooled = compare("A", [one]), compare("all", [one] * 5)
    assert (pooled.count, pooled.dm, pooled.p) == pytest.approx((alone.count, alone.dm, alone.p))
    assert pooled.r2_sentiment == pytest.approx(alone.r2_sentiment)
