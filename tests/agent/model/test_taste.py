"""TasteModel: what ranks first, what is never ranked, and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from agent.errors import ModelError
from agent.model.backbone import mean_pool
from agent.model.heads import RecommendationHead, TasteShape
from agent.model.history import LENGTH, known_events, past_of, strength
from agent.model.items import ItemSpace
from agent.model.learned import Learned
from agent.model.taste import Mix, Scored, Taste, TasteModel
from agent.types import Event, EventKind

ITEMS, DIMENSION = 12, 8
LINK = 5.0


def space(count: int = ITEMS) -> ItemSpace:
    vectors = np.random.default_rng(0).normal(size=(count, DIMENSION)).astype(np.float32)
    return ItemSpace([f"i{n}" for n in range(count)], vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def event(item: int, day: int = 1, kind: EventKind = "like", value: float | None = None) -> Event:
    return Event(f"e{item}-{day}", "app", "u", f"i{item}", kind, f"2024-01-{day:02}T00:00:00.000000+00:00", value)


@pytest.fixture
def plain() -> TasteModel:
    return TasteModel.untrained(space())


@pytest.fixture
def learned() -> TasteModel:
    """Item 1 is linked to item 2; item 5 is liked the most; the head counts."""
    torch.manual_seed(0)
    head = RecommendationHead(DIMENSION, mean_pool, TasteShape(width=8))
    links = csr_matrix(([LINK], ([1], [2])), (ITEMS, ITEMS), dtype=np.float32)
    likes = np.zeros(ITEMS, np.float32)
    likes[5] = 9
    offsets = np.random.default_rng(1).normal(size=(ITEMS, 8)).astype(np.float32)
    known = Learned(tuple(f"i{n}" for n in range(ITEMS)), offsets, links, likes)
    return TasteModel(space(), head, Taste(known, Mix(links=1.0, head=0.1)))


def test_the_words_lead_to_what_is_like_them(plain: TasteModel) -> None:
    assert plain.rank(words=plain.space.texts[7], k=1)[0].item == "i7"


def test_a_liked_item_pulls_and_a_disliked_one_pushes(plain: TasteModel) -> None:
    pulled, pushed = plain.scores([event(3)]), plain.scores([event(3, kind="dislike")])
    assert int(pulled.argmax()) == 3
    assert int(pushed.argmin()) == 3
    np.testing.assert_allclose(pulled, -pushed, atol=1e-6)


def test_a_later_event_counts_more_whatever_their_order(plain: TasteModel) -> None:
    old, new = event(3, day=1), event(4, day=9)
    scores = plain.scores([new, old])
    assert scores[4] > plain.scores([event(3, day=9), event(4, day=1)])[4]
    np.testing.assert_array_equal(scores, plain.scores([old, new]))


def test_how_somebody_spoke_of_an_item_counts(plain: TasteModel) -> None:
    said = event(3)
    assert plain.scores([said], feelings={said.id: -1.0})[3] < plain.scores([said])[3]
    assert strength(said, feeling=-1.0) == 0
    assert [strength(event(1, kind="rate", value=mark)) for mark in (1.0, 3.0, 3.5, 5.0)] == [-1, 0, 0.5, 1]


def test_both_words_and_events_count(learned: TasteModel) -> None:
    words, history = learned.space.texts[7], [event(1)]
    both = learned.scores(history, words)
    assert not np.allclose(both, learned.scores(history))
    assert not np.allclose(both, learned.scores(words=words))


def test_without_anything_the_most_liked_comes_first(learned: TasteModel) -> None:
    assert learned.rank(k=1)[0].item == "i5"


def test_links_of_what_was_liked_count(learned: TasteModel) -> None:
    without = learned.with_mix(dataclasses.replace(learned.mix, links=0.0))
    gained = learned.scores([event(1)]) - without.scores([event(1)])
    assert gained[2] == pytest.approx(LINK, abs=1e-4)
    assert np.abs(np.delete(gained, 2)).max() < 1e-4


def test_only_what_is_allowed_is_ranked_and_that_before_the_cut(plain: TasteModel) -> None:
    allowed = plain.space.mask(["i2", "i9"])
    ranked = plain.rank([event(3)], allowed=allowed, k=5)
    assert {one.item for one in ranked} == {"i2", "i9"}
    assert plain.rank([event(3)], allowed=np.zeros(ITEMS, np.bool_)) == []


def test_equal_scores_keep_the_order_of_the_rows(plain: TasteModel) -> None:
    assert [one.item for one in plain.rank(k=3)] == ["i0", "i1", "i2"]


def test_unknown_items_are_passed_over_and_a_long_history_is_cut(learned: TasteModel) -> None:
    many = [event(n % 6, day=1 + n % 9) for n in range(2000)]
    stranger = dataclasses.replace(event(0), item="gone")
    latest = known_events([*many, stranger], learned.space)
    assert len(latest) == LENGTH
    np.testing.assert_array_equal(learned.scores([*many, stranger]), learned.scores(latest))


def test_similar_leaves_the_item_itself_out(learned: TasteModel) -> None:
    found = learned.similar("i1", k=ITEMS)
    assert found[0].item == "i2"  # by its link
    assert "i1" not in {one.item for one in found}
    allowed = learned.space.mask(["i1", "i4"])
    assert [one.item for one in learned.similar("i1", allowed=allowed)] == ["i4"]
    assert allowed[1]  # the caller's mask is left as it was
    with pytest.raises(ModelError, match="no item 'z'"):
        learned.similar("z")


def test_diversity_trades_worth_for_difference(plain: TasteModel) -> None:
    twins = ItemSpace(["a", "b", "c"], np.array([[1, 0], [1, 0], [0, 1]], np.float32))
    model = TasteModel.untrained(twins)
    ranked = [Scored("a", 3.0), Scored("b", 2.9), Scored("c", 1.0)]
    assert [one.item for one in model.diverse(ranked, 2, 0.0)] == ["a", "b"]
    assert [one.item for one in model.diverse(ranked, 2, 0.6)] == ["a", "c"]
    assert model.diverse([], 2, 0.5) == []
    assert len(model.diverse(ranked, 9, 0.5)) == 3


def test_an_explanation_is_what_the_score_loses(learned: TasteModel) -> None:
    history, words = [event(1, day=1), event(4, day=2), event(6, day=3, kind="dislike")], learned.space.texts[2]
    whole = learned.scores(history, words)[2]
    reasons = learned.explain("i2", history, words, most=9)
    assert len(reasons) == 4
    assert [abs(r.weight) for r in reasons] == sorted((abs(r.weight) for r in reasons), reverse=True)
    said = next(reason for reason in reasons if reason.event is None)
    assert said.weight == pytest.approx(whole - learned.scores(history)[2], abs=1e-4)
    linked = next(reason for reason in reasons if reason.event == history[0])
    assert linked.weight > 0
    assert len(learned.explain("i2", history, words)) == 3
    with pytest.raises(ModelError, match="no item 'z'"):
        learned.explain("z")


def test_what_was_learned_belongs_to_the_items_and_not_to_their_places(learned: TasteModel) -> None:
    ids = ["new", "i2", "i1", "i5"]
    texts = np.concatenate([learned.space.texts[:1], learned.space.texts[[2, 1, 5]]])
    other = learned.over(ItemSpace(ids, texts))
    assert other.learned.links.toarray()[2, 1] == LINK
    assert other.learned.links.nnz == 1
    assert other.rank(k=1)[0].item == "i5"
    assert not other.learned.offsets[0].any()
    # An item that left the catalogue has what it learned when it comes back.
    np.testing.assert_allclose(other.over(learned.space).scores([event(1)]), learned.scores([event(1)]), atol=1e-6)


def test_an_empty_catalogue_ranks_nothing() -> None:
    model = TasteModel.untrained(ItemSpace([], np.empty((0, DIMENSION), np.float32)))
    assert model.rank([event(1)], np.ones(DIMENSION, np.float32)) == []


def test_the_head_reads_each_user_as_if_alone(learned: TasteModel) -> None:
    pasts = [
        past_of([event(1), event(2, 2)], learned.space),
        past_of([event(3)], learned.space),
        past_of([], learned.space),
    ]
    words = learned.space.texts[:3]
    together = learned.scores_of(pasts, words)
    for i, past in enumerate(pasts):
        np.testing.assert_allclose(together[i], learned.scores_of([past], words[i : i + 1])[0], atol=1e-5)


def test_a_taste_of_nothing_is_refused(learned: TasteModel) -> None:
    with pytest.raises(ValueError, match="history or words"):
        learned.head(None, None)


def test_arrays_that_do_not_fit_each_other_are_refused(learned: TasteModel) -> None:
    arrays = learned.learned.tensors()
    back = Learned.of(learned.space.ids, arrays)
    assert (back.links != learned.learned.links).nnz == 0
    with pytest.raises(ModelError, match="Train the app again"):
        Learned.of(["i0"], arrays)
    with pytest.raises(ModelError, match="cannot be read"):
        Learned.of(learned.space.ids, {k: v for k, v in arrays.items() if k != "links.items"})
