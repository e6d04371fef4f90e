from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agent.learning import drift
from agent.learning.drift import ALPHA, FEWEST, Shift, Traffic, Values, far_limit, references, shifts, to_dict


def known(rng: np.random.Generator, n: int) -> Values:
    """Distances of messages like the training examples."""
    return rng.beta(6, 10, n)


def foreign(rng: np.random.Generator, n: int) -> Values:
    return rng.beta(14, 8, n)


def traffic(rng: np.random.Generator, n: int = 300, alien: float = 0.0) -> Traffic:
    """Messages of which a share of ``alien`` is foreign."""
    strange = int(n * alien)
    return Traffic(
        confidence=rng.beta(8, 2, n),
        distance=np.concatenate([known(rng, n - strange), foreign(rng, strange)]),
        refused=(rng.random(n) < 0.05).astype(float),
        handed_over=(rng.random(n) < 0.05).astype(float),
        unknown=np.zeros(n),
    )


def of(found: list[Shift], measure: str, against: str) -> Shift:
    [shift] = [s for s in found if (s.measure, s.against) == (measure, against)]
    return shift


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_foreign_messages_is_found_by_their_distance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    training = known(rng, 2000)
    found = shifts(traffic(rng, 1000, alien=0.1), traffic(rng, 2000), training)
    shift = of(found, "distance", "training")
    assert shift.certain
    assert shift.now > shift.then
    assert shift.statistic > 0.06
    assert of(found, "distance", "before").p < ALPHA


def test_traffic_as_before_is_no_drift() -> None:
    false_alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = shifts(traffic(rng), traffic(rng), known(rng, 2000))
        assert len(found) == 6
        false_alarms += any(shift.certain for shift in found)
    # Corrected for six tests, one look in a hundred errs.
    assert false_alarms <= 2


def test_a_rate_that_rose_is_found() -> None:
    rng = np.random.default_rng(0)
    now, before = traffic(rng), traffic(rng)
    now = replace(now, refused=(np.arange(300) < 90).astype(float), unknown=(np.arange(300) < 60).astype(float))
    found = shifts(now, before, known(rng, 2000))
    refused = of(found, "refused", "before")
    assert refused.certain
    assert refused.statistic == pytest.approx(abs(refused.now - refused.then))
    assert refused.now == pytest.approx(0.3)
    assert of(found, "unknown", "before").certain
    assert not of(found, "handed_over", "before").certain


def test_tests_are_corrected_together() -> None:
    # Holm's own steps: times 4, 3, 2, 1 from the smallest on, never falling, at most 1.
    assert drift._holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert drift._holm([0.5, 0.9]) == [1.0, 1.0]
    assert drift._holm([]) == []


def test_too_few_turns_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    few = traffic(rng, FEWEST - 1)
    assert shifts(few, traffic(rng), known(rng, 500)) == []
    unkept = replace(traffic(rng), distance=np.full(300, np.nan))
    assert {s.measure for s in shifts(unkept, traffic(rng), known(rng, 500))} == {
        "confidence",
        "refused",
        "handed_over",
        "unknown",
    }


def test_references_leave_the_example_itself_out() -> None:
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(50, 8)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ queries.T
    expected = [1 - np.sort(np.delete(cosines[i], i))[-3:].mean() for i in range(50)]
    assert references(queries) == pytest.approx(expected, abs=1e-5)
    assert len(references(queries[:3])) == 0
    assert len(references(np.repeat(queries, 50, axis=0))) <= 2000


def test_what_is_far_lies_beyond_nearly_all_training_examples() -> None:
    assert far_limit(np.linspace(0, 1, 101)) == pytest.approx(0.99)
    assert far_limit(np.empty(0)) == float("inf")


def test_a_shift_is_ready_for_json() -> None:
    shift = Shift("distance", "training", 0.4, 0.3, 0.2, 0.001)
    assert to_dict(shift)["certain"] is True
    assert to_dict(shift)["against"] == "training"
