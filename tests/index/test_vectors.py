"""The FAISS part: flat and inverted lists, and the way between them."""

from __future__ import annotations

import numpy as np
import pytest

from index.vectors import VectorIndex, Vectors

D = 16


def unit(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def filled(count: int, limit: int) -> tuple[VectorIndex, Vectors]:
    index, vectors = VectorIndex(D, limit), unit(count)
    index.update([], range(100, 100 + count), vectors)
    return index, vectors


@pytest.mark.parametrize(("count", "kind"), [(400, "flat"), (401, "ivf")])
def test_kind_by_size(count: int, kind: str) -> None:
    index, vectors = filled(count, 400)
    assert (index.kind, len(index)) == (kind, count)
    found = index.search(vectors[7], 3)
    assert found[0] == (107, pytest.approx(1, abs=1e-5))
    assert found[0][1] >= found[1][1] >= found[2][1]
    assert sorted(index.numbers()) == list(range(100, 100 + count))
    assert index.vector(150) == pytest.approx(vectors[50])


def test_inverted_lists_find_nearly_what_flat_finds() -> None:
    flat, vectors = filled(3000, 5000)
    lists, _ = filled(3000, 100)
    # Queries near stored vectors, as questions are near passages; random ones would have no near neighbours.
    queries = vectors[:100] + 0.3 * unit(100, seed=2)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    agree = [flat.search(q, 1)[0][0] == lists.search(q, 1)[0][0] for q in queries]
    assert np.mean(agree) > 0.9


@pytest.mark.parametrize("limit", [1000, 100])
def test_removed_are_gone_and_others_keep_their_vector(limit: int) -> None:
    index, vectors = filled(300, limit)
    index.update(list(range(100, 150)), [7], vectors[:1])
    assert len(index) == 251
    assert index.search(vectors[0], 1)[0][0] == 7
    assert all(index.vector(n) == pytest.approx(vectors[n - 100]) for n in (150, 275, 399))
    assert {n for n, _ in index.search(vectors[20], 300)} <= {7, *range(150, 400)}
    with pytest.raises(RuntimeError):
        index.vector(120)


@pytest.mark.parametrize("limit", [1000, 100])
def test_search_within(limit: int) -> None:
    index, vectors = filled(300, limit)
    within = np.array([105, 250, 399])
    assert {n for n, _ in index.search(vectors[0], 10, within)} == {105, 250, 399}
    assert index.search(vectors[0], 10, np.empty(0, np.int64)) == []


def test_back_to_flat_at_half_the_limit() -> None:
    index, vectors = filled(300, 200)
    index.update(list(range(100, 200)), [], vectors[:0])
    assert index.kind == "ivf"
    index.update(list(range(200, 300)), [], vectors[:0])
    assert index.kind == "flat"
    assert index.search(vectors[250], 1)[0][0] == 350


def test_lists_are_trained_anew_when_many_more_came() -> None:
    index, _ = filled(101, 100)
    before = index._faiss.nlist
    index.update([], range(1000, 1500), unit(500, seed=3))
    assert index._faiss.nlist > before
    assert len(index) == 601


@pytest.mark.parametrize("limit", [1000, 100])
def test_bytes_and_back(limit: int) -> None:
    index, vectors = filled(300, limit)
    back = VectorIndex.from_bytes(index.to_bytes(), D, index.kind, limit)
    assert back.search(vectors[3], 5) == index.search(vectors[3], 5)
    back.update([103], [1], vectors[3:4])
    assert back.search(vectors[3], 1)[0][0] == 1
    assert back.vector(104) == pytest.approx(vectors[4])


def test_empty() -> None:
    index = VectorIndex(D)
    assert index.search(unit(1)[0], 5) == []
    assert len(VectorIndex.from_bytes(index.to_bytes(), D, "flat")) == 0


def test_foreign_bytes() -> None:
    index, _ = filled(10, 100)
    with pytest.raises(ValueError, match="16 dimensions, not 8"):
        VectorIndex.from_bytes(index.to_bytes(), 8, "flat")
    with pytest.raises(ValueError, match="no 'ivf' index"):
        VectorIndex.from_bytes(index.to_bytes(), D, "ivf")
    with pytest.raises(ValueError, match="cannot read it"):
        VectorIndex.from_bytes(b"nonsense", D, "flat")


def test_more_than_twenty_thousand_take_inverted_lists() -> None:
    index = VectorIndex(D)
    vectors = unit(20_001)
    index.update([], range(20_001), vectors)
    assert index.kind == "ivf"
    assert index.search(vectors[20_000], 1)[0][0] == 20_000
