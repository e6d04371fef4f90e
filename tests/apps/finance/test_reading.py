"""Files as rows, and rows as entries."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BadInputError
from apps.finance.columns import Columns, RowError, plain
from apps.finance.readers import LONGEST_CELL, CutShortError, read_rows, sha256_of
from apps.finance.times import Clock
from tests.apps.finance.conftest import NOW


def rows(path: Path, content: bytes) -> list[Any]:
    path.write_bytes(content)
    return list(read_rows(path))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_with_any_usual_separator(tmp_path: Path, mark: str) -> None:
    content = f'title{mark}date\n"a{mark} b"{mark}2026-01-01\n'.encode()
    assert rows(tmp_path / "n.csv", content) == [{"title": f"a{mark} b", "date": "2026-01-01"}]


def test_a_cell_over_two_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    assert rows(tmp_path / "n.csv", b'\xef\xbb\xbftext,date\n"one\ntwo",x\n') == [{"text": "one\ntwo", "date": "x"}]


def test_bytes_that_are_no_utf8_are_read_as_latin(tmp_path: Path) -> None:
    found = rows(tmp_path / "n.csv", "text,date\nNestlé – up,x\n".encode("cp1252") + "Société,y\n".encode())
    assert [row["text"] for row in found] == ["Nestlé – up", "Société"]


def test_rows_that_are_none_say_why(tmp_path: Path) -> None:
    long = b'text,date\na,b,c\n"' + b"x" * (LONGEST_CELL + 10) + b'",d\nlast,e\n'
    found = rows(tmp_path / "n.csv", long)
    assert found[0] == "3 cells under 2 columns"
    assert "field larger than field limit" in found[1]
    assert found[-1] == {"text": "last", "date": "e"}
    assert rows(tmp_path / "n.jsonl", b'{"text": 1}\n\n[1]\n{"text"\n')[1:2] == ["no JSON object"]
    assert rows(tmp_path / "n.jsonl", b'{"text"\n')[0].startswith("no JSON")


def test_a_gzip_that_is_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"{i} {hash(str(i))}"}) for i in range(5000)]
    whole = gzip.compress("\n".join(lines).encode())
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    found: list[Any] = []
    with pytest.raises(CutShortError, match=r"news.jsonl.gz is cut short.*kept"):
        found.extend(read_rows(path))
    assert 100 < len(found) < 5000
    assert found[0] == json.loads(lines[0])


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path: Path, end: bytes) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.csv"
        # Without the ends of lines it is one line as long as the file.
        path.write_bytes(b"text,date\n" + (b"Halcyon " * 125 + b",2026-07-01" + end) * count)
        tracemalloc.start()
        sha256_of(path)
        for _ in read_rows(path):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    small, large = peak(12_000), peak(24_000)
    assert large < small + 100_000


def test_a_file_of_no_known_kind_and_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"notes.docx is of no known kind.*\.csv"):
        rows(tmp_path / "notes.docx", b"")
    with pytest.raises(BadInputError, match="cannot be read"):
        sha256_of(tmp_path / "none.csv")


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"text": ["a", "b"], "date": ["2026-01-01", "2026-01-02"]})
    parquet.write_table(table, tmp_path / "n.parquet")
    assert [row["text"] for row in read_rows(tmp_path / "n.parquet")] == ["a", "b"]


def test_parquet_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(BadInputError, match=r"switchboard-agent\[parquet\]"):
        rows(tmp_path / "n.parquet", b"PAR1")


def test_columns_are_found_by_name() -> None:
    found = Columns.find(["Ticker", "date", "created_at", "lang", "Headline"]).of
    # A file that has both a day and a moment means the moment.
    assert found == {"text": "Headline", "published": "created_at", "tickers": "Ticker"}


def test_missing_columns_are_named_beside_those_there_are() -> None:
    with pytest.raises(
        BadInputError, match=r"published \(published, date.*The file has: headline, wann.*--column"
    ) as e:
        Columns.find(["headline", "wann"])
    assert e.value.code == "missing_columns"
    assert Columns.find(["headline", "wann"], {"published": "Wann"}).of["published"] == "wann"


def test_a_named_column_or_field_that_there_is_not() -> None:
    with pytest.raises(BadInputError, match=r"no column 'when'. The file has: a, b"):
        Columns.find(["a", "b"], {"published": "when"})
    with pytest.raises(BadInputError, match="no field 'date'"):
        Columns.find(["a"], {"date": "a"})


@pytest.mark.parametrize(
    "given", ["$aapl, MSFT", '["AAPL", "MSFT"]', "['AAPL', 'MSFT']", ["aapl", "msft", "AAPL"], "AAPL|MSFT"]
)
def test_tickers_in_any_dress(given: Any) -> None:
    row = {"text": "x", "date": "2026-01-01", "tickers": given}
    assert Columns.find(row).entry(row, Clock(NOW)).tickers == ("AAPL", "MSFT")


def test_html_in_a_headline_is_taken_away() -> None:
    assert plain("<b>Harbor</b> up 5% &amp; rising<script>alert(1)</script><br>again") == "Harbor up 5% & rising again"
    assert plain("profit < loss, 3 > 2") == "profit < loss, 3 > 2"


@pytest.mark.parametrize("text", ["", "  ", "<p></p>", "\u200b"])
def test_a_row_without_a_text_is_refused(text: str) -> None:
    with pytest.raises(RowError):
        plain(text)
