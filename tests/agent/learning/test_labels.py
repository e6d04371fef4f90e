from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.learning.labels import FEWEST, WRONG, label_errors

NAMES = ["track", "return", "pay"]


def clouds(per_label: int, seed: int = 0) -> tuple[NDArray[np.float32], list[str]]:
    """Unit vectors around three directions, with their labels in turn."""
    random = np.random.default_rng(seed)
    labels = [NAMES[i % 3] for i in range(3 * per_label)]
    vectors = np.eye(8, dtype=np.float32)[[NAMES.index(label) for label in labels]]
    vectors += random.normal(0, 0.15, vectors.shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def test_wrong_labels_are_found_with_the_better_one_and_the_right_ones_are_left_alone() -> None:
    vectors, labels = clouds(40)
    wrong = {5: "track", 33: "return", 77: "track", 90: "pay"}
    right = {row: labels[row] for row in wrong}
    for row, label in wrong.items():
        labels[row] = label
    found = label_errors(vectors, labels)
    assert {s.row: s.better for s in found} == right
    assert {s.row: s.label for s in found} == wrong
    assert [s.times for s in found] == sorted((s.times for s in found), reverse=True)
    assert all(s.times >= WRONG for s in found)
    assert label_errors(vectors, labels) == found


def test_nothing_is_said_of_labels_with_hardly_an_example_or_of_hardly_any_data() -> None:
    vectors, labels = clouds(40)
    for row in range(FEWEST - 1):
        labels[row] = "rare"
    assert "rare" not in {s.label for s in label_errors(vectors, labels)}
    assert label_errors(vectors[:3], labels[:3]) == []
    assert label_errors(vectors, ["track"] * len(vectors)) == []
    assert label_errors(np.empty((0, 8), np.float32), []) == []
