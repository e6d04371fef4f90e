"""Links between items: who speaks for whom, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from agent.learning.links import KEPT, _near, learn_links


def test_what_is_liked_near_each_other_is_linked_the_nearer_the_more() -> None:
    order = np.arange(8)
    near = _near([order] * 5, np.array([5] * 8 + [0] * 2)).toarray()
    assert near[3, 4] > near[3, 5] > near[3, 7] > 0
    assert near[4, 3] == near[3, 4]
    links = learn_links([order] * 5, 10).toarray()
    assert (links[3, [2, 4, 7]] > 0).all()
    assert not links.diagonal().any()
    assert not links[8].any()
    assert not links[:, 9].any()


def test_what_is_merely_popular_is_linked_less_than_what_belongs_together() -> None:
    rng = np.random.default_rng(0)
    # 0 is liked by everybody; 1 and 2 by the same few, always together.
    crowd = [np.array([0, *rng.permutation(np.arange(3, 20))[:6]]) for _ in range(80)]
    few = [np.array([1, 2, 0, *rng.permutation(np.arange(3, 20))[:4]]) for _ in range(8)]
    links = learn_links([*crowd, *few], 20).toarray()
    assert links[1, 2] > links[1, 0]


def test_an_item_keeps_its_strongest_links() -> None:
    rng = np.random.default_rng(0)
    links = learn_links([rng.permutation(400)[:60] for _ in range(60)], 400)
    assert np.diff(links.indptr).max() <= 2 * KEPT
    assert links.dtype == np.float32


@pytest.mark.parametrize("likes", [[], [np.array([], np.int64)], [np.array([2])]], ids=["nobody", "nothing", "one"])
def test_nothing_to_link(likes: list[np.ndarray]) -> None:
    assert learn_links(likes, 4).nnz == 0
