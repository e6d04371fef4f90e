from __future__ import annotations

from datetime import date

import pytest

from agent.dialogue.entities import extract, find_date
from agent.domain import Domain

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my card is c-1234", "C-1234"),
        ("2026 or C5678?", "C-5678"),
        ("1234'; DROP TABLE loans;--", "C-1234"),
        ("12345", None),
    ],
)
def test_patterns_are_tried_in_order_and_formatted(domain: Domain, text: str, value: str | None) -> None:
    assert extract(text, domain, TODAY).get("card") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("is MIDDLEMARCH in?", "Middlemarch"),
        ("midlemarch please", "Middlemarch"),
        ("war an peace", "War and Peace"),
        ("the one about emma woodhouse", "Emma"),
        ("emmy", None),
        ("peace", None),
    ],
)
def test_names_are_found_in_spite_of_typos(domain: Domain, text: str, value: str | None) -> None:
    assert extract(text, domain, TODAY).get("book") == value


@pytest.mark.parametrize(
    ("text", "slot", "value"),
    [
        ("not the Middlemarch, Emma", "book", "Emma"),
        ("Emma, not the Middlemarch", "book", "Emma"),
        ("not my Emma but Middlemarch", "book", "Middlemarch"),
        ("Middlemarch instead of the Emma I had", "book", "Middlemarch"),
        ("it is not the Emma that I wanted", "book", "Emma"),
        ("not 1234, 5678", "card", "C-5678"),
        ("card 5678 rather than 1234", "card", "C-5678"),
    ],
)
def test_what_is_ruled_out_counts_only_if_nothing_else_is_named(
    domain: Domain, text: str, slot: str, value: str
) -> None:
    assert extract(text, domain, TODAY)[slot] == value


def test_whole_texts_fill_only_the_slot_that_was_asked_for(domain: Domain) -> None:
    assert "note" not in extract("leave it at the desk", domain, TODAY)
    assert extract("leave it at the desk", domain, TODAY, "note")["note"] == "leave it at the desk"
    assert "book" not in extract("Ulysses", domain, TODAY)
    assert extract("Ulysses", domain, TODAY, "book")["book"] == "Ulysses"


def test_an_expected_slot_that_the_domain_dropped_is_ignored(domain: Domain) -> None:
    assert extract("1234", domain, TODAY, "gone") == {"card": "C-1234"}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("tomorrow is fine", "2026-11-25"),
        ("will it come by friday?", "2026-11-27"),
        ("it was last friday", "2026-11-20"),
        ("on 3 December", "2026-12-03"),
        ("03.12.2026", "2026-12-03"),
        ("3 days ago", "2026-11-21"),
        ("in 2 weeks", "2026-12-08"),
        ("2026-12-24", "2026-12-24"),
        ("the sun is out and I sat down", None),
        ("may I ask something now", None),
        ("44 EUR", None),
    ],
)
def test_dates(domain: Domain, text: str, day: str | None) -> None:
    assert extract(text, domain, TODAY).get("day") == day


def test_the_locale_decides_which_number_is_the_month() -> None:
    assert find_date("on 03/04/2027", TODAY, "en-GB") == date(2027, 4, 3)
    assert find_date("on 03/04/2027", TODAY, "en-US") == date(2027, 3, 4)


def test_one_long_word_and_many_words_are_bearable(domain: Domain) -> None:
    assert extract("x" * 5000, domain, TODAY) == {}
    assert extract("word " * 5000 + "emma", domain, TODAY) == {}
