from __future__ import annotations

import time

import pytest

from agent.errors import BadInputError
from agent.text import bare_words, clean, has_words


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  where\tis \r\n my\u00a0parcel  ", "where is my parcel"),
        ("par\u200bcel\ufeff", "parcel"),
        ("par\u00adcel", "parcel"),
        ("\u202eabc\u202c \u2066x\u2069", "abc x"),
        ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
        ("cafe\u0301", "caf\u00e9"),
        ("hi\U000e0041\U000e007f", "hi"),
        ("\u3164ok\u115f", "ok"),
        ("\U0001f600", "\U0001f600"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f3f3\ufe0f\u200d\U0001f308"),
        ("a\u200db", "ab"),
        ("\u6211\u7684\u5305\u88f9", "\u6211\u7684\u5305\u88f9"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_clean(raw: str, expected: str) -> None:
    assert clean(raw, 100) == expected
    assert clean(expected, 100) == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "empty"),
        (" \n\t\u3000 ", "empty"),
        ("\x00", "not_text"),
        ("\u200b\u202e \u2060", "not_text"),
        ("\u200d", "not_text"),
        ("order \ud800 please", "not_text"),
        ("a" * 101, "too_long"),
        ("a" * 1_000_000, "too_long"),
    ],
)
def test_what_is_no_message_is_refused_with_a_code(raw: str, code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        clean(raw, 100)
    assert caught.value.code == code


def test_one_long_word_within_the_limit_is_taken() -> None:
    assert clean("a" * 100, 100) == "a" * 100


def test_blanks_do_not_count_towards_the_limit() -> None:
    assert clean("a" + " " * 300 + "b", 100) == "a b"


def test_a_megabyte_of_combining_marks_is_refused_at_once() -> None:
    began = time.perf_counter()
    with pytest.raises(BadInputError, match="1000001 characters"):
        clean("a" + "\u0301\u0327" * 500_000, 2000)
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("text", "expected"), [("ok", True), ("48213", True), ("\u6211", True), ("\U0001f600!?", False)]
)
def test_has_words(text: str, expected: bool) -> None:
    assert has_words(text) is expected


def test_bare_words_are_the_same_however_a_text_is_typed() -> None:
    assert bare_words(" Where's  MY parcel?!") == bare_words("where s my parcel") == "where s my parcel"
    assert bare_words("包裹 Größe") == "包裹 grösse"
    assert bare_words("?!") == ""
