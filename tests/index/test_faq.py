"""Questions with answers in CSV and JSON lines."""

from __future__ import annotations

import pytest

from index.faq import read_csv, read_jsonl
from index.reading import UnreadableError


def test_csv_rows() -> None:
    data = 'id,Question,Answer,intent\nx1,Is it "free"?,"Yes, over\n60 EUR.",shipping\n\n,Where?,Here.,\n'
    first, second = read_csv(data.encode())
    assert (first.row, first.title, first.text) == ("x1", 'Is it "free"?', "Yes, over\n60 EUR.")
    assert first.metadata == {"intent": "shipping"}
    assert (second.row, second.title, second.text, second.metadata) == ("2", "Where?", "Here.", {})
    assert second.text[second.sections[0].start : second.sections[0].end] == "Here."


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiters(delimiter: str) -> None:
    [row] = read_csv(f"\ufeffquestion{delimiter}answer\r\nA?{delimiter}B.\r\n".encode())
    assert (row.title, row.text) == ("A?", "B.")


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("", "no column 'question'; its columns are: none"),
        ("question,reply\nA,B\n", "no column 'answer'; its columns are: question, reply"),
        ("question,answer\nA?\n", "line 2: 1 cells where the header has 2"),
        ("question,answer\nA?,B\nC?,D,E\n", "line 3: 3 cells"),
        ("question,answer\nA?,\n", "line 2: no answer"),
        ("question,answer\n ,B\n", "line 2: no question"),
        ("id,question,answer\n1,A?,B\n1,C?,D\n", "line 3: the id '1' is taken"),
        ('question,answer\n"A?,B\n', "line 2: unexpected end of data"),
        ("question,answer\nA?," + "b" * 200_000, "line 2: field larger"),
    ],
)
def test_bad_csv(data: str, cause: str) -> None:
    with pytest.raises(UnreadableError, match=cause):
        read_csv(data.encode())


def test_jsonl_rows() -> None:
    data = '{"question": "A?", "answer": "B.", "id": 7, "intent": "x", "note": null}\n\n'
    data += '{"question": "C?", "answer": "D."}\n'
    first, second = read_jsonl(data.encode())
    assert (first.row, first.title, first.text, first.metadata) == ("7", "A?", "B.", {"intent": "x"})
    assert second.row == "2"


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ('{"question": "A?"}', "line 1: no answer"),
        ('{"question": "A?", "answer": "B"}\n{"question"', "line 2: "),
        ('["A", "B"]', "line 1: a JSON object is needed"),
        ('{"question": "A?", "answer": ["B"]}', "line 1: 'answer' is neither a text nor a number"),
        ("[" * 100_000, "line 1: "),
    ],
)
def test_bad_jsonl(data: str, cause: str) -> None:
    with pytest.raises(UnreadableError, match=cause):
        read_jsonl(data.encode())


def test_half_a_character_in_json_is_replaced() -> None:
    [row] = read_jsonl(b'{"question": "A\\ud800?", "answer": "B\\u0000."}')
    assert (row.title, row.text) == ("A\ufffd?", "B.")
