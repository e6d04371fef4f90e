from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.errors import TrainingError
from agent.learning.data import Dataset, load_dataset, training_rows
from agent.learning.probe import fit_probe
from agent.learning.train import UNIFORM
from agent.types import Example


def write(folder: Path, name: str, *rows: object) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))


def test_files_are_joined_by_text(tmp_path: Path) -> None:
    write(tmp_path, "examples", {"text": "Where is it?", "intent": "track"})
    write(tmp_path, "sentiment", {"text": "where  is it?", "sentiment": "negative"})
    write(tmp_path, "questions", {"text": "can i send shoes back", "article": "returns"})
    write(tmp_path, "out_of_scope", {"text": "moon?"})
    dataset = load_dataset(tmp_path, {"returns": "return_policy"})
    assert dataset.examples == (
        Example("Where is it?", intent="track", sentiment="negative"),
        Example("can i send shoes back", intent="return_policy", document="returns"),
        Example("moon?", out_of_scope=True),
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, r'examples.jsonl:2: needs the texts "text" and "intent"'),
        ({"text": "  ", "intent": "x"}, r"examples.jsonl:2: the text is empty"),
        ({"text": "where is it?", "intent": "other"}, r"stands twice, with intent other and track"),
        (["text"], r"examples.jsonl:2: needs"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: object, message: str) -> None:
    write(tmp_path, "examples", {"text": "Where is it?", "intent": "track"}, row)
    with pytest.raises(TrainingError, match=message):
        load_dataset(tmp_path, {})


def test_broken_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text('{"text": "a",\n')
    with pytest.raises(TrainingError, match=r"examples.jsonl:1: not valid JSON"):
        load_dataset(tmp_path, {})


def test_the_split_is_stable_when_examples_are_added() -> None:
    few = Dataset(tuple(Example(f"text {i}", intent="a") for i in range(200)))
    more = Dataset(tuple(Example(f"text {i}", intent="a") for i in range(400)))
    held_few, held_more = few.split()[1], more.split()[1]
    assert set(held_few.examples) <= set(held_more.examples)
    assert 0.08 < len(held_more.examples) / 400 < 0.22
    assert few.hash() != more.hash()


def test_rows_carry_labels_outliers_and_documents() -> None:
    dataset = Dataset(
        (Example("a", intent="y", document="d"), Example("b", out_of_scope=True), Example("c", sentiment="positive"))
    )
    rows = training_rows(dataset, ["x", "y"], {"d": [3, 4]})
    assert [r.labels for r in rows] == [{"intent": 1}, {"intent": UNIFORM}, {"sentiment": 2}]
    assert [r.documents for r in rows] == [(3, 4), (), ()]


def test_wrong_documents_join_their_text_or_stand_alone() -> None:
    dataset = Dataset((Example("Where is it", intent="x", document="d"),))
    wrong = [("where  is it", "e"), ("where is it", "d"), ("b", "e"), ("c", "gone")]
    rows = training_rows(dataset, ["x"], {"d": [0], "e": [1, 2]}, wrong)
    found = [(r.text, r.labels, r.documents, r.wrong_documents) for r in rows]
    assert found == [("Where is it", {"intent": 0}, (0,), (1, 2)), ("b", {}, (), (1, 2)), ("c", {}, (), ())]


def test_unknown_intents_and_articles_are_named() -> None:
    with pytest.raises(TrainingError, match="unknown intent 'z'. Available: x, y"):
        training_rows(Dataset((Example("a", intent="z"),)), ["x", "y"], {})
    with pytest.raises(TrainingError, match="unknown article 'gone'"):
        training_rows(Dataset((Example("a", intent="x", document="gone"),)), ["x"], {})


@pytest.mark.parametrize("present", [[0, 1], [0, 2, 3], [1]])
def test_a_probe_never_prefers_a_class_without_examples(present: list[int]) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    labels = [c for c in present for _ in range(20)]
    vectors = (centres[labels] + 0.1 * rng.normal(size=(len(labels), 16))).astype(np.float32)
    weight, bias = fit_probe(vectors, labels, 4)
    best = (vectors @ weight.numpy().T + bias.numpy()).argmax(1)
    if len(present) > 1:
        assert best.tolist() == labels
