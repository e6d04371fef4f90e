from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.items import ItemIndex
from index.types import IndexDamagedError, KnowledgeError
from index.vectors import Vectors
from tests.index.samples import BACKBONE, DIMENSION, Encoder

TEXTS = {
    "harbour": "a quiet harbour at dawn",
    "comet": "a comet and its crew",
    "orchard": "an orchard in autumn",
    "locks": "locks and canals of the north",
}


@pytest.fixture
def encode() -> Encoder:
    return Encoder()


def filled(encode: Encoder, flat_limit: int = 100) -> ItemIndex:
    index = ItemIndex(DIMENSION, BACKBONE, flat_limit=flat_limit)
    index.sync(TEXTS, encode)
    return index


def unit(count: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def many(count: int, flat_limit: int) -> tuple[ItemIndex, Vectors]:
    """An index of made-up vectors, one an item."""
    vectors = unit(count)
    index = ItemIndex(DIMENSION, BACKBONE, flat_limit=flat_limit)
    index.sync({str(n): str(n) for n in range(count)}, lambda texts: vectors[[int(text) for text in texts]])
    return index, vectors


def test_only_what_changed_is_embedded(encode: Encoder) -> None:
    index = filled(encode)
    assert encode.texts == list(TEXTS.values())
    encode.texts.clear()
    changed = {**TEXTS, "comet": "a comet alone", "kiln": "a kiln"}
    del changed["orchard"]
    assert index.missing(changed) == ["comet", "kiln"]
    report = index.sync(changed, encode)
    assert (report.added, report.changed, report.removed) == (1, 1, 1)
    assert sorted(encode.texts) == ["a comet alone", "a kiln"]
    assert index.ids == tuple(changed)
    for row, text in enumerate(changed.values()):
        assert index.vectors[row] == pytest.approx(Encoder.one(text))
    assert not index.sync(changed, encode)


def test_rows_follow_the_order_of_the_texts(encode: Encoder) -> None:
    index = filled(encode)
    encode.texts.clear()
    backwards = dict(reversed(TEXTS.items()))
    assert not index.sync(backwards, encode)
    assert (index.ids, encode.texts) == (tuple(backwards), [])
    assert index.vectors[0] == pytest.approx(Encoder.one(TEXTS["locks"]))


def test_nothing_outside_the_mask_is_found(encode: Encoder) -> None:
    index = filled(encode)
    query = Encoder.one(TEXTS["comet"])
    assert index.search(query, 1) == [(1, pytest.approx(1))]
    allowed = np.array([True, False, True, True])
    assert {row for row, _ in index.search(query, 9, allowed)} == {0, 2, 3}
    assert index.search(query, 9, np.zeros(4, np.bool_)) == []
    assert index.search(query, 0) == []


def test_a_wide_mask_over_many_items_goes_through_the_lists() -> None:
    index, vectors = many(3000, flat_limit=100)
    exact, _ = many(3000, flat_limit=5000)
    allowed = np.arange(3000) % 3 != 0
    queries = vectors[1:300:3] + 0.2 * unit(100, seed=2)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    agree = []
    for query in queries:
        found = index.search(query, 10, allowed)
        assert all(allowed[row] for row, _ in found)
        agree.append(found[0] == pytest.approx(exact.search(query, 1, allowed)[0], abs=1e-5))
    assert np.mean(agree) > 0.9


def test_a_narrow_mask_over_many_items_is_exact() -> None:
    index, vectors = many(3000, flat_limit=100)
    rows = np.arange(5, 3000, 50)
    allowed = np.zeros(3000, np.bool_)
    allowed[rows] = True
    found = index.search(vectors[0], 10, allowed)
    best = rows[np.argsort(-(vectors[rows] @ vectors[0]), kind="stable")[:10]]
    assert [row for row, _ in found] == best.tolist()


@pytest.mark.parametrize("flat_limit", [1000, 100])
def test_a_stored_index_comes_back(tmp_path: Path, flat_limit: int) -> None:
    index, vectors = many(300, flat_limit)
    index.save(tmp_path)
    again = ItemIndex.load(tmp_path, BACKBONE, flat_limit=flat_limit)
    assert again.ids == index.ids
    assert np.array_equal(again.vectors, vectors)
    assert again.search(vectors[7], 5) == index.search(vectors[7], 5)
    assert again.missing({"7": "7", "8": "eight"}) == ["8"]


def test_another_backbones_index_is_refused(tmp_path: Path, encode: Encoder) -> None:
    filled(encode).save(tmp_path)
    with pytest.raises(IndexDamagedError, match="another backbone"):
        ItemIndex.load(tmp_path, "other")


def test_a_damaged_file_is_named(tmp_path: Path, encode: Encoder) -> None:
    filled(encode).save(tmp_path)
    [vectors] = tmp_path.rglob("items.safetensors")
    content = bytearray(vectors.read_bytes())
    content[-1] ^= 1
    vectors.write_bytes(content)
    with pytest.raises(IndexDamagedError, match=r"items\.safetensors is damaged"):
        ItemIndex.load(tmp_path, BACKBONE)


def test_an_encoder_that_gives_no_unit_vectors_changes_nothing(encode: Encoder) -> None:
    index = filled(encode)
    with pytest.raises(KnowledgeError, match="unit length"):
        index.sync({**TEXTS, "kiln": "a kiln"}, lambda texts: np.ones((len(texts), DIMENSION), np.float32))
    assert index.ids == tuple(TEXTS)
