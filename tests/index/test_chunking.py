"""Sentences and passages."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from index.chunking import MAX_SENTENCE, chunk, embedded_text, plain, split_sentences
from index.documents import Document, load_document
from tests.index.samples import RETURNS, make_pdf


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("we ship. you get it.", ["we ship.", "you get it."]),
        ('He said "Stop!" Then left (at last.) Done.', ['He said "Stop!"', "Then left (at last.)", "Done."]),
        ("It costs 4.90 EUR at tent.example now.", ["It costs 4.90 EUR at tent.example now."]),
        ("Use soap, e.g. Curd. Ask Dr. J. Smith.", ["Use soap, e.g. Curd.", "Ask Dr. J. Smith."]),
        ("Up to approx. 3 kg, max. 5. See no. 7.", ["Up to approx. 3 kg, max. 5.", "See no. 7."]),
        ("The answer is no. Ask again.", ["The answer is no.", "Ask again."]),
        ("It runs over\ntwo lines. Next", ["It runs over\ntwo lines.", "Next"]),
        ("First part\n\nSecond part", ["First part", "Second part"]),
        (
            "You need:\n- a tent\n- a bag\n  and a mat\n1. Go. Then stay.",
            ["You need:", "- a tent", "- a bag\n  and a mat", "1. Go.", "Then stay."],
        ),
        ("A.\n\n| S | P |\n|---|---|\n| a. b | 5 |\n\nEnd.", ["A.", "| S | P |\n|---|---|\n| a. b | 5 |", "End."]),
        ("Really?! Yes... maybe.", ["Really?!", "Yes...", "maybe."]),
        ("**Free.** Not so.", ["**Free.**", "Not so."]),
        ("你好。我要退货！好的", ["你好。", "我要退货！", "好的"]),
        ("---\n\nText.\n\n***\n", ["Text."]),
        (" \n\t\n", []),
        ("", []),
    ],
)
def test_split_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize("text", ["x" * 10_000, "word " * 5000, "| a | b |\n" * 500, "。" * 3000 + "a", ". " * 3000])
def test_endless_text_is_divided(text: str) -> None:
    spans = split_sentences(text)
    assert all(0 < end - start <= MAX_SENTENCE for start, end in spans)
    assert sum(c.isalnum() for s in sentences(text) for c in s) == sum(c.isalnum() for c in text)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    if text.startswith("|"):
        assert all(sentence.startswith("| a") and sentence.endswith("|") for sentence in sentences(text))


def document(tmp_path: Path, text: str, name: str = "a.md") -> Document:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load_document(tmp_path / name, tmp_path)[0]


def test_passages_keep_where_they_came_from(tmp_path: Path) -> None:
    returns = document(tmp_path, RETURNS, "returns.md")
    passages = chunk(returns)
    assert [(p.id, p.heading_path) for p in passages] == [
        ("returns#1", ()),
        ("returns#2", ("How long you have",)),
        ("returns#3", ("What we cannot take",)),
    ]
    assert all(returns.text[p.start : p.end] == p.text for p in passages)
    assert all((p.document_id, p.source, p.title) == ("returns", "returns.md", "Returns") for p in passages)
    assert "[Worn shoes](worn-shoes.md)" in passages[1].text


def test_long_sections_are_divided_evenly_between_sentences(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {n} has exactly seven words." for n in range(40))
    passages = chunk(document(tmp_path, text), max_words=120)
    counts = [len(p.text.split()) for p in passages]
    assert len(counts) == 3
    assert max(counts) <= 120
    assert min(counts) > 80
    assert all(p.text.startswith("Sentence") and p.text.endswith("words.") for p in passages)
    assert " ".join(p.text for p in passages) == text


def test_one_long_sentence_stays_whole(tmp_path: Path) -> None:
    long = " ".join(["word"] * 150) + "."
    passages = chunk(document(tmp_path, f"Short one. {long} Short two."), max_words=20)
    assert [p.text for p in passages] == ["Short one.", long, "Short two."]


def test_no_passage_crosses_a_page(tmp_path: Path) -> None:
    (tmp_path / "care.pdf").write_bytes(make_pdf("Wash boots.", "Dry them."))
    [care] = load_document(tmp_path / "care.pdf", tmp_path)
    assert [(p.page, p.text) for p in chunk(care)] == [(1, "Wash boots."), (2, "Dry them.")]


def test_document_without_words_has_no_passage(tmp_path: Path) -> None:
    assert chunk(document(tmp_path, "***\n\n- - -\n")) == []


def test_plain() -> None:
    table = "| Service | Price |\n|---|:--:|\n| Express | 9.90 |"
    assert plain(f'See **[the *rules*](a(b).md "t")** or `x_y`, ~~no~~ 2*3*4.\n{table}') == (
        "See the rules or x_y, no 2*3*4. Service Price Express 9.90"
    )


def test_plain_of_hostile_text_is_quick() -> None:
    for text in ("*" * 2000, "[" * 2000, "_a" * 1000, "![](" * 500, "`" * 2000 + "a"):
        plain(text)


def test_embedded_text_has_title_and_headings(tmp_path: Path) -> None:
    passage = chunk(document(tmp_path, RETURNS))[2]
    assert embedded_text(passage) == "Returns\nWhat we cannot take\nUnderwear and opened food are excluded."
