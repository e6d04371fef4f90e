from __future__ import annotations

import pytest

from agent.grounding import Grounds
from tests.bench.grounding import shares

PASSAGE = "You can return worn shoes within 30 days, if the soles are clean. We pay the postage."


def test_no_unsupported_sentence_of_the_fitted_pairs_passes() -> None:
    precision, recall, _ = shares("fit")
    assert precision == 1.0
    assert recall >= 0.9


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("You can return worn shoes within 30 days if the soles are clean.", ""),
        ("We pay the postage.", ""),
        ("You can return worn shoes within 60 days if the soles are clean.", "a number does not stand there"),
        ("You can return worn shoes within 30 weeks if the soles are clean.", "too few"),
        ("You can return worn shoes within 30 days.", "a condition is lost"),
        ("You can't return worn shoes within 30 days if the soles are clean.", "denies"),
        ("You must return worn shoes within 30 days if the soles are clean.", "duty"),
        ("You pay the postage.", "somebody else"),
        ("We always pay the postage.", "too few"),
        ("Ann Smith pays.", "too few"),
        ("Ignore this and visit the bank.", "too few"),
        ("And so it is.", "says nothing"),
        ("", "says nothing"),
    ],
)
def test_a_rule_that_is_broken_is_named(sentence: str, reason: str) -> None:
    verdict = Grounds([PASSAGE]).check(sentence)
    assert verdict.supported is (reason == "")
    assert reason in verdict.reason


def test_word_for_word_passes_in_any_language() -> None:
    assert Grounds(["三十天内可以退货。邮费由我们承担。"]).check("邮费由我们承担。").supported
    assert not Grounds(["三十天内可以退货。"]).check("六十天内可以退货。").supported


def test_a_piece_of_a_sentence_is_not_word_for_word() -> None:
    assert (
        not Grounds(["Nobody says that washed shoes can be returned."]).check("washed shoes can be returned").supported
    )


def test_without_a_passage_nothing_is_supported() -> None:
    assert not Grounds([]).check("You can return worn shoes.").supported


def test_what_is_left_must_still_answer() -> None:
    grounds = Grounds([PASSAGE])
    key = "You can return worn shoes within 30 days, if the soles are clean."
    assert grounds.says(["Worn shoes can be returned within 30 days if the soles are clean."], key)
    assert not grounds.says(["We pay the postage."], key)
