from __future__ import annotations

import numpy as np
import pytest

from agent.learning.teachers import Matrix, spread


@pytest.fixture
def two_moons() -> tuple[Matrix, list[int]]:
    """Two arcs on a circle, each a chain of near neighbours."""
    angles = np.concatenate([np.linspace(0, 1.4, 40), np.linspace(2.2, 3.6, 40)])
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), [0] * 40 + [1] * 40


def test_labels_spread_along_neighbours(two_moons: tuple[Matrix, list[int]]) -> None:
    vectors, labels = two_moons
    known = [0, 79]
    others = [i for i in range(80) if i not in known]
    believed = spread(vectors[known], [0, 1], vectors[others], 2)
    assert believed.argmax(1).tolist() == [labels[i] for i in others]


def test_doubt_counts_less(two_moons: tuple[Matrix, list[int]]) -> None:
    vectors, labels = two_moons
    between = np.array([[np.cos(1.8), np.sin(1.8)]], np.float32)
    believed = spread(vectors, labels, np.concatenate([between, vectors[5:6]]), 3)
    assert believed[0].sum() < believed[1].sum() <= 1
    assert believed[:, 2].max() < 0.01
