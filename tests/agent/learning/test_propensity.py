from __future__ import annotations

import numpy as np
import pytest

from agent.learning.propensity import event_weights, propensities
from agent.types import Event

NOTICED = [1.0, 0.5, 0.25]


def shown_and_chosen(count: int, seed: int = 0) -> tuple[list[list[str]], list[tuple[str, int]]]:
    """Rows of three items that people like unequally, in an order that mostly follows that, looked at from the top."""
    random = np.random.default_rng(seed)
    liking = {"a": 0.6, "b": 0.4, "c": 0.2}
    rows, chosen = [], []
    for _ in range(count):
        row = sorted(liking, key=lambda item: liking[item] + random.normal(0, 0.3), reverse=True)
        rows.append(row)
        chosen += [
            (item, place)
            for place, item in enumerate(row, start=1)
            if random.random() < liking[item] * NOTICED[place - 1]
        ]
    return rows, chosen


def test_how_likely_a_place_is_noticed_is_found_though_better_items_stand_further_up() -> None:
    rows, chosen = shown_and_chosen(20_000)
    assert propensities(rows, chosen) == pytest.approx(NOTICED, abs=0.03)
    # What does not compare an item with itself takes the order for inattention.
    naive = [sum(place == at for _, at in chosen) / len(rows) for place in (1, 2, 3)]
    assert naive[2] / naive[0] < 0.2


def test_too_little_to_compare_corrects_nothing() -> None:
    rows, chosen = shown_and_chosen(10)
    assert propensities(rows, chosen) == [1.0, 1.0, 1.0]
    assert propensities([], []) == [1.0]
    assert propensities([["a", "b"]] * 50, [("b", 2)]) == [1.0, 1.0]


def test_a_place_further_down_is_never_noticed_more() -> None:
    rows = [["a", "b"], ["b", "a"]] * 50
    assert propensities(rows, [("a", 1), *[("a", 2)] * 20]) == [1.0, 1.0]


def test_what_an_event_counts_for_is_bounded() -> None:
    def event(position: int | None) -> Event:
        return Event("e", "shop", "ann", "a", "click", "2026-11-25T10:00:00.000000+00:00", position=position)

    places = [None, 1, 2, 3, 9]
    assert event_weights([event(place) for place in places], [1.0, 0.5, 0.02]).tolist() == [1, 1, 2, 10, 10]
    assert event_weights([event(2)], [1.0, 0.0], clip=3).tolist() == [3]
    assert event_weights([], [1.0]).shape == (0,)
