from __future__ import annotations

import numpy as np
import pytest

from agent.model.vote import Matrix, NeighbourVote

KNOWN = np.array([[1, 0], [0.96, 0.28], [0, 1], [-1, 0]], np.float32)
LABELS = np.array([0, 0, 1, 2], np.int64)


def shares_of(vote: NeighbourVote, queries: list[list[float]], labels: int) -> Matrix:
    return vote.shares(vote.near(np.array(queries, np.float32)), labels)


def test_the_nearest_examples_give_their_label_the_most() -> None:
    shares = shares_of(NeighbourVote(KNOWN, LABELS, 0.5), [[1, 0], [0, 1]], 3)
    assert shares.sum(1) == pytest.approx([1, 1])
    assert shares.argmax(1).tolist() == [0, 1]
    assert shares[0, 0] == pytest.approx(1, abs=1e-4)


def test_examples_that_are_as_near_share_evenly() -> None:
    shares = shares_of(NeighbourVote(KNOWN[[0, 2]], LABELS[[0, 2]], 0.5), [[0.6, 0.6]], 2)
    assert shares[0] == pytest.approx([0.5, 0.5])


def test_only_so_many_neighbours_have_a_vote() -> None:
    crowd = np.tile(np.array([[0.9, 0.43589]], np.float32), (50, 1))
    vote = NeighbourVote(np.concatenate([KNOWN[:1], crowd]), np.array([0] + [1] * 50), 0.5)
    near, rest = shares_of(vote, [[1, 0]], 2)[0]
    weight = np.exp((0.9 - 1) / NeighbourVote.TEMPERATURE)
    assert rest / near == pytest.approx((NeighbourVote.NEIGHBOURS - 1) * weight, rel=1e-3)


def test_the_blend_is_a_weighted_mean() -> None:
    chances = np.array([[0.2, 0.7, 0.1]], np.float32)
    query = np.array([[1, 0]], np.float32)
    votes = [NeighbourVote(KNOWN, LABELS, weight) for weight in (1.0, 0.0, 0.5)]
    whole, none, half = (vote.blended(chances, vote.near(query)) for vote in votes)
    assert whole[0].argmax() == 0
    assert none[0] == pytest.approx(chances[0])
    assert half == pytest.approx((whole + none) / 2)
