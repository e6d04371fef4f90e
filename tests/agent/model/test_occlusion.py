from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.model.occlusion import leave_out, weigh

FIGURES = {"parcel": 0.5, "where": 0.2, "not": -0.3}


def probabilities(texts: Sequence[str]) -> list[float]:
    """Each known word adds its figure."""
    return [0.4 + sum(FIGURES.get(word, 0.0) for word in text.split()) for text in texts]


def test_a_words_weight_is_the_fall_without_it() -> None:
    text = "where is  my parcel"
    found = {text[p.start : p.end]: p.weight for p in weigh(text, probabilities, 10)}
    assert found == pytest.approx({"where": 0.2, "is": 0, "my": 0, "parcel": 0.5})
    [_, against] = weigh("parcel not", probabilities, 10)
    assert against.weight == pytest.approx(-0.3)


def test_all_is_read_at_once_and_the_whole_text_first() -> None:
    asked: list[list[str]] = []

    def remember(texts: Sequence[str]) -> list[float]:
        asked.append(list(texts))
        return [0.0] * len(texts)

    weigh("a b c", remember, 10)
    assert asked == [["a b c", "b c", "a c", "a b"]]


@pytest.mark.parametrize(("most", "pieces"), [(3, ["a b", "c d", "e"]), (1, ["a b c d e"]), (0, ["a b c d e"])])
def test_a_long_text_is_weighed_by_several_words_at_a_time(most: int, pieces: list[str]) -> None:
    text = "a b c d e"
    assert [text[p.start : p.end] for p in weigh(text, probabilities, most)] == pieces


def test_the_only_word_is_weighed_against_nothing() -> None:
    [piece] = weigh("parcel", probabilities, 10)
    assert piece.weight == pytest.approx(0.5)


def test_what_is_left_keeps_its_order_and_single_spaces() -> None:
    assert leave_out("a bb  c d", [(6, 7), (0, 1)]) == "bb d"
