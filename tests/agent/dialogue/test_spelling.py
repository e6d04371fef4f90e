from __future__ import annotations

import pytest

from agent.dialogue.spelling import Spelling

TEXTS = ["I want to return the parcel", "return my parcel", "where is the parcel, return it", "form broke"] * 2
TEXTS += ["one parcels", "broke", "form"]
ENGLISH = {"weather", "bloke", "patrol"}


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return Spelling(TEXTS, lambda word: word in ENGLISH)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("how do I retrun it", "how do I return it"),  # two letters in turn
        ("the Parcl, please", "the parcel, please"),  # one left out
        ("my parrcel", "my parcel"),  # one too many
        ("my pardel", "my parcel"),  # one exchanged
        ("parcels", "parcels"),  # a word of the app, though a rare one
        ("a patrol", "a patrol"),  # a word in general
        ("fomr", "fomr"),  # too short
        ("brake", "brake"),  # five letters, one exchanged
        ("carcel", "carcel"),  # another first letter
        ("mail parrcel@example.com, tt-parrcel", "mail parrcel@example.com, tt-parrcel"),
        ("我的 parrcel", "我的 parcel"),
    ],
)
def test_slips_are_mended_and_words_are_left_alone(spelling: Spelling, typed: str, read: str) -> None:
    assert spelling.mended(typed) == read


def test_a_slip_is_not_taken_for_a_word_that_may_be_one_itself() -> None:
    assert Spelling(["teh parcell", "parcell"], lambda word: False).mended("parcelll") == "parcelll"
