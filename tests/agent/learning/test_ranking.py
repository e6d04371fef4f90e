"""The protocol: leave-one-out by time, full ranking, figures by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agent.errors import TrainingError
from agent.learning.ranking import Case, Ranking, difference, figures, gain, rank_cases, short_histories, split
from agent.types import Event, EventKind


def event(user: str, item: str, day: int, kind: EventKind = "like", value: float | None = None) -> Event:
    return Event(f"{user}-{item}-{day}", "app", user, item, kind, f"2024-01-{day:02}T00:00:00.000000+00:00", value)


def likes(user: str, items: str) -> list[Event]:
    return [event(user, item, day) for day, item in enumerate(items, start=1)]


def test_the_last_like_is_the_test_case_and_those_before_it_validate() -> None:
    cut = split(likes("ann", "abcdefghij"))
    assert cut.items == tuple("abcdefghij")
    (case,) = cut.test
    assert (case.user, case.target, case.before) == ("ann", 9, 9)
    assert case.history.tolist() == list(range(9))
    assert [one.target for one in cut.validation] == [4, 5, 6, 7, 8]
    assert [e.item for e in cut.before(cut.validation)["ann"]] == list("abcd")
    assert [rows.tolist() for rows in cut.likes(cut.validation)] == [[0, 1, 2, 3]]


def test_a_user_with_few_likes_keeps_three_to_learn_from() -> None:
    cut = split(likes("ann", "abcde"))
    assert [(case.target, case.before) for case in cut.validation] == [(3, 3)]


def test_users_with_too_few_likes_are_left_out_and_named_if_there_is_nobody_else() -> None:
    assert len(split([*likes("ann", "abcde"), *likes("bob", "abcd")]).test) == 1
    with pytest.raises(TrainingError, match="No user liked 5 items"):
        split(likes("bob", "abcd"))


def test_late_events_are_put_in_order_and_equal_times_keep_the_recorded_one() -> None:
    mixed = [
        event("ann", "e", 9),
        event("ann", "b", 1),
        event("ann", "a", 1),
        event("ann", "d", 9),
        event("ann", "c", 5),
    ]
    cut = split(mixed)
    assert cut.items == ("b", "a", "c", "e", "d")
    assert cut.items[cut.test[0].target] == "d"
    assert cut.tied == 1


def test_other_events_are_known_to_the_model_but_never_a_target() -> None:
    events = [
        *likes("ann", "abcd"),
        event("ann", "x", 5, "dislike"),
        event("ann", "e", 6),
        event("ann", "f", 7, "view"),
    ]
    cut = split(events)
    assert "x" not in cut.items
    (case,) = cut.test
    assert cut.items[case.target] == "e"
    assert [e.item for e in cut.events["ann"][: case.before]] == list("abcdx")


def test_a_mark_below_four_is_no_like_and_a_second_like_counts_once() -> None:
    rated = [event("ann", item, day, "rate", 4.0) for day, item in enumerate("abcde", start=1)]
    cut = split([*rated, event("ann", "z", 6, "rate", 3.5), event("ann", "a", 7)])
    assert cut.items == tuple("abcde")
    assert cut.items[cut.test[0].target] == "e"


def test_items_of_a_catalogue_are_all_ranked_and_events_of_others_passed_over() -> None:
    cut = split(likes("ann", "abcdeq"), items=[*"edcba", "never"])
    assert cut.items == (*"edcba", "never")
    assert cut.items[cut.test[0].target] == "e"


def test_ranks_leave_out_what_was_liked_before_and_put_equal_scores_before_the_right_item() -> None:
    case = Case("ann", np.array([0, 1]), 3, 2)
    ranking = rank_cases(lambda cases: np.array([[9, 9, 5, 5, 5, 1]], np.float32), [case])
    assert ranking.ranks.tolist() == [3]  # 2 and 4 are equal, 0 and 1 were liked before
    assert ranking.top[0, :4].tolist() == [2, 3, 4, 5]


def test_a_constant_scorer_earns_nothing() -> None:
    case = Case("ann", np.array([0]), 5, 1)
    ranking = rank_cases(lambda cases: np.zeros((1, 40), np.float32), [case])
    assert ranking.ranks.tolist() == [39]
    assert ranking.gains.tolist() == [0.0]


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        rank_cases(lambda cases: np.full((1, 12), np.nan, np.float32), [Case("ann", np.array([0]), 5, 1)])


def test_the_scorers_own_matrix_is_left_as_it_was() -> None:
    scores = np.ones((1, 12), np.float32)
    rank_cases(lambda cases: scores, [Case("ann", np.array([0]), 5, 1)])
    assert np.isfinite(scores).all()


def test_figures_by_hand() -> None:
    known = [np.array([0, 1, 2]), np.array([0, 1])]
    cases = [Case("ann", known[0], 3, 3), Case("bob", known[1], 4, 2)]
    top = np.array([[3, *range(5, 14)], [0, *range(5, 14)]])
    found = figures(Ranking(np.array([1, 11]), top), cases, known, items=20)
    assert found.ndcg == 0.5
    assert found.hit_rate == 0.5
    assert found.mrr == pytest.approx((1 + 1 / 11) / 2)
    assert found.coverage == 11 / 20
    # Of the twenty places one holds an item that both users liked; what nobody liked counts as liked by one.
    assert found.novelty == pytest.approx(19 / 20)
    assert found.popularity_lift == pytest.approx((2 / 20) / ((5 / 3 + 2) / 2))
    assert found.tail == pytest.approx(1 - 2 / 20)  # the four most liked are 0, 1, 2 and, of the rest, 3


def test_gain_is_one_over_the_logarithm_and_nothing_beyond_the_tenth() -> None:
    assert gain(1) == 1
    assert gain(3) == pytest.approx(1 / math.log2(4))
    assert gain(11) == 0


def test_short_histories_are_those_of_up_to_ten_likes() -> None:
    cases = [Case("a", np.arange(9), 20, 9), Case("b", np.arange(10), 20, 10)]
    assert short_histories(cases) == [0]


def test_the_bootstrap_is_paired() -> None:
    theirs = np.linspace(0, 1, 200)
    always = difference(theirs + 0.1, theirs, draws=500)
    assert always.low == pytest.approx(0.1)
    assert always.high == pytest.approx(0.1)
    rng = np.random.default_rng(0)
    chance = difference(rng.random(200), rng.random(200), draws=500)
    assert chance.low < 0 < chance.high
