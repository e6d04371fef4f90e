"""A version with a taste: learned beside the other heads, kept with it, carried on by the versions made after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.errors import TrainingError
from agent.learning.data import Dataset
from agent.learning.provisional import probe_version
from agent.learning.registry import ModelRegistry
from agent.learning.retrain import recipe, train_model, train_version
from agent.learning.tastes import Asked, TasteData, load_asked
from agent.model.backbone import Backbone
from agent.model.items import ItemSpace
from agent.model.memory import Memory
from agent.model.storage import load_model, load_taste, read_manifest, read_taste
from agent.types import Example
from tests.agent.learning.crowd import ITEMS, events
from tests.agent.library import TEXTS

INTENTS = [name for name in TEXTS if name != "greeting"]
DATASET = Dataset(tuple(Example(text, intent=name) for name in INTENTS for text in TEXTS[name]))
WORDS = ("box", "tent", "boots", "card", "shop", "order", "parcel", "size", "shoes", "refund")


@pytest.fixture
def tastes(tiny: Backbone) -> TasteData:
    texts = [f"{WORDS[n % 10]} {WORDS[(n // 10 + n) % 10]} {n}" for n in range(ITEMS)]
    space = ItemSpace([f"i{n}" for n in range(ITEMS)], tiny.encode(texts))
    return TasteData(space, events(), [Asked(f"{word} please", (f"i{n}",)) for n, word in enumerate(WORDS)])


def test_a_version_learns_the_taste_of_its_app_and_the_next_one_carries_it(
    tmp_path: Path, tiny: Backbone, tastes: TasteData
) -> None:
    registry = ModelRegistry(tmp_path, "library")
    folder = train_version(registry, tiny, DATASET, INTENTS, {}, recipe(rank=2, epochs=1), tastes=tastes)
    taste = load_taste(folder, tastes.space)
    assert taste is not None
    assert taste.learned.links.nnz
    assert set(read_manifest(folder)["taste"]["figures"]) == {"head", "mix"}
    [prediction] = load_model(folder, tiny).predict(["boots please"])
    assert prediction.taste_vector is not None
    assert len(taste.rank(events()["u0"], prediction.taste_vector, k=3)) == 3
    assert not list((registry.folder / "checkpoint" / "taste").rglob("*.safetensors"))
    base = load_model(folder, tiny).eval()
    later = probe_version(registry, base, Memory.load(folder), DATASET, INTENTS, read_taste(folder))
    carried = load_taste(later, tastes.space)
    assert carried is not None
    history = events()["u1"]
    np.testing.assert_allclose(carried.scores(history), taste.scores(history), atol=1e-6)


def test_an_app_whose_users_did_nothing_yet_has_a_head_and_no_taste(tmp_path: Path, tiny: Backbone) -> None:
    tastes = TasteData(ItemSpace(["a"], tiny.encode(["box"])), {})
    trained = train_model(
        ModelRegistry(tmp_path, "library"), tiny, DATASET, INTENTS, {}, recipe(rank=2, epochs=1), tastes=tastes
    )
    assert trained.taste is None
    assert trained.model.read(["hello"]).taste is not None


def test_other_data_is_another_hash(tastes: TasteData) -> None:
    other = TasteData(tastes.space, {**tastes.events, "new": events()["u0"]}, tastes.asked)
    assert tastes.hash() == TasteData(tastes.space, tastes.events, tastes.asked).hash()
    assert other.hash() != tastes.hash()
    assert TasteData(tastes.space, tastes.events).hash() != tastes.hash()


def test_texts_with_picked_items(tmp_path: Path) -> None:
    assert load_asked(tmp_path, ["a"]) == []
    rows = '{"text": " light, please ", "items": ["a", "b"], "not": ["c"]}\n\n{"text": "dark", "items": ["c"]}\n'
    (tmp_path / "utterances.jsonl").write_text(rows, encoding="utf-8")
    assert load_asked(tmp_path, "abc") == [Asked("light, please", ("a", "b"), ("c",)), Asked("dark", ("c",))]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("{", "not valid JSON"),
        ("[]", 'needs a "text"'),
        ('{"text": " ", "items": ["a"]}', 'needs a "text"'),
        ('{"text": "x"}', 'needs "items"'),
        ('{"text": "x", "items": "a"}', '"items" is a list of ids'),
        ('{"text": "x", "items": ["a"], "not": [1]}', '"not" is a list of ids'),
        ('{"text": "x", "items": ["z"]}', "no item 'z'"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, line: str, mistake: str) -> None:
    (tmp_path / "utterances.jsonl").write_text(f'{{"text": "x", "items": ["a"]}}\n{line}\n', encoding="utf-8")
    with pytest.raises(TrainingError, match=rf"utterances.jsonl:2: .*{mistake}"):
        load_asked(tmp_path, ["a"])


def test_texts_that_the_weight_of_words_is_chosen_on_are_taught_to_no_head(tastes: TasteData) -> None:
    many = TasteData(tastes.space, {}, [Asked(f"text {n}", (f"i{n % ITEMS}",), ("i3",)) for n in range(150)])
    assert len(many.taught()) == 120
    assert not {one.text for one in many.taught()} & {f"text {n}" for n in range(0, 150, 5)}
    assert many.picks(7).right[7] == (1,)
    assert many.picks(7).wrong[126] == (3,)
    assert len(tastes.taught()) == len(tastes.asked), "too few to choose on"
