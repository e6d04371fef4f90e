"""The item space: rows, masks, and what a catalogue must not be."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import ModelError
from agent.model.items import ItemSpace


def test_rows_and_masks_pass_over_what_there_is_not() -> None:
    space = ItemSpace(["a", "b", "c"], np.eye(3, dtype=np.float32))
    assert (space.row("b"), space.row("z")) == (1, None)
    assert space.rows(["c", "z", "a", "c"]).tolist() == [2, 0, 2]
    assert space.mask(["c", "z"]).tolist() == [False, False, True]
    np.testing.assert_allclose(space.centre, [1 / 3] * 3)


def test_an_empty_catalogue() -> None:
    space = ItemSpace([], np.empty((0, 3), np.float32))
    assert (len(space), space.dimension) == (0, 3)
    assert not space.centre.any()


def test_an_id_that_stands_twice_is_named() -> None:
    with pytest.raises(ModelError, match="Item 'b' stands twice"):
        ItemSpace(["a", "b", "b"], np.eye(3, dtype=np.float32))


def test_items_and_vectors_must_be_as_many() -> None:
    with pytest.raises(ModelError, match=r"2 items need as many vectors; the matrix has shape \(3, 3\)"):
        ItemSpace(["a", "b"], np.eye(3, dtype=np.float32))
