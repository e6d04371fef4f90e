from __future__ import annotations

import numpy as np

from agent.learning.groups import TYPICAL, group


def test_what_is_alike_is_grouped_largest_first_and_strays_are_in_no_group() -> None:
    random = np.random.default_rng(0)
    directions = np.eye(40, dtype=np.float32)
    kinds = [0] * 6 + [1] * 9 + list(range(2, 20)) + [1] * 3
    vectors = directions[kinds] + random.normal(0, 0.05, (len(kinds), 40)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    about = ["gift wrap", "bike repair"]
    texts = [f"{about[k] if k < 2 else 'stray'} {chr(97 + n) * 9}" for n, k in enumerate(kinds)]
    found = group(texts, vectors)
    assert [len(g.rows) for g in found] == [12, 6]
    assert sorted(found[1].rows) == list(range(6))
    for g, word in zip(found, ("bike repair", "gift wrap"), strict=True):
        assert len(g.typical) == TYPICAL
        assert all(text.startswith(word) for text in g.typical)
        assert g.typical[0] == texts[g.rows[0]]


def test_typical_texts_are_not_nearly_the_same() -> None:
    vectors = np.tile(np.eye(4, dtype=np.float32)[0], (6, 1))
    texts = ["do you wrap gifts", "Do you wrap gifts?", "do you wrap gifts!!", "wrap it please", "gift paper", "a bow"]
    [found] = group(texts, vectors)
    assert len(found.rows) == 6
    assert found.typical == ("do you wrap gifts", "wrap it please", "gift paper", "a bow")


def test_too_few_make_no_group() -> None:
    assert group([], np.empty((0, 4), np.float32)) == []
    assert group(["a", "b"], np.eye(4, dtype=np.float32)[[0, 0]]) == []
    assert group(list("abcdef"), np.eye(6, dtype=np.float32)) == []
