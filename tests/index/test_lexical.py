"""The full-text part."""

from __future__ import annotations

import pytest

from index.lexical import LexicalIndex
from index.types import Passage

TEXTS = (
    "Worn boots can be returned if the soles are clean.",
    "Standard shipping costs 4.90 EUR.",
    "Express shipping costs more.",
    "Gift cards never expire.",
    "Wash the jacket at 30 degrees.",
    "The tent has two poles.",
)


def passage(text: str, title: str = "Title") -> Passage:
    return Passage("a#1", "a", "a.md", title, ("Heading",), None, 0, len(text), text)


def filled(texts: tuple[str, ...] = TEXTS) -> LexicalIndex:
    index = LexicalIndex()
    index.update([], ((n, passage(text)) for n, text in enumerate(texts)))
    return index


def test_best_passage_first_and_scores_in_range() -> None:
    scores = filled().search("express shipping")
    assert max(scores, key=scores.__getitem__) == 2
    assert set(scores) == {1, 2}
    assert all(0 < score <= 1 for score in scores.values())


def test_words_are_stemmed_and_accents_ignored() -> None:
    assert set(filled().search("returning a boot")) == {0}
    assert set(filled((*TEXTS, "Our café in Zürich")).search("CAFE zurich")) == {6}


def test_unknown_words_lower_the_score() -> None:
    index = filled()
    assert index.search("gift cards on the moon landing")[3] < 0.7 * index.search("gift cards")[3]


def test_words_of_every_passage_say_nothing() -> None:
    assert filled().search("title heading") == {}


@pytest.mark.parametrize(
    "text",
    [
        *('"', "'", 'gift" OR "tent', "gift AND", "NOT gift", "gift*", "title:gift", "^gift", "NEAR(gift tent, 2)"),
        *("gift -tent", "{title}: gift", "gift + cards", "(gift", "'; DROP TABLE passages; --", "gift\x00cards", "a_b"),
        *("\ud800", "😀 gift", "", "   ", "你好", "x" * 1_000_000, "gift " * 100_000, "the of and", "%_ gift"),
    ],
)
def test_no_text_breaks_the_query(text: str) -> None:
    index = filled()
    scores = index.search(text)
    assert ("gift" in text.lower() and text.isascii()) <= (3 in scores)
    assert set(index.search("tent")) == {5}


def test_change_leaves_the_same_scores_as_a_fresh_index() -> None:
    index = filled()
    index.update([1, 4], [(9, passage("Rain jackets are waterproof.", "Jackets"))])
    fresh = LexicalIndex()
    kept = [(n, passage(TEXTS[n])) for n in (0, 2, 3, 5)]
    fresh.update([], [*kept, (9, passage("Rain jackets are waterproof.", "Jackets"))])
    assert len(index) == 5
    for query in ("waterproof jackets", "shipping costs", "washing", "gift of two tents"):
        assert dict(index.search(query)) == pytest.approx(dict(fresh.search(query)))


def test_title_weighs_more_than_text() -> None:
    index = filled()
    index.update(
        [], [(7, passage("About something, poles apart.", "Repair")), (8, passage("Repair it soon.", "Poles"))]
    )
    scores = index.search("repair")
    assert scores[7] > scores[8]


def test_failed_change_changes_nothing() -> None:
    index = filled()
    with pytest.raises(Exception, match="constraint"):
        index.update([1], [(0, passage("Already there."))])
    assert set(index.search("shipping")) == {1, 2}
    assert len(index) == 6
