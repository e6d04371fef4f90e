"""A shelf of a dozen invented films and a recommender over it, without a model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agent.catalogue import Catalogue
from agent.database import DataFile
from agent.items import texts_of
from agent.model.items import ItemSpace
from agent.model.taste import TasteModel
from agent.recommend import Recommender
from agent.types import Event, EventKind, Item, Prediction
from index.items import ItemIndex
from index.vectors import Vectors
from tests.agent.samples import prediction

APP = "cinema"
DIMENSION = 2048


def encode(texts: Sequence[str]) -> Vectors:
    """The longer words of each text, one dimension each as good as always; unit length."""
    vectors = np.full((len(texts), DIMENSION), 1e-4, np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w{4,}", text.lower()):
            vectors[row, int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % DIMENSION] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def film(name: str, text: str, *moods: str, price: float | None = 10.0, **more: Any) -> Item:
    return Item(name, name.title(), text, {"moods": moods, "age": 6.0, **more}, price)


ITEMS = [
    film("comet", "A crew follows a comet through deep space", "tense", "space", price=12),
    film("orbit", "Two engineers stay in orbit in deep space with a broken ship", "tense", "space", price=18),
    film("nebula", "A quiet voyage through a nebula in deep space", "calm", "space", price=9),
    film("lagoon", "A cook opens an inn by a lagoon", "light", "comedy", price=7.5),
    film("inn", "Guests of an inn swap rooms and a cook despairs", "light", "comedy", price=11),
    film("picnic", "A picnic by the lagoon goes wrong for a cook", "light", "comedy", price=0),
    film("cellar", "Something knocks in the cellar of an old house", "horror", "tense", age=18.0),
    film("attic", "An old house and the thing in its attic", "horror", age=18.0, price=25),
    film("ferry", "A ferry pilot and his daughter cross the north", "calm", "drama", price=14),
    film("locks", "The last keeper of the locks in the north", "calm", "drama", price=None),
    film("glacier", "Climbers lost on a glacier in the north", "tense", "drama", price=16),
    film("tram", "A tram driver writes letters to the night shift", "drama", price=30, stock=0.0, by="Halloran"),
]


def read(text: str) -> Prediction:
    """As an untrained model reads: a query vector, and no taste."""
    return replace(prediction(text), query_vector=encode([text])[0])


def recommender(file: DataFile, items: list[Item] | None = None, **options: Any) -> Recommender:
    """Over a data file; every item's vector is its words'."""
    catalogue = Catalogue(ITEMS if items is None else items)
    index = ItemIndex(DIMENSION, "words", **options.pop("index", {}))
    index.sync(texts_of(catalogue.items), encode)
    model = TasteModel.untrained(ItemSpace(index.ids, index.vectors))
    return Recommender(APP, catalogue, index, model, file, read, **options)


def event(item: str, kind: EventKind, second: int = 0, user: str = "ann", value: float | None = None) -> Event:
    at = f"2026-11-24T09:{second // 60:02}:{second % 60:02}.000000+00:00"
    return Event(f"{item}-{kind}-{second}", APP, user, item, kind, at, value)
